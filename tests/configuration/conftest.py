"""A configuration file on disk, two kinds of system that need no network, and the secrets that the example names."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from integrations import connectors
from integrations.connectors.base import Connector, ConnectorOptions, ConnectorSecrets

SECRET_NAMES = ("TWILIO_TOKEN", "HUBSPOT_TOKEN", "SF_ID", "SF_SECRET", "DB_PASSWORD", "PAYMENTS_TOKEN", "STUDIO_KEY")


class HubSpotOptions(ConnectorOptions):
    base_url: str = "https://api.hubapi.com"
    api_version: str = "v3"


class HubSpotSecrets(ConnectorSecrets):
    token: str


class FakeHubSpot(Connector):
    kind, label, capabilities = "hubspot", "HubSpot", frozenset({"find"})
    Options, Secrets = HubSpotOptions, HubSpotSecrets
    field_table = {"name": "properties.name"}
    default_timeout_ms = 3_000


class DatabaseOptions(ConnectorOptions):
    url: str
    table: str = "customers"
    id_column: str = "id"
    phone_columns: tuple[str, ...] = ("phone", "mobile")
    join: dict[str, Any] | None = None
    where: dict[str, Any] | None = None


class DatabaseSecrets(ConnectorSecrets):
    password: str = ""


class FakeDatabase(Connector):
    kind, label, capabilities = "database", "Database", frozenset({"find"})
    Options, Secrets = DatabaseOptions, DatabaseSecrets
    field_table = {"name": "name"}
    default_timeout_ms = 2_000


@pytest.fixture(autouse=True)
def two_kinds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connectors, "kinds", lambda: {"hubspot": FakeHubSpot, "database": FakeDatabase})


@pytest.fixture(autouse=True)
def secrets_set(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    values = {f"RIVERSIDE_{name}": f"planted-{name.lower()}-value" for name in SECRET_NAMES}
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    return values


@dataclass
class Run:
    code: int
    out: str
    err: str


Command = Callable[..., Run]


@pytest.fixture
def run() -> Command:
    """A management command with its exit code and both outputs."""

    def run(*arguments: str) -> Run:
        out, err = io.StringIO(), io.StringIO()
        try:
            call_command(*arguments, stdout=out, stderr=err)
        except SystemExit as ended:
            return Run(int(ended.code or 0), out.getvalue(), err.getvalue())
        return Run(0, out.getvalue(), err.getvalue())

    return run


Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(text: str) -> Path:
        path = tmp_path / "portal.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return write
