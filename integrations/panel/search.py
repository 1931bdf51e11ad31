"""Looking for who is calling by name, e-mail address or another number, and taking one of those found for the caller."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from asgiref.sync import sync_to_async
from django.http import HttpRequest, HttpResponseBase
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from integrations.calls import choices
from integrations.disclosure import allow_search, disclose_found, pick
from integrations.errors import AccessDenied, NothingShown
from integrations.lookup.search import search
from integrations.models import Call
from integrations.panel.access import PanelRequest, authorized
from integrations.panel.choices import changes_choice
from integrations.panel.forms import posted, reason_given
from integrations.panel.render import draw_part
from integrations.presentation.translation import translated
from integrations.search_query import SearchQuery, Unusable, read


@dataclass(frozen=True)
class Typed:
    """What the form holds. ``text`` as it was typed, so that it can be sent again."""

    text: str
    reason: str
    search_query: SearchQuery | Unusable

    @property
    def problem(self) -> str:
        """The reason why it cannot be searched for, or empty."""
        if isinstance(self.search_query, Unusable):
            return translated(self.search_query.reason)
        return "" if self.reason else _("Say why you search, then search again. Your reason goes on record.")


def _typed(request: HttpRequest, panel: PanelRequest) -> Typed:
    raw = request.POST.get("text", "")
    return Typed(raw[:200], reason_given(request), read(raw, panel.organization.region))


@never_cache
@require_http_methods(["GET", "POST"])
@authorized
async def search_people(request: HttpRequest, panel: PanelRequest) -> HttpResponseBase:
    """The people who might be meant: for htmx alone, else as a page with the form."""
    context: dict[str, Any] = {}
    if request.method == "POST":
        typed = _typed(request, panel)
        context = {"typed": typed, "problem": typed.problem}
        if isinstance(typed.search_query, SearchQuery) and not typed.problem:
            context |= await _found(panel, typed.search_query, typed.reason)
    return await draw_part(request, panel, "_found.html", "search.html", context)


async def _found(panel: PanelRequest, search_query: SearchQuery, reason: str) -> dict[str, Any]:
    context = panel.context(purpose=reason)
    try:
        await allow_search(panel.viewer, search_query, context)
        result = await search(panel.organization.pk, search_query, with_restricted=panel.viewer.with_restricted)
        found = await disclose_found(result, panel.viewer, context)
    except AccessDenied:
        return {"problem": _("You may not search in this way. The attempt is on record.")}
    except NothingShown as problem:
        return {"problem": translated(problem.public_message)}
    silent = [source.label for source in found.sources if not source.status.answered]
    return {"found": found, "asked": [source.label for source in found.sources], "silent": silent}


@changes_choice
async def pick_found(request: HttpRequest, panel: PanelRequest, call: Call) -> None:
    """The person whose ``match_id`` was posted, of those found by ``text``, is calling. One who is gone changes nothing."""
    typed = _typed(request, panel)
    if isinstance(typed.search_query, Unusable):
        return
    context = panel.context(purpose=typed.reason)
    try:
        await allow_search(panel.viewer, typed.search_query, context)
        result = await search(panel.organization.pk, typed.search_query, with_restricted=panel.viewer.with_restricted)
        refs = await pick(result, panel.viewer, posted(request, "match_id"), context)
    except AccessDenied:
        return
    if refs:
        await sync_to_async(choices.pick)(call, refs, panel.viewer.person_id, typed.search_query)
