"""Consents as systems keep them: what is not plainly a yes is none."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime

import pytest

from integrations.coercion import coerce
from integrations.comparisons import COMPARISONS, Comparison, Unfit, compared, value_of, wanted_of
from integrations.consents import agreed
from integrations.lookup.merge import merge
from integrations.profile import FIELDS, JSON, SourceRecord

YES, NO, NOT_ASKED = {"answer": "yes"}, {"answer": "no"}, {"answer": "not_asked"}


def read(name: str, raw: JSON) -> JSON:
    return coerce(FIELDS[name], raw)


@pytest.mark.parametrize(
    "raw",
    ["maybe", "Yes, but not at work", "yes unless her son answers", "ask her daughter", "?", "VIP", "2", 2, 1.5, "n/a", "", "-",
     " ", None, [], ["yes", "no"], {}, {"answer": None}, {"purpose": "reminders"}, "2024-03-01", "not yes", "Yes – 2024-99-99",
     "yes " * 100, "x" * 5_000, float("nan"), "unknown", "Yes/No", "asked", "pending", b"maybe"],
)  # fmt: skip
def test_what_is_not_plainly_an_answer_was_not_asked(raw: JSON) -> None:
    assert read("voicemail_ok", raw)["answer"] == "not_asked"


@pytest.mark.parametrize(
    "raw", [True, 1, "1", "true", "TRUE", "Y", "yes", " Yes. ", "OK", "Opted in", "sí", "x", ["Yes"], b"\x01"]
)
def test_a_plain_yes_is_one(raw: JSON) -> None:
    assert read("voicemail_ok", raw) == YES


@pytest.mark.parametrize("raw", [False, 0, "0", "false", "N", "no", "Refused", "opted out", "UNSUBSCRIBED", "never", b"\x00"])
def test_a_plain_no_is_one(raw: JSON) -> None:
    assert read("voicemail_ok", raw) == NO


@pytest.mark.parametrize(
    "raw",
    [
        "Yes – 2024-03-01",
        "Y 2024-03-01",
        "yes (3/1/2024)",
        "Yes, March 1, 2024",
        "Yes since 2024-03-01",
        "opted in: 2024-03-01",
    ],
)
def test_an_answer_may_have_its_day(raw: str) -> None:
    assert read("voicemail_ok", raw) == {"answer": "yes", "date": "2024-03-01"}


def test_a_mapping_may_put_answer_purpose_and_day_together() -> None:
    told = read("voicemail_ok", {"answer": "Y", "purpose": "Appointment reminders", "date": "2024-03-01T00:00:00Z"})
    assert told == {"answer": "yes", "purpose": "Appointment reminders", "date": "2024-03-01"}


def test_a_purpose_holds_nothing_that_nobody_may_see() -> None:
    assert "4111" not in str(read("voicemail_ok", {"answer": "Y", "purpose": "card 4111 1111 1111 1111"}))


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        (None, None), ("", None), ("n/a", None), (False, NO), ("N", NO), (True, YES), ("Y", YES), ("asked in May", NOT_ASKED),
        ("2024-03-01", {"answer": "yes", "date": "2024-03-01"}),
    ],
)  # fmt: skip
def test_who_is_not_to_be_called_is_told_by_a_day_too_and_by_nothing_where_nothing_stands(raw: JSON, told: JSON) -> None:
    assert read("do_not_call", raw) == told


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        ("Text;E-mail", [{**YES, "purpose": "Text"}, {**YES, "purpose": "E-mail"}]),
        (["Text", None, ""], [{**YES, "purpose": "Text"}]),
        ("Text: yes; Post: no; Fax:", [{**YES, "purpose": "Text"}, {**NO, "purpose": "Post"}, {**NOT_ASKED, "purpose": "Fax"}]),
        ({"text": True, "mail": "N 2024-03-01"}, [{**YES, "purpose": "text"}, {**NO, "date": "2024-03-01", "purpose": "mail"}]),
        ([{"channel": "Text", "status": "revoked"}], [{**NO, "purpose": "Text"}]),
        (["No texts"], [{**NOT_ASKED, "purpose": "No texts"}]),
        (["Do not e-mail"], [{**NOT_ASKED, "purpose": "Do not e-mail"}]),
        ("", None),
    ],
)  # fmt: skip
def test_several_consents_are_read_by_their_purposes(raw: JSON, told: JSON) -> None:
    assert read("consents", raw) == told


@pytest.mark.parametrize(
    ("raw", "told"), [("Spanish", "Spanish"), (True, "yes"), ("Y", "yes"), (0, "no"), ("", None), (False, None)]
)
def test_an_interpreter_is_yes_no_or_a_language(raw: JSON, told: JSON) -> None:
    assert read("interpreter", raw) == told


def test_whatever_a_system_keeps_an_answer_comes_of_it() -> None:
    chance = random.Random(7)
    words = ("yes", "no", "2024-03-01", "–", "(", "1", "but", "\x00", "٣", "opted", "in", ":", "")
    for _time in range(500):
        raw = " ".join(chance.choices(words, k=chance.randrange(9)))
        told = read("voicemail_ok", raw)
        assert told["answer"] in ("yes", "no", "not_asked")
        assert told["answer"] != "yes" or not {"no", "but"} & set(raw.split())


def record(connector: str, answer: str) -> SourceRecord:
    return SourceRecord(connector, "1", {"voicemail_ok": {"answer": answer}})


def test_a_system_that_asked_knows_more_than_one_that_did_not() -> None:
    one = merge([record("a", "not_asked"), record("b", "yes"), record("c", "no")], {}, FIELDS, "US").fields["voicemail_ok"]
    assert (one.value, one.provenance.source, one.conflicts) == (YES, "b", (("c", NO),))


@pytest.mark.parametrize(
    ("answers", "told"),
    [((YES, NO), "no"), ((YES, NOT_ASKED), "yes"), ((NOT_ASKED,), "not_asked"), ((None,), "not_asked"), ((), "not_asked")],
)
def test_of_several_answers_the_careful_one_counts(answers: tuple[JSON, ...], told: str) -> None:
    assert agreed(answers) == told


def test_whoever_is_not_to_be_called_by_one_system_is_not_to_be_called() -> None:
    assert agreed([NO, YES], forbids=True) == "yes"


@pytest.mark.parametrize(
    ("name", "value", "comparison", "wanted", "verdict"),
    [
        ("voicemail_ok", NOT_ASKED, "is", "yes", False),
        ("voicemail_ok", NOT_ASKED, "is_not", "yes", True),
        ("voicemail_ok", {**YES, "date": "2024-03-01"}, "is", "yes", True),
        ("voicemail_ok", NO, "one_of", ["no", "not_asked"], True),
        ("consents", [{**YES, "purpose": "Text"}, {**NO, "purpose": "E-mail"}], "contains", "text", True),
        ("consents", [{**YES, "purpose": "Text"}, {**NO, "purpose": "E-mail"}], "contains", "e-mail", False),
    ],
)
def test_rules_may_ask_for_an_answer(name: str, value: JSON, comparison: str, wanted: JSON, verdict: bool) -> None:
    kind, asked = FIELDS[name].type, Comparison(comparison)
    assert asked in COMPARISONS[kind]
    known = value_of(kind, value, datetime(2026, 11, 29, tzinfo=UTC))
    assert compared(kind, asked, known, wanted_of(kind, asked, wanted, ""), date(2026, 11, 29)) is verdict


def test_a_rule_may_not_ask_for_another_word() -> None:
    with pytest.raises(Unfit):
        wanted_of(FIELDS["voicemail_ok"].type, Comparison.IS, "maybe", "")
