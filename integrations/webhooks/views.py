"""Receives webhooks: verify over the raw body, store, acknowledge. What is done about them is a runner's.

What a status does at Twilio: 2xx ends it; Event Streams send anything else again for four hours; TaskRouter and voice callbacks
send nothing again unless their address says so (``#rc=3&rp=5xx,ct,rt``), so what could be stored is never refused.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import structlog
from django.conf import settings
from django.core.exceptions import RequestAborted
from django.db import Error as AnyDatabaseError
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt

from integrations.api.errors import error_response
from integrations.disclosure.refusals import Refused, count, count_refusal
from integrations.jobs import inbox
from integrations.models import Organization
from integrations.storage.database_thread import in_database_thread
from integrations.tasks import process_delivery
from integrations.twilio.events import Form, Unreadable, parts
from integrations.twilio.signature import Verdict, check, path_as_received, userinfo_of
from integrations.webhooks.handlers import arrived, source_of

MAX_BODY = 1024 * 1024

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class _Door:
    """An organisation's own way in: the tokens of its Twilio accounts, each with its account's SID."""

    organization_id: int
    slug: str
    tokens: tuple[tuple[str, str], ...] = field(repr=False)


@csrf_exempt
async def receive(request: HttpRequest, hook_key: str, form: Form) -> HttpResponse:
    """Twilio's events of one form. Refuses strangers before their body is read."""
    if request.method != "POST":
        refused = error_response("method_not_allowed", "Use POST here.")
        refused["Allow"] = "POST"
        return refused
    try:
        return await _received(request, hook_key, form)
    except AnyDatabaseError as problem:
        log.error("webhook.not_stored", form=form.value, problem=type(problem).__name__)
        return error_response("audit_unavailable", "This cannot be stored at the moment. Send it again.")


async def _received(request: HttpRequest, hook_key: str, form: Form) -> HttpResponse:
    address = request.META.get("REMOTE_ADDR", "")
    door = await in_database_thread(_door, hook_key)
    if door is None:
        await in_database_thread(count_refusal, "webhooks", address)
        return error_response("not_found", "There is nothing at this address.")
    signed = bool(request.headers.get("X-Twilio-Signature"))
    try:
        body = await _body(request) if signed else b""
    except RequestAborted:
        return error_response("invalid_request", "The request ended before its body did.")
    if body is None:
        return error_response("too_large", f"The request body is larger than {MAX_BODY // 1024} KiB.")
    verdict = _verdict(request, door, body)
    if not verdict.ok:
        await in_database_thread(_refuse, door, address, form, verdict)
        return error_response("unauthenticated", "This is not signed with a token of this organisation's Twilio accounts.")
    return await in_database_thread(_store, door, form, body, door.tokens[verdict.token][0])


def _door(hook_key: str) -> _Door | None:
    organization = Organization.objects.tenants().filter(hook_key=hook_key).first()
    if organization is None:
        return None
    accounts = organization.twilio_accounts.order_by("account_sid")
    tokens = tuple((account.account_sid, token) for account in accounts for token in account.auth_tokens)
    return _Door(organization.pk, organization.slug, tokens)


async def _body(request: HttpRequest) -> bytes | None:
    """None for one that is too large. The thin stack leaves it unread until now."""
    incoming = getattr(request, "incoming", None)
    if incoming is not None:
        read: bytes | None = await incoming.read(MAX_BODY)
        return read
    return request.body if len(request.body) <= MAX_BODY else None


def _verdict(request: HttpRequest, door: _Door, body: bytes) -> Verdict:
    if not settings.PUBLIC_URL:
        return Verdict(False, "no_public_url")
    return check(
        body=body,
        content_type=request.headers.get("Content-Type", ""),
        query=request.META.get("QUERY_STRING", ""),
        path=path_as_received(getattr(request, "scope", {}), request.path),
        signature=request.headers.get("X-Twilio-Signature", ""),
        settings_header=request.headers.get("X-Twilio-Webhooks-Signature-Settings", ""),
        public_url=settings.PUBLIC_URL,
        tokens=[token for _account, token in door.tokens],
        userinfo=userinfo_of(request.headers.get("Authorization", "")),
    )


def _refuse(door: _Door, address: str, form: Form, verdict: Verdict) -> None:
    count(Refused("webhooks", address, organization_id=door.organization_id, outcome=verdict.reason))
    names = list(verdict.parameters)
    log.warning("webhook.refused", organization=door.slug, form=form.value, reason=verdict.reason, parameters=names)


def _store(door: _Door, form: Form, body: bytes, account_sid: str) -> HttpResponse:
    try:
        events = parts(form, body)
    except Unreadable as problem:
        return error_response("invalid_request", str(problem))
    for pk in inbox.store(door.organization_id, source_of(form), arrived(form, events, {account_sid})):
        process_delivery.enqueue(pk)
    return HttpResponse(status=204, content_type="application/json", headers={"Cache-Control": "no-store"})
