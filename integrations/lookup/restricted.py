"""Clients whom only the tier ``admin`` may see: a system marks their record ``restricted``, or an admin has listed it.

Unless the question says that they count, they are taken out where a system's answer arrives, before it is kept, linked with
others or asked about: from there on everything goes as for a number that nobody has, in the same time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from integrations.connectors.base import Connector
from integrations.lookup.merge import link
from integrations.lookup.result import Choice
from integrations.models import RestrictedRecord
from integrations.profile import CallerProfile, Ref, SourceRecord, same_id

# What of a record that was taken out is kept, to recognise its person in other systems.
_TELLS_WHO = ("email",)


@dataclass(frozen=True)
class Restricted:
    """An organisation's list, by connector key: the ids of records, in the one form that their kind has for them.

    ``mark`` is another one for every other list, so that answers which an earlier one let through do not count.
    """

    listed: Mapping[str, frozenset[str]] = field(default_factory=dict)
    key_of: Mapping[str, Callable[[str], str]] = field(default_factory=dict)
    mark: str = ""

    def holds(self, record: SourceRecord) -> bool:
        """Whether the record is one of them, by its own word or the list's."""
        return record.is_marked or self.lists((record.connector, record.record_id))

    def lists(self, ref: Ref) -> bool:
        """Whether it is listed, under the connector's id (``Contact/003…``) or as people see it in the system (``003…``)."""
        connector, record_id = ref
        if connector not in self.listed:
            return False
        names = (record_id, record_id.rpartition("/")[2])
        return any(_key(self.key_of[connector], name) in self.listed[connector] for name in names)

    def refs_among(self, people: Iterable[CallerProfile]) -> frozenset[Ref]:
        """The records of those of the people who are restricted."""
        return frozenset(ref for one in people if any(self.holds(record) for record in one.records) for ref in one.refs)

    def hidden_from(self, choice: Choice) -> Choice:
        """The choice without anybody who is listed."""
        said = choice.picked | choice.rejected | choice.before
        return choice.without(frozenset(ref for ref in said if self.lists(ref)))

    def split(self, records: Iterable[SourceRecord]) -> tuple[tuple[SourceRecord, ...], tuple[SourceRecord, ...]]:
        """The people who count, and what is left of those who do not."""
        counted: list[SourceRecord] = []
        left_out: list[SourceRecord] = []
        for record in records:
            (left_out if self.holds(record) else counted).append(record)
        # One each: what a source holds twice would link nobody.
        traces = {(record.connector, record.record_id): trace_of(record) for record in left_out}
        return tuple(counted), tuple(traces.values())


def restricted_in(organization_id: int, kinds: Mapping[str, type[Connector]]) -> Restricted:
    """The organisation's list. (sync)"""
    rows = RestrictedRecord.objects.filter(organization_id=organization_id).order_by("pk")
    listed: dict[str, set[str]] = {}
    key_of: dict[str, Callable[[str], str]] = {}
    for connector, kind, record_id in rows.values_list("connector__key", "connector__kind", "record_id"):
        key_of[connector] = kinds.get(kind, Connector).record_key
        listed.setdefault(connector, set()).add(_key(key_of[connector], record_id))
    if not listed:
        return Restricted()
    facts = repr(sorted((connector, sorted(ids)) for connector, ids in listed.items()))
    mark = hashlib.blake2b(facts.encode(), digest_size=8).hexdigest()
    return Restricted({connector: frozenset(ids) for connector, ids in listed.items()}, key_of, mark)


def _key(key_of: Callable[[str], str], record_id: str) -> str:
    try:
        return key_of(record_id)
    except ValueError:
        return same_id(record_id)


def trace_of(record: SourceRecord) -> SourceRecord:
    """Enough to recognise the person in other systems, and no more."""
    fields = {name: record.fields[name] for name in _TELLS_WHO if name in record.fields}
    return SourceRecord(
        record.connector, record.record_id, fields, external_id=record.external_id, fetched_at=record.fetched_at
    )


def linked_with(left_out: Sequence[SourceRecord], records: Sequence[SourceRecord]) -> list[SourceRecord]:
    """The records of a person of whom another system's was taken out."""
    if not left_out:
        return []
    gone = {id(record) for record in left_out}
    groups = [group for group in link([*records, *left_out]) if any(id(record) in gone for record in group)]
    return [record for group in groups for record in group if id(record) not in gone]
