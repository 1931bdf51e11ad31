"""The inputs that the portal once got wrong, taken as they lie in ``../shared/cases``, each with its right outcome.

The same inputs and their siblings stand in the tests of what was mended; this holds the whole way: a database or a list of
an organisation, its connector, a lookup, what an admin is shown.
"""

from __future__ import annotations

import asyncio
import sqlite3
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from pytest_django.fixtures import Settings

from integrations.disclosure import Context, Disclosure, disclose
from integrations.disclosure.viewers import viewer_of_person
from integrations.lookup import LookupRequest, close_sources, look_up
from integrations.models import Channel, Organization
from integrations.phone import NotANumber, classify
from tests.factories import World, make_connector

CASES = Path(__file__).resolve().parents[2] / "shared" / "cases" / "values"

pytestmark = pytest.mark.skipif(not CASES.is_dir(), reason="../shared/cases does not lie beside this checkout")


class Case:
    """Riverside with the inputs of one folder."""

    def __init__(self, world: World, folder: Path, sources: Path) -> None:
        self.world, self.folder, self.sources = world, folder, sources

    def database(self, **facts: Any) -> None:
        """``clients.sql`` as a SQLite file below the organisation's folder."""
        organization: Organization = self.world.riverside
        place = self.sources / organization.slug
        place.mkdir(parents=True, exist_ok=True)
        with sqlite3.connect(place / "clients.sqlite3") as connection:
            connection.executescript((self.folder / "clients.sql").read_text(encoding="utf-8"))
        connection.close()
        options = {"url": "sqlite:///clients.sqlite3", **facts.pop("options", {})}
        make_connector(organization, "clients", "database", name="Clients", options=options, **facts)

    def list(self, name: str) -> str:
        """The file in use as a list; what the command says."""
        make_connector(self.world.riverside, "list", "directory", name="List")
        said = StringIO()
        try:
            call_command("load_list", "riverside", "list", str(self.folder / name), stdout=said, stderr=said)
        except (CommandError, SystemExit) as problem:
            said.write(str(problem))
        return said.getvalue()

    def seen(self, phone: str) -> Disclosure:
        """What Ann, to whose tier all is clear, is shown of a caller."""
        caller = classify(phone, self.world.riverside.region)
        assert not isinstance(caller, NotANumber)

        async def look() -> Disclosure:
            result = await look_up(LookupRequest(self.world.riverside.pk, caller, with_restricted=True))
            viewer = viewer_of_person(self.world.ann, channel=Channel.PANEL, address="127.0.0.1")
            try:
                return await disclose(result, viewer, Context())
            finally:
                await close_sources()

        return asyncio.run(look())

    def name(self, phone: str) -> str:
        """The name of who is found; ``""`` for nobody."""
        shown = self.seen(phone)
        return str(shown.caller.get("name", "")) or " and ".join(sorted(match.name for match in shown.matches))


@pytest.fixture
def case(request: pytest.FixtureRequest, world: World, settings: Settings, tmp_path: Path) -> Case:
    settings.SOURCES_DIR = tmp_path
    return Case(world, CASES / request.param, tmp_path)


def folder(name: str) -> Any:
    return pytest.mark.parametrize("case", [name], indirect=True)


@folder("02-number-without-area-code")
def test_lines_without_an_area_code_are_told(case: Case) -> None:
    said = case.list("clients.csv")
    assert "area code" in said
    assert case.name("+14155550124") == "Otto Grimsby"
    refused = classify("5550123", "US")
    assert isinstance(refused, NotANumber)
    assert "area code" in refused.reason


@folder("03-filler-numbers")
def test_fillers_are_nobodys(case: Case) -> None:
    case.database()
    for filler in ("+10000000000", "999-999-9999"):
        shown = case.seen(filler)
        assert (shown.status.value, shown.match_count) == ("withheld", 0)
    assert case.name("+14155550124") == "Nell Harker"


@folder("05-leading-blank")
def test_blanks_before_a_number_hide_nobody(case: Case) -> None:
    query = "SELECT id, name, phone FROM customers WHERE phone LIKE '%' || substr(:nsn, 7) || '%'"
    options = {"query": query, "phone_columns": ["phone"]}
    case.database(options=options)
    assert [case.name(f"+1415555012{last}") for last in "345"] == ["Willa Fennimore", "Otto Grimsby", "Control Person"]


