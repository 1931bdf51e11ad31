"""What a system's raw record says in the portal's vocabulary."""

from __future__ import annotations

from collections.abc import Mapping

from jmespath.exceptions import JMESPathError

from integrations.coercion import Habits, Reader, WrongType
from integrations.connectors.expressions import Expression, compiled
from integrations.connectors.interpreter import TooMuchWork
from integrations.errors import ConfigurationError
from integrations.profile import JSON, Field
from integrations.redaction import is_never

# After so many expressions that did too much with a record, no further one of its mapping is run.
MAX_TOO_MUCH = 3


class FieldMapping:
    """The kind's field table with an organisation's changes, compiled: of the fields that are asked for.

    Raises ConfigurationError at the bad field, asked for or not.
    """

    def __init__(self, table: Mapping[str, str], changes: Mapping[str, str | bool], vocabulary: Mapping[str, Field]) -> None:
        merged: dict[str, str | bool] = {**table, **changes}
        self.expressions: dict[str, str] = {}
        self._by_name: dict[str, Expression] = {}
        self._rows: list[tuple[str, Expression, Reader]] = []
        for name, expression in merged.items():
            if expression is False:
                continue
            if not isinstance(expression, str) or not expression:
                raise ConfigurationError(f"fields.{name}: give a JMESPath expression, or false to leave the field out.")
            if is_never(name):
                raise ConfigurationError(f"fields.{name}: this kind of value is never shown, so it cannot be mapped.")
            if name not in vocabulary:
                raise ConfigurationError(f"fields.{name}: there is no field of this name. Add it to the organisation first.")
            found = compiled(expression, f"fields.{name}")
            if vocabulary[name].asked:
                self._by_name[name] = found
                self._rows.append((name, found, Reader(vocabulary[name])))
                self.expressions[name] = expression

    def __contains__(self, name: str) -> bool:
        return name in self.expressions

    def found(self, name: str, raw: JSON) -> JSON:
        """What a field is mapped to, as the system writes it; None where it is not mapped, or cannot be had."""
        expression = self._by_name.get(name)
        try:
            return expression.search(raw) if expression else None
        except JMESPathError:
            return None

    def read(self, raw: JSON, habits: Habits) -> tuple[dict[str, JSON], tuple[str, ...]]:
        """The mapped fields that the record has a value for, and the names of those whose value has the wrong type.

        One odd value ("last visit: soon") must not cost the agent the rest of the record.
        """
        values: dict[str, JSON] = {}
        unreadable: list[str] = []
        too_much = 0
        for name, expression, reader in self._rows:
            try:
                if too_much >= MAX_TOO_MUCH:
                    raise TooMuchWork
                value = reader(expression.search(raw), habits)
            except (WrongType, JMESPathError) as problem:
                too_much += isinstance(problem, TooMuchWork)
                unreadable.append(name)
                continue
            if value is not None:
                values[name] = value
        return values, tuple(unreadable)
