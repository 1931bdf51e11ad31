"""HubSpot's published descriptions."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest

from tests.connectors.hubspot.conftest import HERE

# They lie beside a checkout and are never copied into it.
FOLDER = HERE.parents[2].parent / "shared" / "specs"
CONTACTS, ACCOUNT, ASSOCIATIONS = "hubspot-contacts-v3", "hubspot-account-info-v3", "hubspot-associations-v4"


def description(name: str) -> Any:
    path = FOLDER / f"{name}.json"
    if not path.exists():
        pytest.skip(f"HubSpot's OpenAPI description {path.name} is not beside this checkout (../shared/specs)")
    return json.loads(path.read_text(encoding="utf-8"))


def check(body: Any, schema: str, described: Any) -> None:
    # "after" is listed as required and is nevertheless left out of every first page, in HubSpot's own examples too.
    described["components"]["schemas"].get("PublicObjectSearchRequest", {})["required"] = [
        *("filterGroups", "limit", "properties", "sorts")
    ]
    jsonschema.validate(body, {"$ref": f"#/components/schemas/{schema}", "components": described["components"]})