@folder("07-sqlite-cp1252")
def test_text_in_another_encoding_costs_its_value(case: Case) -> None:
    case.database(fields={"notes": "notes"})
    for _call in range(6):
        shown = case.seen("+14155550123")
        assert shown.match_count == 1
        assert "name" in shown.sources[0].unreadable
    assert case.name("+14155550124") == "Nell Harker"
    assert case.name("+14155550125") == "Abel Stroud"


@folder("07-sqlite-cp1252")
def test_text_is_read_in_the_encoding_that_was_named(case: Case) -> None:
    case.database(options={"encoding": "cp1252"}, fields={"notes": "notes"})
    assert case.name("+14155550123") == "José Pñaruz"


@folder("08-float-phones")
def test_numbers_that_became_floats_are_found(case: Case) -> None:
    case.database()
    assert [case.name(f"+1415555012{last}") for last in "345"] == ["Willa Fennimore", "Otto Grimsby", "Control Person"]


@folder("08-float-phones")
def test_a_list_with_floats_is_read(case: Case) -> None:
    case.list("clients.csv")
    assert [case.name(f"+1415555012{last}") for last in "34"] == ["Willa Fennimore", "Otto Grimsby"]


@folder("09-trunk-zero-digits")
def test_digits_with_a_trunk_zero_are_found(case: Case) -> None:
    Organization.objects.filter(pk=case.world.riverside.pk).update(region="GB")
    case.world.riverside.refresh_from_db()
    case.database(options={"phone_columns": [], "digits_columns": ["phone"]})
    names = [case.name(f"+44207946{last}") for last in ("0018", "0019", "0020")]
    assert names == ["Willa Fennimore", "Otto Grimsby", "Nell Harker"]


@folder("10-birth-before-1970")
@pytest.mark.parametrize("last", ["3", "4"])
def test_years_before_1970_are_read(case: Case, last: str) -> None:
    case.database(fields={"date_of_birth": "date_of_birth", "member_since": "member_since"})
    caller = case.seen(f"+1415555012{last}").caller
    assert (caller["date_of_birth"], caller["member_since"]) == ("1941-03-06", "1998-01-14")


@folder("13-midnight-utc")
def test_a_day_kept_as_midnight_is_that_day(case: Case) -> None:
    fields = {name: name for name in ("last_visit", "member_since", "date_of_birth")}
    case.database(fields=fields)
    caller = case.seen("+14155550123").caller
    assert [caller[name] for name in fields] == ["2026-11-20", "2025-11-20", "1941-03-04"]


@folder("15-outlook-csv")
def test_only_a_clients_own_numbers_are_taken_of_an_outlook_list(case: Case) -> None:
    said = case.list("contacts.csv")
    assert "0/0/00" not in said
    assert [case.name(f"+1415555012{last}") for last in "34"] == ["Willa Fennimore", "Otto Grimsby"]
    for others in ("+14155550190", "+14155550180"):
        assert case.name(others) == ""


@folder("18-view-null-id")
def test_a_row_without_an_id_and_two_with_one_are_told(case: Case) -> None:
    case.database()
    assert case.name("+14155550123") == "Willa Fennimore"
    both = case.seen("+14155550124")
    assert sorted(match.name for match in both.matches) == ["Abel Stroud", "Nell Harker"]


@folder("19-null-words")
def test_words_for_nothing_link_nobody(case: Case) -> None:
    case.database()
    case.list("clients-na.csv")
    assert case.name("+14155550123") == "Otto Grimsby and Willa Fennimore"


@folder("19-null-words")
def test_a_word_for_nothing_is_no_value(case: Case) -> None:
    case.list("clients.csv")
    caller = case.seen("+14155550123").caller
    assert caller["name"] == "Willa Fennimore"
    assert not {"email", "notes"} & set(caller)


@folder("21-us-notations")
def test_each_of_27_notations_is_found(case: Case) -> None:
    case.database(options={"phone_columns": ["phone"]})
    found = {number: case.name(f"+14155550{100 + number}") for number in range(1, 28)}
    assert found == {number: f"Notation {number:02}" for number in range(1, 28)}


@folder("23-flag-words")
def test_words_for_no_restrict_nobody(case: Case) -> None:
    case.database(fields={"restricted": "restricted", "vip_status": "vip"})
    for last, name in zip("34567", ("Willa Fennimore", "Otto Grimsby", "Nell Harker", "Abel Stroud", "Ida Pell"), strict=True):
        shown = case.seen(f"+1415555012{last}")
        assert (shown.caller["name"], shown.restricted) == (name, False)
    assert case.seen("+14155550123").caller["vip_status"] is True
