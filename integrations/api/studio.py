"""``POST /api/v1/studio/<org>/enrich`` and ``…/voicemail``: who is calling, as a Studio flow can use it.

The caller hears nothing while a flow waits, and an error costs the flow its answer. So whoever may ask gets 200 within seconds,
with what is known by then; nothing of the caller where that cannot be put on record.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import structlog
from django.db import Error as AnyDatabaseError
from django.http import HttpRequest, HttpResponse
from rest_framework import serializers
from rest_framework.parsers import FormParser, JSONParser

from integrations.api.errors import json_response
from integrations.api.examples import ENRICH_ANSWERED, ENRICH_ASKED
from integrations.api.schema import described_for_studio
from integrations.api.twilio_accounts import SCOPE, Asker, admit
from integrations.api.views import ApiView, BadRequest, fields_of, read_body, refuse_coded
from integrations.calls import MAX_SID, MAX_TASK_SID, CallFacts
from integrations.calls.addresses import panel_address, shell_address
from integrations.calls.named import NamedCall
from integrations.calls.voicemail import LeftMessage
from integrations.consents import ANSWERS
from integrations.deadline import Deadline
from integrations.disclosure import Context, DisclosureSession, audit, refuse_probing
from integrations.errors import PortalError
from integrations.lookup import LookupRequest, LookupStatus, known_within
from integrations.models import Event
from integrations.phone import CallerId, NotANumber, Withheld, classify
from integrations.profile import JSON
from integrations.routing.caller import caller_of, nobody, selected
from integrations.routing.menu import menu_for, rules_of

WITHIN_S = 4.5
_SID = re.compile(r"[A-Za-z0-9_-]+")

log = structlog.get_logger(__name__)


class EnrichRequest(serializers.Serializer[Any]):
    """A form, as Studio's widget sends it, or JSON. Unknown fields are ignored."""

    phone = serializers.CharField(
        required=False, allow_blank=True, help_text="The caller's id; {{trigger.call.From}}. Empty: withheld."
    )
    From = serializers.CharField(required=False, allow_blank=True, help_text="The same, as Twilio names it.")
    to = serializers.CharField(required=False, allow_blank=True)
    call_sid = serializers.CharField(required=False, allow_blank=True, help_text="The call; each has one panel.")
    flow_sid = serializers.CharField(required=False, allow_blank=True)
    execution_sid = serializers.CharField(required=False, allow_blank=True)
    stir_verstat = serializers.CharField(
        required=False, allow_blank=True, help_text="{{trigger.call.StirVerstat}}. A failed check is a warning."
    )


class EnrichAnswer(serializers.Serializer[Any]):
    """Flat, without nulls. What is not known is left out, but for what is required here."""

    found = serializers.BooleanField()
    match_count = serializers.IntegerField()
    lookup_status = serializers.ChoiceField(choices=[status.value for status in LookupStatus])
    caller_name = serializers.CharField(help_text="Unknown where it is not known, or not shared.")
    profile_url = serializers.CharField(help_text="The address of the call's panel.")
    attributes = serializers.DictField(help_text="Ready for Send to Flex: {{widgets.NAME.parsed.attributes | to_json}}.")
    customer = serializers.DictField()
    timestamp = serializers.DateTimeField()
    name = serializers.CharField(required=False)
    first_name = serializers.CharField(required=False)
    last_name = serializers.CharField(required=False)
    caller_email = serializers.CharField(required=False, help_text="Masked.")
    account_status = serializers.CharField(required=False)
    vip_customer = serializers.BooleanField(required=False)
    last_interaction = serializers.CharField(required=False)
    preferred_agent = serializers.CharField(required=False)
    language = serializers.CharField(required=False)
    interpreter = serializers.CharField(required=False, help_text="yes, no or the language.")
    menu_option = serializers.CharField(required=False, help_text="The first of menu_options.")
    menu_options = serializers.CharField(required=False, help_text="In their order, with commas between.")
    menu_greeting = serializers.CharField(required=False)
    menu_queue = serializers.CharField(required=False)
    menu_priority = serializers.IntegerField(required=False)
    voicemail_ok = serializers.ChoiceField(choices=ANSWERS, required=False)
    may_identify = serializers.ChoiceField(choices=ANSWERS, required=False)
    do_not_call = serializers.ChoiceField(choices=ANSWERS, required=False)
    calls_30d = serializers.IntegerField(required=False, help_text="Earlier calls of this number in 30 days.")
    crmid = serializers.CharField(required=False, help_text="The record's id in the CRM.")
    source = serializers.CharField(required=False, help_text="Keys of the systems that know the caller.")  # type: ignore[assignment]  # the contract's name shadows the base class's


@dataclass(frozen=True)
class Asked:
    """What a flow says of a call, as far as it can be used."""

    caller_id: CallerId
    call_sid: str = ""
    task_sid: str = ""
    recording_sid: str = ""
    doubted: bool = False

    @property
    def usable(self) -> CallerId:
        """The caller's id; withheld where what came is none."""
        return Withheld() if isinstance(self.caller_id, NotANumber) else self.caller_id


