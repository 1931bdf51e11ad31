"""The occasion on which somebody looks, and what of it goes on record."""

from __future__ import annotations

import secrets
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field

from integrations.disclosure.fields import Disclosed
from integrations.disclosure.matches import DISAMBIGUATORS, MatchCard
from integrations.disclosure.viewers import Viewer
from integrations.errors import AccessDenied
from integrations.lookup.result import LookupResult
from integrations.profile import Ref


def new_view_id() -> str:
    """One showing of a panel or one answer (32 lower-hex characters)."""
    return secrets.token_hex(16)


@dataclass(frozen=True)
class Checked:
    """The person of whom it was checked that they are calling, or for whom the check was skipped with a reason."""

    refs: frozenset[Ref]
    outcome: str  # passed | skipped


@dataclass(frozen=True)
class Context:
    """The occasion on which a viewer looks. ``purpose`` is the reason they gave, recorded as it is. Without ``checked``
    nobody's identity has been. ``counts_calls``: how often the number called is wanted too."""

    purpose: str = ""
    call_sid: str = ""
    task_sid: str = ""
    panel_key: str = ""
    view_id: str = field(default_factory=new_view_id)
    checked: Checked | None = None
    counts_calls: bool = False

    @property
    def facts(self) -> dict[str, str]:
        """The facts as an entry's columns."""
        return {
            "purpose": self.purpose,
            "call_sid": self.call_sid,
            "task_sid": self.task_sid,
            "panel_key": self.panel_key,
            "view_id": self.view_id,
        }


def clean_reason(text: str) -> str:
    """A reason as it goes on record; ``""`` for what says nothing: blanks, digits, signs, and characters that are not seen."""
    visible = "".join(" " if _is_unseen(character) else character for character in text[:_MAX_REASON])
    says = any(unicodedata.category(character) in _LETTERS for character in visible)
    return " ".join(visible.split()) if says else ""


_LETTERS = {"Lu", "Ll", "Lt", "Lo"}
_MAX_REASON = 2_000
# Letters by name, blanks to the eye: Hangul's fillers, Khmer's inherent vowels; and marks and signs without a shape.
_BLANK = frozenset("\u115f\u1160\u3164\uffa0\u17b4\u17b5\u2800\u034f\u180b\u180c\u180d\u180e\u180f")


def _is_unseen(character: str) -> bool:
    # Variation selectors are marks, not format characters.
    selects = "\ufe00" <= character <= "\ufe0f" or "\U000e0100" <= character <= "\U000e01ef"
    return character in _BLANK or selects or unicodedata.category(character)[0] in "CZ"


def check_made_for(viewer: Viewer, result: LookupResult) -> None:
    """Raises AccessDenied for a result of another organisation, and for one in which people count whom this viewer must not
    know of: it would have to be asked for anew."""
    if result.organization_id != viewer.organization_id:
        raise AccessDenied("a result of another organisation")
    if viewer.with_restricted:
        return
    marked = any(record.is_marked for one in (*result.people, *result.set_aside) for record in one.records)
    if result.with_restricted or marked:
        raise AccessDenied("a result that tells of restricted people")


def how_found(result: LookupResult) -> dict[str, str]:
    """What an entry's detail says of how they were found, where it was not by the caller's number."""
    return {"found_by": result.search_query.by.value} if result.search_query else {}


def sources_of(shown: Disclosed) -> list[str]:
    return [shown.source, *(source for source, _value in shown.conflicts)]


def fields_on_record(fields: Mapping[str, Disclosed]) -> tuple[dict[str, object], ...]:
    return tuple({"field": name, "effect": shown.word, "sources": sources_of(shown)} for name, shown in fields.items())


def choice_on_record(matches: tuple[MatchCard, ...]) -> tuple[dict[str, object], ...]:
    """What was shown of several people to choose among."""
    if not matches:
        return ()
    sources = sorted({source for card in matches for source in card.sources})
    shown = ["name", *(name for name in DISAMBIGUATORS if any(card.told_by == name for card in matches))]
    return tuple({"field": name, "effect": "choice", "sources": sources} for name in shown)
