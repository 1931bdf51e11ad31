"""CiviCRM's tables, read through the view that the documentation gives."""

from __future__ import annotations

import re
import tomllib
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from integrations.connectors.database.connector import DatabaseConnector
from integrations.deadline import Deadline
from integrations.phone import Number
from integrations.search_query import By, SearchQuery
from tests.connectors.database.conftest import Database
from tests.servers import MariaDb

PAGE = (Path(__file__).parents[3] / "docs/connectors/database.md").read_text(encoding="utf-8")
CIVICRM = PAGE.partition("## CiviCRM")[2]
TABLES = (
    """CREATE TABLE civicrm_contact (id INT PRIMARY KEY, contact_type VARCHAR(64), display_name VARCHAR(128),
       first_name VARCHAR(64), last_name CHAR(64), organization_name VARCHAR(64), preferred_language CHAR(5), birth_date DATE,
       is_deceased TINYINT DEFAULT 0, deceased_date DATE, is_deleted TINYINT DEFAULT 0, created_date TIMESTAMP NULL)""",
    """CREATE TABLE civicrm_phone (id INT PRIMARY KEY AUTO_INCREMENT, contact_id INT, is_primary TINYINT, phone VARCHAR(32),
       phone_numeric VARCHAR(32))""",
    "CREATE TABLE civicrm_email (id INT PRIMARY KEY, contact_id INT, email VARCHAR(254), is_primary TINYINT, on_hold INT)",
    """CREATE TABLE civicrm_address (id INT PRIMARY KEY, contact_id INT, is_primary TINYINT, street_address VARCHAR(96),
       city VARCHAR(64), postal_code VARCHAR(64))""",
    "CREATE TABLE civicrm_option_value (id INT PRIMARY KEY, option_group_id INT, label VARCHAR(9), name VARCHAR(9))",
    "INSERT INTO civicrm_option_value VALUES (1, 86, 'Spanish', 'es_US')",
    """INSERT INTO civicrm_contact (id, contact_type, display_name, first_name, last_name, preferred_language, birth_date,
       is_deceased, is_deleted) VALUES (201, 'Individual', 'Ms. Rosa Delgado', 'Rosa', 'Delgado', 'es_US', '1941-03-02', 0, 0),
       (203, 'Individual', 'Old Rosa', 'Rosa', 'Delgado', 'es_US', '1941-03-02', 0, 1),
       (204, 'Individual', 'Vera Lund', 'Vera', 'Lund', NULL, '1930-01-01', 1, 0),
       (205, 'Household', 'Delgado household', NULL, NULL, NULL, NULL, 0, 0)""",
    """INSERT INTO civicrm_phone (contact_id, is_primary, phone, phone_numeric) VALUES (201, 1, '(415) 555-0177', '4155550177'),
       (201, 0, '+1 415 555 0188', '14155550188'), (203, 1, '(415) 555-0177', '4155550177'),
       (204, 1, '415/555-0166', '4155550166'), (205, 1, '(415) 555-0177', '4155550177')""",
    "INSERT INTO civicrm_email VALUES (1, 201, 'rosa@mail.org', 1, 0), (2, 201, 'old@mail.org', 0, 1)",
    "INSERT INTO civicrm_address VALUES (1, 201, 1, '1 Harbor St', 'San Francisco', '94110')",
)


@pytest.fixture
async def civicrm(mariadb: MariaDb, tmp_path: Path) -> AsyncIterator[DatabaseConnector]:
    name = f"civicrm_{uuid.uuid4().hex[:8]}"
    mariadb.run(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
    view = re.search(r"```sql\n(.+?)```", CIVICRM, re.DOTALL)
    described = re.search(r"```toml\n(.+?)```", CIVICRM, re.DOTALL)
    assert view
    assert described
    mariadb.run(*TABLES, view[1].strip().rstrip(";"), database=name)
    (entry,) = tomllib.loads(described[1])["organization"]["connector"]
    url = mariadb.url(name)
    connector = Database(url, tmp_path).connector(entry["fields"], **{**entry["options"], "url": url})
    yield connector
    await connector.close()
    mariadb.run(f"DROP DATABASE {name}")


@pytest.mark.parametrize("number", ["+14155550177", "+14155550188"])
async def test_a_person_is_found_by_each_number_and_once(civicrm: DatabaseConnector, number: str) -> None:
    (rosa,) = await civicrm.find(Number(number, "US"), Deadline(5))
    assert (rosa.record_id, rosa.fields["account_id"], rosa.fields["name"]) == ("201", "201", "Ms. Rosa Delgado")
    assert (rosa.fields["language"], rosa.fields["email"]) == ("Spanish", "rosa@mail.org")
    assert rosa.fields["phones"] == ["(415) 555-0177", "+1 415 555 0188"]
    assert "deceased" not in rosa.fields


async def test_who_died_is_marked(civicrm: DatabaseConnector) -> None:
    (vera,) = await civicrm.find(Number("+14155550166", "US"), Deadline(5))
    assert (vera.record_id, vera.fields["deceased"]) == ("204", True)


async def test_names_are_searched_through_the_view(civicrm: DatabaseConnector) -> None:
    found = await civicrm.search(SearchQuery(By.NAME, "Rosa Delgado"), Deadline(5))
    assert [person.record_id for person in found] == ["201"]
