"""A new kind of system is one folder and nothing else: the example of CONTRIBUTING.md, taken from the page and put to work."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.test import Client
from django.urls import reverse
from pytest_django.fixtures import Settings

from integrations import connectors
from integrations.lookup import LookupRequest, close_sources, look_up
from integrations.models import Connector
from integrations.phone import Number
from tests.factories import World, make_connector
from tests.http_stub import Stub, reply, stub_server
from tests.test_docs import undocumented

ROOT = Path(__file__).resolve().parents[2]
NUMBER = "+14155550123"
ROSA = {
    "id": 7, "full_name": "Rosa Castillo", "phone": "(415) 555-0123", "contact": {"email": "rosa@mail.example"},
    "standing": "active", "ssn": "078-05-1120",
}  # fmt: skip
CONFTEST = """
import integrations.connectors
integrations.connectors.__path__.append({folder!r})
"""


def example() -> dict[str, str]:
    """The files of CONTRIBUTING.md's example by path."""
    page = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```(?:python|markdown)\n(?:# |<!-- )([\w/.]+)(?: -->)?\n(.*?)```", page, re.DOTALL)
    return dict(blocks)


@pytest.fixture
def ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of the new kind, where the registry looks; nothing else of the portal is told."""
    for path, text in example().items():
        target = tmp_path / Path(path).parent.name / Path(path).name
        target.parent.mkdir(exist_ok=True)
        target.write_text(text, encoding="utf-8")
    (tmp_path / "ledger" / "__init__.py").touch()
    monkeypatch.setattr(connectors, "__path__", [*connectors.__path__, str(tmp_path)])
    connectors.kinds.cache_clear()
    yield tmp_path
    connectors.kinds.cache_clear()
    for name in [name for name in sys.modules if name.startswith("integrations.connectors.ledger")]:
        del sys.modules[name]
    if hasattr(connectors, "ledger"):
        del connectors.ledger


@pytest.fixture
async def stub(settings: Settings) -> AsyncIterator[Stub]:
    settings.ALLOW_PRIVATE = True
    async with stub_server() as server:
        server.answer(reply({"clients": [ROSA]}))
        yield server
        await close_sources()


def connected(world: World, stub: Stub) -> Connector:
    options = {"base_url": stub.url}
    return make_connector(world.riverside, "ledger", "ledger", options=options, secrets={"token": "t"}, allow_private=True)


def test_the_example_names_each_of_its_files() -> None:
    assert [Path(path).name for path in example()] == ["connector.py", "test_ledger.py", "README.md"]


def test_the_contract_suite_holds_the_example(ledger: Path) -> None:
    (ledger / "conftest.py").write_text(
        "from tests.conftest import *\n" + CONFTEST.format(folder=str(ledger)), encoding="utf-8"
    )
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", str(ROOT / "pyproject.toml")]
    command += ["--rootdir", str(ROOT), str(ledger / "ledger" / "test_ledger.py")]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_ADDOPTS": "", "PYTEST_XDIST_WORKER": ""}
    ran = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert re.search(r"^2\d passed", ran.stdout, re.MULTILINE), ran.stdout[-3000:] + ran.stderr[-1000:]


def test_the_docs_test_reads_its_page(ledger: Path) -> None:
    assert undocumented(connectors.kinds()["ledger"]) == []
    (ledger / "ledger" / "README.md").write_text("# Ledger\n`base_url`, `external_id`", encoding="utf-8")
    assert undocumented(connectors.kinds()["ledger"]) == ["token"]
    (ledger / "ledger" / "README.md").unlink()
    assert undocumented(connectors.kinds()["ledger"]) == ["docs/connectors/ledger.md, or README.md in its folder"]


@pytest.mark.django_db(transaction=True)
async def test_a_lookup_asks_it(world: World, ledger: Path, stub: Stub) -> None:
    await sync_to_async(connected)(world, stub)
    result = await look_up(LookupRequest(world.riverside.pk, Number(NUMBER, "US")))
    (person,) = result.people
    assert {name: value.value for name, value in person.fields.items()} == {
        "name": "Rosa Castillo", "phone": "(415) 555-0123", "email": "rosa@mail.example", "status": "active",
    }  # fmt: skip
    assert "078-05-1120" not in str(result)


@pytest.mark.django_db(transaction=True)
async def test_the_admin_has_its_form_and_tries_it(world: World, ledger: Path, stub: Stub) -> None:
    row = await sync_to_async(connected)(world, stub)
    form, trial = await sync_to_async(in_the_admin)(world, row)
    for asked in ("Where Ledger answers", "A token that may read clients.", "option-base_url", "secret_token"):
        assert asked in form
    assert "It answered and knows the caller." in trial
    assert "Rosa Castillo" in trial


def in_the_admin(world: World, row: Connector) -> tuple[str, str]:
    client: Any = Client()
    client.force_login(world.user(world.ann))
    assert '<option value="ledger">Ledger</option>' in client.get(reverse("admin:integrations_connector_add")).content.decode()
    form = client.get(reverse("admin:integrations_connector_change", args=[row.pk])).content.decode()
    tried = client.post(reverse("admin:integrations_connector_try_it", args=[row.pk]), {"number": NUMBER})
    return form, tried.content.decode()
