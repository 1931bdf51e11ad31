"""A disclosed caller laid out to be read: header, what needs attention, cards per capability, the line of systems."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from integrations.codes import decoded
from integrations.disclosure import Disclosed, Disclosure
from integrations.lookup.result import LookupStatus, Renewal
from integrations.models.people import Effect
from integrations.presentation.attention import attention_of, before_calling
from integrations.presentation.endings import heading_of, sentence_of
from integrations.presentation.formatting import ValueFormatter, age
from integrations.presentation.occasion import Occasion, at_a_bad_hour, calls_before, local_time
from integrations.presentation.systems import Missing, SourceMark, mark_of, missing_among
from integrations.presentation.translation import translated
from integrations.profile import Section, label_of

# What is open and dated comes first; the order of a card's fields is the vocabulary's.
_TITLES = {
    Section.APPOINTMENTS: gettext_lazy("Appointments"),
    Section.CONTACT: gettext_lazy("Contact"),
    Section.ACCOUNT: gettext_lazy("Account"),
    Section.PAYMENTS: gettext_lazy("Payments"),
    Section.ORDERS: gettext_lazy("Orders"),
    Section.PROGRAMS: gettext_lazy("Programs"),
    Section.CARE: gettext_lazy("Care"),
    Section.CRM: gettext_lazy("CRM"),
    Section.IDENTITY: gettext_lazy("About"),
}
# Each card has its place, so that one that comes late moves no other across: two columns, one below the other if narrow.
_COLUMNS = (
    (Section.APPOINTMENTS, Section.CONTACT, Section.ACCOUNT, Section.ORDERS),
    (Section.PAYMENTS, Section.PROGRAMS, Section.CARE, Section.CRM, Section.IDENTITY),
)
# Shown in the header, so not on a card; only a conflict brings them back.
_IN_HEADER = {"name", "vip_status", "status", "restricted", "deceased"}
_NAME_PARTS = {"first_name", "last_name"}
_GOOD_STANDING = {"active", "current", "good", "enrolled"}
_BAD_STANDING = {"closed", "suspended", "inactive", "overdue", "blocked", "deceased"}


@dataclass(frozen=True)
class Row:
    """One field. ``lines`` is empty while it waits to be revealed."""

    name: str
    label: str
    lines: list[str]
    source: str
    age: str
    stale: bool
    masked: bool
    revealable: bool
    verify_first: bool
    outdated: bool
    asked_again: bool
    conflicts: list[tuple[str, str]]
    revealed: bool = False
    show_source: bool = False
    problem: str = ""


@dataclass(frozen=True)
class Card:
    """``source``, ``age``, ``stale`` and ``asked_again`` are those of most of its rows; a row that differs shows its own."""

    id: str
    title: str
    rows: list[Row]
    source: str
    age: str
    stale: bool
    asked_again: bool


@dataclass(frozen=True)
class PanelView:
    """Everything that the fragment draws."""

    status: LookupStatus
    heading: str  # where nobody is shown
    sentence: str
    number: str
    shared: bool
    name: str
    vip: bool
    standing: str
    standing_tone: str
    attention: list[str]
    before_calling: list[str]
    local_time: str
    calls_before: str
    columns: list[list[Card]]
    complete: bool
    matches: tuple[object, ...]
    match_count: int
    people: str
    chosen: bool
    found_by: str
    matched_by: str
    question: str
    checked: str
    set_aside: int
    sources: list[SourceMark]
    missing: list[Missing]
    unreadable: list[str]


def build_panel(shown: Disclosure, formatter: ValueFormatter, occasion: Occasion) -> PanelView:
    """The board of one disclosure."""
    labels = {source.key: source.label for source in shown.sources}
    again = frozenset(source.key for source in shown.sources if source.renewal is Renewal.PENDING)
    rows = {name: build_row(disclosed, formatter, labels, again=again) for name, disclosed in shown.fields.items()}
    standing = decoded("status", _plain(shown, "status"))
    return PanelView(
        status=shown.status,
        heading=heading_of(shown),
        sentence=sentence_of(shown),
        number=shown.number_text,
        shared=shown.shared,
        name=_plain(shown, "name"),
        vip=_plain(shown, "vip_status") == "True",
        standing=standing,
        standing_tone=_tone(standing),
        attention=attention_of(shown, formatter, occasion),
        before_calling=[*before_calling(shown), *at_a_bad_hour(shown)] if occasion.rings_back else [],
        local_time=local_time(shown, formatter),
        calls_before=calls_before(shown, formatter),
        columns=_columns(shown, rows),
        complete=shown.complete,
        matches=shown.matches,
        match_count=shown.match_count,
        people=" ".join(sorted(shown.people)),
        chosen=shown.chosen,
        found_by=shown.found_by or "",
        matched_by=translated(shown.matched_by),
        question=shown.question,
        checked=shown.checked,
        set_aside=shown.set_aside,
        sources=[mark_of(source) for source in shown.sources],
        missing=missing_among(shown.sources),
        unreadable=_unreadable(shown),
    )


def build_row(
    shown: Disclosed,
    formatter: ValueFormatter,
    labels: Mapping[str, str],
    *,
    revealed: bool = False,
    problem: str = "",
    again: Collection[str] = (),
) -> Row:
    """One field as a row; ``labels`` are the sources' display names by key, ``again`` the keys of those being asked again."""
    return Row(
        name=shown.definition.name,
        label=_(shown.definition.label),
        lines=[] if shown.value is None else formatter.field(shown.definition, shown.value),
        source=labels.get(shown.source, shown.source),
        age=age(shown.fetched_at),
        stale=shown.stale,
        masked=shown.effect is Effect.MASK,
        revealable=shown.revealable,
        verify_first=shown.verify_first,
        outdated=shown.outdated,
        asked_again=shown.source in again,
        # Masks that look alike would show two systems that "disagree" about the same three dots.
        conflicts=[
            (labels.get(key, key), ", ".join(formatter.field(shown.definition, value)))
            for key, value in shown.conflicts
            if not shown.masked or value != shown.value
        ],
        revealed=revealed,
        problem=problem,
    )


