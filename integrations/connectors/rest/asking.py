"""Asking a described system one step's question."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from integrations.coercion import Habits
from integrations.connectors.rest.answers import records_in, says_not_found
from integrations.connectors.rest.auth import SignedDoor
from integrations.connectors.rest.requests import Inputs, outputs_of, request_of, with_days
from integrations.connectors.rest.shape import Rule, Step
from integrations.connectors.rest.steps import MappedStep
from integrations.deadline import Deadline
from integrations.errors import SourceError
from integrations.profile import JSON, SourceRecord

# The second step settles before the caller gives up on both.
_SHARE_OF_SECOND_STEP = 0.9


@dataclass(frozen=True)
class Asking:
    """``rules`` say what its errors mean; ``zone`` is where its days are, ``habits`` how its values are read."""

    door: SignedDoor
    rules: Sequence[Rule]
    zone: str
    habits: Habits

    async def records(
        self, step: Step, inputs: Inputs, deadline: Deadline, *, missing_ok: bool = True
    ) -> list[dict[str, JSON]]:
        """The raw records of the step's answer; ``[]`` where it could not be asked or found nobody, which some systems say with
        status 404 (``missing_ok``) and some by saying nothing."""
        request = request_of(step, with_days(step, inputs, self.zone))
        if request is None:
            return []
        answer = await self.door.ask(request, deadline)
        nobody = says_not_found(self.rules, answer, self.door.source) or (missing_ok and answer.status == 404)
        if nobody or (200 <= answer.status < 300 and not answer.body.strip()):
            return []
        return records_in(step, self.door.checked(answer), self.door.source)

    async def more(self, record: SourceRecord, mapped: MappedStep, inputs: Inputs, deadline: Deadline) -> SourceRecord:
        """The record with what a second step tells."""
        try:
            return (await self.told(record, mapped, inputs, deadline))[0]
        except SourceError:  # who it is, is known; only what this step would have told is missing
            return replace(record, unreadable=(*record.unreadable, *mapped[1].expressions))

    async def told(
        self, record: SourceRecord, mapped: MappedStep, inputs: Inputs, deadline: Deadline
    ) -> tuple[SourceRecord, dict[str, JSON] | None]:
        """The same, and the second step's own raw record, if there is one. Raises SourceError."""
        step, mapping = mapped
        patience = deadline.within(deadline.left() * _SHARE_OF_SECOND_STEP)
        answers = await self.records(step, {**inputs, **outputs_of(record)}, patience)
        if not answers:
            return record, None
        fields, unreadable = mapping.read(answers[0], self.habits)
        fields, unreadable = {**record.fields, **fields}, (*record.unreadable, *unreadable)
        return replace(record, fields=fields, unreadable=unreadable), answers[0]
