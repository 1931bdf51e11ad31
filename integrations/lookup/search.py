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
from integrations.lookup.asking import Request, SourceQuery, SourceResult, ask, from_cache
from integrations.lookup.backends import CachePage, backends
from integrations.lookup.linked import take_out_linked
from integrations.lookup.merge import link, merge
from integrations.lookup.result import LookupResult, status_of
from integrations.lookup.sources import Plan, Source, plan_of
from integrations.lookup.stages import shared
from integrations.phone import Withheld
from integrations.profile import CallerProfile, SourceRecord
from integrations.search_query import By, SearchQuery

OVERALL_S = 6.0
# What is kept of a number's search is the answer to its look-up.
_ENTRY = {By.NAME: "search", By.EMAIL: "search", By.NUMBER: "find"}


async def search(organization_id: int, search_query: SearchQuery, *, with_restricted: bool = False) -> LookupResult:
    """Everybody whom the systems find, by name. Never raises for what a system does. ``with_restricted`` as in ``LookupBody``.

    ``sources`` are those that were asked; there are none where no system can be searched in this way. No details are
    asked for: nobody has been picked yet.
    """
    plan = await plan_of(organization_id)
    if plan.shares(search_query.number):
        return replace(shared(plan, search_query.number or Withheld()), search_query=search_query)
    searched = {source.key: source for source in plan.sources if source.can_be_searched(search_query)}
    about = search_query.number or f"search:{search_query.written.casefold()}"
    page = await backends().open(organization_id, about, [source.fingerprint for source in searched.values()])
    deadline, request = Deadline(OVERALL_S), _request(search_query)
    leaves_out = None if with_restricted else plan.restricted

    async def ask_all(sources: Iterable[Source]) -> dict[str, SourceResult]:
        name, words = _ENTRY[search_query.by], plan.vocabulary
        source_queries = {source.key: SourceQuery(source, name, request, words, leaves_out=leaves_out) for source in sources}
        settled = await asyncio.gather(*(_settled(source_query, page, deadline) for source_query in source_queries.values()))
        return dict(zip(source_queries, settled, strict=True))

    settled = await ask_all(source for source in searched.values() if source.fallback_for not in searched)
    failed = {key for key, one in settled.items() if not one.outcome.status.answered}
    settled |= await ask_all(source for source in searched.values() if source.fallback_for in failed)
    await take_out_linked(settled, page)
    return _result(plan, search_query, [settled[key] for key in searched if key in settled], with_restricted)


def _result(plan: Plan, search_query: SearchQuery, settled: Sequence[SourceResult], with_restricted: bool) -> LookupResult:
    priority = {source.key: source.priority for source in plan.sources}
    groups = link([record for one in settled for record in one.records])
    people = [merge(records, priority, plan.vocabulary, plan.region) for records in groups]
    outcomes = tuple(one.outcome for one in settled)
    return LookupResult(
        organization_id=plan.organization_id,
        caller_id=search_query.number or Withheld(),
        status=status_of(outcomes, len(people)),
        people=tuple(sorted(people, key=_name)),
        sources=outcomes,
        at=datetime.now(UTC),
        vocabulary=plan.vocabulary,
        search_query=search_query,
        with_restricted=with_restricted,
        restricted=plan.restricted.refs_among(people) if plan.restricted and with_restricted else frozenset(),
    )


def _request(search_query: SearchQuery) -> Request:
    async def request(connector: Connector, left: Deadline) -> list[SourceRecord]:
        if search_query.number:
            return await connector.find(search_query.number, left)
        # Whatever the system compared, or left alone because it did not understand it.
        return [record for record in await connector.search(search_query, left) if search_query.fits(record.fields)]

    return request


async def _settled(source_query: SourceQuery, page: CachePage, deadline: Deadline) -> SourceResult:
    return from_cache(source_query, page) or await ask(source_query, page, deadline)


def _name(person: CallerProfile) -> str:
    name = person.fields.get("name")
    return str(name.value).casefold() if name else "\uffff"
