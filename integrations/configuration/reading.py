"""One organisation of the file as it is read: its tables, what is wrong with them, and the secrets that they name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from pydantic import BaseModel, ValidationError

from integrations.configuration import schema
from integrations.configuration.problems import Problem, Source, Where
from integrations.configuration.references import Secret, Unresolved, resolve
from integrations.configuration.state import Place, State, secrets_of
from integrations.configuration.wording import findings
from integrations.models import Organization
from integrations.models.keys import folded


@dataclass
class Reading:
    """One ``[[organization]]``. What checks it adds to its problems and notes.

    ``keys``: section → the key by which the file matches its entries; ``stored`` tells what the database holds.
    """

    source: Source
    index: int
    keys: Mapping[str, str]
    stored: Callable[[Organization], State]
    skip_unknown_kinds: bool = False
    table: schema.Organization | None = None  # its own keys, without the sections
    sections: dict[str, list[tuple[Where, Any]]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    secrets: dict[Where, Secret] = field(default_factory=dict)
    left_out: set[str] = field(default_factory=set)
    existing_users: set[str] = field(default_factory=set)

    @property
    def where(self) -> Where:
        return ("organization", self.index)

    @property
    def slug(self) -> str:
        return self.table.slug if self.table else ""

    @property
    def raw(self) -> Any:
        return self.source.data["organization"][self.index]

    def rows(self, section: str) -> list[tuple[Where, Any]]:
        """The section's tables that could be read, as their schema has them, with their places."""
        return self.sections.get(section, [])

    def named(self, section: str) -> set[str]:
        """Names in the file, those of entries with a mistake included: one mistake is reported once."""
        raw = self.raw.get(section) if isinstance(self.raw, dict) else None
        key = self.keys[section]
        return (
            {folded(str(entry[key])) for entry in raw if isinstance(entry, dict) and key in entry}
            if isinstance(raw, list)
            else set()
        )

    def problem(self, where: Where, sentence: str) -> None:
        self.problems.append(self.source.problem(where, sentence))

    # -- Shapes ---------------------------------------------------------------------------------------------------

    def read_own(self) -> None:
        own = {key: value for key, value in self.raw.items() if key not in self.keys} if isinstance(self.raw, dict) else {}
        self.table = self._validated(self.where, own, schema.Organization, self.keys)

    def read_section(self, section: str, model: type[schema.Table]) -> None:
        self.sections[section] = list(self._tables(section, model))
        key = self.keys[section]
        counted = Counter[str]()
        for where, row in self.rows(section):
            value = getattr(row, key)
            counted[value] += 1
            if counted[value] > 1:
                self.problem((*where, key), f"{value} stands here twice. Remove one, or give it another {key}.")

    def _tables(self, section: str, model: type[schema.Table]) -> Iterator[tuple[Where, Any]]:
        raw = self.raw.get(section, []) if isinstance(self.raw, dict) else []
        where = (*self.where, section)
        if not isinstance(raw, list):
            self.problem(where, f"Write this as [[organization.{section}]], with two brackets.")
            return
        for position, entry in enumerate(raw):
            if (row := self._validated((*where, position), entry, model)) is not None:
                yield (*where, position), row

    def _validated[T: BaseModel](self, where: Where, raw: Any, model: type[T], also: Iterable[str] = ()) -> T | None:
        """The table, without its bad keys where it can do without them, so that the rest is checked in the same go.

        ``also``: keys that are known beside those of ``model``.
        """
        try:
            return model.model_validate(raw)
        except ValidationError as error:
            bad: set[str | int] = set()
            for place, sentence in findings(error, model, also):
                self.problem((*where, *place), sentence)
                bad.update(place[:1])
        if not isinstance(raw, dict):
            return None
        try:
            return model.model_validate({key: value for key, value in raw.items() if key not in bad})
        except ValidationError:
            return None

    # -- Secrets --------------------------------------------------------------------------------------------------

    def resolve(self, where: Where, reference: str, name: str) -> Secret | None:
        """What ``reference`` names; for the placeholder that an export shows for this very secret, what is stored.

        ``where`` it stands in the table of ``name``. None, with a problem, if it leads nowhere.
        """
        try:
            self.secrets[where] = resolve(reference)
        except Unresolved as error:
            section, within = str(where[2]), where[4:]
            kept = self._without_reference.get((section, name, within))
            if kept and kept.reference == reference:
                self.secrets[where] = kept
            else:
                self.problem(where, str(error))
        return self.secrets.get(where)

    @cached_property
    def _without_reference(self) -> dict[Place, Secret]:
        """The organisation's stored secrets that came from no reference."""
        organizations = Organization.objects.filter(slug=self.slug)
        found = [item for one in organizations for item in secrets_of(self.stored(one))]
        return {place: secret for place, secret in found if secret.unreferenced}


def repeated(readings: Iterable[Reading], what: str, values: Callable[[Reading], Iterable[tuple[Where, str]]]) -> None:
    """Report what may stand once in a file, whatever the organisation, and stands there again."""
    seen: dict[str, Where] = {}
    for reading in readings:
        for where, value in values(reading):
            if (first := seen.setdefault(value, where)) != where:
                line = reading.source.line_of(first)
                reading.problem(where, f"The same {what} stands in line {line} already. Each may be there once.")
