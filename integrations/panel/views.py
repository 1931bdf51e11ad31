"""The panel: a data-free shell that opens calls, one call's page, its content, and the reveal of a field."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import orjson
from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import RequestDataTooBig
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.http.request import UnreadablePostError
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST
from django_htmx.http import HttpResponseClientRedirect

from integrations.calls import CallFacts, open_call
from integrations.calls.choices import choice_of
from integrations.disclosure import Disclosure, Showing, announce, clean_reason, disclose, refuse_probing, reveal
from integrations.errors import AccessDenied, NothingShown
from integrations.lookup import Choice, LookupResult, LookupStatus, Question, look_up, so_far, stream
from integrations.lookup.availability import knows_services
from integrations.panel.cards import lay_out, row_of
from integrations.panel.streams import EventStream, too_many
from integrations.panel.visits import Visit, enter, enter_page
from integrations.phone import NotANumber, Number, Withheld, classify
from integrations.presentation.formatting import ValueFormatter, at_home

MAX_REASON = 500
# How long a script that cannot read a stream waits for each of its answers.
POLL_S = 0.7
_COMPLETE = {LookupStatus.OK, LookupStatus.NOT_FOUND, LookupStatus.AMBIGUOUS}
_DENIED = gettext_lazy("This cannot be revealed. The attempt is on record.")
_NOT_NOW = gettext_lazy(
    "This cannot be revealed now, because a system did not answer. Try again in a minute. The attempt is on record."
)


@never_cache
@require_GET
def shell(request: HttpRequest, org: str) -> HttpResponse:
    """Holds no data: its script reads the call from behind ``#`` and posts it. Says nothing of whether ``org`` exists."""
    return render(request, "integrations/panel/shell.html", {"org": org})


@never_cache
@require_POST
def open_panel(request: HttpRequest, org: str) -> HttpResponse:
    """``{"url"}`` of the panel of the call that the body names (a form or JSON)."""
    if not request.user.is_authenticated:
        return _problem("unauthenticated", _("Log in first."), 401)
    try:
        visit = enter(request, org)
    except Http404:
        return _problem("not_found", _("There is no such organisation, or you are not part of it."), 404)
    try:
        facts = _call_facts(request, visit.organization.region)
    except RequestDataTooBig:
        return _problem("too_large", _("The description of the call is too large."), 413)
    if facts is None:
        return _problem("invalid_json", _("The call could not be read: its description is not a JSON object."), 400)
    if isinstance(facts.caller_id, NotANumber):
        return _problem("invalid_phone", facts.caller_id.reason, 400)
    call = open_call(visit.organization.pk, facts, person_id=visit.viewer.person_id)
    return JsonResponse({"url": reverse("panel-call", args=[org, call.key])})


def _call_facts(request: HttpRequest, region: str) -> CallFacts | None:
    """None when the body is not what it says it is. An absent phone is withheld; one that is no text is unusable."""
    body: Any = request.POST
    if request.content_type == "application/json":
        try:
            body = orjson.loads(request.body)
        except (orjson.JSONDecodeError, UnreadablePostError):
            return None
        if not isinstance(body, dict):
            return None
    said = {name: value if isinstance(value := body.get(name), str) else "" for name in _NAMES}
    absent = body.get("phone") is None or (isinstance(body.get("phone"), str) and not said["phone"].strip())
    caller_id = Withheld() if absent else classify(said["phone"], region)
    return CallFacts(caller_id, said["call_sid"].strip(), said["task_sid"].strip(), said["direction"].strip())


_NAMES = ("phone", "call_sid", "task_sid", "direction")


def _problem(code: str, message: str, status: int) -> JsonResponse:
    return JsonResponse({"error": {"code": code, "message": message, "fields": {}}}, status=status)


@never_cache
@require_GET
async def call_page(request: HttpRequest, org: str, key: str) -> HttpResponseBase:
    """The page of one call, at once: the number and where the rest will appear."""
    if not (await request.auser()).is_authenticated:
        return redirect_to_login(request.path)
    visit = await sync_to_async(enter_page)(request, org, key)
    number = visit.caller_id if isinstance(visit.caller_id, Number) else None
    try:
        text = await announce(number, visit.viewer, visit.context())
    except NothingShown as problem:
        return await cannot_be_shown(request, visit, problem)
    return await draw_page(request, visit, "call.html", {"number": text, "waiting": True, "search_first": is_shared(visit)})


