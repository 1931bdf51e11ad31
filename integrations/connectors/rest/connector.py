"""Any system with an HTTP API that answers in JSON, described and not programmed."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property, partial
from typing import ClassVar

from integrations.connectors.base import (
    MAX_CANDIDATES,
    Availability,
    AvailabilityQuestion,
    Connector,
    DetailKeys,
    Health,
    usable,
)
from integrations.connectors.leaving_out import is_left_out
from integrations.connectors.mapping import FieldMapping
from integrations.connectors.rest.answers import availability_in, own_id, page_of, says_not_found
from integrations.connectors.rest.asking import Asking
from integrations.connectors.rest.auth import RestSecrets, SignedDoor, sign_in
from integrations.connectors.rest.finding import Finding
from integrations.connectors.rest.requests import days, inputs_of, phone_inputs, request_of, with_days
from integrations.connectors.rest.shape import BY_PHONE, RestOptions, Step
from integrations.connectors.rest.steps import MappedStep, lookup_steps, sampled, search_steps
from integrations.deadline import Deadline
from integrations.errors import InvalidResponse
from integrations.phone import Number
from integrations.profile import JSON, Match, SourceRecord
from integrations.search_query import MAX_HITS, By, SearchQuery


class RestConnector(Connector):
    kind = "rest"
    label = "Other system (HTTP)"
    capabilities = frozenset({"find", "details", "search", "availability", "health"})
    Options = RestOptions
    Secrets = RestSecrets
    field_table: ClassVar[Mapping[str, str]] = {}  # the shape's maps take its place

    @cached_property
    def door(self) -> SignedDoor:
        signing_in = sign_in(self.key, self.options.auth, self.secrets, self.network)
        return SignedDoor(self.key, self.options.base_url, self.network, signing_in)

    @cached_property
    def asking(self) -> Asking:
        return Asking(self.door, self.options.errors, self.settings.zone, self.settings.habits)

    @cached_property
    def steps(self) -> list[MappedStep]:
        """The steps of the lookup."""
        return lookup_steps(self.options, self.settings.mapping, self.settings.vocabulary)

    @cached_property
    def searching(self) -> list[MappedStep]:
        """The one that finds people by what is typed, if it is described."""
        return search_steps(self.options, self.settings.mapping, self.settings.vocabulary)

    @cached_property
    def mapping(self) -> FieldMapping:
        """The first step's. Whatever else cannot be used is found here too, before anyone calls."""
        _ = self.door, self.searching
        return self.steps[0][1] if self.steps else FieldMapping({}, {}, self.settings.vocabulary)

    @property
    def field_expressions(self) -> dict[str, str]:
        return {name: text for _step, mapping in self.steps for name, text in mapping.expressions.items()}

    def can(self, capability: str) -> bool:
        """Whether it can, by what is described: a system may know only services, or be asked only by somebody's id."""
        by_phone = bool(self.steps) and self.steps[0][0].needs <= BY_PHONE
        described = {
            "find": by_phone,
            # Who is asked by phone number has said all they know by then.
            "details": self.steps and (self.settings.details_by or not by_phone),
            "search": self.searching,
            "availability": self.options.availability,
        }
        return bool(described[capability]) if capability in described else super().can(capability)

    async def find(self, number: Number, deadline: Deadline) -> list[SourceRecord]:
        if not self.steps:  # it knows services and nobody
            return []
        (first, mapping), trusted = self.steps[0], self.options.phone.trusted
        finding = Finding(self.asking, self.steps, partial(self._record, first, mapping), self.settings.region, trusted)
        found: list[SourceRecord] = []
        for inputs in phone_inputs(number, self.options.phone, self._named):
            found += await finding.people(number, inputs, deadline)
            if not all(is_left_out(record) for record in found):
                break
        return found

    async def search(self, search_query: SearchQuery, deadline: Deadline) -> list[SourceRecord]:
        inputs = {"query": search_query.text, "email": search_query.text if search_query.by is By.EMAIL else ""}
        found = [(*one, raw) for one in self.searching for raw in await self.asking.records(one[0], inputs, deadline)]
        people = usable(lambda one: self._record(*one), found[:MAX_CANDIDATES])
        return sorted(people, key=lambda person: not search_query.fits(person.fields))[:MAX_HITS]

    async def details(self, keys: DetailKeys, deadline: Deadline) -> list[SourceRecord]:
        inputs = inputs_of(keys, self.settings.details_by)
        (first, mapping), *rest = self.steps
        known_id = inputs["customer_id"] or inputs["account_id"] or inputs["email"]
        raws = await self.asking.records(first, inputs, deadline)
        records = [self._record(first, mapping, raw, known_id=known_id) for raw in raws[:2]]
        if len(records) > 1:  # such as a couple with one e-mail address: what belongs to whom cannot be told
            raise InvalidResponse(self.key, "several records where one person's was asked for")
        return [await self.asking.more(record, rest[0], inputs, deadline) if rest else record for record in records]

    def has_details_for(self, keys: DetailKeys) -> bool:
        """A system that is asked by phone number has said all it knows by then."""
        if not (self.settings.details_by and self.steps):
            return False
        step, inputs = self.steps[0][0], inputs_of(keys, self.settings.details_by)
        return request_of(step, with_days(step, inputs, self.settings.zone)) is not None

    @cached_property
    def _named(self) -> set[str]:
        """Every input that a step of the lookup names."""
        return {name for step, _mapping in self.steps for name in step.names}

    async def availability(self, question: AvailabilityQuestion, deadline: Deadline) -> Availability:
        step = self.options.availability
        asked = {"service_type": question.service_type, "location": question.location, **days(self.settings.zone, question.day)}
        request = request_of(step, asked)
        if request is None or says_not_found(self.options.errors, answer := await self.door.ask(request, deadline), self.key):
            return Availability(None)
        return availability_in(step, self.door.checked(answer), self.key)

    def read_sample(self, sample: JSON) -> list[SourceRecord]:
        step, mapping, raws = sampled(self.steps, sample, self.key)
        return [self._record(step, mapping, raw, known_id="sample") for raw in raws]

    async def health(self, deadline: Deadline) -> Health:
        described = self.options.health
        await (self.asking.records(described, {}, deadline, missing_ok=False) if described else self.door.sign_in(deadline))
        return Health("healthy")

    async def warm_up(self, deadline: Deadline) -> None:
        await self.door.sign_in(deadline)

    async def close(self) -> None:
        await self.door.close()

    def _record(
        self, step: Step, mapping: FieldMapping, raw: JSON, matched: tuple[Match, ...] = (), known_id: str = ""
    ) -> SourceRecord:
        record_id = own_id(step, raw, self.key) or known_id
        return self.record(raw, record_id, mapping=mapping, matched=matched, url=page_of(step, raw, self.key))
