from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from integrations.deadline import Deadline
from integrations.errors import ConfigurationError, SourceError
from integrations.outbound.recording import recording
from integrations.phone import Number
from tests.connectors.database.conftest import JOIN, NUMBER, Database, find
from tests.servers import MariaDb


async def test_a_person_is_found_with_the_joined_table(database: Database) -> None:
    (record,) = await find(database.connector(join=JOIN))
    assert record.record_id == "1"
    assert record.fields["name"] == "José Núñez-Øster"
    assert record.fields["status"] == "active"
    assert record.fields["last_visit"] == "2026-10-01"
    assert record.fields["vip_status"] is True
    assert record.fields["outstanding_balance"] == {"amount_minor": 4250, "currency": "USD"}
    assert (record.matched[0].field, record.matched[0].stored) == ("phone", "(415) 555-0123")


@pytest.mark.parametrize("own", [{}, {"query": "SELECT * FROM customers WHERE phone_digits = :nsn"}])
async def test_who_is_warmed_up_asks_only_for_the_caller(database: Database, own: dict[str, str]) -> None:
    connector = database.connector(**own)
    await connector.warm_up(Deadline(5))
    with recording() as recorded:
        assert len(await find(connector)) == 1
    assert len(recorded.sent) == 1


async def test_a_household_is_two_records(database: Database) -> None:
    records = await find(database.connector(), Number("+14155550102", "US"))
    assert [record.fields["first_name"] for record in records] == ["Harold", "Edith"]


async def test_nobody_is_an_empty_list(database: Database) -> None:
    assert await find(database.connector(), Number("+14155550199", "US")) == []


async def test_a_column_of_digits_is_searched_without_notations(database: Database) -> None:
    records = await find(database.connector(phone_columns=[], digits_columns=["phone_digits"]), Number("+14155550102", "US"))
    assert {record.record_id for record in records} == {"2", "3"}


async def test_a_table_of_another_shape_is_read_as_it_is(database: Database) -> None:
    """The table has no second phone column, binary keys, flags of one bit, and computes its column of digits."""
    records = await find(database.connector(table="members", id_column="member", digits_columns=["digits"]))
    assert {record.record_id: record.fields["vip_status"] for record in records} == {"fffd": True, "fffe": False}


async def test_the_column_of_the_shared_id_is_read(database: Database) -> None:
    (record,) = await find(database.connector(external_id="case_worker"))
    assert record.external_id == "Ann"


async def test_planted_values_are_neither_selected_nor_returned(database: Database) -> None:
    connector = database.connector(join={**JOIN, "columns": ["status"]})
    statement, _values = (await connector._statement(Deadline(5))).by_phone(NUMBER)
    assert not [name for name in ("ssn", "credit_card", "password_hash", "bank_account") if name in statement]
    (record,) = await find(connector)
    assert not [v for v in ("078-05-1120", "4111", "secrethash", "DE8937") if v in str(record)]
    assert record.fields["notes"] == "Card [removed]"


async def test_an_own_field_is_mapped_and_a_missing_column_is_named(database: Database) -> None:
    (record,) = await find(
        database.connector({"preferred_agent": "case_worker || 'nobody'", "language": "not_null(case_worker)"})
    )
    assert record.fields["preferred_agent"] == "Ann"
    with pytest.raises(SourceError, match="no column 'shoe_size'"):
        await find(database.connector({"language": "shoe_size"}))


@pytest.mark.parametrize(
    ("options", "named"),
    [({"table": "people"}, "people"), ({"id_column": "key"}, "key"), ({"phone_columns": ["tel"]}, "tel"),
     ({"join": {**JOIN, "columns": ["colour"]}}, "colour")],
)  # fmt: skip
async def test_a_table_or_column_that_is_not_there_is_named(database: Database, options: Any, named: str) -> None:
    with pytest.raises(SourceError, match=named) as raised:
        await find(database.connector(**options))
    assert raised.value.status == "invalid_response"


