"""What must never be shown does not get past a connector, whatever is mapped."""

from __future__ import annotations

from typing import Any

import pytest

from integrations.connectors.base import SourceSettings
from integrations.connectors.mapping import FieldMapping
from integrations.connectors.recording import recording
from integrations.errors import ConfigurationError
from integrations.never import MAX_DEPTH, drop_never
from integrations.profile import FIELDS
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
