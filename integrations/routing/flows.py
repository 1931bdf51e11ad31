"""A Studio flow that somebody pasted, read tolerantly: widgets, where their events lead, and every text in it.

Nothing is believed of it: whatever has another form than Studio gives it is left out, and what is too much is not read on.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

MAX_WIDGETS = 500
MAX_WAYS = 50  # out of one widget
MAX_NAME = 80
# What asks somebody while the caller waits, and by which event it says that there is no answer.
ASKING = {
    "make-http-request": ("failed",),
    "run-function": ("fail", "failed"),
    "search-for-profile": ("failed", "profileNotFound"),
}
SPEAKING = frozenset({"say-play", "gather-input-on-call", "enqueue-call", "connect-virtual-agent"})
LIQUID = re.compile(r"\{\{([^{}]{0,500})\}\}")


@dataclass(frozen=True)
class Widget:
    """One state of a flow. ``ways``: each event with the names that it can lead to; "" ends the flow."""

    name: str
    type: str
    ways: Mapping[str, tuple[str, ...]]
    properties: Mapping[str, Any]

    def text(self, name: str) -> str:
        value = self.properties.get(name)
        return value if isinstance(value, str) else ""

    @property
    def parameters(self) -> Iterator[tuple[str, str]]:
        """What an HTTP request sends, by name."""
        listed = self.properties.get("parameters")
        for one in listed if isinstance(listed, list) else []:
            if isinstance(one, dict) and isinstance(one.get("key"), str) and isinstance(one.get("value"), str):
                yield one["key"], one["value"]

    @property
    def attributes(self) -> str:
        """What the widget makes a task with; "" if it makes none."""
        if self.type == "send-to-flex":
            return self.text("attributes")
        if self.type == "make-http-request" and "taskrouter" in self.text("url"):
            return next((value for name, value in self.parameters if name == "Attributes"), "")
        return ""

    @property
    def makes_a_task(self) -> bool:
        return self.type == "send-to-flex" or bool(self.attributes)


@dataclass(frozen=True)
class Flow:
    """The widgets by name, in the order of the file."""

    widgets: Mapping[str, Widget]
    first: str
    variables: Mapping[str, str] = field(default_factory=dict)

    def of_type(self, *types: str) -> Iterator[Widget]:
        return (widget for widget in self.widgets.values() if widget.type in types)

    def reached(self, *names: str, until: Callable[[Widget], bool] = lambda _widget: False) -> list[Widget]:
        """Every widget that can follow, these included; not what follows one that ``until`` holds of."""
        found: dict[str, Widget] = {}
        waiting = list(names)
        while waiting:
            name = waiting.pop()
            if name in found or name not in self.widgets:
                continue
            found[name] = widget = self.widgets[name]
            if not until(widget):
                waiting += {target for targets in widget.ways.values() for target in targets}
        return list(found.values())


def is_flow(pasted: Any) -> bool:
    return isinstance(pasted, dict) and isinstance(pasted.get("states"), list)


def flow_of(pasted: Mapping[str, Any]) -> Flow:
    """The flow; empty where nothing in it can be read."""
    widgets: dict[str, Widget] = {}
    for state in pasted["states"][:MAX_WIDGETS]:
        if widget := _widget(state):
            widgets.setdefault(widget.name, widget)
    named = pasted.get("initial_state")
    first = named if isinstance(named, str) else next((one.name for one in widgets.values() if one.type == "trigger"), "")
    return Flow(widgets, first, dict(_variables(widgets)))


def _widget(state: Any) -> Widget | None:
    if not isinstance(state, dict) or not isinstance(state.get("name"), str) or not isinstance(state.get("type"), str):
        return None
    ways: dict[str, tuple[str, ...]] = {}
    listed = state.get("transitions")
    for way in listed[:MAX_WAYS] if isinstance(listed, list) else []:
        if isinstance(way, dict) and isinstance(way.get("event"), str):
            target = way.get("next")
            ways[way["event"]] = (*ways.get(way["event"], ()), target if isinstance(target, str) else "")
    properties = state.get("properties")
    return Widget(state["name"], state["type"], ways, properties if isinstance(properties, dict) else {})


def _variables(widgets: Mapping[str, Widget]) -> Iterator[tuple[str, str]]:
    for widget in widgets.values():
        listed = widget.properties.get("variables")
        for one in listed if isinstance(listed, list) else []:
            if isinstance(one, dict) and isinstance(one.get("key"), str) and isinstance(one.get("value"), str):
                yield one["key"], one["value"]


def texts(pasted: Any) -> Iterator[tuple[str, str]]:
    """Every text with the names that lead to it, however deep it stands."""
    return ((place, value) for place, value in values(pasted) if isinstance(value, str))


def values(pasted: Any) -> Iterator[tuple[str, Any]]:
    """Every value, objects included, with the names that lead to it."""
    waiting: list[tuple[str, Any]] = [("", pasted)]
    while waiting:
        place, value = waiting.pop()
        yield place, value
        if isinstance(value, dict):
            waiting += [(_within(place, name), inner) for name, inner in value.items()]
        elif isinstance(value, list):
            waiting += [(place, inner) for inner in value]


def _within(place: str, name: str) -> str:
    """The end of a long way tells more than its beginning."""
    return f"{place}.{name}"[-MAX_NAME:].lstrip(".")
