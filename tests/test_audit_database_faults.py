"""What callers and agents get while access records cannot be written: no caller data, plain words, and recovery by itself.

A portal as in production, on a MariaDB of its own that is stopped, locked, filled, made read-only and disconnected.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pymysql
import pytest

from integrations.errors import AuditUnavailable
from tests.fault_report import note
from tests.servers import PASSWORD, USER, MariaDb, MissingServer, free_port, mariadb

ROOT = Path(__file__).resolve().parents[1]
PATIENCE_S = 30
WALTER = "+14155550105"
WORDS = AuditUnavailable.public_message


@dataclass
class Portal:
    """A running one, and its database."""

    address: str
    server: MariaDb
    key: str
    agent: dict[str, str]

    def look_up(self) -> httpx.Response:
        return httpx.post(
            f"{self.address}/api/v1/lookup",
            json={"phone": WALTER},
            headers={"Authorization": f"Bearer {self.key}"},
            timeout=20,
            trust_env=False,
        )

    def run(self, *statements: str) -> list[tuple[object, ...]]:
        return self.server.run(*statements, database="connie")


class Panel:
    """Bea, logged in, at the panel of Walter's call."""

    def __init__(self, address: str, agent: dict[str, str]) -> None:
        self.client = httpx.Client(base_url=address, timeout=20, trust_env=False, follow_redirects=True)
        token = self._token(self.client.get("/login/").text)
        self.client.post("/login/", data={**agent, "csrfmiddlewaretoken": token})
        token = self.client.cookies["csrftoken"]
        opened = self.client.post("/panel/riverside/open", data={"phone": WALTER, "csrfmiddlewaretoken": token})
        self.url: str = opened.json()["url"]

    def _token(self, html: str) -> str:
        return re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', html)[1]  # type: ignore[index]

    def content(self) -> str:
        return self.client.get(f"{self.url}caller/", headers={"HX-Request": "true"}).text


def environment(folder: Path, port: int, database: MariaDb) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "CONNIE_DATA_DIR": str(folder),
        "CONNIE_DATABASE_URL": f"mysql://portal:portal@127.0.0.1:{database.port}/connie",
        "CONNIE_SECRET_KEY": "faults-" * 8,
        "CONNIE_ENCRYPTION_KEYS": "ZmF1bHRzLWZhdWx0cy1mYXVsdHMtZmF1bHRzLWZhdWw=",
        "CONNIE_INDEX_KEY": "faults-" * 8,
        "CONNIE_ALLOW_PRIVATE": "1",
        "CONNIE_PORT": str(port),
        "CONNIE_SANDBOX_PORT": "1",
        "CONNIE_LOG_LEVEL": "ERROR",
    }


@pytest.fixture(scope="module")
def portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    folder, port = tmp_path_factory.mktemp("portal"), free_port()
    try:
        # A tablespace of its own size, so that it can be filled.
        sized = ("--innodb-data-file-path=ibdata1:12M:autoextend:max:64M", "--innodb-autoextend-increment=4")
        with mariadb("--innodb-file-per-table=0", *sized) as server:
            # Unlike the tests' own user, the portal's is bound by read_only.
            server.run(
                "CREATE USER 'portal'@'127.0.0.1' IDENTIFIED BY 'portal'", "GRANT ALL ON connie.* TO 'portal'@'127.0.0.1'"
            )
            own = environment(folder, port, server)
            command = [sys.executable, "manage.py"]
            subprocess.run([*command, "migrate", "--verbosity=0"], cwd=ROOT, env=own, check=True)
            seeded = subprocess.run(
                [*command, "seed_demo", "--json"], cwd=ROOT, env=own, check=True, capture_output=True, text=True
            )
            facts: dict[str, Any] = json.loads(seeded.stdout)
            serving = subprocess.Popen([*command, "serve"], cwd=ROOT, env=own, stdout=subprocess.DEVNULL)
            try:
                found = Portal(f"http://127.0.0.1:{port}", server, facts["api_key"], facts["users"]["agent"])
                eventually(lambda: answers(found), "the portal did not start")
                yield found
            finally:
                serving.terminate()
                serving.wait(15)
    except MissingServer as missing:
        pytest.fail(str(missing))


