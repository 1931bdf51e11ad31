"""Conditions over what is known of a caller or a call, in one small form for everything that decides by them::

    {"all": [{"field": "language", "is": "es"}, {"field": "outstanding_balance", "above": 0}]}

``all``, ``any`` and ``not`` put conditions together; ``{}`` holds for everybody. A value that is absent makes a comparison
neither true nor false, and ``not`` of that is the same: nothing holds by accident, because nobody knows better. Only
``known`` and ``unknown`` ask about that itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from integrations.codes import language_of
from integrations.comparisons import ABOUT_ITSELF, COMPARISONS, Comparison, Unfit, Verdict, compared, value_of, wanted_of
from integrations.profile import JSON, FieldType
from integrations.sentences import Sentence, gettext_noop

MAX_DEPTH = 4
MAX_TESTS = 30

type Place = tuple[str | int, ...]

_GROUPS = ("all", "any", "not")


class BadCondition(ValueError):
    """A condition cannot be used. ``place`` leads to it; ``sentence`` says what to change."""

    def __init__(self, place: Place, pattern: str, **values: object) -> None:
        self.place = place
        self.sentence = Sentence.of(pattern, **values)
        super().__init__(self.sentence)


@dataclass(frozen=True)
class Test:
    """One comparison. ``wanted`` is what the value is held against, ready to be compared; ``written`` as it was given."""

    field: str
    type: FieldType
    comparison: Comparison
    wanted: Any
    written: JSON

    def decide(self, values: Mapping[str, JSON], now: datetime) -> Verdict:
        """``values`` by field, without those that are not known; ``now`` in the organisation's zone."""
        value = value_of(self.type, _alike(self.field, self.comparison, values.get(self.field)), now)
        if self.comparison in ABOUT_ITSELF:
            return (value is not None) is (self.comparison is Comparison.KNOWN)
        return None if value is None else compared(self.type, self.comparison, value, self.wanted, now.date())

    @property
    def tests(self) -> Iterator[Test]:
        yield self


@dataclass(frozen=True)
class Group:
    """Conditions put together by ``how``: ``all``, ``any`` or ``not``."""

    how: str
    parts: tuple[Condition, ...] = ()

    def decide(self, values: Mapping[str, JSON], now: datetime) -> Verdict:
        """Decide as ``Test`` does."""
        found = [part.decide(values, now) for part in self.parts]
        if self.how == "not":
            return None if found[0] is None else not found[0]
        settles = self.how == "any"
        if settles in found:
            return settles
        return None if None in found else not settles

    @property
    def tests(self) -> Iterator[Test]:
        """Every comparison within it."""
        for part in self.parts:
            yield from part.tests


type Condition = Test | Group


def _alike(name: str, comparison: Comparison, value: JSON) -> JSON:
    """A value as its field is compared: a language is the same, however a system writes it."""
    if name != "language" or comparison is Comparison.CONTAINS:
        return value
    if isinstance(value, list):
        return [_alike(name, comparison, one) for one in value]
    return (language_of(value) or value) if isinstance(value, str) else value


def fields_of(condition: Condition) -> frozenset[str]:
    """The fields that decide about it."""
    return frozenset(test.field for test in condition.tests)


# -- Reading a condition ------------------------------------------------------------------------------------------


def parse(raw: JSON, types: Mapping[str, FieldType], currency: str) -> Condition:
    """Read a condition over fields of these ``types``; amounts without a currency are in ``currency``. Raises BadCondition."""
    if raw == {}:
        return Group("all")
    condition = _parsed(raw, types, currency, ())
    if sum(1 for _ in condition.tests) > MAX_TESTS:
        raise BadCondition((), gettext_noop("Use at most %(count)d comparisons."), count=MAX_TESTS)
    return condition


def _parsed(raw: JSON, types: Mapping[str, FieldType], currency: str, place: Place) -> Condition:
    if len([part for part in place if part in _GROUPS]) > MAX_DEPTH:
        raise BadCondition(place, gettext_noop("Put conditions into each other at most %(count)d deep."), count=MAX_DEPTH)
    if not isinstance(raw, dict):
        raise BadCondition(place, gettext_noop('Write a condition as { field = "language", is = "es" }.'))
    how = next((word for word in _GROUPS if word in raw), None)
    if how is None:
        return _test(raw, types, currency, place)
    if len(raw) > 1:
        raise BadCondition(place, gettext_noop("Beside %(word)s nothing else can stand. Put it into the list."), word=how)
    inner = raw[how]
    if how == "not":
        return Group(how, (_parsed(inner, types, currency, (*place, how)),))
    if not isinstance(inner, list) or not inner or len(inner) > MAX_TESTS:
        sentence = gettext_noop("Give %(word)s a list of 1 to %(count)d conditions.")
        raise BadCondition((*place, how), sentence, word=how, count=MAX_TESTS)
    return Group(how, tuple(_parsed(part, types, currency, (*place, how, at)) for at, part in enumerate(inner)))


def _test(raw: Mapping[str, JSON], types: Mapping[str, FieldType], currency: str, place: Place) -> Test:
    name = raw.get("field")
    if not isinstance(name, str) or name not in types:
        sentence = gettext_noop("There is no field called %(name)s. Name one of the portal's or of your own fields.")
        raise BadCondition((*place, "field"), sentence, name=str(name)[:64])
    asked = [word for word in raw if word != "field"]
    if len(asked) != 1 or asked[0] not in set(Comparison):
        known = ", ".join(Comparison)
        raise BadCondition(place, gettext_noop("Beside the field name one comparison out of: %(known)s."), known=known)
    comparison, type_ = Comparison(asked[0]), types[name]
    fitting = (*COMPARISONS[type_], *ABOUT_ITSELF)
    if comparison not in fitting:
        sentence = gettext_noop("%(name)s cannot be asked this. Use one of: %(known)s.")
        raise BadCondition((*place, comparison), sentence, name=name, known=", ".join(fitting))
    written = raw[comparison]
    try:
        wanted = wanted_of(type_, comparison, _alike(name, comparison, written), currency)
    except Unfit as problem:
        raise BadCondition((*place, comparison), problem.sentence.pattern, **problem.sentence.values) from None
    return Test(name, type_, comparison, wanted, written)
