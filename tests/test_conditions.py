"""Conditions: each comparison of each type, what is not known, and what is refused with a sentence."""

from __future__ import annotations

import random
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from integrations.comparisons import COMPARISONS, Comparison
from integrations.conditions import MAX_TESTS, BadCondition, fields_of, parse
from integrations.profile import FIELDS, FieldType

TYPES = {
    **{name: field.type for name, field in FIELDS.items()},
    "visits": FieldType.NUMBER,
    "flags": FieldType.FLAG,
}
# Half past eight in the evening of the 29th in Los Angeles, and the 30th in London.
NOW = datetime(2026, 11, 29, 20, 30, tzinfo=ZoneInfo("America/Los_Angeles"))


def decided(condition: Any, **values: Any) -> bool | None:
    return parse(condition, TYPES, "USD").decide(values, NOW)


def usd(minor: int, currency: str = "USD") -> dict[str, Any]:
    return {"amount_minor": minor, "currency": currency}


def appointment(start: str, status: str = "scheduled") -> dict[str, Any]:
    return {"id": "1", "start": start, "end": None, "title": "", "status": status, "location": "", "url": None}


@pytest.mark.parametrize(
    ("field", "comparison", "wanted", "value", "verdict"),
    [
        ("language", "is", " ES ", "es", True),
        ("language", "is", "es", "Spanish", True),
        ("language", "is", "Español", "es-MX", True),
        ("language", "is_not", "en", "eng", False),
        ("language", "contains", "ish", "English", True),
        ("status", "is", "réglé", "RÉGLÉ", True),
        ("status", "is", "regle", "réglé", False),
        ("language", "is_not", "es", "en", True),
        ("language", "one_of", ["es", "Spanish"], "spanish", True),
        ("language", "one_of", ["es"], "en", False),
        ("status", "contains", "over", "Overdue", True),
        ("email", "contains", "@mail.org", "Rosa@Mail.org", True),
        ("programs", "contains", "meals", ["Meals", "Rides"], True),
        ("programs", "contains", "meal", ["Meals"], False),
        ("programs", "one_of", ["rides", "bus"], ["Meals", "Rides"], True),
        ("vip_status", "is", True, True, True),
        ("vip_status", "is", True, False, False),
        ("vip_status", "is_not", True, False, True),
        ("deceased", "is", True, "2026-01-31", True),
        ("visits", "above", 2, 3, True),
        ("visits", "above", 3, 3, False),
        ("visits", "at_least", 3, 3, True),
        ("visits", "below", 0.5, 0.25, True),
        ("visits", "at_most", 3, 4, False),
        ("visits", "is", 3, 3.0, True),
        ("outstanding_balance", "above", 0, usd(1), True),
        ("outstanding_balance", "above", 0, usd(0), False),
        ("outstanding_balance", "at_least", 42.5, usd(4250), True),
        ("outstanding_balance", "above", "40 EUR", [usd(1), usd(4001, "EUR")], True),
        ("outstanding_balance", "above", 0, usd(99, "EUR"), None),
        ("last_payment", "on_or_before", "2026-01-31", "2026-01-31", True),
        ("last_payment", "on_or_after", "2026-01-31", "2026-01-30", False),
        ("last_payment", "is", "today", "2026-11-29", True),
        ("last_payment", "is_not", "today", "2026-11-28", True),
        ("last_payment", "on_or_before", "30 days ago", "2026-10-30", True),
        ("last_payment", "on_or_before", "30 days ago", "2026-10-31", False),
        ("date_of_birth", "on_or_before", "1974-06-30", "1973", True),
        ("date_of_birth", "on_or_before", "1974-06-30", "1974", None),
        ("date_of_birth", "on_or_before", "1974-06-30", "1974-07", False),
        ("date_of_birth", "is", "1974-06-30", "1974-06", None),
        ("date_of_birth", "is_not", "1974-06-30", "1975", True),
        ("date_of_birth", "on_or_after", "1974-12-31", "1974-12", None),
        # The day that it is where the organisation is, not in London.
        ("last_contact", "is", "today", "2026-11-30T03:00:00+00:00", True),
        ("last_contact", "is", "today", "2026-11-30", False),
        ("appointments", "is", "today", [appointment("2026-11-30T04:45:00+00:00")], True),
        ("appointments", "on_or_before", "in 7 days", [appointment("2026-12-01T10:00:00-08:00")], True),
        ("appointments", "on_or_before", "in 7 days", [appointment("2026-12-10"), appointment("2026-11-20")], False),
        ("appointments", "is", "today", [appointment("2026-11-29", "cancelled")], None),
        ("appointments", "known", True, [appointment("2026-11-01")], False),
        ("recent_orders", "on_or_after", "7 days ago", [{"date": "2026-11-28"}, {"date": "2025-01-01"}], True),
        ("recent_orders", "on_or_after", "7 days ago", [{"date": None}], None),
        ("phone", "known", True, "+14155550123", True),
        ("phone", "unknown", True, "+14155550123", False),
    ],
)
def test_a_value_is_compared_by_its_type(field: str, comparison: str, wanted: Any, value: Any, verdict: bool | None) -> None:
    assert decided({"field": field, comparison: wanted}, **{field: value}) is verdict


