"""The only way by which caller data leaves the portal.

``disclose()`` filters, masks and audits in one call, because three calls can be forgotten one at a time. What it
returns may be rendered as it is; what a lookup returns may not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from integrations.disclosure import audit
from integrations.disclosure.context import (
    Context,
    check_made_for,
    choice_on_record,
    clean_reason,
    fields_on_record,
    how_found,
    new_view_id,
    sources_of,
)
from integrations.disclosure.fields import Disclosed, disclosed_fields, shown_as
from integrations.disclosure.history import CALLS, CallsBefore, calls_before
from integrations.disclosure.identity import gate_for
from integrations.disclosure.masking import mask
from integrations.disclosure.matches import MatchCard, cards_of, marks_of, match_id, matched_by
from integrations.disclosure.policy import IdentityGate, Policy, policy_of
from integrations.disclosure.probing import note_unknown, refuse_probing
from integrations.disclosure.search import allow_search, disclose_found
from integrations.disclosure.selection import RECORD_ID, Selection
from integrations.disclosure.viewers import Viewer
from integrations.errors import AccessDenied
from integrations.lookup.result import LookupResult, LookupStatus, SourceOutcome
from integrations.models import Event
from integrations.models.people import Effect
from integrations.phone import Number
from integrations.profile import FIELDS, JSON, CallerProfile, Field, Ref
from integrations.search_query import By

__all__ = [
    "Context",
    "Disclosed",
    "Disclosure",
    "MatchCard",
    "Selection",
    "Showing",
    "Viewer",
    "allow_search",
    "announce",
    "clean_reason",
    "disclose",
    "disclose_found",
    "new_view_id",
    "pick",
    "refuse_probing",
    "reveal",
    "set_aside",
]


@dataclass(frozen=True)
class Disclosure:
    """What one viewer gets of one lookup. ``fields`` is empty unless exactly one person was found."""

    status: LookupStatus
    number: Number | None
    match_count: int
    fields: Mapping[str, Disclosed]
    matches: tuple[MatchCard, ...]
    sources: tuple[SourceOutcome, ...]
    at: datetime
    view_id: str
    number_effect: Effect = Effect.HIDE
    region: str = ""  # the viewer's country: numbers from elsewhere carry their country code
    chosen: bool = False  # an agent picked this person for this call
    found_by: By | None = None  # they were found by a search, not by the call's number
    restricted: bool = False  # only the tier ``admin`` sees this person
    question: str = ""  # what the caller has to be asked for before money and health are shown
    checked: str = ""  # passed or skipped, once they were
    set_aside: int = 0  # people who have the number too and were not picked, or are not who is calling
    complete: bool = True  # False while sources are still being asked
    shared: bool = False  # many people have the number, so nobody was looked for by it
    matched_by: str = ""  # whose number it is, where it is not their own: ``the emergency contact``
    vocabulary: Mapping[str, Field] = field(default_factory=lambda: FIELDS)  # what the organisation calls its fields
    record_id: str = ""  # in the system that a selection asks for
    calls_before: CallsBefore | None = None  # of this number, where they are asked for and told
    people: frozenset[str] = frozenset()  # opaque marks of the records shown: without one in common it is somebody else

    @property
    def number_text(self) -> str:
        """The number as this viewer may see it; ``""`` when it is withheld."""
        return _number_text(self.number, self.number_effect, self.region)

    @property
    def caller(self) -> dict[str, JSON]:
        """Field → value, without what is still to be revealed."""
        return {name: shown.value for name, shown in self.fields.items() if not shown.withheld}


async def disclose(result: LookupResult, viewer: Viewer, context: Context) -> Disclosure:
    """What ``viewer`` may see of ``result``, after its audit entry is committed.

    Raises AuditUnavailable if it cannot be committed, and AccessDenied if viewer and result are of two organisations.
    """
    return await DisclosureSession(viewer, context).disclose(result)


class DisclosureSession:
    """One showing of a caller, to which results come as they grow. What it has shown already needs no further entry.

    ``beside`` is written with the first one. With a ``selection`` nothing else is shown, and so nothing else is on record.
    """

    def __init__(
        self,
        viewer: Viewer,
        context: Context,
        beside: audit.Beside | None = None,
        selection: Selection | None = None,
    ) -> None:
        self._selection = selection
        self.viewer = viewer
        self.context = context
        self._beside = beside
        self._policy: Policy | None = None
        self._on_record: list[dict[str, object]] = []
        self._status: LookupStatus | None = None
        self._counted: tuple[frozenset[Ref], CallsBefore | None] | None = None

    async def prepare(self) -> Policy:
        """Load the tier's rules: may run while the sources are being asked."""
        if self._policy is None:
            self._policy = await policy_of(self.viewer.tier_id)
        return self._policy

    async def disclose(self, result: LookupResult) -> Disclosure:
        """Disclose as ``disclose()`` does: an entry is committed for what is new, before anything of it is returned."""
        check_made_for(self.viewer, result)
        policy = await self.prepare()
        one = None if result.undecided or not result.people else result.people[0]
        gate = gate_for(one, policy, self.viewer, self.context) if one else IdentityGate.CLOSED
        fields = disclosed_fields(one, policy, result.vocabulary, gate) if one else {}
        matches = cards_of(result, policy) if result.undecided and not self._selection else ()
        source, record_id = "", ""
        if self._selection:
            fields = self._selection.of(fields, policy.region)
            source, record_id = self._selection.record(one, result, policy) if one else ("", "")
        before = await self._calls_before(result, one, policy) if one else None
        disclosure = Disclosure(
            status=result.status,
            number=result.number,
            match_count=len(result.people),
            fields=fields,
            matches=matches,
            sources=result.sources,
            at=result.at,
            view_id=self.context.view_id,
            number_effect=policy.decide(FIELDS["phone"]).effect,
            region=policy.region,
            shared=result.shared,
            complete=result.complete,
            chosen=bool(result.choice.picked),
            found_by=result.search_query.by if result.search_query else None,
            restricted=one is not None and bool(one.refs & result.restricted),
            question=policy.question if any(shown.verify_first for shown in fields.values()) else "",
            checked=_checked(self.context, policy, gate),
            set_aside=len(result.set_aside),
            matched_by=matched_by(one) if one else "",
            vocabulary=result.vocabulary,
            record_id=record_id,
            calls_before=before,
            people=marks_of(one, result.organization_id) if one else frozenset(),
        )
        told = ({"field": RECORD_ID, "effect": Effect.CLEAR.value, "sources": [source]},) if record_id else ()
        counted = before.on_record if before else ()
        await self._record(result, choice_on_record(matches) or (*fields_on_record(fields), *told, *counted))
        return disclosure

    async def _calls_before(self, result: LookupResult, one: CallerProfile, policy: Policy) -> CallsBefore | None:
        """How often the number called: counted once for each person who is shown."""
        if not self.context.counts_calls or result.number is None or result.shared or not policy.shows(CALLS):
            return None
        if self._counted is None or self._counted[0] != one.refs:
            self._counted = one.refs, await calls_before(self.viewer, self.context, result.number, one.refs)
        return self._counted[1]

    async def _record(self, result: LookupResult, fields: tuple[dict[str, object], ...]) -> None:
        news = tuple(shown for shown in fields if shown not in self._on_record)
        ended = result.complete and result.status is not self._status
        if not news and not ended:
            return
        entry = self.viewer.entry(
            Event.LOOKUP,
            outcome=result.status.value if result.complete else "pending",
            subject=result.subject,
            sources=tuple(source.key for source in result.sources),
            fields=news,
            detail={"match_count": len(result.people), **how_found(result)},
            **self.context.facts,
        )
        beside, self._beside = self._beside, None
        await audit.record(entry, beside)
        self._on_record += news
        self._status = result.status if result.complete else None
        if result.complete:
            await note_unknown(self.viewer, result)


