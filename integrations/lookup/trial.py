"""Trying one system with one number: what was sent, how it ended, what was found. Keeps nothing and pauses nothing."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime

from integrations.connectors.base import Connector, Deadline, DetailKeys
from integrations.connectors.recording import Sent, recording
from integrations.errors import ConfigurationError, SourceError
from integrations.lookup.asking import answered, failed
from integrations.lookup.engine import look_up, status_of
from integrations.lookup.merge import link, merge
from integrations.lookup.result import LookupResult, Question, SourceOutcome
from integrations.lookup.sources import Plan, Source, plan_with
from integrations.models.hop import hop
from integrations.phone import Number
from integrations.profile import SourceRecord


@dataclass(frozen=True)
class Trial:
    """``result`` is unfiltered, for ``disclosure`` only. ``mapping`` is field → expression, as the system is configured;
    ``note`` says why nothing was asked, if nothing was."""

    result: LookupResult
    sent: tuple[Sent, ...]
    mapping: dict[str, str]
    note: str = ""


async def try_out(organization_id: int, connector_id: int, number: Number) -> Trial:
    """Ask one connector, enabled or not, as a lookup would. Never raises for what the system does."""
    plan, source = await hop(plan_with, organization_id, connector_id)
    began, deadline = time.monotonic(), Deadline(source.timeout_s)
    with recording() as sent:
        try:
            if source.connector is None:
                raise ConfigurationError(f"{source.key} is not set up correctly")
            mapping = source.connector.reads
            people, note = await _asked(source, source.connector, organization_id, number, deadline)
            outcome = answered(source, [records[0] for records in people], time.monotonic() - began).outcome
        except (SourceError, ConfigurationError) as error:
            outcome, people, mapping, note = failed(source, error, time.monotonic() - began).outcome, [], {}, ""
    return Trial(_result(plan, number, people, outcome), tuple(sent), mapping, note)


async def _asked(
    source: Source, connector: Connector, organization_id: int, number: Number, deadline: Deadline
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
    others = await look_up(Question(organization_id, number))
    if len(others.people) != 1:
        return [], "It is asked by what another system knows of the caller, and no other system found exactly one person."
    person = others.people[0]
    email, account_id = (str(person.fields[name].value) if name in person.fields else "" for name in ("email", "account_id"))
    keys = DetailKeys(dict(person.refs), email, account_id, number.e164)
    if not connector.wants_details(keys):
        return [], "Nothing is known about the caller that it could be asked with."
    details = await connector.details(keys, deadline)
    return [tuple(details)] if details else [], ""


def _result(plan: Plan, number: Number, groups: list[tuple[SourceRecord, ...]], outcome: SourceOutcome) -> LookupResult:
    people = tuple(merge(group, {}, plan.vocabulary, number.region) for group in groups)
    return LookupResult(
        organization_id=plan.organization_id,
        caller_id=number,
        status=status_of((outcome,), len(people)),
        people=people,
        sources=(outcome,),
        at=datetime.now(UTC),
        vocabulary=plan.vocabulary,
    )
