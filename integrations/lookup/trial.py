"""Trying one system: with a number, what was sent, how it ended, what was found; or with a pasted answer, what would be
read of it. Keeps nothing and pauses nothing."""

from __future__ import annotations

import asyncio
import time
from contextvars import Context
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from integrations.connectors.base import Connector, DetailKeys
from integrations.connectors.leaving_out import is_left_out, leaving_out
from integrations.deadline import Deadline
from integrations.errors import ConfigurationError, InvalidResponse, OutOfReach, SourceError
from integrations.lookup.asking import answered, failed
from integrations.lookup.engine import look_up
from integrations.lookup.merge import link, merge, sure_key
from integrations.lookup.nobody import Doubt, ask_for_nobody
from integrations.lookup.probes import as_tried
from integrations.lookup.restricted import Restricted
from integrations.lookup.result import LookupRequest, LookupResult, SourceOutcome, status_of
from integrations.lookup.sources import Plan, Source, plan_and_source
from integrations.outbound.recording import Sent, recording, remarks
from integrations.phone import Number, Withheld
from integrations.profile import JSON, SourceRecord
from integrations.redaction import drop_never
from integrations.sentences import Sentence, gettext_noop

_IN_DETAIL = gettext_noop("In detail: %(detail)s")
_NOT_SENT = gettext_noop("This is not what the system would send: %(detail)s.")


@dataclass(frozen=True)
class Trial:
    """``result`` is unfiltered, for ``disclosure`` only. ``mapping`` is field → expression, as the system is configured;
    ``note`` says why nothing was asked, if nothing was. ``dropped``: the keys that were in what came and may not exist behind
    a connector. ``records``: how many a pasted sample held, of which the first is read. ``doubt``: what it says of a number
    that nobody has. ``unread``: how many of the numbers that came could not be read as one."""

    result: LookupResult
    sent: tuple[Sent, ...]
    mapping: dict[str, str]
    note: str = ""
    dropped: tuple[str, ...] = ()
    records: int = 0
    doubt: Doubt = field(default_factory=Doubt)
    unread: int = 0


async def try_out(organization_id: int, connector_id: int, number: Number, *, with_restricted: bool) -> Trial:
    """Ask one connector, enabled or not, as a lookup would. Never raises for what the system does. ``with_restricted`` as in
    ``LookupBody``."""
    plan, source = await plan_and_source(organization_id, connector_id)
    began, deadline = time.monotonic(), Deadline(source.timeout_s)
    out = None if with_restricted else plan.restricted or Restricted()
    secrets = source.connector.settings.secrets if source.connector else {}
    shown = (*number.variants(), number.nsn, number.digits)
    with recording(secrets, shown) as recorded, leaving_out(out.holds if out else None):
        try:
            if source.connector is None:
                raise ConfigurationError(f"{source.key} is not set up correctly")
            known = _by_number if source.asked_by_phone else _by_others
            trial, own, keys = await known(plan, source, source.connector, number, deadline, out)
            if keys and source.connector.has_details_for(keys):
                asked_before = tuple(recorded.sent)
                recorded.knows = True
                with remarks() as said:
                    more = await source.connector.details(keys, deadline)
                if any(is_left_out(record) for record in more):
                    nobody = _result(plan, number, [], answered(source, [], 0.0).outcome)
                    return replace(trial, result=nobody, sent=asked_before)
                records = (*own, *more)
                found = answered(source, list(records[:1]), time.monotonic() - began, remarks=said).outcome
                trial = Trial(_result(plan, number, [records] if records else [], found, out), (), trial.mapping)
            elif keys and not own:
                nobody = _result(plan, number, [], answered(source, [], 0.0).outcome)
                trial = replace(
                    trial, result=nobody, note=gettext_noop("Nothing is known about the caller that it could be asked with.")
                )
        except (SourceError, ConfigurationError) as problem:
            error = as_tried(source, problem)
            if isinstance(error, OutOfReach):
                recorded.sent.clear()  # how long it took tells as much
            outcome = failed(source, error, time.monotonic() - began).outcome
            if isinstance(error, InvalidResponse) and error.detail:  # for who set it up; an agent could do nothing about it
                outcome = replace(
                    outcome, message=Sentence.joined((error.public_message, Sentence.of(_IN_DETAIL, detail=error.detail)))
                )
            trial = Trial(_result(plan, number, [], outcome), (), {})
    answers = trial.result.sources[0].status.answered
    doubt = await ask_for_nobody(source, plan.region) if answers else Doubt()
    told = replace(trial, sent=tuple(recorded.sent), dropped=tuple(sorted(recorded.dropped)), doubt=doubt)
    return replace(told, unread=recorded.unread)


