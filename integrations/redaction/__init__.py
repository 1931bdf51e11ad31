"""What must never be shown to anyone: social security, card and bank numbers, passwords and their likes.

Recognised by the names of fields and keys (``names``), and by patterns in text (``values``), because people type such
things into notes. docs/redaction.md shows both, and what deliberately stays.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from integrations.redaction.folding import shadow
from integrations.redaction.names import named_like, named_once
from integrations.redaction.values import spans_in

__all__ = ["MAX_DEPTH", "REMOVED", "drop_never", "is_never", "named_like", "scrub", "told"]

REMOVED = "[removed]"
MAX_DEPTH = 50
# What most texts lack, and everything that is removed has.
_SUSPECT = re.compile(r"[\d$:=<_*#]|-----")
# A number as it is dialled is no other number, and every lookup meets some.
_DIALLED = re.compile(r"\+\d{4,15}")
# A list of facts instead of a table of them: {"name": "SSN", "value": "…"}.
_NAMING = ("name", "label", "key", "field", "title", "question", "type", "code", "system", "attribute", "property", "column")
_VALUES = frozenset(("value", "values", "answer", "answers", "text", "data", "content", "response", "number", "val"))
_NAMES_DEPTH = 3
_MAX_COLUMNS = 100
_NESTED = (dict, list)


def is_never(name: str) -> bool:
    """Whether a field or key may not exist behind a connector, by its name."""
    return bool(named_like(name))


def told(name: str) -> str:
    """The reason why a field or key was dropped, as it is told to an admin."""
    return f"named like {named_like(name) or 'what nobody may see'}"


def drop_never(value: Any) -> tuple[Any, frozenset[str]]:
    """``value`` without the keys that may not exist behind a connector, at any depth, and the names of those that it had.

    What is nested deeper than any record is dropped as well.
    """
    dropped: set[str] = set()
    return _without(value, dropped, MAX_DEPTH), frozenset(dropped)


def _without(value: Any, dropped: set[str], depth: int) -> Any:
    if isinstance(value, dict):
        return _table_without(value, dropped, depth) if depth else None
    if isinstance(value, list):
        return [_without(item, dropped, depth - 1) for item in value] if depth else None
    return value


def _table_without(table: Mapping[Any, Any], dropped: set[str], depth: int) -> dict[Any, Any]:
    keys = tuple(map(str, table))
    never, said = _judged_keys(keys)
    dropped |= never
    gone = never | said if said and _names_what_is_never_shown(table, dropped) else never
    return {
        name: _without(item, dropped, depth - 1) if isinstance(item, _NESTED) else item
        for key, (name, item) in zip(keys, table.items(), strict=True)
        if key not in gone
    }


def _judged_keys(keys: tuple[str, ...]) -> tuple[frozenset[str], frozenset[str]]:
    """Sort a table's keys: those that may not exist, and those that hold the value where a fact is a table of its own."""
    return _judged_columns(keys) if len(keys) <= _MAX_COLUMNS else _judged_columns.__wrapped__(keys)


# A system's records have the same columns; what has more keys may be a list of something else, and is not kept in memory.
@lru_cache(maxsize=256)
def _judged_columns(keys: tuple[str, ...]) -> tuple[frozenset[str], frozenset[str]]:
    said = frozenset(key for key in keys if key in _VALUES or key.startswith("value"))
    return frozenset(filter(named_like, keys)), said


def _names_what_is_never_shown(table: Mapping[Any, Any], dropped: set[str]) -> bool:
    """Whether one of its texts says that its values are of such a kind."""
    texts = (text for naming in _NAMING for text in _texts(table.get(naming), _NAMES_DEPTH))
    named = next(filter(named_once, texts), None)
    dropped.update([named] if named else [])
    return named is not None


def _texts(tree: Any, depth: int) -> list[str]:
    """The short texts of a name, which may be a table itself, as in FHIR's ``identifier.type``."""
    if isinstance(tree, str):
        return [tree] if 0 < len(tree) <= 100 else []
    if depth == 0:
        return []
    if isinstance(tree, dict):
        return [text for name in ("text", "display", "name", "code", "coding") for text in _texts(tree.get(name), depth - 1)]
    return [text for item in tree[:5] for text in _texts(item, depth - 1)] if isinstance(tree, list) else []


def scrub(value: Any) -> Any:
    """``value`` without anything that must never be shown: keys by name, text by pattern, at any depth."""
    if isinstance(value, str):
        return _scrub_text(value)
    if isinstance(value, list):
        return [scrub(item) for item in value]
    if isinstance(value, dict):
        return {key: scrub(item) for key, item in value.items() if not is_never(str(key))}
    return value


def _scrub_text(text: str) -> str:
    if not _SUSPECT.search(text) or _DIALLED.fullmatch(text):
        return text
    if text.isascii():
        spans = spans_in(text)
    else:
        plain, places = shadow(text)
        spans = [(places[start], places[end - 1] + 1) for start, end in spans_in(plain)]
    starts = [0, *(end for _start, end in spans)]
    ends = [*(start for start, _end in spans), len(text)]
    return REMOVED.join(text[start:end] for start, end in zip(starts, ends, strict=True))
