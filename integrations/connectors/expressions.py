"""Which columns of a row an expression reads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import jmespath


def columns_of(expressions: Iterable[str]) -> set[str]:
    """The columns that JMESPath expressions read: the names that they look up in the row itself."""
    return {name for text in expressions for name in _roots(jmespath.compile(text).parsed)}


def _roots(node: Mapping[str, Any]) -> Iterator[str]:
    if node["type"] == "field":
        yield node["value"]
        return
    # What follows a dot, a pipe or a projection looks into what came before it, not into the row.
    children = node["children"][:1] if node["type"] in _LOOKS_INTO else node["children"]
    for child in children:
        yield from _roots(child)


_LOOKS_INTO = {"subexpression", "pipe", "projection", "value_projection", "filter_projection", "flatten", "index_expression"}