async def try_sample(organization_id: int, connector_id: int, sample: JSON, *, with_restricted: bool) -> Trial:
    """What the mapping makes of the first record of a pasted sample, without asking anyone.

    Raises ConfigurationError for a sample that cannot be read, and for a system that is not set up; its text is a sentence
    without anything of the sample.
    """
    plan, source = await plan_and_source(organization_id, connector_id)
    if source.connector is None:
        raise ConfigurationError(
            gettext_noop("Something is missing or wrong in the settings of this system. Save them: the form says what.")
        )
    kept, dropped = drop_never(sample)
    try:
        records = source.connector.read_sample(kept)
    except SourceError as error:
        raise ConfigurationError(Sentence.of(_NOT_SENT, detail=error.detail)) from None
    out = None if with_restricted else plan.restricted or Restricted()
    if not records or (out and out.holds(records[0])):
        raise ConfigurationError(gettext_noop("Nothing in the sample is a record that this system looks for."))
    outcome = answered(source, records[:1], 0.0).outcome
    result = _result(plan, Withheld(), [(records[0],)], outcome, out)
    return Trial(result, (), source.connector.field_expressions, dropped=tuple(sorted(dropped)), records=len(records))


_Known = tuple[Trial, tuple[SourceRecord, ...], DetailKeys | None]


async def _by_number(
    plan: Plan, source: Source, connector: Connector, number: Number, deadline: Deadline, out: Restricted | None
) -> _Known:
    """The people who have the number; the one person's record, and with what details of them can be asked for."""
    began = time.monotonic()
    with remarks() as said:
        records = await connector.find(number, deadline)
    people = link([record for record in records if not is_left_out(record)])
    if not people and records:
        said.clear()
    found = answered(source, [records[0] for records in people], time.monotonic() - began, remarks=said).outcome
    before = Trial(_result(plan, number, people, found, out), (), connector.field_expressions)
    if len(people) != 1 or not connector.can("details"):
        return before, (), None
    own = people[0][0]
    return before, (own,), DetailKeys({source.key: own.record_id}, phone=number.e164, hints=own.hints)


async def _by_others(
    plan: Plan, source: Source, connector: Connector, number: Number, deadline: Deadline, out: Restricted | None
) -> _Known:
    """The same for a system that is asked by what another one knows of the caller."""
    # In a context of its own: what the others are sent is not what this one is sent.
    question = LookupRequest(plan.organization_id, number, with_restricted=out is None)
    others = await asyncio.create_task(look_up(question), context=Context())
    nobody = _result(plan, number, [], answered(source, [], 0.0).outcome)
    note = gettext_noop("It is asked by what another system knows of the caller, and no other system found exactly one person.")
    known = replace(nobody, people=others.people, with_restricted=others.with_restricted, restricted=others.restricted)
    before = Trial(known, (), connector.field_expressions, note)
    if len(others.people) != 1:
        return replace(before, result=nobody), (), None
    person = others.people[0]
    email, account_id = (sure_key(person, name) for name in ("email", "account_id"))
    return before, (), DetailKeys(dict(person.refs), email, account_id, number.e164)


def _result(
    plan: Plan,
    caller: Number | Withheld,
    groups: list[tuple[SourceRecord, ...]],
    outcome: SourceOutcome,
    out: Restricted | None = None,
) -> LookupResult:
    people = tuple(merge(group, {}, plan.vocabulary, plan.region) for group in groups)
    return LookupResult(
        organization_id=plan.organization_id,
        caller_id=caller,
        status=status_of((outcome,), len(people)),
        people=people,
        sources=(outcome,),
        at=datetime.now(UTC),
        vocabulary=plan.vocabulary,
        with_restricted=bool(people) and out is None,
        restricted=(plan.restricted or Restricted()).refs_among(people) if out is None else frozenset(),
    )
