"""Ready-made shapes, as data: one JSON file each, named as the preset."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import orjson

_HERE = Path(__file__).parent


def names() -> list[str]:
    """Every preset there is."""
    return sorted(path.stem for path in _HERE.glob("*.json"))


def hosts_of(name: str) -> tuple[str, ...]:
    """The hosts of the one vendor that a preset describes; none for one that many systems answer."""
    return tuple(_file(name).get("hosts", ())) if name in names() else ()


def _preset(name: str) -> dict[str, Any]:
    return {key: value for key, value in _file(name).items() if key != "hosts"}


@cache
def _file(name: str) -> dict[str, Any]:
    if name not in names():
        raise ValueError(f"There is no preset called {name!r}. Use one of: {', '.join(names())}.")
    loaded: dict[str, Any] = orjson.loads((_HERE / f"{name}.json").read_bytes())
    return loaded


def with_preset(options: dict[str, Any]) -> dict[str, Any]:
    """``options`` over those of the preset that they name: tables key by key, lists as a whole. Raises ValueError."""
    name = options["preset"]
    return _over(_preset(name), options) if isinstance(name, str) else options


def _over(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        inner = merged.get(key)
        merged[key] = _over(inner, value) if isinstance(inner, dict) and isinstance(value, dict) else value
    return merged
