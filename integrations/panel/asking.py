"""The question to the systems that a visit to a call is about."""

from __future__ import annotations

from asgiref.sync import sync_to_async
from django.http import HttpRequest

from integrations.calls.choices import choice_of
from integrations.lookup import Choice, LookupRequest, LookupResult, look_up
from integrations.panel.access import PanelRequest


async def looked_up(panel: PanelRequest, *, refresh: bool = False) -> LookupResult:
    """The caller, as far as the agent has said who it is. ``refresh``: ask the systems even where answers are kept."""
    return await look_up(await question_of(panel, refresh=refresh))


async def question_of(panel: PanelRequest, *, refresh: bool) -> LookupRequest:
    """Ask who is calling, with what the agent has said of it."""
    choice = await sync_to_async(choice_of)(panel.call) if panel.call else Choice()
    return LookupRequest(
        panel.organization.pk,
        panel.caller_id,
        refresh=refresh,
        choice=choice,
        with_restricted=panel.viewer.with_restricted,
    )


def asks_anew(request: HttpRequest) -> bool:
    """Whether the systems are to be asked even where answers are kept."""
    return "refresh" in request.GET
