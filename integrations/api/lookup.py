"""``POST /api/v1/lookup``: who is calling, as this key's tier may see it."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from rest_framework import serializers

from integrations.api.errors import json_response
from integrations.api.examples import LOOKUP_ANSWERED, LOOKUP_ASKED
from integrations.api.keys import Client, refuse_another_organization
from integrations.api.schema import described
from integrations.api.views import ApiView, BadRequest, validated
from integrations.calls import CallFacts
from integrations.calls.named import NamedCall
from integrations.disclosure import Context, Disclosure, DisclosureSession, refuse_probing
from integrations.lookup import LookupRequest, LookupStatus, SourceStatus, look_up
from integrations.phone import MAX_RAW_LENGTH, NotANumber, classify

DEFAULT_DEADLINE_MS = 6_000


class LookupBody(serializers.Serializer[Any]):
    """Unknown fields are ignored. What is not known is left out, or null; an empty text is refused."""

    phone = serializers.CharField(
        max_length=MAX_RAW_LENGTH, help_text="The caller's number or id as the phone system sends it."
    )
    call_sid = serializers.CharField(max_length=64, required=False, allow_null=True)
    task_sid = serializers.CharField(max_length=34, required=False, allow_null=True)
    deadline_ms = serializers.IntegerField(min_value=100, max_value=DEFAULT_DEADLINE_MS, required=False, allow_null=True)
    refresh = serializers.BooleanField(required=False, allow_null=True, default=False)
    reason = serializers.CharField(
        max_length=500,
        required=False,
        allow_null=True,
        help_text="Recorded in the audit trail; reveals nothing.",
    )


class ConflictAnswer(serializers.Serializer[Any]):
    source = serializers.CharField()  # type: ignore[assignment]  # the contract's name shadows the base class's
    value = serializers.JSONField()


class FieldAnswer(serializers.Serializer[Any]):
    source = serializers.CharField()  # type: ignore[assignment]
    fetched_at = serializers.DateTimeField()
    stale = serializers.BooleanField()
    masked = serializers.BooleanField()
    revealable = serializers.BooleanField()
    conflicts = ConflictAnswer(many=True)
    matched_by = serializers.CharField(required=False)


class MatchAnswer(serializers.Serializer[Any]):
    match_id = serializers.CharField()
    name = serializers.CharField(allow_blank=True)
    disambiguator = serializers.CharField(allow_blank=True)
    why = serializers.CharField(allow_blank=True)
    sources = serializers.ListField(child=serializers.CharField())


class SourceAnswer(serializers.Serializer[Any]):
    name = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]
    kind = serializers.CharField()
    status = serializers.ChoiceField(choices=[status.value for status in SourceStatus if status is not SourceStatus.PENDING])
    latency_ms = serializers.FloatField(allow_null=True)
    cached = serializers.BooleanField()
    age_s = serializers.FloatField(allow_null=True)


class LookupAnswer(serializers.Serializer[Any]):
    """Every key is always there."""

    lookup_status = serializers.ChoiceField(choices=[status.value for status in LookupStatus])
    phone_number = serializers.CharField(allow_null=True)
    match_count = serializers.IntegerField()
    caller = serializers.DictField(child=serializers.JSONField())
    fields = serializers.DictField(child=FieldAnswer())  # type: ignore[assignment]
    matches = MatchAnswer(many=True)
    sources = SourceAnswer(many=True)
    lookup_timestamp = serializers.DateTimeField()


_REQUEST = LookupBody()


class LookupView(ApiView):
    scope = "lookup"

    @described(
        "lookup",
        LookupAnswer,
        request=LookupBody,
        asked=LOOKUP_ASKED,
        answered=LOOKUP_ANSWERED,
        errors=("invalid_phone", "throttled"),
    )
    async def post(self, request: Any) -> HttpResponse:
        """Find the caller in every connected system at once."""
        return await super().post(request)

    async def answer(self, client: Client, body: dict[str, Any]) -> HttpResponse:
        caller_id = classify(body.get("phone"), client.region)
        if isinstance(caller_id, NotANumber):
            raise BadRequest("invalid_phone", caller_id.reason, {"phone": [caller_id.reason]})
        asked = validated(_REQUEST, body)
        context = Context(
            purpose=asked.get("reason") or "", call_sid=asked.get("call_sid") or "", task_sid=asked.get("task_sid") or ""
        )
        await refuse_another_organization(client, body, "lookup")
        organization_id = client.viewer.organization_id
        seconds = (asked.get("deadline_ms") or DEFAULT_DEADLINE_MS) / 1000
        call = NamedCall(organization_id, CallFacts(caller_id, context.call_sid, context.task_sid))
        showing = DisclosureSession(client.viewer, context, call if context.call_sid else None)
        counts, refresh = client.viewer.with_restricted, bool(asked.get("refresh"))
        question = LookupRequest(organization_id, caller_id, seconds, refresh=refresh, with_restricted=counts)
        refuse_probing(client.viewer)
        await showing.prepare()  # at hand, nearly always
        return json_response(answer_of(await showing.disclose(await look_up(question))))


def answer_of(shown: Disclosure) -> dict[str, Any]:
    """A disclosure in the shape of LookupAnswer."""
    return {
        "lookup_status": shown.status.value,
        "phone_number": shown.number.e164 if shown.number else None,
        "match_count": shown.match_count,
        "caller": shown.caller,
        "fields": {
            name: {
                "source": field.source,
                "fetched_at": field.fetched_at,
                "stale": field.stale,
                "masked": field.masked,
                "revealable": field.revealable,
                "conflicts": [{"source": source, "value": value} for source, value in field.conflicts],
                **({"matched_by": shown.matched_by} if shown.matched_by else {}),
            }
            for name, field in shown.fields.items()
            if not field.outdated
        },
        "matches": [
            {
                "match_id": match.match_id,
                "name": match.name,
                "disambiguator": match.disambiguator,
                "why": match.why,
                "sources": list(match.sources),
            }
            for match in shown.matches
        ],
        "sources": [
            {
                "name": source.key,
                "label": source.label,
                "kind": source.kind,
                "status": source.status.value,
                "latency_ms": source.latency_ms,
                "cached": source.cached,
                "age_s": source.age_s,
            }
            for source in shown.sources
        ],
        "lookup_timestamp": shown.at,
    }
