"""``POST /api/v1/availability``: whether a service can be had, as the organisation's systems say."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from django.http import HttpResponse
from rest_framework import serializers

from integrations.api.errors import json_response
from integrations.api.examples import AVAILABILITY_ANSWERED, AVAILABILITY_ASKED
from integrations.api.keys import Client, refuse_another_organization
from integrations.api.schema import described
from integrations.api.views import ApiView, validated
from integrations.disclosure import audit
from integrations.lookup.availability import Free, what_is_free
from integrations.models import Event

MAX_TEXT = 200


class AvailabilityRequest(serializers.Serializer[Any]):
    """What somebody looks for; unknown fields are ignored."""

    service_type = serializers.CharField(max_length=MAX_TEXT, help_text="The service, as your systems name it.")
    location = serializers.CharField(max_length=MAX_TEXT, help_text="Where: a place or a postal code.")
    date = serializers.DateField(required=False, allow_null=True, help_text="From which day on; today unless given.")


class OptionAnswer(serializers.Serializer[Any]):
    """Texts as the system writes them; empty where it does not say."""

    service = serializers.CharField(allow_blank=True)
    location = serializers.CharField(allow_blank=True)
    next_at = serializers.CharField(allow_blank=True)
    note = serializers.CharField(allow_blank=True)


class AvailabilityAnswer(serializers.Serializer[Any]):
    """``available`` is absent when the status is ``unknown``."""

    status = serializers.ChoiceField(choices=["available", "unavailable", "unknown"])
    available = serializers.BooleanField(required=False)
    options = OptionAnswer(many=True)
    as_of = serializers.DateTimeField()
    source = serializers.CharField(  # type: ignore[assignment]  # the contract's name shadows the base class's
        allow_blank=True, help_text="Keys of the systems that answered, with commas between; empty if none did."
    )


_REQUEST = AvailabilityRequest()


class AvailabilityView(ApiView):
    scope = "availability"

    @described(
        "availability",
        AvailabilityAnswer,
        request=AvailabilityRequest,
        asked=AVAILABILITY_ASKED,
        answered=AVAILABILITY_ANSWERED,
    )
    async def post(self, request: Any) -> HttpResponse:
        """Ask every system that knows services whether one can be had."""
        return await super().post(request)

    async def answer(self, client: Client, body: dict[str, Any]) -> HttpResponse:
        asked = validated(_REQUEST, body)
        await refuse_another_organization(client, body, "availability")
        organization_id = client.viewer.organization_id
        free = await what_is_free(organization_id, asked["service_type"], asked["location"], asked.get("date"))
        await audit.record(client.viewer.entry(Event.AVAILABILITY, outcome=free.status, sources=free.sources))
        return json_response(answer_of(free))


def answer_of(free: Free) -> dict[str, Any]:
    """An answer in the shape of AvailabilityAnswer."""
    said = {} if free.available is None else {"available": free.available}
    options = [asdict(option) for option in free.options]
    return {"status": free.status, **said, "options": options, "as_of": free.as_of, "source": ", ".join(free.sources)}
