"""The names under which a query of the admin's gives back what nobody may see.

``SELECT ssn AS member_ref`` is judged by its source. Whatever a statement does not tell, such as what a view renames, is
judged by the values alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise

from integrations.connectors.expressions import compiled, names_in
from integrations.errors import ConfigurationError
from integrations.outbound.recording import record_dropped
from integrations.profile import JSON
from integrations.redaction import is_never, named_like

_PART = re.compile(
    r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|`[^`]*`|\[[^\]]*\]|[^\W\d][\w$]*|[\d.]+|\S""",
)
# What one database leaves out and another reads (MySQL's "#", "--" without a blank behind it and "/*!", PostgreSQL's "$$"):
# within it quotes, commas and keywords may stand that are none.
_NOT_READ_ALIKE = re.compile(r"--|/\*|#|\$\w{0,63}\$|\\")
_ENDS = frozenset({"FROM", "UNION", "INTERSECT", "EXCEPT", "WHERE", "GROUP", "ORDER", "LIMIT", "HAVING", "INTO"})
_SETS = frozenset({"UNION", "INTERSECT", "EXCEPT"})
_CONNECTING = frozenset(
    {"AND", "OR", "NOT", "IN", "ON", "AS", "WHEN", "THEN", "ELSE", "OVER", "USING", "EXISTS", "LIKE", "ANY"}
)
_NO_ALIAS = frozenset({"END", "NULL", "TRUE", "FALSE"})


@dataclass
class _Item:
    """One column of a SELECT: the names that it may come back under, and those that it is made of."""

    parts: list[str] = field(default_factory=list)
    depth: list[int] = field(default_factory=list)

    def outputs(self) -> set[str]:
        top = [_bare(part) for part, depth in zip(self.parts, self.depth, strict=True) if depth == 0 and _is_name(part)]
        named = [name for name in top if name.upper() not in _NO_ALIAS]
        return {named[-1].casefold()} if named else set()

    def sources(self) -> Iterator[str]:
        """The columns, and texts, as paths into JSON are. The alias is one of them: a bad one is judged by itself."""
        for part, after in pairwise([*self.parts, ""]):
            if _is_name(part) and after not in (".", "("):
                yield _bare(part)


def hidden_columns(query: str) -> dict[str, str]:
    """Column as the rows will name it, in small letters → the name of what nobody may see that it is made of.

    Raises ConfigurationError where the query reads such a thing and gives it names that cannot be followed.
    """
    parts = _PART.findall(query)
    items = [item for place, part in enumerate(parts) if part.upper() == "SELECT" for item in _items(parts, place + 1)]
    hidden: dict[str, str] = {}
    for _round in items:
        found = {name: source for item in items if (source := _source(item, hidden)) for name in item.outputs()}
        if set(found) <= set(hidden):
            break
        hidden = {**found, **hidden}
    named = next((name for name in map(_bare, filter(_is_name, parts)) if is_never(name)), "")
    if named and (_NOT_READ_ALIKE.search(query) or (hidden and _renames_by_place(parts))):
        raise ConfigurationError(
            f"query: it reads {named}, which is named like {named_like(named)} and may not be seen by anybody. Leave "
            "it out, and write the query without comments: under which name it would come back cannot be told here."
        )
    return hidden


class Shown:
    """What of a query's rows may be read; ``""`` for none, whose rows are read by the names of their columns."""

    def __init__(self, query: str) -> None:
        self.hidden = hidden_columns(query) if query else {}

    def of(self, row: Mapping[str, JSON]) -> dict[str, JSON]:
        """A row without what nobody may see."""
        kept = {name: value for name, value in row.items() if name.casefold() not in self.hidden and not is_never(name)}
        record_dropped(self._told(name) for name in row if name not in kept)
        return kept

    def check(self, changes: Mapping[str, str | bool]) -> None:
        """Raises ConfigurationError for a field that would be read of a hidden column."""
        for target, text in changes.items():
            if not isinstance(text, str):
                continue
            compiled(text, f"fields.{target}")  # which says what is wrong with it
            read = names_in(text)
            for name in read:
                if source := self.hidden.get(name.casefold()):
                    raise ConfigurationError(
                        f"fields.{target}: {name} holds what is never shown: it is made of {source}, which is named like "
                        f"{named_like(source)}."
                    )

    def _told(self, name: str) -> str:
        source = self.hidden.get(name.casefold(), name)
        return name if source == name else f"{name} (made of {source})"


def _source(item: _Item, hidden: dict[str, str]) -> str:
    return next(
        (hidden.get(name.casefold(), name) for name in item.sources() if is_never(name) or name.casefold() in hidden), ""
    )


def _items(parts: list[str], begin: int) -> Iterator[_Item]:
    depth, item = 0, _Item()
    for part in parts[begin:]:
        if (part == ")" and depth == 0) or (depth == 0 and part.upper() in _ENDS):
            break
        depth += (part == "(") - (part == ")")
        if part == "," and depth == 0:
            yield item
            item = _Item()
        else:
            item.parts.append(part)
            item.depth.append(depth + (part == ")"))
    yield item


def _renames_by_place(parts: list[str]) -> bool:
    """UNION, ``WITH known (a, b) AS (…)``, ``(SELECT …) AS known (a, b)``: names that belong to columns by their order."""
    upper = [part.upper() for part in parts]
    if _SETS.intersection(upper):
        return True
    for place, part in enumerate(upper):
        if part != "(" or place < 2 or not _is_name(upper[place - 1]) or upper[place - 1] in _CONNECTING:
            continue
        closed = next((end for end in range(place, len(upper)) if upper[end] == ")"), len(upper))
        before = upper[place - 3 : place - 1] if upper[place - 2] == "AS" else upper[place - 2 : place - 1]
        if upper[closed + 1 : closed + 3] == ["AS", "("] or before[:1] == [")"]:
            return True
    return False


def _is_name(part: str) -> bool:
    return part[0] in "\"`['" or part[0].isalpha() or part[0] == "_"


def _bare(part: str) -> str:
    return part[1:-1] if part[0] in "\"`['" else part
