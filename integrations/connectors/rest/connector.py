"""Any system with an HTTP API that answers in JSON, described and not programmed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from typing import ClassVar
from zoneinfo import ZoneInfo

from integrations.connectors.base import (
    Availability,
    AvailabilityQuestion,
    Connector,
    Deadline,
    DetailKeys,
    FieldMapping,
    Health,
)
from integrations.connectors.rest.answers import availability_in, own_id, page_of, records_in, says_not_found, why_matched
from integrations.connectors.rest.auth import RestSecrets, SignedDoor, sign_in
from integrations.connectors.rest.requests import Inputs, days, outputs_of, phone_inputs, request_of
from integrations.connectors.rest.shape import BY_PHONE, OWN, RestOptions, Step
from integrations.errors import InvalidResponse, SourceError
from integrations.phone import Number
from integrations.profile import JSON, SourceRecord

# The second step settles before the caller gives up on both.
_SHARE_OF_SECOND_STEP = 0.9


class RestConnector(Connector):
    kind = "rest"
    label = "Other system (HTTP)"
    capabilities = frozenset({"find", "details", "availability", "health"})
    Options = RestOptions
    Secrets = RestSecrets
    field_table: ClassVar[Mapping[str, str]] = {}  # the shape's maps take its place

    @cached_property
    def door(self) -> SignedDoor:
        signing_in = sign_in(self.key, self.options.auth, self.secrets, self.settings.network)
        return SignedDoor(self.key, self.options.base_url, self.settings.network, signing_in)

    @cached_property
    def steps(self) -> list[tuple[Step, FieldMapping]]:
        """Each step with its map. The admin's changes go where the field is mapped, else to the first step."""
        steps = self.options.lookup.steps if self.options.lookup else []
        later = {name for step in steps[1:] for name in step.map}
        found = []
        for number, step in enumerate(steps):
            table = {name: mapped.expression for name, mapped in step.map.items() if name not in OWN}
            own = {name: value for name, value in self.settings.mapping.items() if (name in later) == bool(number)}
            found.append((step, FieldMapping(table, own, self.settings.vocabulary)))
        return found

    @cached_property
    def mapping(self) -> FieldMapping:
        """The first step's. Whatever else cannot be used is found here too, before anyone calls."""
        _ = self.door
        return self.steps[0][1] if self.steps else FieldMapping({}, {}, self.settings.vocabulary)

    @property
    def reads(self) -> dict[str, str]:
        return {name: text for _step, mapping in self.steps for name, text in mapping.expressions.items()}

    def can(self, capability: str) -> bool:
        """By what is described: a system may know only services, or be asked only by somebody's id."""
        if capability == "find":
            return bool(self.steps) and self.steps[0][0].needs <= BY_PHONE
        described = {"details": bool(self.steps), "availability": self.options.availability is not None}
        return described.get(capability, super().can(capability))

    async def find(self, number: Number, deadline: Deadline) -> list[SourceRecord]:
        for notation in dict.fromkeys([self.options.phone.format, *self.options.phone.variants]):
            if found := await self._look_up(phone_inputs(number, notation), "", number, deadline):
                return found
        return []

    async def details(self, keys: DetailKeys, deadline: Deadline) -> list[SourceRecord]:
        inputs = self._inputs(keys)
        records = await self._look_up(inputs, inputs["customer_id"] or inputs["account_id"] or inputs["email"], None, deadline)
        if len(records) > 1:  # such as a couple with one e-mail address: what belongs to whom cannot be told
            raise InvalidResponse(self.key, "several records where one person's was asked for")
        return records

    def wants_details(self, keys: DetailKeys) -> bool:
        """A system that is asked by phone number has said all it knows by then."""
        inputs = days(self.settings.zone) | self._inputs(keys)
        return bool(self.settings.details_by and self.steps) and request_of(self.steps[0][0], inputs) is not None

    def _inputs(self, keys: DetailKeys) -> dict[str, str]:
        customer_id = keys.record_ids.get(self.settings.details_by, "")
        return {"customer_id": customer_id, "account_id": keys.account_id, "email": keys.email, "phone_e164": keys.phone}

    async def availability(self, question: AvailabilityQuestion, deadline: Deadline) -> Availability:
        step = self.options.availability
        asked = {"service_type": question.service_type, "location": question.location, **days(self.settings.zone, question.day)}
        request = request_of(step, asked)
        if request is None or says_not_found(self.options.errors, answer := await self.door.ask(request, deadline), self.key):
            return Availability(None)
        return availability_in(step, self.door.checked(answer), self.key)

    async def health(self, deadline: Deadline) -> Health:
        if self.options.health:
            await self._ask(self.options.health, {}, deadline)
        else:
            await self.door.sign_in(deadline)
        return Health("healthy")

    async def close(self) -> None:
        await self.door.close()

    async def _look_up(self, inputs: Inputs, known_id: str, number: Number | None, deadline: Deadline) -> list[SourceRecord]:
        if not self.steps:  # it knows services and nobody
            return []
        (first, _mapping), *rest = self.steps
        records = []
        for raw in await self._ask(first, inputs, deadline):
            record = self.record(raw, own_id(first, raw, self.key) or known_id, url=page_of(first, raw, self.key))
            if (matched := why_matched(record, number)) is not None:
                records.append(replace(record, matched=matched))
        # Of several people, nothing more is asked about any until one is picked.
        if rest and len(records) == 1:
            return [await self._more(records[0], *rest[0], inputs, deadline)]
        return records

    async def _more(
        self, record: SourceRecord, step: Step, mapping: FieldMapping, inputs: Inputs, deadline: Deadline
    ) -> SourceRecord:
        patience = deadline.within(deadline.left() * _SHARE_OF_SECOND_STEP)
        try:
            answers = await self._ask(step, {**inputs, **outputs_of(record)}, patience)
        except SourceError:  # who it is, is known; only what this step would have told is missing
            return replace(record, unreadable=(*record.unreadable, *mapping.expressions))
        if not answers:
            return record
        fields, unreadable = mapping.read(answers[0], ZoneInfo(self.settings.zone))
        return replace(record, fields={**record.fields, **fields}, unreadable=(*record.unreadable, *unreadable))

    async def _ask(self, step: Step, inputs: Inputs, deadline: Deadline) -> list[dict[str, JSON]]:
        """The raw records of the step's answer; ``[]`` where it could not be asked or found nobody."""
        request = request_of(step, days(self.settings.zone) | dict(inputs))
        if request is None:
            return []
        answer = await self.door.ask(request, deadline)
        nobody = says_not_found(self.options.errors, answer, self.key)
        return [] if nobody else records_in(step, self.door.checked(answer), self.key)
