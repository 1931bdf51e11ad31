"""The panel: a data-free shell that opens calls, one call's page, and its content."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import orjson
from asgiref.sync import sync_to_async
from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.http.request import UnreadablePostError
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from integrations.calls import CallFacts, open_call
from integrations.disclosure import Disclosure, DisclosureSession, announce, disclose, refuse_probing
from integrations.errors import NothingShown
from integrations.lookup import look_up, so_far, stream
from integrations.panel.access import PanelRequest, authorize, authorized, visited_page
from integrations.panel.asking import asks_anew, question_of
from integrations.panel.render import cannot_be_shown, draw, draw_part, problem_as_json
from integrations.panel.streams import EventStream, too_many
from integrations.phone import NotANumber, Number, Withheld, classify
from integrations.presentation.caller import build_panel
from integrations.presentation.occasion import Occasion
from integrations.presentation.translation import translated

# How long a script that cannot read a stream waits for each of its answers.
POLL_S = 0.7


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
        return problem_as_json("unauthenticated", _("Log in first."), 401)
    try:
        panel = authorize(request, org)
    except Http404:
        return problem_as_json("not_found", _("There is no such organisation, or you are not part of it."), 404)
    try:
        facts = _call_facts(request, panel.organization.region)
    except RequestDataTooBig:
        return problem_as_json("too_large", _("The description of the call is too large."), 413)
    if facts is None:
        return problem_as_json("invalid_json", _("The call could not be read: its description is not a JSON object."), 400)
    if isinstance(facts.caller_id, NotANumber):
        return problem_as_json("invalid_phone", facts.caller_id.reason, 400)
    call = open_call(panel.organization.pk, facts, person_id=panel.viewer.person_id)
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


@never_cache
@require_GET
@visited_page
async def call_page(request: HttpRequest, panel: PanelRequest) -> HttpResponseBase:
    """The page of one call, at once: the number and where the rest will appear."""
    number = panel.caller_id if isinstance(panel.caller_id, Number) else None
    try:
        text = await announce(number, panel.viewer, panel.context())
    except NothingShown as problem:
        return await cannot_be_shown(request, panel, problem)
    return await draw(request, panel, "call.html", {"number": text, "waiting": True, "search_first": is_shared(panel)})


def is_shared(panel: PanelRequest) -> bool:
    """Whether the number is many people's, so that the caller has to be searched for."""
    number = panel.caller_id
    return isinstance(number, Number) and not set(number.forms).isdisjoint(panel.organization.shared_numbers)


@never_cache
@require_GET
@authorized
async def caller(request: HttpRequest, panel: PanelRequest) -> HttpResponseBase:
    """The content of the panel: the fragment alone for htmx, else the whole page with it.

    With ``poll`` what is known after a moment, for a script that asks again until it is complete.
    """
    try:
        refuse_probing(panel.viewer)
        question = await question_of(panel, refresh=asks_anew(request))
        result = await so_far(question, POLL_S) if "poll" in request.GET else await look_up(question)
        shown = await disclose(result, panel.viewer, panel.context())
    except NothingShown as problem:
        # 200: htmx swaps nothing else in, and the person must read this.
        return await draw_part(request, panel, "_caller.html", "call.html", {"unrecorded": translated(problem.public_message)})
    return await draw_part(request, panel, "_caller.html", "call.html", _board(shown, panel))


def _board(shown: Disclosure, panel: PanelRequest) -> dict[str, Any]:
    with panel.at_home():
        board = build_panel(shown, panel.formatter, Occasion(panel.rings_back, bool(panel.call and panel.call.number_doubted)))
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
        return problem_as_json("unauthenticated", _("Log in first."), 401)
    panel = await sync_to_async(authorize)(request, org, key)
    if too_many(session):  # they were opened at once
        return _too_many_streams()
    return EventStream(session, _events(request, panel))


def _too_many_streams() -> HttpResponse:
    problem = problem_as_json("throttled", _("Too many panels are open here. Close some of them."), 429)
    problem["Retry-After"] = "5"
    return problem


async def _events(request: HttpRequest, panel: PanelRequest) -> AsyncIterator[bytes]:
    showing = DisclosureSession(panel.viewer, panel.context())
    try:
        refuse_probing(panel.viewer)
    except NothingShown as problem:
        fragment = await draw(request, panel, "_caller.html", {"unrecorded": translated(problem.public_message)})
        yield _event("done", fragment.content)
        return
    async with aclosing(stream(await question_of(panel, refresh=asks_anew(request)))) as results:
        async for result in results:
            try:
                context = _board(await showing.disclose(result), panel)
            except NothingShown as problem:
                context = {"unrecorded": translated(problem.public_message)}
            fragment = await draw(request, panel, "_caller.html", context)
            yield _event("done" if result.complete or "unrecorded" in context else "board", fragment.content)
            if "unrecorded" in context:
                return


def _event(name: str, body: bytes) -> bytes:
    lines = [b"data: " + line for line in body.splitlines() if line.strip()]
    return b"event: " + name.encode() + b"\n" + b"\n".join(lines) + b"\n\n"
