"""The agents' dashboard: search by number, recent calls."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from integrations.calls import CallFacts, caller_id_of, open_call, recent_calls
from integrations.dashboard.sessions import ORGANIZATION
from integrations.disclosure.viewers import people_of, person_in, record_denial
from integrations.errors import ConfigurationError
from integrations.models import Call, Channel, Organization, Person, Role, User
from integrations.phone import MAX_RAW_LENGTH, NotANumber, Number, classify
from integrations.presentation.formatting import at_home
from integrations.presentation.translation import translated
from integrations.storage.encryption import decrypt, encrypt

# The session's key for a number whose search has to wait for a log-in (encrypted, and when), and how long it waits.
TYPED = "typed"
TYPED_FOR_S = 900


@dataclass(frozen=True)
class CallRow:
    """A recent call as the list shows it: never more of the number than its last four digits."""

    key: str
    hint: str
    direction: str
    at: datetime


@never_cache
@login_required
@require_GET
def dashboard(request: HttpRequest) -> HttpResponseBase:
    return _page(request, typed=_typed_before(request))


def _typed_before(request: HttpRequest) -> str:
    """What was typed into the search just before the session ended."""
    if TYPED not in request.session:
        return ""
    sealed, at = request.session.pop(TYPED)
    try:
        return decrypt(sealed) if timezone.now().timestamp() - at < TYPED_FOR_S else ""
    except ConfigurationError:  # the key has been changed since
        return ""


@never_cache
@require_http_methods(["GET", "POST"])
def search(request: HttpRequest) -> HttpResponseBase:
    """Open the panel of a number. It is posted, so that it is in no address and no log.

    Where the session has ended meanwhile, the number waits in the next one, and the dashboard has it.
    """
    if request.method == "GET":
        return redirect("dashboard")
    if not request.user.is_authenticated:
        typed = request.POST.get("phone", "")[:MAX_RAW_LENGTH]
        request.session[TYPED] = (encrypt(typed), timezone.now().timestamp())
        return redirect_to_login(reverse("dashboard"))
    person = current_person(request)
    if person is None:
        return _page(request)
    raw = request.POST.get("phone", "")
    caller_id = classify(raw.strip(), person.organization.region)  # typed: a blank before it is no "+"
    if isinstance(caller_id, NotANumber):
        return _page(request, problem=translated(caller_id.reason), typed=raw[:MAX_RAW_LENGTH], status=400)
    call = open_call(person.organization_id, CallFacts(caller_id), person_id=person.pk)
    return redirect("panel-call", org=person.organization.slug, key=call.key)


@require_POST
def switch_organization(request: HttpRequest) -> HttpResponseRedirect:
    """Switch to an organisation that the user takes part in; anything else changes nothing and goes on record."""
    if not request.user.is_authenticated:
        return redirect_to_login(reverse("dashboard"))
    wanted = request.POST.get("organization", "")
    if person_in(request.user, wanted):
        request.session[ORGANIZATION] = wanted
    elif wanted and isinstance(request.user, User):
        address = request.META.get("REMOTE_ADDR", "")
        record_denial(request.user, what="switch to organisation", channel=Channel.DASHBOARD, address=address)
    return redirect("dashboard")


def current_person(request: HttpRequest) -> Person | None:
    """The person that the user is in the session's organisation, or in their first one."""
    chosen = person_in(request.user, request.session.get(ORGANIZATION, ""))
    return chosen or next(iter(people_of(request.user)), None)


def _page(request: HttpRequest, *, problem: str = "", typed: str = "", status: int = 200) -> HttpResponse:
    person = current_person(request)
    context: dict[str, Any] = {
        "person": person,
        "organization": person.organization if person else None,
        "organizations": [other.organization for other in people_of(request.user)],
        "is_admin": request.user.is_superuser or (person is not None and person.role == Role.ADMIN),
        "problem": problem,
        "typed": typed,
    }
    if person is None:
        return render(request, "integrations/dashboard/no_organization.html", context, status=403)
    with at_home(ZoneInfo(person.organization.timezone), person.organization.region):
        context["calls"] = [_row(call, person.organization) for call in recent_calls(person.organization_id, person.pk)]
        context["greeting"] = _("Who is calling?")
        return render(request, "integrations/dashboard/agents.html", context, status=status)


def _row(call: Call, organization: Organization) -> CallRow:
    caller_id = caller_id_of(call, organization.region)
    hint = caller_id.hint if isinstance(caller_id, Number) else ""
    return CallRow(call.key, hint, call.direction, call.touched_at)
