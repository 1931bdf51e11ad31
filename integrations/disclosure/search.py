"""What a search shows: who might be meant, and no more of each than it takes to tell them apart."""

from __future__ import annotations

from dataclasses import dataclass, replace

from integrations.disclosure import audit
from integrations.disclosure.context import Context, check_made_for, choice_on_record, clean_reason, how_found
from integrations.disclosure.matches import MatchCard, cards_of
from integrations.disclosure.policy import Policy, policy_of
from integrations.disclosure.probing import note_unknown, refuse_probing
from integrations.disclosure.viewers import Viewer
from integrations.errors import AccessDenied
from integrations.lookup.result import LookupResult, LookupStatus, SourceOutcome
from integrations.models import ActorKind, Event
from integrations.models.people import Effect
from integrations.profile import FIELDS
from integrations.search_query import By, SearchQuery

# More than these cannot be read through beside a call.
MAX_SHOWN = 20
_FIELD = {By.NAME: "name", By.EMAIL: "email", By.NUMBER: "phone"}


@dataclass(frozen=True)
class Found:
    """What one viewer gets of one search. ``more``: there are others, whom only a narrower search shows."""

    status: LookupStatus
    matches: tuple[MatchCard, ...]
    more: bool
    sources: tuple[SourceOutcome, ...]
    shared: bool = False  # the number is many people's, so nobody was looked for by it


async def allow_search(viewer: Viewer, search_query: SearchQuery, context: Context) -> None:
    """Whether the viewer may search in this way, for the reason ``context.purpose``: before any system is asked.

    Raises AccessDenied, the denial committed, for whoever is no person, gives no reason, or has a tier that does not see
    names or has to be kept from what is searched with: finding somebody by it would tell it. Raises NothingShown.
    """
    refuse_probing(viewer)
    await _allowed(viewer, search_query, context)


async def disclose_found(result: LookupResult, viewer: Viewer, context: Context) -> Found:
    """The people whom the viewer may choose among, after the entry is committed. Raises as ``allow_search()``."""
    if result.search_query is None:
        raise AccessDenied("not a search")
    policy = await _allowed(viewer, result.search_query, context)
    check_made_for(viewer, result)
    shown = replace(result, people=result.people[:MAX_SHOWN])
    matches = cards_of(shown, policy) if shown.people else ()
    entry = viewer.entry(
        Event.SEARCH,
        outcome=result.status.value,
        subject=result.subject,
        sources=tuple(source.key for source in result.sources),
        fields=choice_on_record(matches),
        detail={
            **how_found(result),
            "match_count": len(result.people),
            "matches": [card.match_id for card in matches],
        },
        **context.facts,
    )
    await audit.record(entry)
    await note_unknown(viewer, result)
    return Found(result.status, matches, len(result.people) > MAX_SHOWN, result.sources, result.shared)


async def _allowed(viewer: Viewer, search_query: SearchQuery, context: Context) -> Policy:
    policy = await policy_of(viewer.tier_id)
    searched = policy.decide(FIELDS[_FIELD[search_query.by]]).effect
    may = viewer.actor_kind == ActorKind.PERSON and policy.shows(FIELDS["name"]) and searched is not Effect.HIDE
    if may and clean_reason(context.purpose):
        return policy
    detail = {"what": "search", "found_by": search_query.by.value}
    facts = {"subject": search_query.text, "detail": detail, **context.facts}
    await audit.record(viewer.entry(Event.DENIED, outcome=searched.value, **facts))
    raise AccessDenied("search")
