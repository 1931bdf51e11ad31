"""What a section of the configuration file is to those who check, compare, store and write it out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from integrations.configuration import schema
from integrations.configuration.reading import Reading
from integrations.configuration.state import Facts, State
from integrations.models import Organization, User


class Action(StrEnum):
    CREATE = "create"
    UPDATE = "update"
    DEACTIVATE = "deactivate"
    DELETE = "delete"


@dataclass(frozen=True)
class Kept:
    """What the file no longer names stays; ``why`` is told, unless it is empty."""

    why: str = ""


class Held(NamedTuple):
    """An object as it is stored. One that is not active is to the file as good as absent."""

    name: str
    facts: Facts
    active: bool = True


@dataclass
class Writing:
    """An organisation that is being written. ``newcomers``: users that were made for it."""

    organization: Organization
    wanted: State
    newcomers: list[tuple[User, Organization]] = field(default_factory=list)


def _stays(name: str, now: State, wanted: State) -> Kept:
    return Kept()


def _nothing(organization: Organization, name: str) -> None:
    """Leave alone what stays."""


def _no_more(organization: Organization) -> Mapping[str, Facts]:
    return {}


@dataclass(frozen=True, kw_only=True)
class Section:
    """The tables ``[[organization.NAME]]``. Facts are what is compared: the tables' keys but the one they are named by.

    ``key`` names an entry; ``words`` are what people call one. In the order of their use:

    ``check`` reports what is wrong with an organisation's entries, ``across`` with those of the whole file;
    ``wanted`` tells what the file says, ``stored`` what the database holds, in the same words;
    ``absent`` decides what becomes of what the file no longer names, from what is stored and what is wanted;
    ``before`` and ``after`` see everything that is written, by name; ``write`` stores one object, ``retire`` does to one
    what ``absent`` said;
    ``more`` are keys that an export adds by name. There ``moments`` are keys that hold a time, and ``unless_empty`` lists
    that are left out when they hold nothing.
    """

    name: str
    key: str
    words: str
    table: type[schema.Table]
    check: Callable[[Reading], None]
    wanted: Callable[[Reading], Mapping[str, Facts]]
    stored: Callable[[Organization], Iterable[Held]]
    write: Callable[[Writing, str, Facts], None]
    absent: Callable[[str, State, State], Action | Kept] = _stays
    retire: Callable[[Organization, str], None] = _nothing
    across: Callable[[Iterable[Reading]], None] | None = None
    before: Callable[[Organization, Mapping[str, Facts]], None] | None = None
    after: Callable[[Organization, Mapping[str, Facts]], None] | None = None
    more: Callable[[Organization], Mapping[str, Facts]] = _no_more
    moments: tuple[str, ...] = ()
    unless_empty: tuple[str, ...] = ()
