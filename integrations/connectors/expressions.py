"""JMESPath expressions: compiled once within limits, and which columns of a row they read."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any

import jmespath
from jmespath.exceptions import JMESPathError
from jmespath.parser import ParsedResult

from integrations.connectors.interpreter import BoundedInterpreter, multiplies, parts_of
from integrations.errors import ConfigurationError
from integrations.profile import JSON
from integrations.redaction import is_never, named_like

MAX_LENGTH, MAX_NODES, MAX_DEPTH = 1_000, 200, 30


class Expression:
    """A compiled JMESPath expression. Most are the name of a key, or some with dots between: these need no interpreter."""

    def __init__(self, parsed: ParsedResult) -> None:
        self._parsed = parsed.parsed
        self._keys = _keys_of(parsed.parsed)
        self.never = next(filter(is_never, _names(parsed.parsed)), "")  # the first name that nobody may read by
        self._multiplies = multiplies(parsed.parsed)

    def search(self, raw: JSON) -> JSON:
        """What it finds; None for nothing. Raises JMESPathError where a function gets what it cannot take, or does too much."""
        if self._keys is None:
            return BoundedInterpreter().run(self._parsed, raw, multiplies=self._multiplies)
        for key in self._keys:
            raw = raw.get(key) if isinstance(raw, dict) else None
        return raw


def _keys_of(node: Mapping[str, Any]) -> tuple[str, ...] | None:
    """The keys that lead to the value, or None if it takes more than keys."""
    if node["type"] == "field":
        return (node["value"],)
    if node["type"] == "subexpression":
        parts = [_keys_of(child) for child in node["children"]]
        return None if None in parts else tuple(key for part in parts for key in part or ())
    return None


@lru_cache(maxsize=4096)
def _expression(text: str) -> Expression:
    return Expression(_parsed(text))


class _TooLarge(ValueError):
    """The text says which limit an expression does not keep."""


def _parsed(text: str) -> ParsedResult:
    """Raises JMESPathError, or _TooLarge: before it is parsed where its brackets or its length tell, because the parser calls
    itself for each bracket."""
    if len(text) > MAX_LENGTH:
        raise _TooLarge(f"it has {len(text):,} characters, and {MAX_LENGTH:,} are the most")
    depth = deepest = 0
    for character in text:
        depth += (character in "([{") - (character in ")]}")
        deepest = max(deepest, depth)
    if deepest > MAX_DEPTH:
        raise _TooLarge(f"its brackets stand {deepest} deep, and {MAX_DEPTH} are the most")
    try:
        parsed = jmespath.compile(text)
        nodes, deepest = _size(parsed.parsed)
    except RecursionError:
        nodes, deepest = 0, MAX_DEPTH + 1
    if nodes > MAX_NODES or deepest > MAX_DEPTH:
        raise _TooLarge(f"it has too many parts: at most {MAX_NODES}, of which {MAX_DEPTH} may follow on each other")
    return parsed


def _size(node: Mapping[str, Any]) -> tuple[int, int]:
    """How many parts an expression has, and how deep they are nested."""
    sizes = [_size(child) for child in parts_of(node)]
    return 1 + sum(nodes for nodes, _depth in sizes), 1 + max((depth for _nodes, depth in sizes), default=0)


def compiled(expression: str, place: str) -> Expression:
    """A JMESPath expression ready to run. Raises ConfigurationError naming the place, also for what nobody may read."""
    try:
        found = _expression(expression)
    except _TooLarge as error:
        raise ConfigurationError(f"{place}: this expression is too large: {error}. Write a shorter one.") from None
    except JMESPathError as error:
        reason = str(error).splitlines()[0]
        raise ConfigurationError(f"{place}: {expression!r} is not a valid JMESPath expression ({reason}).") from error
    if found.never:
        raise ConfigurationError(
            f"{place}: {found.never} holds what is never shown: it is named like {named_like(found.never)}. Leave it out, "
            "or give it another name in the system if it is something else."
        )
    return found


def quoted(name: str) -> str:
    """A column's name as an expression, whatever characters are in it."""
    return name if _PLAIN_NAME.fullmatch(name) else json.dumps(name)


_PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def names_in(expression: str) -> set[str]:
    """Every key that a valid expression looks up, at any depth."""
    return set(_names(jmespath.compile(expression).parsed))


def _names(node: Mapping[str, Any]) -> Iterator[str]:
    if node["type"] == "field":
        yield node["value"]
    for child in parts_of(node):
        yield from _names(child)


def columns_of(expressions: Iterable[str]) -> set[str]:
    """The columns that JMESPath expressions read: the names that they look up in the row itself."""
    return {name for text in expressions for name in _roots(jmespath.compile(text).parsed)}


def _roots(node: Mapping[str, Any]) -> Iterator[str]:
    if node["type"] == "field":
        yield node["value"]
        return
    # What follows a dot, a pipe or a projection looks into what came before it, not into the row.
    parts = parts_of(node)
    for child in parts[:1] if node["type"] in _LOOKS_INTO else parts:
        yield from _roots(child)


_LOOKS_INTO = {"subexpression", "pipe", "projection", "value_projection", "filter_projection", "flatten", "index_expression"}
