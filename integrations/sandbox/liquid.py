"""Fills templates with as much of Liquid as call flows use: ``{{ path | filter: argument }}``, and nothing else.

Whatever else stands in a template is refused, so that a flow that runs here uses nothing that was not tried.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote_plus

_OUTPUT = re.compile(r"\{\{([^{}]*)\}\}")
_PATH = re.compile(r"[A-Za-z_][\w-]*(?:\.[\w-]+)*")
_FILTER = re.compile(r"(\w+)(?:\s*:\s*(.+))?")


class LiquidError(ValueError):
    """``str()`` says what the template holds that is not Liquid, or not known here."""


def render(template: str, values: Mapping[str, Any]) -> str:
    """The template with its values. A value is put in as it is: Liquid escapes nothing by itself."""
    if "{%" in template:
        raise LiquidError("Tags are not known here.")
    return _OUTPUT.sub(lambda output: _printed(_value(output[1], values)), template)


def _value(expression: str, values: Mapping[str, Any]) -> Any:
    first, *filters = (part.strip() for part in expression.split("|"))
    value = _looked_up(first, values)
    for one in filters:
        named = _FILTER.fullmatch(one)
        if named is None or named[1] not in _FILTERS:
            raise LiquidError(f"The filter {one!r} is not known here.")
        value = _FILTERS[named[1]](value, _literal(named[2]) if named[2] else "")
    return value


def _looked_up(path: str, values: Mapping[str, Any]) -> Any:
    """None for what is not there, as in Liquid."""
    if not _PATH.fullmatch(path):
        raise LiquidError(f"{path!r} is not the name of a value.")
    value: Any = values
    for name in path.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _literal(text: str) -> Any:
    try:
        return json.loads(f'"{text[1:-1]}"' if text[0] == text[-1] == "'" else text)
    except json.JSONDecodeError:
        raise LiquidError(f"{text!r} is neither a text nor a number.") from None


def _printed(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    # A list or an object is printed in no form that anybody could read: that is what to_json is for.
    return str(value)


_FILTERS: dict[str, Callable[[Any, Any], Any]] = {
    "to_json": lambda value, _argument: json.dumps(value),
    "url_encode": lambda value, _argument: quote_plus(_printed(value)),
    "default": lambda value, argument: argument if value in (None, "", False) else value,
}
