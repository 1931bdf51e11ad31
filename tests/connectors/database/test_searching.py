"""People by name or e-mail address in an organisation's own database, on SQLite and MariaDB."""

from __future__ import annotations

import pytest

from integrations.connectors.database.connector import DatabaseConnector
from integrations.connectors.database.statement import like
from integrations.deadline import Deadline
from integrations.search_query import SearchQuery, read
from tests.connectors.database.conftest import JOIN, Database


def search_query(text: str) -> SearchQuery:
    found = read(text, "US")
    assert isinstance(found, SearchQuery)
    return found


async def searched(connector: DatabaseConnector, text: str) -> list[str]:
    """The names of those who are found and fit, as they come out of a lookup."""
    try:
        wanted = search_query(text)
        found = await connector.search(wanted, Deadline(5))
        return [str(record.fields["name"]) for record in found if wanted.fits(record.fields)]
    finally:
        await connector.close()


@pytest.mark.parametrize(
    ("typed", "names"),
    [
        ("lindq", ["Harold Lindqvist", "Edith Lindqvist"]),
        ("Lindqvist Har", ["Harold Lindqvist"]),
        ("jose", ["José Núñez-Øster"]),
        ("Øster", ["José Núñez-Øster"]),
        ("JOSE@X.org", ["José Núñez-Øster"]),
        ("qvist", []),
        ("nobody@x.org", []),
    ],
)
async def test_every_word_begins_one_of_the_name(database: Database, typed: str, names: list[str]) -> None:
    assert await searched(database.connector(), typed) == names


@pytest.mark.parametrize(
    "typed",
    ["' OR 1=1 --xx", 'xx" OR ""="', "%%ab", "__ab", "ab\\", "ab!", "jose%@x.org", "li%st", "lind; DROP TABLE customers"],
)
async def test_nothing_that_is_typed_is_more_than_a_value(database: Database, typed: str) -> None:
    assert await searched(database.connector(), typed) == []
    assert await searched(database.connector(), "harold") == ["Harold Lindqvist"]


async def test_a_person_with_two_accounts_is_one_person(database: Database) -> None:
    assert await searched(database.connector(join=JOIN), "jose") == ["José Núñez-Øster"]


async def test_columns_are_those_of_the_organisations_own_mapping(database: Database) -> None:
    connector = database.connector({"name": "case_worker", "first_name": False, "last_name": False})
    assert await searched(connector, "ann") == ["Ann"]
    unmapped = database.connector({"email": False, "name": False, "first_name": False, "last_name": False})
    assert await unmapped.search(search_query("jose"), Deadline(5)) == []
    assert await unmapped.search(search_query("jose@x.org"), Deadline(5)) == []
    await unmapped.close()


async def test_whoever_was_found_is_found_again_by_id(database: Database) -> None:
    connector = database.connector()
    (record,) = await connector.fetch("2", search_query("harold"), Deadline(5))
    assert (record.record_id, record.fields["name"]) == ("2", "Harold Lindqvist")
    for other in ("9", "2 or so", "2'", ""):
        assert await connector.fetch(other, search_query("nobody"), Deadline(5)) == []
    await connector.close()


async def test_a_query_of_the_admins_cannot_be_searched(database: Database) -> None:
    query = database.connector(query="SELECT id, phone FROM customers WHERE phone LIKE '%555%' OR phone = :phone")
    assert not query.can("search")
    assert database.connector().can("search")
    (record,) = await query.fetch("1", search_query("+14155550123"), Deadline(5))
    assert record.record_id == "1"
    await query.close()


@pytest.mark.parametrize(
    ("word", "accents", "pattern"),
    [
        ("lind", False, "lind%"),
        ("l_nd%!", False, "l!_nd!%!!%"),
        ("josé", True, "j___%"),
        ("josé", False, "josé%"),
        ("b_d", True, "b!_d%"),
    ],
)
def test_what_stands_for_other_characters_is_escaped(word: str, accents: bool, pattern: str) -> None:
    assert like(word, accents=accents) == pattern
