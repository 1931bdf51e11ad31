"""Every regular expression of the portal is linear: no text that somebody sends can make one of them work for long.

Each compiled pattern of each module is taken apart. A repetition without an end may not stand within another, and a pattern
may not begin with one unless something before it says where: searching would begin it anew at every character. Then each is
fed texts of n and of 4n characters, and may take little more than four times as long.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from re import _constants as op  # type: ignore[attr-defined]  # how the standard library takes patterns apart
from re import _parser as parser  # type: ignore[attr-defined]
from types import ModuleType
from typing import Any

import pytest

import connie_portal
import integrations

# A repetition of so many may as well have no end.
ENDLESS = 300
_REPEATS = {op.MAX_REPEAT, op.MIN_REPEAT, op.POSSESSIVE_REPEAT}


def modules() -> Iterator[ModuleType]:
    for package in (integrations, connie_portal):
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            # Simulators meet what the portal sends; an application or its addresses hold no patterns.
            if not re.search(r"\.(migrations|sandbox)\b|\.(asgi|urls)$", found.name):
                yield importlib.import_module(found.name)


def patterns() -> Iterator[tuple[str, re.Pattern[str]]]:
    for module in modules():
        for name, value in vars(module).items():
            yield from ((f"{module.__name__}.{name}", pattern) for pattern in within(value))


def within(value: Any, depth: int = 3) -> Iterator[re.Pattern[str]]:
    """The patterns that a module's name holds: itself, in a list or table, or as a class's attribute."""
    if isinstance(value, re.Pattern):
        yield value
    elif depth and isinstance(value, dict):
        for inner in value.values():
            yield from within(inner, depth - 1)
    elif depth and isinstance(value, list | tuple | set | frozenset):
        for inner in value:
            yield from within(inner, depth - 1)
    elif depth == 3 and isinstance(value, type):
        for inner in vars(value).values():
            yield from within(inner, 1)


PATTERNS = {f"{name} {pattern.pattern[:40]}": pattern for name, pattern in patterns()}
# A pattern that is only held against a whole text, or its beginning, is begun once.
SOURCE = "\n".join(Path(str(module.__file__)).read_text(encoding="utf-8") for module in modules())


@cache
def searches(name: str) -> bool:
    """Whether the pattern of this name is looked for at every place of a text."""
    short = name.split(" ")[0].rpartition(".")[2]
    used = set(re.findall(rf"\b{re.escape(short)}(?:\[[^\]]*\])?\.(\w+)\(", SOURCE))
    return not used or bool(used - {"match", "fullmatch"})


def inner_trees(code: Any, value: Any) -> list[Any]:
    if code in _REPEATS:
        return [value[2]]
    if code is op.SUBPATTERN:
        return [value[3]]
    if code is op.BRANCH:
        return list(value[1])
    if code in (op.ASSERT, op.ASSERT_NOT):
        return [value[1]]
    if code is op.ATOMIC_GROUP:
        return [value]
    if code is op.GROUPREF_EXISTS:
        return [tree for tree in value[1:] if tree]
    return []


def is_endless(code: Any, value: Any) -> bool:
    return code in _REPEATS and (value[1] is op.MAXREPEAT or value[1] >= ENDLESS)


def nested_endless(tree: Any, mark: str | None = None, *, inside: bool = False) -> bool:
    """Whether an endless repetition stands within another whose rounds do not begin with a mark that it cannot take."""
    for code, value in tree:
        if is_endless(code, value):
            if inside and code is not op.POSSESSIVE_REPEAT and not (mark and not takes(value[2], mark)):
                return True
            if nested_endless(value[2], beginning(value[2]), inside=True):
                return True
        elif any(nested_endless(inner, mark, inside=inside) for inner in inner_trees(code, value)):
            return True
    return False


def beginning(tree: Any) -> str | None:
    """The character with which each round of a repetition begins, if it is always the same."""
    code, value = tree[0] if len(tree) else (None, None)
    if code is op.SUBPATTERN:
        return beginning(value[3])
    return chr(value) if code is op.LITERAL else None


def takes(tree: Any, character: str) -> bool:
    """Whether what is repeated may be this character; where that cannot be told, it may."""
    if len(tree) != 1 or tree[0][0] is not op.IN:
        return True
    for code, value in tree[0][1]:
        if code is op.LITERAL and chr(value) == character:
            return True
        if code is op.RANGE and value[0] <= ord(character) <= value[1]:
            return True
        if code is op.NEGATE or (code is op.CATEGORY and (value is not op.CATEGORY_DIGIT or character.isdigit())):
            return True
    return False


def begins_endless(tree: Any) -> bool:
    """Whether a match can begin with an endless repetition that nothing before it anchors."""
    for code, value in tree:
        if code is op.AT or code in (op.ASSERT, op.ASSERT_NOT):
            return False  # a place, or what stands there
        if is_endless(code, value):
            return True
        if code in _REPEATS and value[0] == 0:
            if begins_endless(value[2]):
                return True
            continue  # it may be left out, so what follows may come first
        return any(begins_endless(inner) for inner in inner_trees(code, value))
    return False


@pytest.mark.parametrize("name", PATTERNS)
def test_no_endless_repetition_stands_within_another(name: str) -> None:
    pattern = PATTERNS[name]
    assert not nested_endless(parser.parse(pattern.pattern, pattern.flags))


def test_the_walk_finds_what_it_looks_for() -> None:
    assert len(PATTERNS) > 60
    assert nested_endless(parser.parse(r"(a+)+b"))
    assert nested_endless(parser.parse(r"(?:x*y*)*"))
    assert nested_endless(parser.parse(r"(?:\.[\w.]+)*"))
    assert not nested_endless(parser.parse(r"(?:a{1,9}b)+"))
    assert not nested_endless(parser.parse(r"(?:/[a-z]+)+"))
    assert begins_endless(parser.parse(r"\w+@"))
    assert begins_endless(parser.parse(r"x?\s*:"))
    assert not begins_endless(parser.parse(r"(?<!\w)\w+@"))
    assert not begins_endless(parser.parse(r"\bx\w+"))


def test_no_pattern_that_searches_begins_without_an_anchor() -> None:
    looked_for = {name: pattern for name, pattern in PATTERNS.items() if searches(name)}
    offenders = [
        name
        for name, pattern in looked_for.items()
        if begins_endless(parser.parse(pattern.pattern, pattern.flags)) and any(grows(name, piece) for piece in HOSTILE)
    ]
    assert offenders == []


HOSTILE = (
    "a", "1", " ", "-", ".", "@", "/", "(", '"', "a1", "1 ", "1-", "a@", "A1 ", "%2B", "ssn ", "é", "4111 ", "=a", ": ",
)  # fmt: skip
SIZE = 3_000
# Between 4, where the work grows with the text, and 16, where it grows with its square.
TOO_MUCH = 8
# With its square, the longer text would take many times this.
NOTHING_S = 0.004


def grows(name: str, piece: str) -> bool:
    """Whether four times the text takes much more than four times as long: the least of some measurements, because other
    work on the machine may take the processor away in one."""
    short, long = (piece * (size // len(piece)) + "\n!" for size in (SIZE, 4 * SIZE))
    if seconds(name, long) < NOTHING_S:
        return False
    least = [min(seconds(name, text) for _measurement in range(5)) for text in (short, long)]
    return least[1] > TOO_MUCH * max(least[0], NOTHING_S / 16)


def seconds(name: str, text: str) -> float:
    pattern: re.Pattern[Any] = PATTERNS[name]
    searched = searches(name)
    subject = text.encode() if isinstance(pattern.pattern, bytes) else text
    began = time.perf_counter()
    if searched:
        for _match in pattern.finditer(subject):
            pass
    else:
        pattern.match(subject)
        pattern.fullmatch(subject)
    return time.perf_counter() - began


@pytest.mark.parametrize("name", PATTERNS)
def test_four_times_the_text_is_little_more_than_four_times_the_work(name: str) -> None:
    assert [piece for piece in HOSTILE if grows(name, piece)] == []


def test_the_measure_finds_what_it_looks_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PATTERNS, "a.b.UNANCHORED x", re.compile(r"\w+@"))
    assert grows("a.b.UNANCHORED x", "a")
