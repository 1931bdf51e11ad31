"""The people in several systems' records: which records are one person, and which value each field gets."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime

from integrations.codes import decoded, language_of
from integrations.consents import NOT_ASKED
from integrations.emails import identity
from integrations.money import amounts
from integrations.profile import JSON, CallerProfile, Field, FieldType, Provenance, SourceRecord, Value
from integrations.stored_numbers import comparable
from integrations.words import shared_id


def link(records: Sequence[SourceRecord]) -> list[tuple[SourceRecord, ...]]:
    """Group records into people.

    Two records are one person when they come from different sources and share an e-mail address, which must be somebody's,
    or an external id.
    What a source keeps as two records stays two people, however they are chained together through others: a key that
    occurs twice in one source therefore links nothing.
    """
    group_of: dict[int, set[int]] = {index: {index} for index in range(len(records))}
    for indexes in _shared_keys(records):
        first, *others = indexes
        for other in others:
            merged = group_of[first] | group_of[other]
            if len({records[index].connector for index in merged}) == len(merged):
                for index in merged:
                    group_of[index] = merged
    groups = {min(group): group for group in group_of.values()}
    return [tuple(records[index] for index in sorted(group)) for _first, group in sorted(groups.items())]


def _shared_keys(records: Sequence[SourceRecord]) -> Iterable[list[int]]:
    holders: dict[tuple[str, str], list[int]] = defaultdict(list)
    for index, record in enumerate(records):
        if email := identity(record.fields.get("email")):
            holders["email", email].append(index)
        if record.external_id:
            holders["external id", record.external_id].append(index)
    for indexes in holders.values():
        if len({records[index].connector for index in indexes}) == len(indexes):
            yield indexes


def sure_key(person: CallerProfile, name: str) -> str:
    """The e-mail address or account id by which another system can be asked about this person; ``""`` for one that could
    be anybody's."""
    value = person.fields.get(name)
    if value is None:
        return ""
    return str(value.value) if (identity if name == "email" else shared_id)(value.value) else ""


def merge(
    records: Sequence[SourceRecord], priority: Mapping[str, int], vocabulary: Mapping[str, Field], region: str
) -> CallerProfile:
    """One person's records as one profile: for each field the value of the first source by priority, with its source
    and age, and what other sources say differently."""
    ranked = sorted(records, key=lambda record: (priority.get(record.connector, 0), record.connector))
    holders: dict[str, list[SourceRecord]] = defaultdict(list)
    for record in ranked:
        for name, value in record.fields.items():
            if value is not None:
                holders[name].append(record)
    origins = {id(record): Provenance(record.connector, record.fetched_at, record.stale) for record in ranked}
    fields = {name: _value(vocabulary[name], holders[name], region, origins) for name in vocabulary if name in holders}
    return CallerProfile(records=tuple(ranked), fields=fields, outdated=_outdated(ranked, fields, vocabulary))


def _outdated(
    ranked: Sequence[SourceRecord], fields: Mapping[str, Value], vocabulary: Mapping[str, Field]
) -> dict[str, Provenance]:
    """The fields of which there is nothing but a value that is too old to be shown, and whose it is."""
    found: dict[str, Provenance] = {}
    for record in ranked:
        for name in record.outdated:
            if name in vocabulary and name not in fields:
                found.setdefault(name, Provenance(record.connector, record.fetched_at, stale=True))
    return found


def _value(definition: Field, holders: Sequence[SourceRecord], region: str, origins: Mapping[int, Provenance]) -> Value:
    if definition.type is FieldType.CONSENT:
        # Whoever asked knows more than whoever did not.
        holders = sorted(holders, key=lambda record: _is_unasked(record.fields[definition.name]))
    first = holders[0]
    chosen = first.fields[definition.name]
    conflicts: dict[str, JSON] = {}
    for record in holders[1:]:
        other = record.fields[definition.name]
        if record.connector != first.connector and not _same(definition, chosen, other, region):
            conflicts.setdefault(record.connector, other)
    return Value(chosen, origins[id(first)], tuple(conflicts.items()))


def _same(definition: Field, one: JSON, other: JSON, region: str) -> bool:
    """Whether two sources say the same thing, in whatever spellings."""
    if one == other:
        return True
    if definition.name == "language":
        return (language_of(str(one)) or _folded(str(one))) == (language_of(str(other)) or _folded(str(other)))
    one, other = (decoded(definition.name, value) if isinstance(value, str) else value for value in (one, other))
    return _SAME[definition.type](one, other, region)


def _same_day(one: JSON, other: JSON, _region: str) -> bool:
    """One system keeps the year, another the day, a third the minute: the same as far as both can tell."""
    one, other = str(one), str(other)
    if len(one) > 10 and len(other) > 10 and datetime.fromisoformat(one) == datetime.fromisoformat(other):
        return True
    return bool(one[:10].startswith(other[:10]) or other[:10].startswith(one[:10]))


def _folded(text: str) -> str:
    return " ".join(text.casefold().split())


def _is_unasked(value: JSON) -> bool:
    return bool(value["answer"] == NOT_ASKED)


def _same_answer(one: JSON, other: JSON, _region: str) -> bool:
    """A system that did not ask does not say otherwise."""
    return bool(one["answer"] == other["answer"]) or _is_unasked(other)


type _Same = Callable[[JSON, JSON, str], bool]


def _by(comparable_form: Callable[[JSON, str], JSON]) -> _Same:
    """Compares two values by a form that does not depend on how a system spells them, in the organisation's region."""
    return lambda one, other, region: bool(comparable_form(one, region) == comparable_form(other, region))


def _spelling(value: JSON, _region: str) -> JSON:
    return _folded(value) if isinstance(value, str) else value


def _numbers(value: JSON, region: str) -> JSON:
    return sorted(str(comparable(item, region)) for item in value)


def _address(value: JSON, _region: str) -> JSON:
    return identity(value) or value


def _amounts(value: JSON, _region: str) -> JSON:
    return sorted((amount["currency"], amount["amount_minor"]) for amount in amounts(value))


_SAME: dict[FieldType, _Same] = {
    FieldType.TEXT: _by(_spelling),
    FieldType.PHONE: _by(comparable),
    FieldType.PHONES: _by(_numbers),
    FieldType.EMAIL: _by(_address),
    FieldType.DATE: _same_day,
    FieldType.MOMENT: _same_day,
    FieldType.FLAG: _by(_spelling),
    FieldType.NUMBER: _by(_spelling),
    FieldType.MONEY: _by(_amounts),
    FieldType.TEXTS: _by(_spelling),
    FieldType.APPOINTMENTS: _by(_spelling),
    FieldType.ORDERS: _by(_spelling),
    FieldType.CONSENT: _same_answer,
    FieldType.CONSENTS: _by(_spelling),
}