WANTED: dict[FieldType, Any] = {
    **dict.fromkeys((FieldType.TEXT, FieldType.EMAIL, FieldType.TEXTS, FieldType.CONSENTS), "x"),
    FieldType.CONSENT: "yes",
    **dict.fromkeys((FieldType.DATE, FieldType.MOMENT, FieldType.APPOINTMENTS, FieldType.ORDERS), "today"),
    FieldType.FLAG: True,
    FieldType.NUMBER: 0,
    FieldType.MONEY: 0,
}
EVERY = [(name, word) for name, kind in TYPES.items() for word in COMPARISONS[kind]]
RUBBISH: list[Any] = [None, "", [], {}, [None], [{}], [{"start": None}], object(), float("nan"), {"currency": "USD"}]


@pytest.mark.parametrize(("name", "word"), EVERY)
def test_what_is_not_known_is_neither_true_nor_false(name: str, word: Comparison) -> None:
    """Say neither of what cannot be read as well; and the opposite of neither is neither."""
    wanted = ["x"] if word is Comparison.ONE_OF else WANTED[TYPES[name]]
    condition = {"field": name, word: wanted}
    assert decided(condition) is None
    assert decided({"not": condition}) is None
    for value in RUBBISH:
        assert decided(condition, **{name: value}) is not True or TYPES[name] in (FieldType.TEXT, FieldType.FLAG), value


@pytest.mark.parametrize("name", TYPES)
def test_whether_something_is_known_can_be_asked_of_every_type(name: str) -> None:
    assert decided({"field": name, "known": True}) is False
    assert decided({"field": name, "unknown": True}) is True


SPANISH, VIP = {"field": "language", "is": "es"}, {"field": "vip_status", "is": True}


@pytest.mark.parametrize(
    ("condition", "values", "verdict"),
    [
        ({}, {}, True),
        ({"all": [SPANISH, VIP]}, {"language": "es", "vip_status": True}, True),
        ({"all": [SPANISH, VIP]}, {"language": "es"}, None),
        ({"all": [SPANISH, VIP]}, {"language": "en"}, False),
        ({"any": [SPANISH, VIP]}, {"language": "es"}, True),
        ({"any": [SPANISH, VIP]}, {"language": "en"}, None),
        ({"any": [SPANISH, VIP]}, {"language": "en", "vip_status": False}, False),
        ({"not": {"any": [SPANISH, VIP]}}, {"language": "en", "vip_status": False}, True),
        ({"not": SPANISH}, {"language": "es"}, False),
        ({"all": [{"not": {"field": "language", "known": True}}, VIP]}, {"vip_status": True}, True),
    ],
)
def test_conditions_are_put_together(condition: Any, values: dict[str, Any], verdict: bool | None) -> None:
    assert decided(condition, **values) is verdict


def test_a_condition_knows_by_which_fields_it_decides() -> None:
    assert fields_of(parse({"any": [SPANISH, {"not": VIP}]}, TYPES, "USD")) == {"language", "vip_status"}


