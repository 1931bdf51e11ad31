"""The API's keys: ``Authorization: Bearer KEY``, or Basic with the key as password."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import Error as AnyDatabaseError
from django.http import HttpRequest
from django.utils import timezone

from integrations.disclosure import audit
from integrations.disclosure.refusals import count_refusal
from integrations.disclosure.viewers import Viewer, viewer_of_key
from integrations.models import ApiKey, Event
from integrations.models.people import hash_api_key
from integrations.models.snapshots import Snapshots
from integrations.storage.database_thread import in_database_thread

# Often enough to see that a key is in use, seldom enough not to cost a write per request.
_USE_NOTED_EVERY = timedelta(minutes=10)


class Unauthenticated(Exception):
    """No key, a wrong one, or one that is no longer usable; ``str()`` is the sentence for the caller."""


class Forbidden(Exception):
    """The key is good and may not do this; the denial is committed. ``str()`` is the sentence for the caller."""


@dataclass(frozen=True)
class Client:
    """A program with a usable key. ``region`` is its organisation's, for numbers without a country code."""

    viewer: Viewer
    region: str


async def authenticate(request: HttpRequest, scope: str) -> Client:
    """The key's organisation is the request's. Raises Unauthenticated, Forbidden, AuditUnavailable."""
    address = request.META.get("REMOTE_ADDR", "")
    presented = _presented_key(request.headers.get("Authorization", ""))
    key = await _keys.get(hash_api_key(presented)) if presented else None
    if key is None:
        await in_database_thread(count_refusal, "api", address)
        raise Unauthenticated("Send an API key: 'Authorization: Bearer KEY', or Basic with the key as password.")
    viewer = viewer_of_key(key, address=address)
    if not key.usable:
        await audit.record(viewer.entry(Event.DENIED, outcome="key expired or deactivated", detail={"what": scope}))
        raise Unauthenticated("This API key has expired or was deactivated. Ask an administrator for a new one.")
    if scope not in key.scopes:
        await audit.record(viewer.entry(Event.DENIED, outcome="scope missing", detail={"what": scope}))
        raise Forbidden(f"This API key may not be used here: it lacks the scope {scope!r}.")
    now = timezone.now()
    if key.last_used_at is None or now - key.last_used_at > _USE_NOTED_EVERY:
        key.last_used_at = now
        await in_database_thread(_note_use, key.pk, now)
    return Client(viewer, key.organization.region)


async def refuse_another_organization(client: Client, body: Mapping[str, Any], what: str) -> None:
    """A key belongs to one organisation; a body that names another one is refused, on record. Raises Forbidden."""
    named = body.get("organization", body.get("org"))
    if named is None or named == client.viewer.organization:
        return
    await audit.record(client.viewer.entry(Event.DENIED, outcome="another organisation", detail={"what": what}))
    raise Forbidden("This API key belongs to another organisation.")


def _find(hashed: str) -> ApiKey | None:
    return ApiKey.objects.select_related("organization", "tier").filter(hash=hashed).first()


_keys = Snapshots(_find)


def _note_use(pk: int, now: datetime) -> None:
    with suppress(AnyDatabaseError):  # good to know, and no reason to refuse
        ApiKey.objects.filter(pk=pk).update(last_used_at=now)


def _presented_key(header: str) -> str:
    scheme, _space, value = header.partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    if scheme.lower() == "basic":
        try:
            pair = base64.b64decode(value.strip(), validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            return ""
        return pair.partition(":")[2]
    return ""
