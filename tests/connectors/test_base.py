"""What all kinds share: options that every one has, and what becomes of a raw record."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from integrations.connectors import build, kinds
from integrations.connectors.base import CAPABILITIES, MAX_RECORD_ID, Connector, SourceSettings
from integrations.errors import ConfigurationError, InvalidResponse


def hubspot(external_id: str = "") -> Connector:
    options = {"external_id": external_id} if external_id else {}
    return build(SourceSettings("crm", "HubSpot", "hubspot", "riverside", options=options, secrets={"token": "t"}))


@pytest.mark.parametrize("expression", ["properties.", "a b", "[", "length("])
def test_a_shared_id_that_cannot_be_read_is_refused_when_saved(expression: str) -> None:
    with pytest.raises(ValidationError, match="not a valid JMESPath expression"):
        _ = hubspot(expression).options


def test_a_shared_id_is_read() -> None:
    assert hubspot("properties.ledger").record({"properties": {"ledger": 7}}, "1").external_id == "7"


def test_a_records_id_that_is_too_long_to_be_kept_is_refused_and_not_cut() -> None:
    assert hubspot().record({}, "x" * MAX_RECORD_ID).record_id == "x" * MAX_RECORD_ID
    with pytest.raises(InvalidResponse, match="longer than 190 characters"):
        hubspot().record({}, "x" * (MAX_RECORD_ID + 1))


def test_a_kind_that_names_a_capability_that_there_is_none_of_is_not_loaded() -> None:
    with pytest.raises(
        ConfigurationError, match=r"Ledger names capabilities that there are none of: fetch_all\. Use some of: av"
    ):
        type("Ledger", (Connector,), {"kind": "ledger", "capabilities": frozenset({"find", "fetch_all"})})


def test_every_kind_does_what_it_says_that_it_can() -> None:
    for name, kind in kinds().items():
        done = {
            capability
            for capability in CAPABILITIES
            if getattr(kind, capability, None) is not getattr(Connector, capability, None)
        }
        assert kind.capabilities == done, name