def _columns(shown: Disclosure, rows: dict[str, Row]) -> list[list[Card]]:
    return [[card for section in column if (card := _card(section, shown, rows))] for column in _COLUMNS]


def _card(section: Section, shown: Disclosure, rows: dict[str, Row]) -> Card | None:
    names = [name for name in rows if shown.fields[name].definition.section is section and _on_a_card(name, rows)]
    if not names:
        return None
    usual = Counter(_origin(rows[name]) for name in names).most_common(1)[0][0]
    drawn = [replace(rows[name], show_source=_origin(rows[name]) != usual) for name in names]
    return Card(section.value, str(_TITLES[section]), drawn, *usual)


def _origin(row: Row) -> tuple[str, str, bool, bool]:
    return row.source, row.age, row.stale, row.asked_again


def _on_a_card(name: str, rows: dict[str, Row]) -> bool:
    if name in _NAME_PARTS:
        return "name" not in rows
    return name not in _IN_HEADER or bool(rows[name].conflicts) or not rows[name].lines


def _plain(shown: Disclosure, name: str) -> str:
    """A header's value: only what is there to be read."""
    disclosed = shown.fields.get(name)
    return "" if disclosed is None or disclosed.value is None else str(disclosed.value)


def _tone(standing: str) -> str:
    word = standing.casefold()
    return "good" if word in _GOOD_STANDING else "bad" if word in _BAD_STANDING else "plain"


def _unreadable(shown: Disclosure) -> list[str]:
    names = [(one.label, [_(label_of(name, shown.vocabulary)) for name in one.unreadable]) for one in shown.sources]
    return [f"{label}: {', '.join(unreadable)}" for label, unreadable in names if unreadable]
