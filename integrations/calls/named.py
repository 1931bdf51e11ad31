"""Calls that a program tells of: written with the lookup's audit entry, so that they cost no commit of their own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

from django.db import connection, models

from integrations.calls import MAX_SID, MAX_TASK_SID, CallFacts, direction_of
from integrations.disclosure.audit import Beside
from integrations.models import Call, CallTask
from integrations.models.calls import new_panel_key
from integrations.phone import Number
from integrations.storage.bulk import insert, upsert

type _Names = tuple[int, str]

_UNIQUE = ("organization_id", "call_sid")
# A call that is known keeps its number unless it had none. The index last, because the others look at it.
_NUMBER = ("number", "index_version", "number_index")
_KNOWN_CALL = {name: f"CASE WHEN number_index = '' THEN {{new[{name}]}} ELSE {name} END" for name in _NUMBER} | {
    "named_by_api": "{new[named_by_api]}",
    "number_doubted": "CASE WHEN {new[number_doubted]} THEN {new[number_doubted]} ELSE number_doubted END",
    "touched_at": "{new[touched_at]}",
}
_KNOWN_TASK = {"task_sid": "task_sid"}  # it stays as it is


@dataclass(eq=False)
class NamedCall(Beside):
    """A call; without a sid it is one of its own. ``key`` is its panel's once it is written, ``""`` before and where it cannot
    be."""

    organization_id: int
    facts: CallFacts
    key: str = ""

    @cached_property
    def _new_key(self) -> str:
        """The same at each attempt."""
        return new_panel_key()

    @property
    def _names(self) -> _Names:
        return self.organization_id, self.facts.call_sid[:MAX_SID]

    @property
    def _number(self) -> str:
        return self.facts.caller_id.e164 if isinstance(self.facts.caller_id, Number) else ""

    @classmethod
    def write(cls, several: Sequence[Self]) -> None:
        cls._write_named([one for one in several if one.facts.call_sid])
        cls._write_nameless([one for one in several if not one.facts.call_sid])

    @classmethod
    def _write_nameless(cls, several: Sequence[Self]) -> None:
        insert(Call, _columns(Call), [_stored(one._call()) for one in several])
        for one in several:
            one.key = one._new_key

    @classmethod
    def _write_named(cls, several: Sequence[Self]) -> None:
        # Each once; of what is told about one call, what comes first counts, as if it were told one after the other.
        calls = {one._names: one for one in reversed(several)}
        calls |= {one._names: one for one in reversed(several) if one._number}
        # In one order, so that no two processes wait for each other.
        rows = [_stored(calls[names]._call()) for names in sorted(calls)]
        named = upsert(Call, _columns(Call), rows, unique=_UNIQUE, update=_KNOWN_CALL, returning=(*_UNIQUE, "id", "key"))
        found = {(organization_id, sid): (pk, key) for organization_id, sid, pk, key in named}
        tasks = {
            one._task_names: (found[one._names][0], one.facts.task_kind) for one in reversed(several) if one.facts.task_sid
        }
        rows = [
            _stored(CallTask(call_id=pk, organization_id=names[0], task_sid=names[1], kind=kind))
            for names, (pk, kind) in sorted(tasks.items())
        ]
        upsert(CallTask, _columns(CallTask), rows, unique=("organization_id", "task_sid"), update=_KNOWN_TASK)
        for one in several:
            _pk, one.key = found[one._names]

    @property
    def _task_names(self) -> _Names:
        return self.organization_id, self.facts.task_sid[:MAX_TASK_SID]

    def _call(self) -> Call:
        organization_id, sid = self._names
        direction = direction_of(self.facts)
        call = Call(organization_id=organization_id, key=self._new_key, direction=direction, named_by_api=True)
        call.number_doubted = self.facts.doubted
        call.call_sid = sid or None
        call.set_number(self._number)
        return call


def _columns(model: type[models.Model]) -> list[str]:
    return [column.attname for column in _fields(model)]


def _fields(model: type[models.Model]) -> list[models.Field[Any, Any]]:
    return [column for column in model._meta.concrete_fields if not column.primary_key]


def _stored(row: models.Model) -> list[Any]:
    """The value as the database takes it."""
    return [column.get_db_prep_save(column.pre_save(row, add=True), connection) for column in _fields(type(row))]
