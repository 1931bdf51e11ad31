"""The right to see a call: every view of a panel begins here."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from django.db import Error as AnyDatabaseError
from django.http import Http404, HttpRequest

from integrations.calls import caller_id_of, find_call, note_opening
from integrations.calls.identity import checked
from integrations.disclosure import Context, Viewer, new_view_id
from integrations.disclosure.context import Checked
from integrations.disclosure.viewers import authorise, record_denial
from integrations.errors import AccessDenied
from integrations.models import Call, Channel, Organization, User
from integrations.models.organizations import IdentityQuestion
from integrations.phone import CallerId

_VIEW_ID = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True)
class Visit:
    """A viewer in their organisation, and the call if the address names one."""

    viewer: Viewer
    organization: Organization
    call: Call | None = None
    checked: Checked | None = None

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.organization.timezone)

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
        return Context(purpose, call_sid, panel_key=panel_key, view_id=showing, checked=self.checked)


def enter(request: HttpRequest, org: str, key: str = "") -> Visit:
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
        return Visit(viewer, organization)
    call = find_call(organization, key)
    if call is None:
        if Call.objects.filter(key=key).exists():
            record_denial(user, what="open a call of another organisation", channel=Channel.PANEL, address=viewer.address)
        raise Http404
    asks = organization.identity_check != IdentityQuestion.OFF
    return Visit(viewer, organization, call, checked(call) if asks else None)


def enter_page(request: HttpRequest, org: str, key: str) -> Visit:
    """``enter()`` to the call's page itself, not to a part of it: the call comes first in the person's list. (sync)"""
    visit = enter(request, org, key)
    if visit.call and visit.viewer.person_id is not None:
        with suppress(AnyDatabaseError):  # no reason not to show the call
            note_opening(visit.call, visit.viewer.person_id)
    return visit
