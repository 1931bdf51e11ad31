"""A task's attributes: short, whole and safe to put anywhere, whatever a system holds."""

from __future__ import annotations

import json
import random
import unicodedata
from typing import Any

import pytest

from integrations.routing.attributes import LIMIT, cut, plain, task_attributes, written

URL = "https://portal.example.org/panel/riverside/0123456789abcdef0123456789abcdef/"
USUAL: dict[str, Any] = {
    "profile_url": URL, "call_sid": f"CA{'1' * 32}", "customer_found": True, "match_count": 1, "lookup_status": "ok",
    "caller_name": "Rosa Castillo", "name": "Rosa Castillo", "vip_customer": True, "language": "Spanish",
    "preferred_agent": "Bea", "account_status": "active", "crmid": "123456", "caller_email": "r•••@mail.org",
    "last_interaction": "2026-10-01T09:30:00+00:00", "first_name": "Rosa", "last_name": "Castillo",
}  # fmt: skip
ALPHABETS = [
    "abc 'é", '"\\{}<>%`', "\x00\x1f\u2028\u200d\ud800\udfff\n\t", "漢字かな", "👩‍👧🏽🇺🇸", "اللغة العربية",
    "{{trigger.call.From}}{% raw %}",
]  # fmt: skip


def test_what_is_usually_known_fits_as_it_is() -> None:
    assert task_attributes(USUAL) == USUAL
    assert len(json.dumps(USUAL)) <= LIMIT


def test_what_is_not_for_a_task_stays_out() -> None:
    more = {"customer": {"a": 1}, "notes": "private", "source": "crm", "timestamp": "2026", "language": None, "crmid": ["1"]}
    assert task_attributes({"profile_url": URL, **more}) == {"profile_url": URL}
    assert task_attributes({"caller_name": "", "vip_customer": False, "calls_30d": 0}) == {
        "vip_customer": False,
        "calls_30d": 0,
    }


def test_the_least_needed_goes_first() -> None:
    long = {name: value if isinstance(value, bool | int) else value * 20 for name, value in USUAL.items()} | {
        "profile_url": URL
    }
    kept = task_attributes(long)
    assert kept["profile_url"] == URL
    assert kept["caller_name"].startswith("Rosa Castillo")  # type: ignore[union-attr]
    assert kept["caller_name"].endswith("...")  # type: ignore[union-attr]
    assert "last_name" not in kept
    assert list(kept) == [name for name in kept if name in long]


def test_an_address_is_never_cut() -> None:
    assert "profile_url" not in task_attributes({"profile_url": URL * 20, "name": "Rosa"})


@pytest.mark.parametrize("seed", range(300))
def test_whatever_a_system_holds(seed: int) -> None:
    chance = random.Random(seed)

    def anything() -> Any:
        alphabet = chance.choice([*ALPHABETS, "".join(ALPHABETS)])
        text = "".join(chance.choices(alphabet, k=chance.choice([0, 1, 5, 40, 200, 3_000])))
        return chance.choice([text, text, text, True, False, 0, 10**18, None, 1.5, [text], {"a": text}])

    values = {name: anything() for name in [*USUAL, "menu_queue", "menu_priority", "interpreter", "do_not_call", "else"]}
    values["profile_url"] = URL
    kept = task_attributes(values)
    text = json.dumps(kept)
    assert len(text) <= LIMIT
    assert json.loads(text) == kept
    assert kept["profile_url"] == URL
    for name, value in kept.items():
        assert type(value) in (str, bool, int), name
        assert name in values
        if isinstance(value, str) and name != "profile_url":
            assert value == value.strip() != ""
            assert not set(value) & set('"\\{}<>`')
            assert not any(unicodedata.category(character)[0] == "C" for character in value)
    for limit in (2, 60, 120, 300):
        assert len(json.dumps(task_attributes(values, limit))) <= limit


def test_a_text_is_one_line_that_breaks_nothing() -> None:
    assert plain(' Rosa "Rosie"\n\tCastillo\\{{x}}</b> ') == "Rosa 'Rosie' Castillo/((x))(/b)"
    assert plain("e\u0301\u200b") == "é"


def test_a_text_is_cut_by_what_it_takes_when_it_is_written() -> None:
    assert cut("Rosa", 4) == "Rosa"
    assert cut("Rosa Castillo", 10) == ""
    assert cut("José " * 10, 30) == "José José Jos..."
    assert written(cut("漢" * 50, 40)) - 2 <= 40