def is_shared(visit: Visit) -> bool:
    """Whether the number is many people's, so that the caller has to be searched for."""
    number = visit.caller_id
    return isinstance(number, Number) and not set(number.forms).isdisjoint(visit.organization.shared_numbers)


async def cannot_be_shown(request: HttpRequest, visit: Visit, problem: NothingShown) -> HttpResponseBase:
    """The call's page without the caller, and why."""
    return await draw_page(request, visit, "call.html", {"unrecorded": problem.public_message}, status=503)


@never_cache
@require_GET
async def caller(request: HttpRequest, org: str, key: str) -> HttpResponseBase:
    """The content of the panel: the fragment alone for htmx, else the whole page with it.

    With ``poll`` what is known after a moment, for a script that asks again until it is complete.
    """
    if not (await request.auser()).is_authenticated:
        return to_log_in(request, org, key)
    visit = await sync_to_async(enter)(request, org, key)
    template = "_caller.html" if request.htmx else "call.html"  # type: ignore[attr-defined]  # django-htmx adds it
    try:
        refuse_probing(visit.viewer)
        question = await _question(visit, refresh=_asks_anew(request))
        result = await so_far(question, POLL_S) if "poll" in request.GET else await look_up(question)
        shown = await disclose(result, visit.viewer, visit.context())
    except NothingShown as problem:
        # 200: htmx swaps nothing else in, and the person must read this.
        return await draw_page(request, visit, template, {"unrecorded": problem.public_message})
    return await draw_page(request, visit, template, _board(shown, visit))


def _board(shown: Disclosure, visit: Visit) -> dict[str, Any]:
    with at_home(visit.zone, visit.organization.region):
        board = lay_out(shown, _formatter(visit))
    return {"board": board, "number": board.number, "view_id": shown.view_id}


@never_cache
@require_GET
async def stream_caller(request: HttpRequest, org: str, key: str) -> HttpResponseBase:
    """The same content as it fills in: server-sent events, each the whole fragment as far as it is known.

    Ends with the lookup, which ends by its deadline; whoever goes away ends it earlier.
    """
    session = request.COOKIES.get(settings.SESSION_COOKIE_NAME, "")
    if too_many(session):
        return _too_many_streams()
    if not (await request.auser()).is_authenticated:
        return _problem("unauthenticated", _("Log in first."), 401)
    visit = await sync_to_async(enter)(request, org, key)
    if too_many(session):  # they were opened at once
        return _too_many_streams()
    return EventStream(session, _events(request, visit))


def _too_many_streams() -> HttpResponse:
    problem = _problem("throttled", _("Too many panels are open here. Close some of them."), 429)
    problem["Retry-After"] = "5"
    return problem


async def _events(request: HttpRequest, visit: Visit) -> AsyncIterator[bytes]:
    showing = Showing(visit.viewer, visit.context())
    try:
        refuse_probing(visit.viewer)
    except NothingShown as problem:
        fragment = await draw_page(request, visit, "_caller.html", {"unrecorded": problem.public_message})
        yield _event("done", fragment.content)
        return
    async with aclosing(stream(await _question(visit, refresh=_asks_anew(request)))) as results:
        async for result in results:
            try:
                context = _board(await showing.disclose(result), visit)
            except NothingShown as problem:
                context = {"unrecorded": problem.public_message}
            fragment = await draw_page(request, visit, "_caller.html", context)
            yield _event("done" if result.complete or "unrecorded" in context else "board", fragment.content)
            if "unrecorded" in context:
                return


def _event(name: str, body: bytes) -> bytes:
    lines = [b"data: " + line for line in body.splitlines() if line.strip()]
    return b"event: " + name.encode() + b"\n" + b"\n".join(lines) + b"\n\n"


