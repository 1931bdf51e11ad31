"""``GET /api/v1/health``: how the organisation's systems are, for whoever watches over them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django.http import HttpRequest, HttpResponse
from rest_framework import serializers

from integrations.api.errors import json_response
from integrations.api.examples import HEALTH_ANSWERED
from integrations.api.keys import authenticate
from integrations.api.schema import described
from integrations.api.views import ApiView
from integrations.lookup.probes import Probe, overall_of, probe


class ServiceHealth(serializers.Serializer[Any]):
    """``error`` is a sentence; absent when healthy."""

    status = serializers.ChoiceField(choices=["healthy", "degraded", "unhealthy", "needs_attention"])
    error = serializers.CharField(required=False)
    since = serializers.DateTimeField(help_text="When the status last changed, as far as is known.")


class HealthAnswer(serializers.Serializer[Any]):
    """``services`` by the keys of the systems."""

    timestamp = serializers.DateTimeField()
    services = serializers.DictField(child=ServiceHealth())
    overall = serializers.ChoiceField(choices=["healthy", "degraded", "unhealthy"])


class HealthView(ApiView):
    scope = "health"
    http_method_names = ["get"]

    @described("health", HealthAnswer, answered=HEALTH_ANSWERED)
    async def get(self, request: HttpRequest) -> HttpResponse:
        """Probe every connected system; what was found in the last 15 seconds is told again."""
        client = await authenticate(request, self.scope)
        probes = await probe(client.viewer.organization_id)
        body = {
            "timestamp": datetime.now(UTC).isoformat(timespec="seconds"),
            "services": {one.key: _service(one) for one in probes},
            "overall": overall_of(probes),
        }
        return json_response(body)


def _service(one: Probe) -> dict[str, str]:
    error = {"error": one.message} if one.message else {}
    return {"status": one.status, **error, "since": one.since}