@pytest.fixture
def panel(portal: Portal) -> Iterator[Panel]:
    bea = Panel(portal.address, portal.agent)
    yield bea
    bea.client.close()


def answers(portal: Portal) -> bool:
    try:
        return "Kowalczyk" in portal.look_up().text
    except httpx.TransportError:
        return False


def eventually(holds: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline, what
        time.sleep(0.1)


def refused(portal: Portal) -> None:
    """The lookup is refused in words, without caller data."""
    response = portal.look_up()
    assert (response.status_code, response.json()["error"]["code"]) == (503, "audit_unavailable")
    assert response.json()["error"]["message"] == WORDS
    assert "Kowalczyk" not in response.text


def withheld(html: str) -> None:
    assert "The caller cannot be shown" in html
    assert WORDS in html
    assert "Kowalczyk" not in html


def recovered(portal: Portal, panel: Panel, fault: str) -> None:
    eventually(lambda: answers(portal), "lookups did not recover")
    assert "Kowalczyk" in panel.content()
    note(f"its own database {fault}", "the portal", "503, no caller data, recovers")


@contextmanager
def other_connection(portal: Portal) -> Iterator[Any]:
    connection = pymysql.connect(host="127.0.0.1", port=portal.server.port, user=USER, password=PASSWORD, database="connie")
    try:
        with connection.cursor() as cursor:
            yield cursor
    finally:
        connection.close()


def test_a_database_that_is_read_only(portal: Portal, panel: Panel) -> None:
    portal.run("SET GLOBAL read_only = 1")
    try:
        refused(portal)
        withheld(panel.content())
    finally:
        portal.run("SET GLOBAL read_only = 0")
    recovered(portal, panel, "is read-only")


def test_a_database_whose_trail_is_held_up(portal: Portal, panel: Panel) -> None:
    with other_connection(portal) as cursor:
        cursor.execute("SELECT * FROM integrations_audithead FOR UPDATE")
        refused(portal)
        withheld(panel.content())
    recovered(portal, panel, "is locked")


def test_connections_that_the_server_ends(portal: Portal, panel: Panel) -> None:
    for (number,) in portal.run("SELECT id FROM information_schema.processlist WHERE user = 'portal'"):
        portal.run(f"KILL {number}")
    assert answers(portal)
    assert "Kowalczyk" in panel.content()


def test_a_database_that_is_full(portal: Portal, panel: Panel) -> None:
    portal.run("CREATE TABLE filler (content MEDIUMBLOB)")
    try:
        for size in (1_000_000, 100_000, 10_000, 2_000):
            fill(portal, size)
        # What is left of pages that are begun holds some entries yet.
        eventually(lambda: portal.look_up().status_code == 503, "entries still fit in")
        refused(portal)
        withheld(panel.content())
    finally:
        give_more_space(portal.server)
    recovered(portal, panel, "is full")


def give_more_space(server: MariaDb) -> None:
    """Give it more space, as whoever keeps the server would: the full one cannot even drop a table."""
    server.stop()
    server.command = tuple(option.replace("max:64M", "max:256M") for option in server.command)
    server.start()
    server.run("DROP TABLE filler", database="connie")


def fill(portal: Portal, size: int) -> None:
    try:
        for _row in range(1_000):
            portal.run(f"INSERT INTO filler VALUES (REPEAT('x', {size}))")
    except pymysql.err.OperationalError as full:
        assert full.args[0] == 1114  # "The table is full"  # noqa: PT017 -- any number of rows may come before


def test_a_database_that_is_stopped(portal: Portal, panel: Panel) -> None:
    portal.server.stop()
    try:
        refused(portal)
        html = panel.content()
        assert "Kowalczyk" not in html
        assert html.strip()
    finally:
        portal.server.start()
    recovered(portal, panel, "is down")


def test_the_trail_is_whole_after_all_of_it(portal: Portal, tmp_path: Path) -> None:
    assert answers(portal)
    own = environment(tmp_path, 1, portal.server)
    command = [sys.executable, "manage.py", "audit", "verify", "riverside"]
    checked = subprocess.run(command, cwd=ROOT, env=own, check=False, capture_output=True, text=True)
    assert re.search(r"ok \d+ entries", checked.stdout)
