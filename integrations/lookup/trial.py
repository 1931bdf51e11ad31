"""Trying one system: with a number, what was sent, how it ended, what was found; or with a pasted answer, what would be
read of it. Keeps nothing and pauses nothing."""

from __future__ import annotations

import asyncio
import time
from contextvars import Context
from dataclasses import dataclass
from datetime import UTC, datetime

from integrations.connectors.base import Connector, Deadline, DetailKeys
from integrations.connectors.recording import Recording, Sent, recording
from integrations.errors import ConfigurationError, SourceError
from integrations.lookup.asking import answered, failed
from integrations.lookup.engine import look_up
from integrations.lookup.merge import link, merge
from integrations.lookup.result import LookupResult, Question, SourceOutcome, status_of
from integrations.lookup.sources import Plan, Source, plan_with
from integrations.models.hop import hop
from integrations.never import drop_never
from integrations.phone import Number, Withheld
from integrations.profile import JSON, SourceRecord


@dataclass(frozen=True)
class Trial:
    """``result`` is unfiltered, for ``disclosure`` only. ``mapping`` is field → expression, as the system is configured;
    ``note`` says why nothing was asked, if nothing was. ``dropped``: the keys that were in what came and may not exist behind
    a connector. ``records``: how many a pasted sample held, of which the first is read."""

    result: LookupResult
    sent: tuple[Sent, ...]
    mapping: dict[str, str]
    note: str = ""
    dropped: tuple[str, ...] = ()
    records: int = 0


async def try_out(organization_id: int, connector_id: int, number: Number) -> Trial:
    """Ask one connector, enabled or not, as a lookup would. Never raises for what the system does."""
    plan, source = await hop(plan_with, organization_id, connector_id)
    began, deadline = time.monotonic(), Deadline(source.timeout_s)
    secrets = source.connector.settings.secrets if source.connector else {}
    with recording(secrets, (*number.variants(), number.nsn, number.digits)) as recorded:
        try:
            if source.connector is None:
                raise ConfigurationError(f"{source.key} is not set up correctly")
            mapping = source.connector.reads
            people, note = await _asked(source, source.connector, organization_id, number, deadline, recorded)
            outcome = answered(source, [records[0] for records in people], time.monotonic() - began).outcome
        except (SourceError, ConfigurationError) as error:
            outcome, people, mapping, note = failed(source, error, time.monotonic() - began).outcome, [], {}, ""
    result = _result(plan, number, people, outcome)
    return Trial(result, tuple(recorded.sent), mapping, note, dropped=tuple(sorted(recorded.dropped)))


async def try_sample(organization_id: int, connector_id: int, sample: JSON) -> Trial:
    """What the mapping makes of the first record of a pasted sample, without asking anyone.

    Raises ConfigurationError for a sample that cannot be read, and for a system that is not set up; its text is a sentence
    without anything of the sample.
    """
    plan, source = await hop(plan_with, organization_id, connector_id)
    if source.connector is None:
        raise ConfigurationError("Something is missing or wrong in the settings of this system. Save them: the form says what.")
    kept, dropped = drop_never(sample)
    try:
        records = source.connector.read_sample(kept)
    except SourceError as error:
        raise ConfigurationError(f"This is not what the system would send: {error.detail}.") from None
    if not records:
        raise ConfigurationError("Nothing in the sample is a record that this system looks for.")
    outcome = answered(source, records[:1], 0.0).outcome
    result = _result(plan, Withheld(), [(records[0],)], outcome)
    return Trial(result, (), source.connector.reads, dropped=tuple(sorted(dropped)), records=len(records))


async def _asked(
    source: Source, connector: Connector, organization_id: int, number: Number, deadline: Deadline, recorded: Recording
) -> tuple[list[tuple[SourceRecord, ...]], str]:
    """The people that were found, each as their records, or a sentence that says why nobody was asked for."""
    if source.asked_by_phone:
        people = link(await connector.find(number, deadline))
        if len(people) == 1:
            own = people[0][0]
            keys = DetailKeys({source.key: own.record_id}, phone=number.e164, hints=own.hints)
            if connector.can("details") and connector.wants_details(keys):
                people = [(own, *await connector.details(keys, deadline))]
        return people, ""
    # In a context of its own: what the others are sent is not what this one is sent.
    others = await asyncio.create_task(look_up(Question(organization_id, number)), context=Context())
    if len(others.people) != 1:
        return [], "It is asked by what another system knows of the caller, and no other system found exactly one person."
    person = others.people[0]
    email, account_id = (str(person.fields[name].value) if name in person.fields else "" for name in ("email", "account_id"))
    keys = DetailKeys(dict(person.refs), email, account_id, number.e164)
    if not connector.wants_details(keys):
        return [], "Nothing is known about the caller that it could be asked with."
    recorded.knows = True
    details = await connector.details(keys, deadline)
    return [tuple(details)] if details else [], ""


def _result(
    plan: Plan, caller: Number | Withheld, groups: list[tuple[SourceRecord, ...]], outcome: SourceOutcome
) -> LookupResult:
    region = caller.region if isinstance(caller, Number) else plan.region
    people = tuple(merge(group, {}, plan.vocabulary, region) for group in groups)
    return LookupResult(
        organization_id=plan.organization_id,
        caller_id=caller,
        status=status_of((outcome,), len(people)),
        people=people,
        sources=(outcome,),
        at=datetime.now(UTC),
        vocabulary=plan.vocabulary,
    )
