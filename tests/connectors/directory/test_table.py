"""Lists of any program: what they hold comes out, or a sentence says what to change."""

from __future__ import annotations

import pytest

from integrations.connectors.rows import MAX_ROWS, column_name, read_csv
from integrations.errors import ConfigurationError

PLAIN = "First Name,Phone #\nJosé,(415) 555-0123\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
def test_every_encoding_that_excel_writes_is_read(encoding: str) -> None:
    table = read_csv(PLAIN.encode(encoding))
    assert [(column.name, column.label) for column in table.columns] == [("first_name", "First Name"), ("phone", "Phone #")]
    assert table.rows[0].cells == ("José", "(415) 555-0123")


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_every_usual_separator_is_noticed(separator: str) -> None:
    text = f'"Name, first"{separator}phone\n"Castillo, {separator}Rosa"{separator}4155550123\n'
    (row,) = read_csv(text.encode()).rows
    assert (row.cells[0][:9], row.cells[1]) == ("Castillo,", "4155550123")


@pytest.mark.parametrize("ending", ["\r\n", "\n", "\r"])
def test_every_line_ending_is_read(ending: str) -> None:
    text = ending.join(["name,phone", "Rosa,1", "Luis,2", ""])
    assert [row.cells[0] for row in read_csv(text.encode()).rows] == ["Rosa", "Luis"]


def test_lines_are_numbered_as_in_the_spreadsheet_though_cells_hold_line_breaks() -> None:
    table = read_csv(b'name,notes,phone\n"Rosa","one\ntwo",1\n\nLuis,,2\n')
    assert [(row.line, row.cells[0]) for row in table.rows] == [(2, "Rosa"), (5, "Luis")]
    assert table.rows[0].cells[1] == "one\ntwo"


def test_a_line_with_more_values_than_columns_is_left_out_by_its_number_and_a_short_one_is_filled_up() -> None:
    table = read_csv(b"name,phone\nCastillo, Rosa, 4155550123\nLuis\nEdith,2,,,\n")
    assert [row.cells for row in table.rows] == [("Luis", ""), ("Edith", "2")]
    assert table.refused == ((2, "It has 3 values, and there are 2 columns."),)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "The list is empty"),
        (b"\n \n,,\n", "The list is empty"),
        (b"name,phone\n", "no rows below"),
        (b"name,phone,Name\nRosa,1,R\n", "Columns 1 and 3 have the same heading"),
        (b'name,phone\n"Rosa,1\nLuis,2\n', "Line 2 cannot be read. Is a quotation mark missing"),
        (b"PK\x03\x04rest", "CSV UTF-8"),
        (b"\xd0\xcf\x11\xe0rest", "CSV UTF-8"),
        (b"%PDF-1.7", "This is a PDF"),
        (b"\x00\x01\x02\x00", "not text"),
        (b",".join(b"c%d" % i for i in range(101)) + b"\n1", "101 columns"),
        (b'name,phone\n"' + b"x" * 200_000 + b'",1', "Line 2 cannot be read"),
    ],
)
def test_what_is_not_a_list_is_refused_in_a_sentence(content: bytes, says: str) -> None:
    with pytest.raises(ConfigurationError, match=says):
        read_csv(content)


def test_more_rows_than_can_be_kept_are_refused() -> None:
    with pytest.raises(ConfigurationError, match=f"more than {MAX_ROWS:,} rows"):
        read_csv(b"phone\n" + b"1\n" * (MAX_ROWS + 1))


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("Date of birth", "date_of_birth"),
        ("  Téléphone ", "telephone"),
        ("2nd phone", "_2nd_phone"),
        ("Имя", ""),
        ("a--b", "a_b"),
    ],
)
def test_headings_become_names_that_expressions_can_use(label: str, name: str) -> None:
    assert column_name(label) == name


def test_columns_without_a_usable_heading_are_called_by_their_place() -> None:
    table = read_csv("Имя,,phone\nRosa,x,1\n".encode())
    assert [column.name for column in table.columns] == ["column_1", "column_2", "phone"]
    assert table.columns[1].label == "Column 2"


def test_examples_are_the_first_different_values() -> None:
    table = read_csv(b"programs,phone\nLunch,1\nLunch,2\n,3\nRides,4\nYoga,5\nArt,6\n")
    assert table.examples(0) == ["Lunch", "Rides", "Yoga"]


def test_quotation_marks_may_be_marked_by_a_backslash_or_doubled() -> None:
    for quoted in ('"Willa \\"Wil\\" Fennimore"', '"Willa ""Wil"" Fennimore"'):
        table = read_csv(f"Name,Phone\n{quoted},415-555-0123\nOtto,415-555-0124\n".encode())
        assert [row.cells[0] for row in table.rows] == ['Willa "Wil" Fennimore', "Otto"]
    # Where each line reads without it, a backslash is what stands there.
    assert read_csv(b'Name,Folder\nOtto,"C:\\"\n').rows[0].cells == ("Otto", "C:\\")