def to_log_in(request: HttpRequest, org: str, key: str) -> HttpResponse:
    """Lead to the log-in and back to the call. htmx would swap the log-in page into the panel, so it is told to go there."""
    redirection = redirect_to_login(reverse("panel-call", args=[org, key]))
    return HttpResponseClientRedirect(redirection.url) if request.htmx else redirection  # type: ignore[attr-defined]


@never_cache
@require_POST
async def reveal_field(request: HttpRequest, org: str, key: str) -> HttpResponseBase:
    """One field's value, for a reason that is committed to the audit trail before the value leaves."""
    if not (await request.auser()).is_authenticated:
        return to_log_in(request, org, key)
    visit = await sync_to_async(enter)(request, org, key)
    name = request.POST.get("field", "")[:64]
    reason = reason_given(request)
    view_id = posted(request, "view_id")
    result = await looked_up(visit)
    if not reason:
        return await _refused(request, visit, result, name, _("Say why you need to see it, then reveal it."), again=True)
    try:
        shown = await reveal(result, visit.viewer, name, visit.context(purpose=reason, view_id=view_id))
    except AccessDenied:
        # Worded by the look-up alone, so that it does not tell whether a hidden field has a value.
        complete = result.status in _COMPLETE
        return await _refused(request, visit, result, name, str(_DENIED if complete else _NOT_NOW), again=not complete)
    except NothingShown as problem:
        return await _refused(request, visit, result, name, problem.public_message, again=True)
    labels = {source.key: source.label for source in result.sources}
    row = row_of(shown, _formatter(visit), labels, revealed=True)
    return await draw_page(request, visit, "_field.html" if request.htmx else "revealed.html", {"row": row})  # type: ignore[attr-defined]


async def _refused(
    request: HttpRequest, visit: Visit, result: LookupResult, name: str, problem: str, *, again: bool
) -> HttpResponse:
    """The field with a sentence and nothing of its value; ``again`` offers the form once more."""
    definition = result.vocabulary.get(name)
    row = {
        "name": definition.name if definition else "unknown",
        "label": _(definition.label) if definition else _("Unknown field"),
        "revealable": again and definition is not None,
        "problem": problem,
    }
    context = {"row": row, "view_id": posted(request, "view_id")}
    return await draw_page(request, visit, "_field.html" if request.htmx else "revealed.html", context)  # type: ignore[attr-defined]


def reason_given(request: HttpRequest) -> str:
    """The reason that was chosen and what was added to it, as it goes on record; ``""`` for none."""
    said = (clean_reason(posted(request, "reason")), clean_reason(posted(request, "more")))
    return " – ".join(part for part in said if part)[:MAX_REASON]


def posted(request: HttpRequest, name: str) -> str:
    """A field of a form, without blanks around and twice within it."""
    return " ".join(request.POST.get(name, "").split())


async def looked_up(visit: Visit, *, refresh: bool = False) -> LookupResult:
    """The caller, as far as the agent has said who it is. ``refresh``: ask the systems even where answers are kept."""
    return await look_up(await _question(visit, refresh=refresh))


async def _question(visit: Visit, *, refresh: bool) -> Question:
    choice = await sync_to_async(choice_of)(visit.call) if visit.call else Choice()
    return Question(
        visit.organization.pk,
        visit.caller_id,
        refresh=refresh,
        choice=choice,
        with_restricted=visit.viewer.with_restricted,
    )


def _asks_anew(request: HttpRequest) -> bool:
    return "refresh" in request.GET


def _formatter(visit: Visit) -> ValueFormatter:
    return ValueFormatter(visit.zone, visit.organization.region)


async def draw_page(
    request: HttpRequest, visit: Visit, template: str, context: dict[str, Any], *, status: int = 200
) -> HttpResponse:
    """A template of the panel, in the organisation's time."""
    context |= {"organization": visit.organization, "call": visit.call}
    if template == "call.html" and "unrecorded" not in context:
        context["knows_services"] = await knows_services(visit.organization.pk)

    def draw() -> HttpResponse:
        with at_home(visit.zone, visit.organization.region):
            return render(request, f"integrations/panel/{template}", context, status=status)

    # The context processors read the session.
    return await sync_to_async(draw)()