def _checked(context: Context, policy: Policy, gate: IdentityGate) -> str:
    """Tell how the check of the caller ended, where one was asked for and let them in."""
    return context.checked.outcome if policy.question and context.checked and gate is IdentityGate.OPEN else ""


async def announce(number: Number | None, viewer: Viewer, context: Context) -> str:
    """The number of a call whose panel is being opened, as the viewer may see it, after its entry is committed.

    ``""`` when it is withheld. Raises AuditUnavailable.
    """
    policy = await policy_of(viewer.tier_id)
    effect = policy.decide(FIELDS["phone"]).effect
    subject = number.e164 if number else ""
    shown = ({"field": "phone", "effect": effect.value, "sources": []},) if number else ()
    await audit.record(viewer.entry(Event.OPEN, outcome="panel", subject=subject, fields=shown, **context.facts))
    return _number_text(number, effect, policy.region)


async def reveal(result: LookupResult, viewer: Viewer, name: str, context: Context) -> Disclosed:
    """One field that the viewer's tier reveals with a reason, after the audit entry is committed.

    ``context.purpose`` is the reason. Raises AccessDenied (the denial committed) where no reveal is due, AuditUnavailable.
    """
    check_made_for(viewer, result)
    policy = await policy_of(viewer.tier_id)
    definition = result.vocabulary.get(name)
    one = None if result.undecided or not result.people else result.people[0]
    value = one.fields.get(name) if one else None
    subject = result.subject
    decision = policy.decide(definition).effect if definition else Effect.HIDE
    due = decision in (Effect.REVEAL, Effect.CLEAR) and clean_reason(context.purpose)
    if one and definition and policy.waits(definition, gate_for(one, policy, viewer, context)):
        due = ""
    if definition is None or value is None or not due:
        known = definition.name if definition else "unknown"
        detail = {"what": "reveal", "field": known}
        await audit.record(viewer.entry(Event.DENIED, outcome=decision.value, subject=subject, detail=detail, **context.facts))
        raise AccessDenied(f"reveal of {known}")
    shown = shown_as(definition, value, Effect.CLEAR)
    on_record = ({"field": name, "effect": "revealed", "sources": sources_of(shown)},)
    await audit.record(
        viewer.entry(
            Event.REVEAL, outcome="revealed", subject=subject, sources=(shown.source,), fields=on_record, **context.facts
        )
    )
    return shown


