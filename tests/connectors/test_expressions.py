"""Expressions within their bounds: when they are saved, and when they run."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import jmespath
import pytest
from jmespath.exceptions import JMESPathError

from integrations.coercion import Habits
from integrations.connectors import interpreter
from integrations.connectors.expressions import compiled
from integrations.connectors.interpreter import BoundedInterpreter, TooMuchWork
from integrations.connectors.mapping import MAX_TOO_MUCH, FieldMapping
from integrations.errors import ConfigurationError
from integrations.profile import FIELDS

RECORD: dict[str, Any] = {
    "id": "7",
    "texts": ["x" * 400] * 400,
    "numbers": list(range(400)),
    "people": [{"name": f"Person {number}", "phones": ["1", "2"]} for number in range(40)],
}
DOUBLING = "[id,id]" + "|[@,@]" * 20


@pytest.mark.parametrize(
    ("expression", "says"),
    [
        ("[id,id]" + "|[@,@]" * 100, "too many parts"),
        ("a" + ".b" * 400, "too many parts"),
        ("[" * 600, "brackets stand 600 deep"),
        ("(" * 31 + "a" + ")" * 31, "brackets stand 31 deep"),
        ("{a:" * 31 + "a" + "}" * 31, "brackets stand 31 deep"),
        ("!" * 500 + "a", "too many parts"),
        ("a || " * 150 + "a", "too many parts"),
        ("a" * 1_001, "1,001 characters"),
        ("`" + "[" * 900 + "`", "brackets"),
    ],
)
def test_what_is_too_large_is_refused_with_a_sentence(expression: str, says: str) -> None:
    with pytest.raises(ConfigurationError, match=says):
        compiled(expression, "fields.name")


@pytest.mark.parametrize(
    "expression",
    [
        DOUBLING,
        "[id,id]" + "|[@,@][]" * 14,
        f"to_string({DOUBLING})",
        f"length(to_string({DOUBLING}))",
        f"({DOUBLING}) == ({DOUBLING})",
        f"contains(({DOUBLING}), ({DOUBLING}))",
        "join(to_string(texts), texts)",
        "people[].{a:@,b:@,c:[@,@,@]} | [@,@,@,@] | [@,@,@,@] | [@,@,@,@]",
        f"map(&to_string([{'@,' * 24}@]), texts)",
        f"sort_by(numbers, &length(to_string([{'@,' * 40}@])))",
    ],
)
def test_what_would_take_too_much_is_ended(expression: str) -> None:
    found = compiled(expression, "fields.name")
    with pytest.raises(TooMuchWork):
        found.search(RECORD)


@pytest.mark.parametrize("expression", [DOUBLING, f"to_string({DOUBLING})", "join(to_string(texts), texts)"])
def test_it_is_ended_by_what_it_does_and_not_by_what_it_would(monkeypatch: pytest.MonkeyPatch, expression: str) -> None:
    spent: list[int] = []
    spend = BoundedInterpreter._spend

    def noted(self: BoundedInterpreter, work: int) -> None:
        spent.append(work)
        spend(self, work)

    monkeypatch.setattr(BoundedInterpreter, "_spend", noted)
    with pytest.raises(TooMuchWork):
        compiled(expression, "").search(RECORD)
    assert len(spent) <= interpreter.MAX_WORK + 100


@pytest.mark.parametrize(
    "expression",
    [
        "people[*].name",
        "people[?name=='Person 7'].phones[] | [0]",
        "people[].{name: name, phone: phones[0]}",
        "sort_by(people, &name)[-1].name",
        "join(', ', people[*].name)",
        "to_string(id)",
        "not_null(nothing, id)",
        "max(numbers)",
        "numbers[?@ > `390`]",
        "numbers[::-50]",
        "merge(people[0], {code: id})",
        "[id, people[0].name]",
        "people[].phones[]",
        "length(texts) == `400`",
        "!nothing && id",
        "values(people[0])",
        "*.name",
    ],
)
def test_within_its_bounds_an_expression_finds_what_it_always_found(expression: str) -> None:
    assert compiled(expression, "").search(RECORD) == jmespath.search(expression, RECORD)


def test_many_records_in_an_answer_are_no_work() -> None:
    answer = {"data": [{"id": number, "fields": {str(field): "x" * 100 for field in range(200)}} for number in range(200)]}
    assert len(compiled("data[?id > `3`]", "").search(answer)) == 196


@pytest.mark.parametrize("expression", ["sum(texts)", "max([`1`,'a'])", "people[0] < numbers", "abs(id)", "sort(people)"])
def test_a_value_of_another_type_is_told_as_such(expression: str) -> None:
    with suppress(JMESPathError):
        assert compiled(expression, "").search(RECORD) is None


def test_a_field_whose_expression_does_too_much_is_unreadable_and_the_others_are_read() -> None:
    mapping = FieldMapping({"name": "id", "notes": DOUBLING}, {}, FIELDS)
    assert mapping.read({"id": "7"}, Habits()) == ({"name": "7"}, ("notes",))


def test_a_mapping_of_bombs_costs_no_more_than_a_few(monkeypatch: pytest.MonkeyPatch) -> None:
    runs: list[str] = []
    run = BoundedInterpreter.run
    monkeypatch.setattr(BoundedInterpreter, "run", lambda self, *a, **o: runs.append("") or run(self, *a, **o))
    names = [name for name, field in FIELDS.items() if field.sensitivity != "never"]
    mapping = FieldMapping({name: f"{DOUBLING} || field{place}" for place, name in enumerate(names)}, {}, FIELDS)
    values, unreadable = mapping.read({"id": "7"}, Habits())
    assert values == {}
    assert set(unreadable) == set(mapping.expressions)
    assert len(runs) == MAX_TOO_MUCH
