"""Looking for somebody by name, e-mail address or number: every system that can be searched, asked at once.

The systems are asked as for a lookup: within their deadlines and budgets, not while they are paused, and not again for
what was asked a moment ago.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from integrations.connectors.base import Connector
from integrations.deadline import Deadline
from integrations.lookup.asking import Inquiry, Request, Settled, ask, at_hand
from integrations.lookup.cache import Page
from integrations.lookup.linked import take_out_linked
from integrations.lookup.merge import link, merge
from integrations.lookup.result import LookupResult, status_of
from integrations.lookup.sources import Plan, Source, plan_of
from integrations.lookup.stages import shared
from integrations.lookup.store import store
from integrations.phone import Withheld
from integrations.profile import CallerProfile, SourceRecord
from integrations.sought import By, Sought

OVERALL_S = 6.0
# What is kept of a number's search is the answer to its look-up.
_ENTRY = {By.NAME: "search", By.EMAIL: "search", By.NUMBER: "find"}


async def search(organization_id: int, sought: Sought, *, with_restricted: bool = False) -> LookupResult:
    """Everybody whom the systems find, by name. Never raises for what a system does. ``with_restricted`` as in ``Question``.

    ``sources`` are those that were asked; there are none where no system can be searched in this way. No details are
    asked for: nobody has been picked yet.
    """
    plan = await plan_of(organization_id)
    if plan.shares(sought.number):
        return replace(shared(plan, sought.number or Withheld()), sought=sought)
    searched = {source.key: source for source in plan.sources if source.can_be_searched(sought)}
    about = sought.number or f"search:{sought.written.casefold()}"
    page = await store().page(organization_id, about, [source.fingerprint for source in searched.values()])
    deadline, request = Deadline(OVERALL_S), _request(sought)
    leaves_out = None if with_restricted else plan.restricted

    async def ask_all(sources: Iterable[Source]) -> dict[str, Settled]:
        name, words = _ENTRY[sought.by], plan.vocabulary
        inquiries = {source.key: Inquiry(source, name, request, words, leaves_out=leaves_out) for source in sources}
        settled = await asyncio.gather(*(_settled(inquiry, page, deadline) for inquiry in inquiries.values()))
        return dict(zip(inquiries, settled, strict=True))

    settled = await ask_all(source for source in searched.values() if source.stands_in_for not in searched)
    failed = {key for key, one in settled.items() if not one.outcome.status.answered}
    settled |= await ask_all(source for source in searched.values() if source.stands_in_for in failed)
    await take_out_linked(settled, page)
    return _result(plan, sought, [settled[key] for key in searched if key in settled], with_restricted)


def _result(plan: Plan, sought: Sought, settled: Sequence[Settled], with_restricted: bool) -> LookupResult:
    priority = {source.key: source.priority for source in plan.sources}
    groups = link([record for one in settled for record in one.records])
    people = [merge(records, priority, plan.vocabulary, plan.region) for records in groups]
    outcomes = tuple(one.outcome for one in settled)
    return LookupResult(
        organization_id=plan.organization_id,
        caller_id=sought.number or Withheld(),
        status=status_of(outcomes, len(people)),
        people=tuple(sorted(people, key=_name)),
        sources=outcomes,
        at=datetime.now(UTC),
        vocabulary=plan.vocabulary,
        sought=sought,
        with_restricted=with_restricted,
        restricted=plan.restricted.refs_among(people) if plan.restricted and with_restricted else frozenset(),
    )


def _request(sought: Sought) -> Request:
    async def request(connector: Connector, left: Deadline) -> list[SourceRecord]:
        if sought.number:
            return await connector.find(sought.number, left)
        # Whatever the system compared, or left alone because it did not understand it.
        return [record for record in await connector.search(sought, left) if sought.fits(record.fields)]

    return request


async def _settled(inquiry: Inquiry, page: Page, deadline: Deadline) -> Settled:
    return at_hand(inquiry, page) or await ask(inquiry, page, deadline)


def _name(person: CallerProfile) -> str:
    name = person.fields.get("name")
    return str(name.value).casefold() if name else "\uffff"