async def pick(result: LookupResult, viewer: Viewer, wanted: str, context: Context) -> frozenset[Ref]:
    """The records of the person whose match id is ``wanted``, after the entry that they were picked is committed.

    Empty, without an entry, when there is no such person (any more). Raises AuditUnavailable.
    """
    check_made_for(viewer, result)
    chosen = next((person for person in result.people if match_id(person, result.organization_id) == wanted), None)
    return await _choose(Event.PICK, [chosen], result, viewer, context) if chosen else frozenset()


async def set_aside(result: LookupResult, viewer: Viewer, context: Context) -> frozenset[Ref]:
    """The records of all who were shown and are not who is calling, after the entry is committed. Raises AuditUnavailable."""
    check_made_for(viewer, result)
    return await _choose(Event.NOT_THIS_PERSON, result.people, result, viewer, context) if result.people else frozenset()


async def _choose(
    event: Event, people: Sequence[CallerProfile], result: LookupResult, viewer: Viewer, context: Context
) -> frozenset[Ref]:
    refs = frozenset(ref for person in people for ref in person.refs)
    matches = [match_id(person, result.organization_id) for person in people]
    entry = viewer.entry(
        event,
        outcome="on record",
        subject=result.subject,
        sources=tuple(sorted({key for key, _record_id in refs})),
        detail={"match_count": len(result.people), "matches": matches, **how_found(result)},
        **context.facts,
    )
    await audit.record(entry)
    return refs


def _number_text(number: Number | None, effect: Effect, region: str) -> str:
    if number is None:
        return ""
    return number.written_for(region) if effect is Effect.CLEAR else mask(FIELDS["phone"], number.e164, region)
