"""The question to the systems that a visit to a call is about."""

from __future__ import annotations

from asgiref.sync import sync_to_async
from django.http import HttpRequest

from integrations.calls.choices import choice_of
from integrations.lookup import Choice, LookupRequest, LookupResult, look_up
from integrations.panel.access import Visit


async def looked_up(visit: Visit, *, refresh: bool = False) -> LookupResult:
    """The caller, as far as the agent has said who it is. ``refresh``: ask the systems even where answers are kept."""
    return await look_up(await question_of(visit, refresh=refresh))


async def question_of(visit: Visit, *, refresh: bool) -> LookupRequest:
    """Ask who is calling, with what the agent has said of it."""
    choice = await sync_to_async(choice_of)(visit.call) if visit.call else Choice()
    return LookupRequest(
        visit.organization.pk,
        visit.caller_id,
        refresh=refresh,
        choice=choice,
        with_restricted=visit.viewer.with_restricted,
    )


def asks_anew(request: HttpRequest) -> bool:
    """Whether the systems are to be asked even where answers are kept."""
    return "refresh" in request.GET