async def test_a_query_of_the_admins_is_used_and_its_hits_are_verified(database: Database) -> None:
    query = "SELECT id, first_name, phone FROM customers WHERE phone LIKE '%555%' OR phone = :phone"
    records = await find(database.connector(query=query))
    assert [record.record_id for record in records] == ["1"]


@pytest.mark.parametrize(
    ("query", "named"),
    [("SELECT id, phone FROM people WHERE phone = :phone", "people"),
     ("SELECT id, shoe_size FROM customers WHERE phone = :phone", "shoe_size")],
)  # fmt: skip
async def test_what_a_query_asks_for_in_vain_is_named(database: Database, query: str, named: str) -> None:
    with pytest.raises(SourceError, match=rf"no table or column ([\w$]+\.)?{named}$") as raised:
        await find(database.connector(query=query))
    assert raised.value.status == "invalid_response"


async def test_a_query_may_name_parts_of_itself(database: Database) -> None:
    query = "WITH known AS (SELECT id, phone FROM customers) SELECT id, phone FROM known WHERE id = 1 AND :phone <> ''"
    assert [record.record_id for record in await find(database.connector(query=query))] == ["1"]


async def test_a_query_may_use_functions_that_are_named_like_writes(database: Database) -> None:
    query = "SELECT id, phone FROM customers WHERE replace(replace(phone, ') ', ''), '-', '') LIKE '%4155550123' OR id = 1"
    assert await find(database.connector(query=f"{query} AND :phone <> ''"))


async def test_a_query_cannot_bring_what_is_never_shown(database: Database) -> None:
    everything = "SELECT * FROM customers WHERE id = 1 AND :phone <> ''"
    with pytest.raises(ConfigurationError, match="password_hash holds what is never shown"):
        await find(database.connector({"notes": "password_hash"}, query=everything))
    (record,) = await find(database.connector({"notes": "join(' ', keys(@))"}, query=everything))
    assert "email" in record.fields["notes"]
    assert "password_hash" not in record.fields["notes"]


async def test_a_column_that_goes_away_costs_one_lookup(server: Database, mariadb: MariaDb) -> None:
    connector = server.connector()
    assert await connector.find(NUMBER, Deadline(5))
    mariadb.run("ALTER TABLE customers DROP COLUMN vip", database=server.url.rpartition("/")[2])
    with pytest.raises(SourceError) as raised:
        await connector.find(NUMBER, Deadline(5))
    assert raised.value.status == "invalid_response"
    assert await find(connector)


@pytest.mark.parametrize(
    "query",
    ["DELETE FROM customers WHERE phone = :phone", "SELECT 1; DROP TABLE customers", "SELECT * FROM customers",
     "SELECT * FROM customers WHERE phone = :other", "SELECT * FROM customers WHERE phone = :phone -- x",
     "SELECT * FROM customers WHERE phone = :phone INTO OUTFILE '/tmp/x'", "UPDATE customers SET phone = :phone",
     "WITH x AS (SELECT 1) DELETE FROM customers WHERE phone = :phone", "PRAGMA table_info(:phone)"],
)  # fmt: skip
def test_only_one_select_with_a_bound_number_is_a_query(sqlite: Database, query: str) -> None:
    with pytest.raises(ValidationError, match="query: "):
        _ = sqlite.connector(query=query).options


@pytest.mark.parametrize("name", ["customers; DROP TABLE x", "a b", "`x`", "a'b", 'a"b', "", "x" * 65, "a.b"])
def test_a_name_that_cannot_be_quoted_is_refused(sqlite: Database, name: str) -> None:
    for options in ({"table": name}, {"id_column": name}, {"phone_columns": [name]}, {"join": {**JOIN, "columns": [name]}}):
        with pytest.raises(ValidationError):
            _ = sqlite.connector(**options).options


async def test_a_number_is_bound_and_never_part_of_the_statement(database: Database) -> None:
    connector = database.connector()
    evil = Number("+14155550123", "US")
    statement, values = (await connector._statement(Deadline(5))).by_phone(evil)
    assert "4155550123" not in statement
    assert "4155550123" in values.values()
    await connector.close()
