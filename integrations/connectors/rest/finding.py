"""Finding by number in a described system: everybody whom it names is held against the number, whatever it compared."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace

from integrations.coercion import MAX_ITEMS
from integrations.connectors.base import MAX_CANDIDATES, MAX_RECORDS, usable
from integrations.connectors.leaving_out import is_left_out
from integrations.connectors.mapping import FieldMapping
from integrations.connectors.rest.asking import Asking
from integrations.connectors.rest.requests import Inputs
from integrations.connectors.rest.steps import MappedStep
from integrations.connectors.verifying import NOT_COMPARABLE, holds
from integrations.deadline import Deadline
from integrations.errors import SourceError
from integrations.outbound.recording import record_candidates, remark
from integrations.phone import Number
from integrations.profile import JSON, Match, SourceRecord
from integrations.redaction import scrub
from integrations.sentences import gettext_noop
from integrations.stored_numbers import as_text, numbers_in
from integrations.whose import whose

PHONES = ("phone", "phones")
_NOT_MAPPED = gettext_noop(
    "It does not say which number whom it names has, so nobody is taken for the caller: map phone, or say trusted."
)
_UNCHECKED = gettext_noop("It does not say which number whom it names has, so that could not be checked.")
_TOO_MANY = gettext_noop("It names more people than can be held against the number, so somebody may be missing.")
Read = Callable[..., SourceRecord]  # of a raw record, and of the numbers that it was found by


@dataclass(frozen=True)
class Finding:
    """One question. ``read`` makes a raw record of the first step one of the portal's; ``trusted``: where no number is mapped,
    the system's answer is taken for it."""

    asking: Asking
    steps: list[MappedStep]
    read: Read
    region: str
    trusted: bool

    async def people(self, number: Number, inputs: Inputs, deadline: Deadline) -> list[SourceRecord]:
        """Everybody whose mapped numbers, of either step, hold this one. Raises SourceError."""
        (step, mapping), *later = self.steps
        raws = await self.asking.records(step, inputs, deadline)
        record_candidates(len(raws))
        if len(raws) > MAX_CANDIDATES:
            remark(_TOO_MANY)
        if not any(name in mapping for _step, mapping in self.steps for name in PHONES):
            return await self._unchecked(raws, inputs, deadline)
        held = [(raw, self._numbers(mapping, raw)) for raw in raws[:MAX_CANDIDATES]]
        known = [(raw, why) for raw, stored in held if (why := self._why(mapping, stored, number))]
        people = usable(lambda one: self.read(one[0], one[1]), known)
        people = sorted(people, key=is_left_out)[:MAX_RECORDS]
        if people or not later or not any(name in later[0][1] for name in PHONES):
            if not people and any(not self._comparable(stored) for _raw, stored in held):
                remark(NOT_COMPARABLE)
            return await self._completed(people, inputs, deadline)
        return await self._by_second_step([raw for raw, _stored in held], number, inputs, deadline)

    async def _unchecked(self, raws: list[dict[str, JSON]], inputs: Inputs, deadline: Deadline) -> list[SourceRecord]:
        if raws:
            remark(_UNCHECKED if self.trusted else _NOT_MAPPED)
        people = usable(self.read, raws[:MAX_RECORDS]) if self.trusted else []
        return await self._completed(people, inputs, deadline)

    async def _completed(self, people: list[SourceRecord], inputs: Inputs, deadline: Deadline) -> list[SourceRecord]:
        """Ask for more of one person. Nothing is asked of several until one is picked, and never of those who are left out."""
        counted = [one for one in people if not is_left_out(one)]
        if len(counted) != 1 or len(self.steps) == 1:
            return people
        left_out = [one for one in people if one is not counted[0]]
        return [await self.asking.more(counted[0], self.steps[1], inputs, deadline), *left_out]

    async def _by_second_step(
        self, raws: list[dict[str, JSON]], number: Number, inputs: Inputs, deadline: Deadline
    ) -> list[SourceRecord]:
        """People whose number stands in what the second step tells, which is asked about each."""
        if len(raws) > MAX_RECORDS:
            remark(_TOO_MANY)
        second = self.steps[1]
        named = usable(self.read, raws[:MAX_RECORDS])
        left_out = [one for one in named if is_left_out(one)]
        asked = (self.asking.told(one, second, inputs, deadline) for one in named if not is_left_out(one))
        answers = await asyncio.gather(*asked, return_exceptions=True)
        people = []
        for answer in answers:
            if isinstance(answer, BaseException):
                continue
            record, stored = answer[0], self._numbers(second[1], answer[1]) if answer[1] else []
            if why := self._why(second[1], stored, number):
                people.append(replace(record, matched=why))
            elif not self._comparable(stored):
                remark(NOT_COMPARABLE)
        failed = next((answer for answer in answers if isinstance(answer, BaseException)), None)
        if failed and (not people or not isinstance(failed, SourceError)):
            raise failed
        return people + left_out

    def _numbers(self, mapping: FieldMapping, raw: dict[str, JSON]) -> list[tuple[str, str]]:
        """Each mapped number as it is stored, with the field that it is mapped to."""
        held = [(name, mapping.found(name, raw)) for name in PHONES]
        several = ((name, value if isinstance(value, list) else [value]) for name, value in held)
        return [(name, text) for name, values in several for value in values[:MAX_ITEMS] if (text := as_text(value))]

    def _why(self, mapping: FieldMapping, stored: list[tuple[str, str]], number: Number) -> tuple[Match, ...]:
        return tuple(Match(_place(mapping, name), scrub(one)) for name, one in stored if holds(one, number, self.region))

    def _comparable(self, stored: list[tuple[str, str]]) -> bool:
        return any(numbers_in(one, self.region).numbers for _name, one in stored)


def _place(mapping: FieldMapping, name: str) -> str:
    """The place where a number stands: its path, where that says whose it is."""
    path = mapping.expressions[name]
    return path if "|" not in path and whose(path) else "phone"
