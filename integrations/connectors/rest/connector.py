"""Any system with an HTTP API that answers in JSON, described and not programmed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from typing import ClassVar
from zoneinfo import ZoneInfo

from integrations.connectors.base import Connector, Deadline, DetailKeys, FieldMapping, Health
from integrations.connectors.http import HttpDoor
from integrations.connectors.rest.answers import own_id, page_of, records_in, says_not_found, why_matched
from integrations.connectors.rest.auth import RestSecrets, SignIn, sign_in
from integrations.connectors.rest.requests import Inputs, phone_inputs, request_of
from integrations.connectors.rest.shape import OWN, RestOptions, Step
from integrations.phone import Number
from integrations.profile import JSON, SourceRecord


class RestConnector(Connector):
    kind = "rest"
    label = "Other system (HTTP)"
    capabilities = frozenset({"find", "details", "health"})
    Options = RestOptions
    Secrets = RestSecrets
    field_table: ClassVar[Mapping[str, str]] = {}  # the shape's maps take its place

    @cached_property
    def http(self) -> HttpDoor:
        return HttpDoor(self.key, self.options.base_url, self.settings.network, headers=self.sign_in.headers)

    @cached_property
    def sign_in(self) -> SignIn:
        return sign_in(self.key, self.options.auth, self.secrets, self.settings.network)

    @cached_property
    def steps(self) -> list[tuple[Step, FieldMapping]]:
        """Each step with its map. The admin's changes go where the field is mapped, else to the first step."""
        later = {name for step in self.options.lookup.steps[1:] for name in step.map}
        changes = self.settings.mapping
        found = []
        for number, step in enumerate(self.options.lookup.steps):
            table = {name: mapped.expression for name, mapped in step.map.items() if name not in OWN}
            own = {name: value for name, value in changes.items() if (name in later) == bool(number)}
            found.append((step, FieldMapping(table, own, self.settings.vocabulary)))
        return found

    @cached_property
    def mapping(self) -> FieldMapping:
        """The first step's. Whatever else cannot be used is found here too, before anyone calls."""
        _ = self.http
        return self.steps[0][1]

    async def find(self, number: Number, deadline: Deadline) -> list[SourceRecord]:
        notations = dict.fromkeys([self.options.phone.format, *self.options.phone.variants])
        for notation in notations:
            if found := await self._look_up(phone_inputs(number, notation), "", number, deadline):
                return found
        return []

    async def details(self, keys: DetailKeys, deadline: Deadline) -> list[SourceRecord]:
        inputs = self._inputs(keys)
        known = inputs["customer_id"] or inputs["account_id"] or inputs["email"]
        return await self._look_up(inputs, known, None, deadline)

    def wants_details(self, keys: DetailKeys) -> bool:
        """A system that is asked by phone number has said all it knows by then."""
        return bool(self.settings.details_by) and request_of(self.options.lookup.steps[0], self._inputs(keys)) is not None

    def _inputs(self, keys: DetailKeys) -> dict[str, str]:
        customer_id = keys.record_ids.get(self.settings.details_by, "")
        return {"customer_id": customer_id, "account_id": keys.account_id, "email": keys.email, "phone_e164": keys.phone}

    async def health(self, deadline: Deadline) -> Health:
        if self.options.health:
            await self._ask(self.options.health, {}, deadline)
        elif self.sign_in.tokens:
            await self.sign_in.tokens.current(deadline)
        return Health("healthy")

    # -- Asking ---------------------------------------------------------------------------------------------------

    async def _look_up(self, inputs: Inputs, known_id: str, number: Number | None, deadline: Deadline) -> list[SourceRecord]:
        (first, _mapping), *rest = self.steps
        records = []
        for raw in await self._ask(first, inputs, deadline):
            record = self.record(raw, own_id(first, raw) or known_id, url=page_of(first, raw))
            if (matched := why_matched(record, number)) is not None:
                records.append(replace(record, matched=matched))
        # Of several people, nothing more is asked about any until one is picked.
        if rest and len(records) == 1:
            return [await self._more(records[0], *rest[0], inputs, deadline)]
        return records

    async def _more(
        self, record: SourceRecord, step: Step, mapping: FieldMapping, inputs: Inputs, deadline: Deadline
    ) -> SourceRecord:
        outputs = {name: str(value) for name, value in record.fields.items() if isinstance(value, str | int | float)}
        answers = await self._ask(step, {**inputs, **outputs, "record_id": record.record_id}, deadline)
        if not answers:
            return record
        fields, unreadable = mapping.read(answers[0], ZoneInfo(self.settings.zone))
        return replace(record, fields={**record.fields, **fields}, unreadable=(*record.unreadable, *unreadable))

    async def _ask(self, step: Step, inputs: Inputs, deadline: Deadline) -> list[dict[str, JSON]]:
        """The raw records of the step's answer; ``[]`` where it could not be asked or found nobody."""
        request = request_of(step, inputs)
        if request is None:
            return []
        tokens = self.sign_in.tokens
        for attempt in range(2):
            token = await tokens.current(deadline) if tokens else ""
            answer = await self.http.ask(
                request.method,
                request.path,
                deadline,
                query={**request.query, **self.sign_in.query} or None,
                headers={**request.headers, **({"Authorization": f"Bearer {token}"} if token else {})},
                json=request.json,
                form=request.form,
            )
            if answer.status != 401 or not tokens or attempt:
                break
            tokens.forget(token)  # it was taken back before it expired
        if says_not_found(self.options.errors, answer, self.key):
            return []
        return records_in(step, self.http.checked(answer), self.key)
