"""Values from a database and from a list as they reach an agent: through lookup, linking, disclosure and panel."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from integrations.calls import CallFacts, open_call
from integrations.connectors.rows import read_csv
from integrations.disclosure.viewers import viewer_of_person
from integrations.lists import put_in_use
from integrations.models import Channel, Connector, Person
from integrations.phone import Number, classify
from tests.factories import World, make_connector
from tests.panel.conftest import content, logged_in

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def sources(world: World, settings: Settings, tmp_path: Path) -> Path:
    settings.SOURCES_DIR = tmp_path
    (tmp_path / "riverside").mkdir()
    world.riverside.timezone = "America/Los_Angeles"
    world.riverside.save()
    return tmp_path / "riverside"


def database(world: World, folder: Path, script: str, **facts: Any) -> Connector:
    file = sqlite3.connect(folder / "clients.sqlite3")
    file.executescript(script)
    file.close()
    return make_connector(world.riverside, "clients", "database", options={"url": "sqlite:///clients.sqlite3"}, **facts)


def panel(world: World, person: Person, number: str) -> str:
    caller = classify(number, "US")
    assert isinstance(caller, Number)
    call = open_call(world.riverside.pk, CallFacts(caller, f"CA{number}{person.pk}"), person_id=person.pk)
    html = content(logged_in(world, person), f"/panel/riverside/{call.key}/")
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))


PEOPLE = "CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT, phone TEXT"
DATES = f"{PEOPLE}, last_visit TEXT, member_since INTEGER, date_of_birth);"


def test_days_kept_as_midnight_utc_and_before_1970_are_shown_as_those_days(world: World, sources: Path) -> None:
    database(world, sources, DATES + """
        INSERT INTO customers VALUES (1,'Willa','415-555-0123','2026-11-20T00:00:00.000Z',1763596800000,'1941-03-04T00:00:00Z');
        INSERT INTO customers VALUES (2,'Otto','415-555-0124','0001-01-01',884736000000,-909619200000);
        INSERT INTO customers VALUES (3,'Nell','415-555-0125','0/0/00',884736000,-909619200);
        INSERT INTO customers VALUES (4,'Abel','415-555-0126','20/11/2026',NULL,'1974-12');
    """)  # fmt: skip
    html = panel(world, world.ann, "4155550123")
    assert "Nov 20, 2026" in html
    assert "Nov 20, 2025" in html
    assert "Mar 4, 1941" in html
    assert not re.search(r"\d{4}, \d", html)  # no time beside a day
    for number in ("4155550124", "4155550125"):
        html = panel(world, world.ann, number)
        assert "Mar 6, 1941" in html
        assert "Jan 14, 1998" in html
        assert "Last visit" not in html
        assert "could not be read" not in html
    html = panel(world, world.ann, "4155550126")
    assert "Dec 1974" in html
    assert "could not be read and are left out: Clients: Last visit" in html


FLAGS = f"{PEOPLE}, restricted TEXT, vip REAL);"


def test_only_who_is_marked_or_unreadably_marked_is_hidden_and_the_admin_is_told_how_many(world: World, sources: Path) -> None:
    marks = ["'f'", "'False'", "'0'", "'NULL'", "'0.0'", "'t'", "'1.0'", "'-1'", "'ask Ann'", "'?'"]
    rows = [
        f"INSERT INTO customers VALUES ({n},'Client {n}','415-555-01{n:02}',{mark},1.0);" for n, mark in enumerate(marks, 1)
    ]
    fields = {"restricted": "restricted", "vip_status": "vip"}
    database(world, sources, FLAGS + "".join(rows), fields=fields)
    for n, mark in enumerate(marks, 1):
        number = f"415-555-01{n:02}"
        assert (f"Client {n}" in panel(world, world.bea, number)) is (n <= 5), mark
        assert f"Client {n}" in panel(world, world.ann, number), mark
    ann = Client()
    ann.force_login(world.user(world.ann))
    told = ann.get("/admin/").content.decode()
    assert "Of 2 clients it could not be read whether they are restricted" in told
    assert "ask Ann" not in told


def test_two_people_whose_email_is_n_a_stay_two(world: World, sources: Path) -> None:
    database(world, sources, """CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT, phone TEXT, email TEXT);
        INSERT INTO customers VALUES (1,'Otto Grimsby','415-555-0123','n/a');""")  # fmt: skip
    row = make_connector(world.riverside, "list", "directory")
    viewer = viewer_of_person(world.ann, channel=Channel.ADMIN, address="")
    put_in_use(row, read_csv(b"Name,Phone,Email,Notes\nWilla Fennimore,415-555-0123,N/A,NULL\n"), viewer, origin="clients.csv")
    html = panel(world, world.ann, "4155550123")
    assert "2 people share this number" in html
    assert "Otto Grimsby" in html
    assert "Willa Fennimore" in html


@pytest.mark.parametrize(
    ("region", "stored", "shown"),
    [("US", "'42,50'", "$42.50"), ("US", "'1.234,56'", "$1,234.56"), ("DE", "'1.234'", "€1,234.00"), ("US", "'1.234'", ""),
     ("US", "1e15", ""),
     ("US", "'1e999990'", ""), ("MX", "42.5", "42.50 MXN"), ("US", "'(42.50)'", "−$42.50"), ("US",
     "'99999999999999999999'", "")],
)  # fmt: skip
def test_amounts_are_shown_as_they_are_or_not_at_all(world: World, sources: Path, region: str, stored: str, shown: str) -> None:
    database(world, sources, "CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT, phone TEXT, outstanding_balance);"
        f"INSERT INTO customers VALUES (1,'Willa','+14155550123',{stored});")  # fmt: skip
    world.riverside.region, world.riverside.currency = region, ""
    world.riverside.save()
    html = panel(world, world.ann, "+14155550123")
    assert "Willa" in html
    assert shown in html if shown else "could not be read and are left out: Clients: Outstanding balance" in html
