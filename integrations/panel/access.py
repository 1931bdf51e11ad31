"""The one entry to a panel's views: who is asking, for which call, and whether for a part of the page or for all of it."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from functools import wraps
from typing import Any
from zoneinfo import ZoneInfo

from asgiref.sync import sync_to_async
from django.contrib.auth.views import redirect_to_login
from django.db import Error as AnyDatabaseError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.urls import reverse
from django_htmx.http import HttpResponseClientRedirect

from integrations.calls import caller_id_of, find_call, note_opening, rings_back
from integrations.calls.identity import checked
from integrations.disclosure import Context, Viewer, new_view_id
from integrations.disclosure.context import Checked
from integrations.disclosure.viewers import authorise, record_denial
from integrations.errors import AccessDenied
from integrations.models import Call, Channel, Organization, User
from integrations.models.organizations import IdentityQuestion
from integrations.phone import CallerId
from integrations.presentation.formatting import ValueFormatter, at_home

_VIEW_ID = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True)
class PanelRequest:
    """A viewer in their organisation, and the call if the address names one. ``htmx``: a part of the page is asked for.
    ``rings_back``: the agent calls, or will call, the person."""

    viewer: Viewer
    organization: Organization
    call: Call | None = None
    checked: Checked | None = None
    htmx: bool = False
    rings_back: bool = False

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.organization.timezone)

    @property
    def formatter(self) -> ValueFormatter:
        """Turns values into what this organisation's people read."""
        return ValueFormatter(self.zone, self.organization.region)

    def at_home(self) -> AbstractContextManager[None]:
        """Draws pages with the organisation's times, in its country's order, within the block."""
        return at_home(self.zone, self.organization.region)

    @property
    def caller_id(self) -> CallerId:
        if self.call is None:
            raise LookupError("this visit is not to a call")
        return caller_id_of(self.call, self.organization.region)

    def context(self, *, purpose: str = "", view_id: str = "") -> Context:
        """The occasion, for the audit. ``view_id`` is of the showing that this belongs to, if it is one."""
        showing = view_id if _VIEW_ID.fullmatch(view_id) else new_view_id()
        if self.call is None:
            return Context(purpose=purpose, view_id=showing)
        call_sid, panel_key = self.call.call_sid or "", self.call.key
        return Context(purpose, call_sid, panel_key=panel_key, view_id=showing, checked=self.checked, counts_calls=True)


def authorize(request: HttpRequest, org: str, key: str = "") -> PanelRequest:
    """The logged-in user's visit. Raises Http404, with the denial on record, for whoever has no authority here. (sync)

    Whether an organisation or a call exists is not told to those who may not see it.
    """
    user = request.user
    if not isinstance(user, User):
        raise Http404
    try:
        viewer = authorise(user, org, channel=Channel.PANEL, address=request.META.get("REMOTE_ADDR", ""))
    except AccessDenied:
        raise Http404 from None
    organization = Organization.objects.get(pk=viewer.organization_id)
    if not key:
        return PanelRequest(viewer, organization, htmx=is_for_a_part(request))
    call = find_call(organization, key)
    if call is None:
        if Call.objects.filter(key=key).exists():
            record_denial(user, what="open a call of another organisation", channel=Channel.PANEL, address=viewer.address)
        raise Http404
    asks = organization.identity_check != IdentityQuestion.OFF
    return PanelRequest(viewer, organization, call, checked(call) if asks else None, is_for_a_part(request), rings_back(call))


def authorize_page(request: HttpRequest, org: str, key: str) -> PanelRequest:
    """``authorize()`` to the call's page itself, not to a part of it: the call comes first in the person's list. (sync)"""
    panel = authorize(request, org, key)
    if panel.call and panel.viewer.person_id is not None:
        with suppress(AnyDatabaseError):  # no reason not to show the call
            note_opening(panel.call, panel.viewer.person_id)
    return panel


def is_for_a_part(request: HttpRequest) -> bool:
    """Whether htmx asks, which puts the answer into the page that is open."""
    return bool(request.htmx)  # type: ignore[attr-defined]  # django-htmx adds it


def to_log_in(request: HttpRequest, org: str, key: str) -> HttpResponse:
    """Lead to the log-in and back to the call. htmx would swap the log-in page into the panel, so it is told to go there."""
    redirection = redirect_to_login(reverse("panel-call", args=[org, key]))
    return HttpResponseClientRedirect(redirection.url) if is_for_a_part(request) else redirection


AuthorizedView = Callable[[HttpRequest, PanelRequest], Awaitable[HttpResponseBase]]
View = Callable[[HttpRequest, str, str], Coroutine[Any, Any, HttpResponseBase]]


def authorized(view: AuthorizedView) -> View:
    """A view of a call, for whoever is logged in and may see it. Everybody else is led to the log-in, or finds nothing."""
    return _authorized_by(authorize, view)


def visited_page(view: AuthorizedView) -> View:
    """``authorized()`` for the call's page itself."""
    return _authorized_by(authorize_page, view)


def _authorized_by(way: Callable[[HttpRequest, str, str], PanelRequest], view: AuthorizedView) -> View:
    @wraps(view)
    async def entered(request: HttpRequest, org: str, key: str) -> HttpResponseBase:
        if not (await request.auser()).is_authenticated:
            return to_log_in(request, org, key)
        return await view(request, await sync_to_async(way)(request, org, key))

    return entered
