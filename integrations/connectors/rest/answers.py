"""What an answer says: whom it found, or what its errors mean."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields

from integrations.connectors.base import MAX_RECORDS, Availability, AvailabilityOption, compiled
from integrations.connectors.http import Answer, retry_after
from integrations.connectors.rest.shape import Rule, Step
from integrations.errors import AuthFailed, InvalidResponse, RateLimited, SourceError, SourceUnavailable
from integrations.never import scrub
from integrations.phone import Number
from integrations.profile import JSON, Match, SourceRecord

_OPTION = tuple(field.name for field in fields(AvailabilityOption))
MAX_TEXT = 500


def records_in(step: Step, body: JSON, connector: str) -> list[dict[str, JSON]]:
    """The raw records, at most MAX_RECORDS. Raises InvalidResponse where none are to be had in the described place."""
    if step.found and not compiled(step.found, "").search(body):
        return []
    records = compiled(step.records, "").search(body)
    records = [records] if isinstance(records, dict) else records
    # A body that is itself an empty list names nobody and is no object either: not what was described.
    astray = step.records == "@" and not records
    if not isinstance(records, list) or astray or any(not isinstance(raw, dict) for raw in records):
        raise InvalidResponse(connector, "no records where the description says they are")
    return records[:MAX_RECORDS]


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
        return not rule.when or bool(compiled(rule.when, "").search(answer.json(connector)))
    except InvalidResponse:
        return False  # its status tells more than a page that is not JSON


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
    raws = compiled(step.records, "").search(body) or []
    if not isinstance(raws, list):
        raise InvalidResponse(connector, "no list where the description says that services are")
    said = compiled(step.found, "").search(body) if step.found else bool(raws)
    options = tuple(_option(step, raw) for raw in raws[:MAX_RECORDS])
    return Availability(None if said is None else bool(said), options)


def _option(step: Step, raw: JSON) -> AvailabilityOption:
    found = {name: compiled(step.map[name].expression, "").search(raw) for name in _OPTION if name in step.map}
    texts = {name: str(scrub(value))[:MAX_TEXT] for name, value in found.items() if value is not None}
    return AvailabilityOption(**texts)


def own_id(step: Step, raw: JSON) -> object:
    """The record's id in its system; None where the step's map names none."""
    return compiled(step.map["id"].expression, "").search(raw) if "id" in step.map else None


def page_of(step: Step, raw: JSON) -> str:
    """Where a person can open the record; ``""`` for what is no web address."""
    found = compiled(step.map["url"].expression, "").search(raw) if "url" in step.map else None
    return found if isinstance(found, str) and found.startswith("https://") else ""


def why_matched(record: SourceRecord, number: Number | None) -> tuple[Match, ...] | None:
    """Why the record was found; None if the phone numbers that it holds say that it is somebody else's.

    A record without a mapped number is taken for what the system says it is: it was asked by this number.
    """
    held = [phone for phone in (record.fields.get("phone"), *record.fields.get("phones", [])) if phone]
    if number is None or not held:
        return ()
    return tuple(Match("phone", phone) for phone in held if number.matches(phone)) or None
