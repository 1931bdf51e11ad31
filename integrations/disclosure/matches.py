"""Several people who share a number: what is shown of each, so that an agent can choose."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from django.utils.dateformat import format as format_date
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from integrations.codes import decoded
from integrations.days import day_format
from integrations.disclosure.fields import Disclosed, disclosed_fields
from integrations.disclosure.policy import IdentityGate, Policy
from integrations.lookup.result import LookupResult
from integrations.profile import FIELDS, CallerProfile, FieldType
from integrations.search_query import By
from integrations.storage.encryption import blind_index
from integrations.whose import whose_number

# What tells two people of one number apart without saying much about either, in the order of preference.
DISAMBIGUATORS = ("date_of_birth", "last_visit", "last_contact", "member_since", "company", "account_id", "language")
# Why somebody was found by what an agent typed.
_WHY = {By.NAME: gettext_noop("name"), By.EMAIL: gettext_noop("e-mail address")}


@dataclass(frozen=True)
class MatchCard:
    """One of several people who share the number: only what is needed to choose among them.

    ``told_by`` is the field that ``disambiguator`` shows; both are empty where nothing tells them apart. ``chosen_before``:
    they are who was picked when this number called last.
    """

    match_id: str
    name: str
    disambiguator: str
    told_by: str
    why: str
    sources: tuple[str, ...]
    chosen_before: bool = False


def cards_of(result: LookupResult, policy: Policy) -> tuple[MatchCard, ...]:
    """The people to choose among, with the first field that tells them apart."""
    # As before a check: what callers are asked for tells nobody apart on the screen.
    shown = [disclosed_fields(person, policy, result.vocabulary, IdentityGate.VERIFY) for person in result.people]
    hints = [{name: _hint(fields.get(name), policy.region) for name in DISAMBIGUATORS} for fields in shown]
    telling = max(DISAMBIGUATORS, key=lambda name: len({hint[name] for hint in hints}))
    return tuple(
        _card(person, fields, (telling if hint[telling] else "", hint[telling]), result, policy)
        for person, fields, hint in zip(result.people, shown, hints, strict=True)
    )


def _card(
    person: CallerProfile, fields: Mapping[str, Disclosed], telling: tuple[str, str], result: LookupResult, policy: Policy
) -> MatchCard:
    labels = {source.key: source.label for source in result.sources}
    sources = tuple(dict.fromkeys(record.connector for record in person.records))
    name = fields.get("name")
    matched = [(record.connector, match) for record in person.records for match in record.matched[:1]]
    if others := matched_by(person):
        systems = ", ".join(labels.get(source, source) for source in sources)
        why = _("matched by %(whose)s's number in %(systems)s") % {"whose": _(others), "systems": systems}
    elif matched and policy.shows(FIELDS["phone"]):
        why = "; ".join(f"{labels.get(source, source)}: {match.field} {match.stored}" for source, match in matched)
    else:
        why = ", ".join(labels.get(source, source) for source in sources)
        if result.search_query and result.search_query.by in _WHY:
            why = _("%(what)s in %(systems)s") % {"what": _(_WHY[result.search_query.by]), "systems": why}
    return MatchCard(
        match_id=match_id(person, result.organization_id),
        name=str(name.value) if name and not name.withheld else "",
        disambiguator=telling[1],
        told_by=telling[0],
        why=why,
        sources=sources,
        chosen_before=bool(result.choice.before & person.refs),
    )


def matched_by(person: CallerProfile) -> str:
    """The owner of the number that they were found by, where it is nowhere their own: ``the emergency contact``."""
    owners = [whose_number(match) for record in person.records for match in record.matched]
    return owners[0] if owners and all(owners) else ""


def match_id(person: CallerProfile, organization_id: int) -> str:
    """Names a person by their records, without telling them (32 lower-hex characters)."""
    identity = "|".join(sorted(f"{connector}:{record_id}" for connector, record_id in person.refs))
    return blind_index(identity, scope=f"match:{organization_id}")[:32]


def marks_of(person: CallerProfile, organization_id: int) -> frozenset[str]:
    """One mark for each of a person's records (12 lower-hex characters), by which a page knows that somebody else is shown."""
    return frozenset(
        blind_index(f"{connector}:{record_id}", scope=f"mark:{organization_id}")[:12] for connector, record_id in person.refs
    )


def _hint(shown: Disclosed | None, region: str) -> str:
    """A field in few words; ``""`` where it is not there or not to be seen."""
    if shown is None or shown.withheld:
        return ""
    text = decoded(shown.definition.name, str(shown.value))
    # A year or a day is enough to tell people apart.
    if shown.definition.name == "date_of_birth":
        text = text[:4]
    elif shown.definition.type in (FieldType.DATE, FieldType.MOMENT):
        text = _day(text, region)
    return _("%(label)s: %(text)s") % {"label": _(shown.definition.label), "text": text}


def _day(moment: str, region: str) -> str:
    """The day of ``2026-10-01T09:30:00Z``, as people write it; what is no day is left as it is."""
    try:
        return format_date(date.fromisoformat(moment[:10]), day_format(region))
    except ValueError:
        return moment[:10]
