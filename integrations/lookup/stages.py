"""The two stages of one lookup, while its sources settle.

Stage 1 asks by phone number. Stage 2 asks, for the one person found, what needs a record id or an e-mail address.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from datetime import UTC, datetime

from integrations.connectors.base import DetailKeys
from integrations.deadline import Deadline
from integrations.lookup.asking import PendingQuery, Request, SourceQuery, SourceResult, from_cache
from integrations.lookup.backends import NO_PAGE, CachePage, backends
from integrations.lookup.linked import take_out, take_out_linked
from integrations.lookup.merge import link, merge, sure_key
from integrations.lookup.result import LookupRequest, LookupResult, LookupStatus, SourceOutcome, SourceStatus, status_of
from integrations.lookup.sources import Plan, Source
from integrations.phone import CallerId, Number
from integrations.profile import CallerProfile, Field, Ref, SourceRecord, refs_of
from integrations.search_query import SearchQuery
from integrations.sentences import gettext_noop
from integrations.storage.encryption import blind_index

# Stage 2 waits for every source of stage 1, so that it is only ever asked about the one person that all agree on; but
# not longer than this, or a hanging source would hold back what the others could show. If the late one disagrees,
# what stage 2 found is discarded.
PATIENCE_S = 0.4
# Until then a screen shows that systems are being asked; from then on it says which ones keep it waiting.
SOFT_DEADLINE_S = 2.0
type _People = tuple[CallerProfile, ...]
_STILL_ASKED = gettext_noop("It has not answered yet. What it knows appears as soon as it does.")
_Pending = dict[str, PendingQuery]


class Stages:
    """The state of one lookup while its sources settle.

    Where the caller was found by a search, the systems that know them are asked for exactly their records, and no other
    by number: whoever has the call's number is somebody else.
    """

    def __init__(
        self, plan: Plan, number: Number | None, deadline: Deadline, question: LookupRequest, *, follows: bool = False
    ) -> None:
        self.plan = plan
        self.number = number
        self.caller_id = question.caller_id
        self.deadline = deadline
        self.choice = question.choice
        self.with_restricted = question.with_restricted
        self.leaves_out = None if question.with_restricted else plan.restricted
        self.refresh = question.refresh
        self.follows = follows
        self.page: CachePage = NO_PAGE
        self.patience = Deadline(PATIENCE_S)
        self.soft = Deadline(SOFT_DEADLINE_S)
        self.is_slow = False
        self.found: dict[str, SourceResult] = {}
        self.details: dict[str, SourceResult] = {}
        self.finding: dict[str, PendingQuery] = {}
        self.detailing: dict[str, PendingQuery] = {}
        # Answers that are shown already while their sources are asked again.
        self.finding_again: dict[str, PendingQuery] = {}
        self.detailing_again: dict[str, PendingQuery] = {}
        self.asked_details: dict[str, DetailKeys] = {}

    async def steps(self) -> AsyncGenerator[None]:
        """Asks, and yields each time that ``result()`` has something new; the last time when it is final."""
        try:
            await self._begin()
            await self._go_on()
            if self.found and self._under_way:
                yield
            while self._under_way:
                is_news = await self._wait_for_some()
                await self._go_on()
                if is_news and self._under_way:
                    yield
        finally:
            self._abandon()
        yield

    async def _begin(self) -> None:
        fingerprints = [source.fingerprint for source in self.plan.sources]
        self.page = await backends().open(self.plan.organization_id, self._about, fingerprints)
        for source in sorted(self.plan.sources, key=lambda source: (not source.essential, -source.latency.usual_s)):
            if self.choice.found_by:
                self._fetch_from(source, self.choice.found_by)
            elif source.asked_by_phone and not source.fallback_for:
                self._find_in(source)

    async def _go_on(self) -> None:
        if self.leaves_out and (gone := await self._taken_out()):
            was_searched = self.choice.found_by
            self.choice = self.choice.without(gone)
            if was_searched and not self.choice.found_by:
                # Whoever was picked is nobody to whoever asks: to them, the call is still that of its number.
                self._abandon()
                self._forget()
                await self._begin()
        self._ask_for_details()

    async def _taken_out(self) -> frozenset[Ref]:
        """The people of whom the answers so far say that they are not to count."""
        if any(settled.left_out for settled in self.details.values()):
            # They are about the one person whom there is.
            await take_out([record for records in self._candidates() for record in records], self.found, self.page)
            self._abandon_details()
        return await take_out_linked(self.found, self.page)

    def _forget(self) -> None:
        for asked in (self.finding, self.detailing, self.finding_again, self.detailing_again):
            asked.clear()
        self.found.clear()
        self.details.clear()
        self.asked_details.clear()

    @property
    def _under_way(self) -> tuple[PendingQuery, ...]:
        asked = (self.finding, self.detailing, self.finding_again, self.detailing_again)
        return tuple(question for questions in asked for question in questions.values())

    @property
    def _about(self) -> Number | str:
        """The number, or the records, whose page of the cache it is."""
        if self.number and not self.choice.found_by:
            return self.number
        return " ".join(sorted(f"{connector}:{record_id}" for connector, record_id in self.choice.picked))

    async def to_its_end(self) -> LookupResult:
        async with aclosing(self.steps()) as steps:
            async for _step in steps:
                pass
        return self.result()

    def _find_in(self, source: Source) -> None:
        if number := self.number:
            self._ask_first(self._source_query(source, "find", lambda connector, left: connector.find(number, left)))

    def _fetch_from(self, source: Source, search_query: SearchQuery) -> None:
        record_id = dict(self.choice.picked).get(source.key)
        if record_id is not None:
            name = f"fetch:{blind_index(record_id, scope='fetch')[:16]}"
            source_query = self._source_query(source, name, lambda system, left: system.fetch(record_id, search_query, left))
            self._ask_first(replace(source_query, counts=source.counts_against_limit("fetch", DetailKeys())))

    def _ask_first(self, source_query: SourceQuery) -> None:
        self._ask(source_query, self.found, self.finding, self.finding_again)

    def _ask(
        self, source_query: SourceQuery, settled: dict[str, SourceResult], asking: _Pending, asking_again: _Pending
    ) -> None:
        key = source_query.source.key
        if kept := from_cache(source_query, self.page):
            settled[key] = kept
            if not kept.is_asked_again:
                return
            asking = asking_again
        asking[key] = PendingQuery(source_query, self.page, self.deadline)

    def _detail_in(self, source: Source, keys: DetailKeys) -> None:
        name = f"details:{blind_index(repr(keys), scope='details')[:16]}"
        source_query = self._source_query(source, name, lambda connector, left: connector.details(keys, left))
        source_query = replace(source_query, counts=source.counts_against_limit("details", keys))
        self._ask(source_query, self.details, self.detailing, self.detailing_again)

    def _source_query(self, source: Source, name: str, request: Request) -> SourceQuery:
        return SourceQuery(
            source, name, request, self.plan.vocabulary, self.refresh, follows=self.follows, leaves_out=self.leaves_out
        )

    async def _wait_for_some(self) -> bool:
        """Wait until something settles, patience runs out, or a deadline has passed, by which what is open counts as timed out.

        Whether there is anything new to show.
        """
        under_way = self._under_way
        moments = [self.soft, *([self.patience] if self.finding else []), *(asked.deadline for asked in under_way)]
        timeout = min((left for moment in moments if (left := moment.left()) > 0), default=0.0)
        await asyncio.wait({asked.task for asked in under_way}, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        over = [asked for asked in under_way if asked.is_over]
        for asked in over:
            self._settle(asked)
        turned_slow = not self.is_slow and self.soft.left() == 0
        self.is_slow = self.is_slow or turned_slow
        return bool(over) or turned_slow

    def _settle(self, asked: PendingQuery) -> None:
        source, settled = asked.source, asked.settled()
        if self.finding.get(source.key) is asked:
            del self.finding[source.key]
            self.found[source.key] = settled
            if not settled.outcome.status.answered and self.deadline.left() > 0 and not self.choice.found_by:
                for stand_in in self.plan.sources:
                    if stand_in.fallback_for == source.key and stand_in.asked_by_phone:
                        self._find_in(stand_in)
        elif self.detailing.get(source.key) is asked:
            del self.detailing[source.key]
            self.details[source.key] = settled
        elif self.finding_again.get(source.key) is asked:
            del self.finding_again[source.key]
            self.found[source.key] = self.found[source.key].renewed(settled)
            self._drop_outdated_details()
        elif self.detailing_again.get(source.key) is asked:
            del self.detailing_again[source.key]
            self.details[source.key] = self.details[source.key].renewed(settled)

    def _ask_for_details(self) -> None:
        sources = [source for source in self.plan.sources if self._may_have_details(source)]
        if not (sources or self.detailing or self.details):
            return
        people = self._candidates()
        if len(people) > 1 or self.choice.must_pick:
            self._abandon_details()
            return
        if not sources or len(people) != 1 or (self.finding and self.patience.left() > 0):
            return
        known = self._contact(people[0])
        for source in sources:
            if keys := self._keys(source, people[0], known):
                self.asked_details[source.key] = keys
                self._detail_in(source, keys)

    def _drop_outdated_details(self) -> None:
        """Let go of what was asked about somebody whom a source, asked again, no longer names."""
        people = self._candidates()
        known = self._contact(people[0]) if len(people) == 1 else None
        for source in self.plan.sources:
            before = self.asked_details.get(source.key)
            if before and not (known and self._keys(source, people[0], known) == before):
                del self.asked_details[source.key]
                self.details.pop(source.key, None)
                for asking in (self.detailing, self.detailing_again):
                    if asked := asking.pop(source.key, None):
                        asked.leave()

    def _candidates(self) -> list[tuple[SourceRecord, ...]]:
        """The people who may be the caller."""
        return [records for records in self._everybody() if self._may_be(records)]

    def _may_have_details(self, source: Source) -> bool:
        if not source.has_details or not source.tells_something or source.key in self.asked_details:
            return False
        main = source.fallback_for
        return not main or source.key in self.found or (main in self.details and not self.details[main].outcome.status.answered)

    def _contact(self, records: tuple[SourceRecord, ...]) -> CallerProfile:
        """What sources are asked with about a person, beside record ids."""
        return self._merged(records, {name: self.plan.vocabulary[name] for name in ("email", "account_id")})

    def _keys(self, source: Source, records: tuple[SourceRecord, ...], profile: CallerProfile) -> DetailKeys | None:
        """What the source can be asked with about this person, or None if nothing that it needs is known."""
        own = next((record for record in records if record.connector == source.key), None)
        keys = DetailKeys(
            record_ids={record.connector: record.record_id for record in records},
            email=sure_key(profile, "email"),
            account_id=sure_key(profile, "account_id"),
            # Who was found by a search does not call from their own number, as far as is known.
            phone=self.number.e164 if self.number and not self.choice.found_by else "",
            hints=own.hints if own else {},
        )
        if not source.details_by:
            known = own is not None
        elif source.details_by.startswith("field:"):
            known = bool(sure_key(profile, source.details_by.removeprefix("field:")))
        else:
            known = source.details_by in keys.record_ids
        if not known or (source.connector and not source.connector.has_details_for(keys)):
            return None
        return keys

    def _everybody(self) -> list[tuple[SourceRecord, ...]]:
        """All who have the number."""
        return link([record for settled in self.found.values() for record in settled.records])

    def _may_be(self, records: tuple[SourceRecord, ...]) -> bool:
        """Whether the agent's choice leaves this person."""
        return self.choice.allows(refs_of(records))

    def _merged(self, records: tuple[SourceRecord, ...], vocabulary: Mapping[str, Field]) -> CallerProfile:
        priority = {source.key: source.priority for source in self.plan.sources}
        return merge(records, priority, vocabulary, self.plan.region)

    def _abandon_details(self) -> None:
        for asked in (*self.detailing.values(), *self.detailing_again.values()):
            asked.leave()
        self.detailing.clear()
        self.detailing_again.clear()
        self.details.clear()

    def _abandon(self) -> None:
        for asked in self._under_way:
            asked.leave()

    def result(self) -> LookupResult:
        """What is known so far."""
        if not (self.number or self.choice.found_by):
            return withheld(self.plan, self.caller_id)
        restricted = self.plan.restricted if self.with_restricted else None
        found = [record for settled in self.found.values() for record in settled.records]
        more = [record for settled in self.details.values() for record in settled.records]
        # For each who asks about a number that is known: the same answers, under the same configuration, make the same people.
        people, set_aside = self.page.made((self.plan, *found, None, *more), self.choice, lambda: self._people(found, more))
        details = self.details if len(people) == 1 else {}
        outcomes = tuple(self._outcome(source, details.get(source.key)) for source in self.plan.sources if source.knows_people)
        return LookupResult(
            organization_id=self.plan.organization_id,
            caller_id=self.caller_id,
            status=status_of(outcomes, len(people)),
            people=people,
            sources=outcomes,
            at=datetime.now(UTC),
            vocabulary=self.plan.vocabulary,
            choice=self.choice,
            set_aside=set_aside,
            search_query=self.choice.found_by,
            with_restricted=self.with_restricted,
            restricted=restricted.refs_among(people) if restricted else frozenset(),
        )

    def _people(self, found: Sequence[SourceRecord], more: Sequence[SourceRecord]) -> tuple[_People, _People]:
        """People who may be the caller, with the details of one, and those whom the agent's choice leaves out."""
        everybody = link(found)
        groups = [records for records in everybody if self._may_be(records)]
        others = [records for records in everybody if not self._may_be(records)]
        if len(groups) == 1:
            groups = [(*groups[0], *more)]
        people = [self._merged(group, self.plan.vocabulary) for group in groups]
        people.sort(key=lambda person: (not person.refs & self.choice.before, -len(person.fields)))
        return tuple(people), tuple(self._merged(group, self.plan.vocabulary) for group in others)

    def _outcome(self, source: Source, details: SourceResult | None) -> SourceOutcome:
        by_number = self._outcome_by_number(source)
        if source.key in self.found:
            if self._awaits_details(source):
                now = replace(self._pending(source), incomplete=True)
            elif not details:
                return by_number
            elif details.outcome.status.answered:
                now = replace(by_number, renewal=by_number.renewal or details.outcome.renewal)
            else:
                now = replace(by_number, incomplete=True, message=details.outcome.message)
        elif details:
            now = details.outcome
        elif source.key in self.detailing:
            now = self._pending(source)
        else:
            return by_number
        return replace(now, by_number=by_number)

    def _awaits_details(self, source: Source) -> bool:
        """Whether a source has found the caller, and is being asked for more, or will be once the others have answered."""
        if source.key in self.detailing:
            return True
        waits = self.finding and self._may_have_details(source) and not self.choice.must_pick
        people = self._candidates() if waits else []
        return len(people) == 1 and self._keys(source, people[0], self._contact(people[0])) is not None

    def _pending(self, source: Source) -> SourceOutcome:
        message = _STILL_ASKED if self.is_slow else ""
        return SourceOutcome(source.key, source.label, source.kind, SourceStatus.PENDING, message=message)

    def _outcome_by_number(self, source: Source) -> SourceOutcome:
        """How the source stands without what it is asked about the person whom others found."""
        if found := self.found.get(source.key):
            return found.outcome
        if source.key in self.finding:
            return self._pending(source)
        if self.finding and source.has_details and source.tells_something and not source.fallback_for:
            # It is asked once it is known who is calling.
            return SourceOutcome(source.key, source.label, source.kind, SourceStatus.PENDING)
        return SourceOutcome(source.key, source.label, source.kind, SourceStatus.SKIPPED, message=self._why_skipped(source))

    def _why_skipped(self, source: Source) -> str:
        if not source.tells_something:
            return gettext_noop("No tier may see anything that it tells.")
        if source.details_by:
            return gettext_noop("Nothing is known about the caller that it could be asked with.")
        if self.choice.found_by:
            return gettext_noop("The caller was found by a search, and not in this system.")
        if source.fallback_for:
            return gettext_noop("It stands in for another system and was not needed.")
        return gettext_noop("It is not asked by phone number.")


def withheld(plan: Plan, caller_id: CallerId) -> LookupResult:
    """The result for a caller who hides their number: nobody is looked up."""
    return LookupResult(plan.organization_id, caller_id, LookupStatus.WITHHELD, (), (), datetime.now(UTC), plan.vocabulary)


def shared(plan: Plan, caller_id: CallerId) -> LookupResult:
    """The result for a number that many people have: it says nothing of who is calling, so nobody is looked up."""
    nobody = LookupResult(plan.organization_id, caller_id, LookupStatus.NOT_FOUND, (), (), datetime.now(UTC), plan.vocabulary)
    return replace(nobody, shared=True)
