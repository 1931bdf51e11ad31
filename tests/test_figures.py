"""Numbers of others are bounded before they are used: in answers, in headers, in tokens."""

from __future__ import annotations

import math

import pytest

from integrations import figures
from integrations.connectors.salesforce.session import _USAGE
from integrations.errors import InvalidResponse
from integrations.outbound.http import MAX_PAUSE_S, Answer, retry_after


@pytest.mark.parametrize(
    ("header", "wait"),
    [("30", 30.0), ("1.5", 1.5), (" 30 ", 30.0), ("9" * 20, MAX_PAUSE_S), ("86400", MAX_PAUSE_S), ("-5", None),
     ("1e3", 1000.0),
     ("Fri, 31 Dec 9999 23:59:59 GMT", MAX_PAUSE_S), ("Fri, 01 Jan 1999 00:00:00 GMT", 0.0), ("", None), ("soon",
     None), ("²", None),
     ("٣٠", None), ("NaN", None), ("Infinity", None), ("1e999990", None), ("9" * 5_000, None),
     ("Fri, 99 Dec 2026 00:00:00 GMT", None),
     ("Fri, 31 Dec 2026 23:59:59", None)],
    ids=lambda value: str(value)[:20],
)  # fmt: skip
def test_nobody_makes_us_wait_for_ever(header: str, wait: float | None) -> None:
    assert retry_after({"retry-after": header}) == wait


@pytest.mark.parametrize(
    ("raw", "told"),
    [(3600, 3600.0), ("3600", 3600.0), (0.5, 0.5), (-1, 0.0), (10**400, 5000.0), (1e300, 5000.0), (math.inf, 5000.0),
     (math.nan, None),
     ("nan", None), (True, None), (None, None), ([], None), ("", None), ("1e999990", None)],
    ids=lambda value: str(type(value)),
)  # fmt: skip
def test_seconds_are_from_none_to_the_most(raw: object, told: float | None) -> None:
    assert figures.seconds(raw, 5000.0) == told
    assert figures.count(raw, 5000) == int(told or 0)


def body(text: str | bytes) -> Answer:
    return Answer(200, {}, text if isinstance(text, bytes) else text.encode())


@pytest.mark.parametrize("odd", ["NaN", "Infinity", "-Infinity", "1e999990", "-1e400", "9" * 5_000])
def test_one_odd_number_does_not_cost_the_answer(odd: str) -> None:
    answer = body(f'{{"name": "Rosa", "balance": {odd}, "id": 7}}').json("crm")
    assert (answer["name"], answer["id"]) == ("Rosa", 7)
    with pytest.raises(ValueError, match=r"^$"):
        figures.bounded(answer["balance"])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[" * 100_000,
        '{"a": ' * 50_000,
        "nan",
        "<html>",
        '{"a": 1,}',
        b"\xff\xfe",
        b"{\x00}\x00",
        '{"a": "\\ud800", "b": NaN}',
    ],
)
def test_what_is_no_json_is_refused(text: str | bytes) -> None:
    with pytest.raises(InvalidResponse):
        body(text).json("crm")


def test_a_quota_of_too_many_digits_is_none() -> None:
    assert _USAGE.search("api-usage=18/15000")
    assert not _USAGE.search(f"api-usage={'9' * 5_000}/{'9' * 5_000}")
