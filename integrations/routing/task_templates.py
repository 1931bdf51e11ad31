"""What a flow writes into the attributes of a task: JSON with values put in by Liquid, which escapes nothing by itself."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import orjson

from integrations.routing.flows import LIQUID

# What somebody may have entered with a quotation mark in it.
_NAMES = frozenset(
    {"name", "caller_name", "callername", "first_name", "last_name", "firstname", "lastname", "full_name", "company"}
)
_OBJECTS = frozenset({"parsed", "attributes", "customer"})
_QUOTES = re.compile(r'(?<!\\)"')


@dataclass(frozen=True)
class Value:
    """One value in a template: what stands between the brackets, and whether quotation marks stand around it."""

    expression: str
    quoted: bool

    @property
    def path(self) -> str:
        return self.expression.partition("|")[0].strip()

    @property
    def last(self) -> str:
        return self.path.rpartition(".")[2].lower()

    @property
    def as_json(self) -> bool:
        return "to_json" in self.expression.partition("|")[2]

    @property
    def needs_json(self) -> bool:
        """Whether it has to be: an object is printed in a form that is none, and a text without quotation marks."""
        return not self.as_json and (self.last in _OBJECTS or not self.quoted)

    @property
    def is_unescaped_name(self) -> bool:
        return self.quoted and not self.as_json and self.last in _NAMES

    @property
    def is_a_whole_answer(self) -> bool:
        return self.last in {"parsed", "body"} and self.path.startswith("widgets.")


def values_in(template: str) -> Iterator[Value]:
    quoted, at = False, 0
    for match in LIQUID.finditer(template):
        quoted ^= len(_QUOTES.findall(template, at, match.start())) % 2 == 1
        at = match.end()
        yield Value(match[1].strip(), quoted)


def is_json(template: str) -> bool:
    """Whether it is an object once every value is put in as JSON."""
    filled, at = [], 0
    for match, value in zip(LIQUID.finditer(template), values_in(template), strict=True):
        filled += [template[at : match.start()], "" if value.quoted else "{}"]
        at = match.end()
    try:
        return isinstance(orjson.loads("".join([*filled, template[at:]])), dict)
    except orjson.JSONDecodeError:
        return False


def least_length(template: str, answer: int) -> int:
    """How long the attributes are before any value is in them; an ``attributes`` of the portal's has up to ``answer``."""
    sent = sum(answer for value in values_in(template) if value.last == "attributes")
    return len(LIQUID.sub("", template)) + sent
