"""A list: which columns it has, how its rows are filed, and how a caller is found among them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from integrations.connectors import build
from integrations.connectors.base import SourceSettings
from integrations.connectors.rows import Filed, RowsConnector, StoredRow, UnusableRow, read_csv
from integrations.deadline import Deadline
from integrations.errors import ConfigurationError
from integrations.phone import Number
from integrations.search_query import SearchQuery, read

READ_AT = datetime(2026, 11, 1, tzinfo=UTC)
NUMBER = Number("+14155550123", "US")
LIST = """id,first_name,last_name,phone,mobile,status
7,Rosa,Castillo,(415) 555-0123,,active
8,Luis,Castillo,415.555.0123,,lapsed
"""


@dataclass
class Kept:
    """A reader over filed rows in memory."""

    filed: list[Filed] = field(default_factory=list)

    async def rows(self, keys: Sequence[str]) -> list[StoredRow]:
        return [StoredRow(one.content, READ_AT) for one in self.filed if one.keys & set(keys)]

    async def count(self) -> int:
        return len(self.filed)


def connector(reader: Kept | None = None, fields: dict[str, str | bool] | None = None, **options: Any) -> RowsConnector:
    settings = SourceSettings("list", "Our list", "directory", "riverside", options=options, mapping=fields or {})
    built = build(settings, reader)
    assert isinstance(built, RowsConnector)
    return built


def filed(text: str, fields: dict[str, str | bool] | None = None, region: str = "US", **options: Any) -> list[Filed]:
    table = read_csv(text.encode())
    settings = SourceSettings(
        "list", "Our list", "directory", "riverside", options=options, mapping=fields or {}, region=region
    )
    built = build(settings)
    assert isinstance(built, RowsConnector)
    file = built.filer(table.columns)
    return [file(table.named(row)) for row in table.rows]


async def test_everyone_with_the_number_is_found_with_the_age_of_the_list() -> None:
    options = {"phone_columns": ["phone", "mobile"], "id_column": "id"}
    records = await connector(Kept(filed(LIST, **options)), **options).find(NUMBER, Deadline(1))
    assert [(record.record_id, record.fields["name"]) for record in records] == [("7", "Rosa Castillo"), ("8", "Luis Castillo")]
    assert records[1].matched[0].field == "phone"
    assert records[1].matched[0].stored == "415.555.0123"
    assert records[0].fetched_at == READ_AT
    assert records[0].fields["status"] == "active"


async def test_nobody_is_an_empty_list() -> None:
    assert await connector(Kept(filed(LIST))).find(Number("+14155550199", "US"), Deadline(1)) == []


async def test_several_numbers_in_one_cell_and_in_several_columns_all_find_the_person() -> None:
    text = "name,phone,cell\nRosa,415-555-0101; 415-555-0102,+1 415 555 0103\n"
    (row,) = filed(text, phone_columns=["phone", "cell"])
    assert {key for key in row.keys if key.startswith("phone:")} == {f"phone:+1415555010{n}" for n in (1, 2, 3)}
    (record,) = await connector(Kept([row]), phone_columns=["phone", "cell"]).find(Number("+14155550103", "US"), Deadline(1))
    assert record.fields["phone"] == "415-555-0101"
    assert record.fields["phones"] == ["415-555-0102", "+1 415 555 0103"]


@pytest.mark.parametrize("between", ["; ", ", ", ",", "/", " / ", " or ", "|"])
def test_numbers_in_one_cell_are_told_apart_whatever_stands_between_them(between: str) -> None:
    (row,) = filed(f'name,phone\nRosa,"415-555-0101{between}415-555-0102"\n')
    assert {key for key in row.keys if key.startswith("phone:")} == {"phone:+14155550101", "phone:+14155550102"}


@pytest.mark.parametrize(
    ("cell", "why"),
    [
        ("", "no phone number"),
        ("call her sister", "not a phone number"),
        ("12", "not a phone number"),
        ("unknown", "not a phone"),
    ],
)
def test_a_row_that_no_call_can_find_is_refused_without_repeating_it(cell: str, why: str) -> None:
    with pytest.raises(UnusableRow, match=why) as raised:
        filed(f"name,phone\nRosa,{cell}\n")
    assert not cell or cell not in str(raised.value)


def test_a_row_without_its_id_is_refused() -> None:
    with pytest.raises(UnusableRow, match="no record id"):
        filed("id,phone\n,4155550123\n", id_column="id")


def test_a_list_without_ids_gives_the_same_person_the_same_id_each_time() -> None:
    (before,) = filed("name,phone,status\nRosa Castillo,415-555-0123,active\n")
    (after,) = filed("status,phone,name\nlapsed,+14155550123,ROSA CASTILLO\n")
    (other,) = filed("name,phone\nLuis Castillo,415-555-0123\n")
    assert before.content["id"] == after.content["id"] != other.content["id"]


def test_only_columns_that_are_read_are_kept_and_never_columns_never() -> None:
    text = "name,phone,ssn,shoe_size,notes,credit_card_number\nRosa,4155550123,078-05-1120,38,card 4111 1111 1111 1111,4111\n"
    (row,) = filed(text)
    assert set(row.content["values"]) == {"name", "notes"}
    assert "078-05-1120" not in str(row)
    assert "4111" not in str(row)


@pytest.mark.parametrize(("region", "born"), [("US", "1941-03-04"), ("GB", "1941-04-03")])
async def test_dates_are_read_as_the_country_writes_them(region: str, born: str) -> None:
    number = {"US": "4155550123", "GB": "02079460123"}[region]
    (row,) = filed(f"name,phone,dob\nRosa,{number},3/4/1941\n", {"date_of_birth": "dob"}, region=region)
    assert row.content["values"]["dob"] == born
    assert row.unreadable == ()


def test_a_year_of_two_digits_is_one_that_has_been() -> None:
    (row,) = filed("phone,date_of_birth,last_visit\n4155550123,3/4/41,12/31/25\n")
    assert row.content["values"] == {"date_of_birth": "1941-03-04", "last_visit": "2025-12-31"}


@pytest.mark.parametrize("written", ["31/31/1941", "soon"])
def test_a_value_of_the_wrong_type_is_named_and_the_row_is_used(written: str) -> None:
    (row,) = filed(f"phone,date_of_birth\n4155550123,{written}\n")
    assert row.unreadable == ("Date of birth",)


@pytest.mark.parametrize(
    ("options", "fields", "says"),
    [
        ({"phone_columns": ["cell"]}, {}, "phone_columns: the list has no column 'cell'"),
        ({"id_column": "client_no"}, {}, "id_column: the list has no column 'client_no'"),
        ({}, {"status": "state || standing"}, r"fields.status: the list has no column '(state|standing)'"),
    ],
)
def test_a_column_that_the_list_lacks_is_named(options: Any, fields: Any, says: str) -> None:
    with pytest.raises(ConfigurationError, match=says):
        filed("name,phone\nRosa,4155550123\n", fields, **options)


def test_columns_are_recognised_by_how_people_head_them() -> None:
    head = "Client ID,First Name,Surname,Home Phone,Cell #,Fax,E-mail,DOB,Emergency Contact Phone,Case Worker"
    head += ",SSN,Shoe size,Date of birth"
    table = read_csv(f"{head}\n1\n".encode())
    assert list(connector().guess(table.columns).values()) == [
        "record_id", "first_name", "last_name", "phone_number", "phone_number", "", "email", "date_of_birth", "",
        "preferred_agent", "", "", "",
    ]  # fmt: skip


def test_what_was_chosen_is_read_so_and_told_so_again() -> None:
    table = read_csv(b"Nr,Who,Tel,Status,Lang\n1,Rosa,4155550123,x,es\n")
    chosen = {"nr": "record_id", "who": "name", "tel": "phone_number", "status": "", "lang": "language"}
    reading = connector().reading(chosen)
    again = connector(None, dict(reading.fields), **reading.options)
    assert again.as_configured(table.columns) == chosen
    (row,) = [again.filer(table.columns)(table.named(row)) for row in table.rows]
    assert row.content["values"] == {"who": "Rosa", "lang": "es"}


@pytest.mark.parametrize(
    ("chosen", "says"),
    [
        ({"a": "name"}, "at least one column that holds phone"),
        ({"a": "phone_number", "b": "name", "c": "name"}, "both taken for “name”"),
    ],
)
def test_a_choice_that_cannot_be_is_refused(chosen: dict[str, str], says: str) -> None:
    with pytest.raises(ConfigurationError, match=says):
        connector().reading(chosen)


# -- Looked for by name or e-mail ------------------------------------------------------------------------------------

PEOPLE = """id,name,phone,email
1,Rosa Núñez-Castillo,4155550123,Rosa@Mail.example
2,Rosalind O'Hara,4155550124,
3,Li Wei,4155550125,li@mail.example
"""


@pytest.mark.parametrize(
    ("typed", "ids"),
    [
        ("rosa", ["1", "2"]), ("Ros", ["1", "2"]), ("rosalind", ["2"]), ("nunez", ["1"]), ("castillo rosa", ["1"]),
        ("o'hara", ["2"]), ("li", ["3"]), ("LI WEI", ["3"]), ("rosa@mail.example", ["1"]), ("nobody", []),
        ("nobody@mail.example", []),
    ],
)  # fmt: skip
async def test_people_are_found_by_a_name_or_its_beginning_and_by_e_mail(typed: str, ids: list[str]) -> None:
    people = connector(Kept(filed(PEOPLE, id_column="id")), id_column="id")
    search_query = read(typed, "US")
    assert isinstance(search_query, SearchQuery)
    assert [record.record_id for record in await people.search(search_query, Deadline(1))] == ids


async def test_somebody_who_was_picked_is_found_again_by_their_id() -> None:
    people = connector(Kept(filed(PEOPLE, id_column="id")), id_column="id")
    search_query = read("rosa", "US")
    assert isinstance(search_query, SearchQuery)
    (record,) = await people.fetch("2", search_query, Deadline(1))
    assert record.fields["name"] == "Rosalind O'Hara"
    assert await people.fetch("9", search_query, Deadline(1)) == []
