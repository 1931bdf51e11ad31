"""The tables of docs/redaction.md, and what no page can show: look-alikes, and characters that cannot be seen."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from integrations.redaction import REMOVED, drop_never, is_never, named_like, scrub
from integrations.redaction.names import MAX_NAME

PAGE = (Path(__file__).resolve().parents[2] / "docs/redaction.md").read_text(encoding="utf-8")
NAMES, VALUES = PAGE.partition("## Names")[2].split("## Values")
type TraceFunction = Callable[[FrameType, str, Any], Any]
_CODE = re.compile(r"`([^`]+)`")


def rows(part: str) -> list[tuple[str, str]]:
    lines = [line.strip("|").split("|", 1) for line in part.splitlines() if line.startswith("| ")][2:]
    return [(what.strip(), example) for what, examples in lines for example in _CODE.findall(examples)]


def harmless(part: str) -> list[str]:
    return _CODE.findall(re.search(r"stays:\n\n(.+?)\n\n", part, re.DOTALL)[1])  # type: ignore[index]


@pytest.mark.parametrize(("what", "name"), rows(NAMES))
def test_a_name_of_the_table_is_recognised_as_what_the_table_says(what: str, name: str) -> None:
    assert named_like(name) == what


@pytest.mark.parametrize("name", harmless(NAMES))
def test_a_harmless_name_stays(name: str) -> None:
    assert named_like(name) == ""


@pytest.mark.parametrize(
    "name",
    [
        "ｓｓｎ", "ＳＳＮ", "ѕѕn", "ѕѕп", "SЅN", "s\u200bs\u200bn", "s\u0301s\u0301n", "𝐬𝐬𝐧", "ⓢⓢⓝ", "ꜱꜱɴ", "ѕ.ѕ.n",
        "pаssword", "ρassword", "pass\u200bword", "рin", "pіn", "credit\u00adcard", "credit\u00a0card", "credit—card",
        "\u202essn", "пароль", "contrasen\u0303a", "tarjeta\u2003de\u2003cre\u0301dito",
    ],
)  # fmt: skip
def test_a_name_is_recognised_behind_its_disguise(name: str) -> None:
    assert is_never(name)


def test_a_name_that_is_longer_than_any_is_read_by_nobody() -> None:
    assert not is_never("a" * MAX_NAME)
    assert is_never("a" * (MAX_NAME + 1))


@pytest.mark.parametrize(("_what", "planted"), rows(VALUES))
def test_a_value_of_the_table_is_removed(_what: str, planted: str) -> None:
    cleaned = scrub(f"She said {planted} today")
    assert REMOVED in cleaned
    assert cleaned.startswith("She said ")
    assert not [
        rest
        for rest in ("1120", "051", "1111", "3000", "4821", "hunter2", "x7", "1234567", "0123456", "KIXQ")
        if rest in cleaned
    ]


@pytest.mark.parametrize("text", harmless(VALUES))
def test_a_harmless_text_stays_as_it_is(text: str) -> None:
    assert scrub(text) == text
    assert scrub(f"She said {text} today") == f"She said {text} today"


@pytest.mark.parametrize(
    "planted",
    [
        "078‑05‑1120", "078‒05‒1120", "078—05—1120", "078―05―1120", "078−05−1120", "078\u00a005\u00a01120",
        "078\u200905\u20091120", "078\u202f05\u202f1120", "078\u200b-05-\u200b1120", "０７８-０５-１１２０", "٠٧٨-٠٥-١١٢٠",
        "•••-••-1120", "ѕѕn 078051120", "SSN ０７８０５１１２０", "４１１１ １１１１ １１１１ １１１１",
        "4111–1111–1111–1111", "4111\u200b1111\u200b1111\u200b1111", "4111\u00a01111\u00a01111\u00a01111",
        "ＤＥ８９３７０４００４４０５３２０１３０００", "pаsswоrd: hunter2",
        r'{\"ssn\": \"x7\"}', "{'ssn': 'x7'}", 'payload={"ssn":"x7', '{"ok": 1, "ssn": ["x7", {"a": "x7"}], "b": 2}',
    ],
)  # fmt: skip
def test_a_value_is_removed_behind_its_disguise(planted: str) -> None:
    cleaned = scrub(f"She said {planted} today")
    assert REMOVED in cleaned
    assert not [
        rest for rest in ("1120", "１１２０", "١١٢٠", "1111", "１１１１", "３０００", "hunter2", "x7") if rest in cleaned
    ]


def test_what_follows_in_a_json_text_stays() -> None:
    assert scrub('{"ssn": "078051120", "name": "Rosa"}') == f'{{"ssn": {REMOVED}, "name": "Rosa"}}'


def test_only_the_number_is_taken_out_of_a_text_with_accents() -> None:
    assert scrub("Señora Núñez, SSN 078‑05‑1120, llamará") == f"Señora Núñez, SSN {REMOVED}, llamará"


@pytest.mark.parametrize(
    "fact",
    [
        {"name": "SSN", "value": "078051120"},
        {"label": "Social Security #", "answer": "078051120"},
        {"field": {"name": "Account number"}, "values": ["078051120"]},
        {"system": "http://hl7.org/fhir/sid/us-ssn", "value": "078051120"},
        {"type": {"coding": [{"display": "Passport number"}]}, "value": "078051120"},
        {"question": "¿Cuál es su contraseña?", "valueString": "078051120"},
    ],
)
def test_a_value_below_a_name_of_the_same_table_is_dropped(fact: dict[str, object]) -> None:
    kept, dropped = drop_never({"facts": [fact, {"name": "Rosa", "value": "soup"}]})
    assert "078051120" not in str(kept)
    assert kept["facts"][1] == {"name": "Rosa", "value": "soup"}
    assert dropped


def test_somebody_called_like_a_rule_keeps_their_values() -> None:
    person = {"name": "Pinto", "value": "soup"}
    assert drop_never(person) == (person, frozenset())


@pytest.mark.parametrize(
    "piece",
    ["1 ", "4", "4 ", "ssn 12", "ssn", "pin ", "1:", '"a":', '{"', "a=", "<a>b", "$1$", "eyJ", "eyJ.", "DE12", "x", "-",
     "*", "№", "last ", "078-05-", "-----BEGIN PRIVATE KEY", "password is ", "passport no. ", '"ssn":', '"ssn":"',
     "\\", "account number ", "ñ1"],
)  # fmt: skip
def test_the_work_grows_with_the_length_of_a_text_and_no_faster(piece: str) -> None:
    """Steps of our own code are counted; that no pattern takes more of its own is held for all patterns together."""
    scrub(piece * 100)
    short, long = (_steps(piece * (length // len(piece))) for length in (1_000, 4_000))
    assert long < short * 6 + 200


def _steps(text: str) -> int:
    count = 0

    def step(_frame: FrameType, _event: str, _argument: object) -> TraceFunction:
        nonlocal count
        count += 1
        return step

    before = sys.gettrace()
    sys.settrace(step)
    try:
        scrub(text)
    finally:
        sys.settrace(before)
    return count
