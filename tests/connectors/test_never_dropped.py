"""What must never be shown does not get past a connector, whatever is mapped."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from integrations.coercion import MAX_TEXT, coerce
from integrations.connectors.base import SourceSettings
from integrations.connectors.mapping import FieldMapping
from integrations.errors import ConfigurationError, InvalidResponse
from integrations.outbound.recording import recording
from integrations.profile import FIELDS, Match
from integrations.redaction import MAX_DEPTH, REMOVED, drop_never
from tests.lookup.fakes import FakeConnector

RAW = {"id": "1", "name": "Rosa", "ssn": "078051120", "deep": [{"creditCard": "4242", "city": "Oslo"}]}


def connector(**mapping: str) -> FakeConnector:
    return FakeConnector(SourceSettings("clients", "Clients", "fake", "riverside", mapping=mapping))


@pytest.mark.parametrize(
    "expression",
    ["ssn", "properties.ssn", "join(' ', [name, ssn])", "deep[?creditCard].city", "{a: password_hash}", "a || b.iban"],
)
def test_a_mapping_that_reads_it_is_refused(expression: str) -> None:
    with pytest.raises(ConfigurationError, match=r"fields\.notes: \w+ holds what is never shown"):
        FieldMapping({}, {"notes": expression}, FIELDS)


@pytest.mark.parametrize("expression", ["to_string(@)", "join(' ', keys(@))", "to_string(values(@))", "*", "to_string(deep)"])
def test_a_mapping_that_reads_everything_does_not_get_it(expression: str) -> None:
    text = str(connector(notes=expression).record(RAW, "1").fields)
    assert not [never for never in ("078051120", "ssn", "4242", "creditCard") if never in text]


def test_what_was_dropped_is_named_to_whoever_tries_the_system() -> None:
    with recording() as recorded:
        connector().record(RAW, "1")
    assert recorded.dropped == {"ssn", "creditCard"}


def test_what_is_nested_without_end_is_cut_off() -> None:
    deep: Any = "bottom"
    for _level in range(5_000):
        deep = [deep]
    kept, dropped = drop_never({"a": deep})
    levels = 0
    while isinstance(kept, list | dict):
        kept, levels = (kept["a"] if isinstance(kept, dict) else kept[0]), levels + 1
    assert (kept, levels, dropped) == (None, MAX_DEPTH, frozenset())


@pytest.mark.parametrize("record_id", ["078-05-1120", "4111 1111 1111 1111", "DE89370400440532013000"])
def test_a_record_is_not_known_by_such_a_number(record_id: str) -> None:
    with pytest.raises(InvalidResponse, match="a record's id is what nobody may see"):
        connector().record(RAW, record_id)


def test_records_are_not_linked_by_such_a_number() -> None:
    settings = SourceSettings("clients", "Clients", "fake", "riverside", options={"external_id": "ref"})
    assert FakeConnector(settings).record({**RAW, "ref": "078-05-1120"}, "1").external_id == ""
    assert FakeConnector(settings).record({**RAW, "ref": "A-17"}, "1").external_id == "A-17"


@pytest.mark.parametrize("option", ["ssn", "properties.ssn", "[ssn, id] | [0]"])
def test_an_external_id_that_reads_it_is_refused(option: str) -> None:
    with pytest.raises(ValidationError, match="named like a social security number"):
        _ = FakeConnector(SourceSettings("clients", "Clients", "fake", "riverside", options={"external_id": option})).options


def test_why_somebody_was_found_says_nothing_of_it() -> None:
    record = connector().record(RAW, "1", matched=(Match("mobile", "415-555-0123 SSN 078-05-1120"),))
    assert record.matched == (Match("mobile", f"415-555-0123 SSN {REMOVED}"),)


def test_half_a_number_is_not_left_where_a_long_text_is_cut() -> None:
    cut = coerce(FIELDS["notes"], "x" * (MAX_TEXT - 6) + " 4111 1111 1111 1111")
    assert "4111" not in cut
    assert len(cut) <= MAX_TEXT


@pytest.mark.parametrize(
    ("field", "raw"), [("phone", "078-05-1120"), ("phones", ["4111 1111 1111 1111"]), ("account_id", "078-05-1120")]
)
def test_an_alias_is_judged_by_its_values(field: str, raw: object) -> None:
    assert coerce(FIELDS[field], raw) is None
