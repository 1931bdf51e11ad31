"""What an answer says: whom it found, or what its errors mean."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields
from datetime import UTC, date, datetime
from decimal import Decimal

from jmespath.exceptions import JMESPathError

from integrations.connectors.base import MAX_RECORDS, Availability, AvailabilityOption
from integrations.connectors.expressions import columns_of, compiled
from integrations.connectors.rest.shape import Rule, Step
from integrations.errors import AuthFailed, InvalidResponse, RateLimited, SourceError, SourceUnavailable
from integrations.outbound.http import Answer, retry_after
from integrations.outbound.recording import record_dropped
from integrations.profile import JSON
from integrations.redaction import drop_never, scrub
from integrations.words import record_id

_OPTION = tuple(field.name for field in fields(AvailabilityOption))
MAX_TEXT = 500


def _search(expression: str, tree: JSON, connector: str) -> JSON:
    """What an expression finds. Raises InvalidResponse where values are not of the types that its functions take."""
    try:
        return compiled(expression, "").search(tree)
    except JMESPathError:  # its text repeats the values
        raise InvalidResponse(connector, "values of other types than the description says") from None


def records_in(step: Step, body: JSON, connector: str) -> list[dict[str, JSON]]:
    """The raw records, without what nobody may see: an expression could rename it. Raises InvalidResponse where none are to be
    had in the described place.

    Nobody is what an answer without anything says, and what one says that has nothing in that place.
    """
    body, dropped = drop_never(body)
    record_dropped(dropped)
    if body is None or (step.found and not _search(step.found, body, connector)):
        return []
    records = _search(step.records, body, connector)
    if records is None and (not body or (isinstance(body, dict) and columns_of([step.records]) <= set(body))):
        return []
    records = [records] if isinstance(records, dict) else records
    if not isinstance(records, list) or any(not isinstance(raw, dict) for raw in records):
        raise InvalidResponse(connector, "no records where the description says they are")
    return [without_ended(raw, datetime.now(UTC).date()) if step.drop_ended else raw for raw in records if raw]


def without_ended(value: JSON, today: date, depth: int = 20) -> JSON:
    """The record without list entries that are over: whose use is called old, or whose period has ended. As FHIR marks former
    names, addresses and numbers; of a year or a month the whole counts."""
    if depth == 0:
        return value
    if isinstance(value, dict):
        return {name: without_ended(one, today, depth - 1) for name, one in value.items()}
    if isinstance(value, list):
        return [without_ended(one, today, depth - 1) for one in value if not _is_over(one, today)]
    return value


def _is_over(entry: JSON, today: date) -> bool:
    if not isinstance(entry, dict):
        return False
    period = entry.get("period")
    end = str(period.get("end") or "")[:10] if isinstance(period, dict) else ""
    return entry.get("use") == "old" or (end[:4].isdigit() and end < today.isoformat()[: len(end)])


def says_not_found(rules: Iterable[Rule], answer: Answer, connector: str) -> bool:
    """Whether the first rule that fits means that nobody is known. Raises the SourceError that it means otherwise."""
    rule = next((rule for rule in rules if _fits(rule, answer, connector)), None)
    if rule and rule.meaning != "not_found":
        raise _error(rule, answer, connector)
    return rule is not None


def _fits(rule: Rule, answer: Answer, connector: str) -> bool:
    if rule.status and answer.status not in rule.status:
        return False
    try:
        return not rule.when or bool(_search(rule.when, answer.json(connector), connector))
    except InvalidResponse:
        return False  # its status tells more than a page that cannot be read


def _error(rule: Rule, answer: Answer, connector: str) -> SourceError:
    note = f"status {answer.status}, by its error rule"
    if rule.meaning == "rate_limited":
        header = answer.headers.get(rule.retry_after or "retry-after", "")
        return RateLimited(connector, note, retry_after=retry_after({"retry-after": header}))
    if rule.meaning == "auth":
        return AuthFailed(connector, note)
    return InvalidResponse(connector, note) if rule.meaning == "invalid" else SourceUnavailable(connector, note)


def availability_in(step: Step, body: JSON, connector: str) -> Availability:
    """What an answer says of services. ``found`` says whether there are any; without it, that there are some says so."""
    if not isinstance(body, dict):
        raise InvalidResponse(connector, "no object where the description says that services are")
    raws = _search(step.records, body, connector) or []
    if not isinstance(raws, list):
        raise InvalidResponse(connector, "no list where the description says that services are")
    said = _search(step.found, body, connector) if step.found else bool(raws)
    options = tuple(_option(step, raw, connector) for raw in raws[:MAX_RECORDS])
    return Availability(None if said is None else bool(said), options)


def _option(step: Step, raw: JSON, connector: str) -> AvailabilityOption:
    """What is not text or a number is left out, as if the system had not said it."""
    found = {name: _own(step, name, raw, connector) for name in _OPTION}
    return AvailabilityOption(**{name: str(scrub(text))[:MAX_TEXT] for name, text in found.items()})


def own_id(step: Step, raw: JSON, connector: str) -> str:
    """The record's id in its system; ``""`` where the step's map names none, or something that is no id."""
    return _own(step, "id", raw, connector)


def page_of(step: Step, raw: JSON, connector: str) -> str:
    """The address where a person can open the record; ``""`` for what is no web address."""
    found = _own(step, "url", raw, connector)
    return found if found.startswith("https://") else ""


def _own(step: Step, name: str, raw: JSON, connector: str) -> str:
    """What the map says of something that is no field; ``""`` for anything but text and numbers."""
    try:
        found = _search(step.map[name].expression, raw, connector) if name in step.map else ""
    except InvalidResponse:
        return ""
    return found if isinstance(found, str) else record_id(found) if isinstance(found, int | float | Decimal) else ""
