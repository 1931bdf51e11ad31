"""The people in the rows of an answer: which rows are one person, and whom a row without a usable id costs."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from integrations import words
from integrations.connectors.base import MAX_RECORD_ID, NO_ID
from integrations.connectors.expressions import compiled
from integrations.connectors.mapping import FieldMapping
from integrations.outbound.encodings import UNDECODABLE
from integrations.outbound.recording import remark
from integrations.profile import JSON
from integrations.redaction import scrub
from integrations.sentences import gettext_noop

# What no person has two of, however many rows they have.
_OF_ONE = ("name", "first_name", "last_name", "date_of_birth")
_SPLIT = re.compile(r"~[0-9a-f]{8}/(.*)", re.DOTALL)
_SHARED_ID = gettext_noop("Several people have one id there, so that one can be shown for another in what is asked for by it.")
TOO_MANY_ROWS = gettext_noop("Its query finds more rows than can be read, so somebody may be missing.")
_UNDECODABLE = gettext_noop("Some text of it is not in the encoding that it should be in, so it is left out.")


class Row(dict[str, JSON]):
    """A row by the names of its columns; ``undecodable`` names those whose text could not be read, which are empty."""

    undecodable: frozenset[str] = frozenset()


def row_of(raw: Mapping[str, JSON]) -> Row:
    """The row without marks for what could not be read."""
    unread = frozenset(name for name, value in raw.items() if value is UNDECODABLE)
    row = Row({**raw, **dict.fromkeys(unread)} if unread else raw)
    row.undecodable = unread
    return row


def facts_of_one(mapping: FieldMapping) -> Callable[[Row], JSON]:
    """The facts by which two people with one id are told apart."""
    read = [compiled(mapping.expressions[name], name) for name in _OF_ONE if name in mapping]
    return lambda row: [expression.search(row) for expression in read]


@dataclass(frozen=True)
class Person:
    """One person's first row, and the id by which they are known here."""

    row: Row
    record_id: str


def people_in(rows: Iterable[Row], id_column: str, told_apart_by: Callable[[Row], JSON]) -> list[Person]:
    """One for each person: a join gives a row for each account. Where a key turns out to be none, because rows with one id
    are of different people, each gets an id of their own and nothing that the shared one leads to."""
    groups: dict[str, list[Row]] = {}
    for row in rows:
        record_id = words.record_id(row.get(id_column))
        if record_id and len(record_id) <= MAX_RECORD_ID and scrub(record_id) == record_id:
            groups.setdefault(record_id, []).append(row)
        else:
            remark(NO_ID)
        if row.undecodable:
            remark(_UNDECODABLE)
    return [person for record_id, group in groups.items() for person in _within(group, record_id, id_column, told_apart_by)]


def _within(group: list[Row], record_id: str, id_column: str, told_apart_by: Callable[[Row], JSON]) -> Iterator[Person]:
    first: dict[str, Row] = {}
    for row in group if len(group) > 1 else ():
        first.setdefault(repr(told_apart_by(row)), row)
    if len(first) < 2:
        yield Person(group[0], record_id)
        return
    remark(_SHARED_ID)
    for facts, row in first.items():
        own = Row({**row, id_column: None})
        own.undecodable = row.undecodable
        yield Person(own, f"~{hashlib.blake2b(facts.encode('utf-8', 'replace'), digest_size=4).hexdigest()}/{record_id}")


def shared_id(record_id: str) -> str:
    """The id in the database of somebody who was told apart from others with the same one; ``""`` for anybody else."""
    split = _SPLIT.fullmatch(record_id)
    return split[1] if split else ""
