"""What the agent says of who is calling: pick one of several, set aside who is not calling, choose again."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import wraps

from asgiref.sync import sync_to_async
from django.http import HttpRequest, HttpResponseBase
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from integrations.calls import choices
from integrations.disclosure import audit, pick, set_aside
from integrations.errors import NothingShown
from integrations.models import Call, Event
from integrations.panel.access import PanelRequest, View, authorized
from integrations.panel.asking import looked_up
from integrations.panel.render import back_to_call, cannot_be_shown

Change = Callable[[HttpRequest, PanelRequest, Call], Awaitable[None]]


def changes_choice(say: Change) -> View:
    """A view to post to, which goes back to the call. Nothing is kept of what cannot be put on record."""

    @wraps(say)
    async def view(request: HttpRequest, panel: PanelRequest) -> HttpResponseBase:
        try:
            if panel.call:
                await say(request, panel, panel.call)
        except NothingShown as problem:
            return await cannot_be_shown(request, panel, problem)
        return back_to_call(panel)

    return never_cache(require_POST(authorized(view)))


@changes_choice
async def pick_person(request: HttpRequest, panel: PanelRequest, call: Call) -> None:
    """The person whose ``match_id`` was posted is calling. One who is no longer found changes nothing."""
    wanted = request.POST.get("match_id", "")
    if refs := await pick(await looked_up(panel), panel.viewer, wanted, panel.context()):
        await sync_to_async(choices.pick)(call, refs, panel.viewer.person_id)


@changes_choice
async def not_this_person(request: HttpRequest, panel: PanelRequest, call: Call) -> None:
    """Set aside whoever is shown, one or several: they are not calling."""
    if refs := await set_aside(await looked_up(panel), panel.viewer, panel.context()):
        await sync_to_async(choices.reject)(call, refs, panel.viewer.person_id)


@changes_choice
async def choose_again(request: HttpRequest, panel: PanelRequest, call: Call) -> None:
    """Forget what was said of who is calling."""
    await audit.record(panel.viewer.entry(Event.CHOOSE_AGAIN, call_sid=call.call_sid or "", panel_key=call.key))
    await sync_to_async(choices.choose_again)(call)