@pytest.mark.parametrize(
    ("condition", "place", "words"),
    [
        ([], (), "Write a condition as"),
        ("language is es", (), "Write a condition as"),
        ({"field": "shoe_size", "is": "9"}, ("field",), "There is no field called shoe_size."),
        ({"is": "9"}, ("field",), "There is no field called None."),
        ({"field": "language"}, (), "name one comparison out of: is, is_not,"),
        ({"field": "language", "is": "es", "is_not": "en"}, (), "name one comparison"),
        ({"field": "language", "resembles": "es"}, (), "name one comparison"),
        ({"field": "language", "above": 3}, ("above",), "language cannot be asked this. Use one of: is, is_not, one_of,"),
        ({"field": "phone", "is": "555"}, ("is",), "Use one of: known, unknown."),
        ({"field": "language", "is": 3}, ("is",), "Give a text"),
        ({"field": "language", "is": "  "}, ("is",), "Give a text"),
        ({"field": "language", "one_of": "es"}, ("one_of",), "Give a list"),
        ({"field": "language", "one_of": ["es", 4]}, ("one_of",), "Give a text"),
        ({"field": "vip_status", "is": "yes"}, ("is",), "true or false"),
        ({"field": "visits", "above": True}, ("above",), "Give a number."),
        ({"field": "visits", "above": float("nan")}, ("above",), "Give a number."),
        ({"field": "outstanding_balance", "above": "much"}, ("above",), "Give an amount"),
        ({"field": "last_visit", "is": "yesterday"}, ("is",), "Give a day like 2026-01-31"),
        ({"field": "last_visit", "is": "99999 days ago"}, ("is",), "Give a day"),
        ({"field": "language", "known": False}, ("known",), "The opposite of known is unknown."),
        ({"all": []}, ("all",), "a list of 1 to 30 conditions"),
        ({"all": SPANISH}, ("all",), "a list of 1 to 30 conditions"),
        ({"all": [SPANISH], "field": "language"}, (), "Beside all nothing else can stand."),
        ({"all": [SPANISH, {"any": [{"field": "nope", "is": "x"}]}]}, ("all", 1, "any", 0, "field"), "no field called nope"),
        ({"any": [{"all": [SPANISH] * 16}, {"all": [SPANISH] * 15}]}, (), f"Use at most {MAX_TESTS} comparisons."),
        ({"not": {"not": {"not": {"not": {"not": SPANISH}}}}}, ("not",) * 5, "at most 4 deep"),
    ],
)
def test_what_cannot_be_used_is_refused_with_its_place_and_a_sentence(condition: Any, place: Any, words: str) -> None:
    with pytest.raises(BadCondition) as refused:
        parse(condition, TYPES, "USD")
    assert refused.value.place == place
    assert words in str(refused.value)


def test_an_organisation_without_a_currency_has_to_name_one() -> None:
    with pytest.raises(BadCondition, match="Give an amount"):
        parse({"field": "outstanding_balance", "above": 0}, TYPES, "")
    assert parse({"field": "outstanding_balance", "above": "1 USD"}, TYPES, "").decide({"outstanding_balance": usd(101)}, NOW)


WORDS = ["all", "any", "not", "field", *Comparison]
PLAIN: list[Any] = [
    None,
    True,
    False,
    0,
    -3,
    2.5,
    float("inf"),
    "",
    "es",
    "today",
    "2026-11",
    "0000-00-00",
    "9999-12-31",
    *TYPES,
]


def something(chance: random.Random, depth: int = 4) -> Any:
    """Any JSON, mostly with the words that mean something."""
    kind = chance.random()
    if depth == 0 or kind < 0.3:
        return chance.choice([*PLAIN, *TYPES])
    if kind < 0.5:
        return [something(chance, depth - 1) for _ in range(chance.randrange(4))]
    if kind < 0.8:
        return {"field": chance.choice(list(TYPES)), chance.choice(WORDS): something(chance, depth - 1)}
    return {chance.choice(WORDS): something(chance, depth - 1) for _ in range(chance.randrange(3))}


@pytest.mark.parametrize("seed", range(20))
def test_nothing_that_is_sent_or_known_breaks_it(seed: int) -> None:
    chance = random.Random(seed)
    usable = 0
    for _ in range(500):
        try:
            condition = parse(something(chance), TYPES, "USD")
        except BadCondition:
            continue
        usable += 1
        for _ in range(10):
            assert condition.decide({name: something(chance) for name in TYPES}, NOW) in (True, False, None)
    assert usable > 5