class StudioView(ApiView):
    """An address whose askers are answered whatever happens. Sub-classes implement ``told()``."""

    scope = SCOPE
    parser_classes = [FormParser, JSONParser]

    async def post(self, request: HttpRequest, org: str = "") -> HttpResponse:
        ends = Deadline(WITHIN_S)
        asker = await admit(request, org)
        asked = Asked(Withheld())
        try:
            asked = asked_of(await _fields(request, asker), asker.organization.region)
            return json_response(await self.told(asker, asked, ends) | self.besides(asked))
        except (BadRequest, PortalError, AnyDatabaseError) as problem:
            log.warning("studio.without_caller", problem=type(problem).__name__)
        except Exception as problem:
            # The caller waits: a mistake of ours must not cost the call its way. Its text may hold data.
            log.error("studio.crashed", problem=type(problem).__name__)
        return json_response(failed(asker, asked) | self.besides(asked))

    async def told(self, asker: Asker, asked: Asked, ends: Deadline) -> dict[str, JSON]:
        raise NotImplementedError

    def besides(self, asked: Asked) -> dict[str, JSON]:
        """What an answer holds whatever is known of the caller."""
        return {}


class EnrichView(StudioView):
    @described_for_studio("enrich", EnrichAnswer, request=EnrichRequest, asked=ENRICH_ASKED, answered=ENRICH_ANSWERED)
    async def post(self, request: HttpRequest, org: str = "") -> HttpResponse:
        """Say who is calling while Studio waits: within 4.5 seconds what is known by then."""
        return await super().post(request, org)

    async def told(self, asker: Asker, asked: Asked, ends: Deadline) -> dict[str, JSON]:
        call = NamedCall(asker.viewer.organization_id, CallFacts(asked.usable, asked.call_sid, doubted=asked.doubted))
        return await enriched(asker, asked, ends, call)


async def _fields(request: HttpRequest, asker: Asker) -> Mapping[str, Any]:
    refuse_coded(request)
    return fields_of(request, await read_body(request) if asker.body is None else asker.body)


def asked_of(fields: Mapping[str, Any], region: str) -> Asked:
    """An empty phone counts as withheld."""
    phone = fields.get("phone", fields.get("From", ""))
    is_empty = phone is None or (isinstance(phone, str) and not phone.strip())
    return Asked(
        Withheld() if is_empty else classify(phone, region),
        sid_of(fields.get("call_sid", fields.get("CallSid"))),
        sid_of(fields.get("task_sid"), MAX_TASK_SID),
        sid_of(fields.get("recording_sid"), MAX_TASK_SID),
        is_doubted(fields.get("stir_verstat", fields.get("StirVerstat"))),
    )


def is_doubted(verstat: object) -> bool:
    """Whether the phone network says (STIR/SHAKEN) that the call does not come from the number it shows."""
    return isinstance(verstat, str) and verstat.strip().casefold().startswith("tn-validation-failed")


def sid_of(said: object, most: int = MAX_SID) -> str:
    """A SID as it can be kept; empty for what is none."""
    return said if isinstance(said, str) and _SID.fullmatch(said) and len(said) <= most else ""


async def enriched(
    asker: Asker, asked: Asked, ends: Deadline, call: NamedCall | LeftMessage, *, in_task: bool = True
) -> dict[str, JSON]:
    """Everything within one commit: the call, its panel's key, and the entry that the caller was shown.

    ``in_task``: whether the call's SID belongs into its task.
    """
    viewer, share = asker.viewer, asker.organization.studio_share
    context = Context(call_sid=asked.call_sid, task_sid=asked.task_sid, counts_calls=True)
    sid = asked.call_sid if in_task else ""
    rules = await rules_of(viewer.organization_id)
    if isinstance(asked.caller_id, NotANumber):
        await audit.record(viewer.entry(Event.LOOKUP, outcome="no number", **context.facts), call)
        return nobody(LookupStatus.FAILED, address_of(asker, asked, call), sid, _now(), menu_for({}, rules))
    refuse_probing(viewer)
    session = DisclosureSession(viewer, context, call, selected(share, rules.fields))
    await session.prepare()
    question = LookupRequest(viewer.organization_id, asked.caller_id, with_restricted=viewer.with_restricted)
    shown = await session.disclose(await known_within(question, ends.left()))
    return caller_of(shown, share, address_of(asker, asked, call), sid, menu_for(shown.fields, rules))


def address_of(asker: Asker, asked: Asked, call: NamedCall | LeftMessage | None = None) -> str:
    """The call's panel; while its key is not known, the page that opens the call by its facts."""
    slug = asker.organization.slug
    return panel_address(slug, call.key) if call and call.key else shell_address(slug, asked.caller_id, asked.call_sid)


def failed(asker: Asker, asked: Asked) -> dict[str, JSON]:
    """The answer that holds nothing of the caller."""
    return nobody(LookupStatus.FAILED, address_of(asker, asked), asked.call_sid, _now())


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
