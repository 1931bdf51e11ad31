"""HubSpot's published descriptions."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest

from tests.connectors.hubspot.conftest import HERE

# Each has its own.
VERSIONS = ("2026-09", "v3")

# They lie beside a checkout and are never copied into it.
FOLDER = HERE.parents[2].parent / "shared" / "specs"
CONTACTS, ACCOUNT, ASSOCIATIONS = "hubspot-contacts-2026-09", "hubspot-account-info-2026-09", "hubspot-associations-2026-09"


def description(name: str) -> Any:
    path = FOLDER / f"{name}.json"
    if not path.exists():
        pytest.skip(f"HubSpot's OpenAPI description {path.name} is not beside this checkout (../shared/specs)")
    return json.loads(path.read_text(encoding="utf-8"))


def check(body: Any, schema: str, described: Any) -> None:
    jsonschema.validate(body, {"$ref": f"#/components/schemas/{schema}", "components": described["components"]})
