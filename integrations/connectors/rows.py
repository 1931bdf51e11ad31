"""Lists that somebody uploads or keeps in a sheet: what a kind that declares ``needs_rows`` takes and gives.

Such a kind reads its list whole, from time to time, and files each row under the keys by which it will be asked for. The
portal stores the rows; at a call the kind gets them back through a reader that ``lookup`` supplies.
"""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, ClassVar, Protocol

from integrations.connectors.base import Connector, SourceSettings
from integrations.deadline import Deadline
from integrations.errors import ConfigurationError
from integrations.profile import JSON, Field

MAX_BYTES = 20 * 1024 * 1024
MAX_ROWS = 200_000
MAX_COLUMNS = 100
MAX_CELL = 2_000
_SNIFFED = 64 * 1024
_NOT_TEXT = {
    b"PK\x03\x04": "This is a workbook. In Excel choose File, Save as, CSV UTF-8; then upload that file.",
    b"\xd0\xcf\x11\xe0": "This is an old workbook. In Excel choose File, Save as, CSV UTF-8; then upload that file.",
    b"%PDF": "This is a PDF. Upload the list as a CSV file.",
}


@dataclass(frozen=True)
class Column:
    """``name`` is what expressions call it (``first_name``); ``label`` what stands in the list's first line."""

    name: str
    label: str


@dataclass(frozen=True)
class Row:
    """One line of a list: its number as a spreadsheet counts, and its cells, one for each column."""

    line: int
    cells: tuple[str, ...]


@dataclass(frozen=True)
class Table:
    """A list as it came: its columns, its rows, and (line, sentence) for each line that cannot be a row."""

    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    refused: tuple[tuple[int, str], ...] = ()

    def named(self, row: Row) -> dict[str, str]:
        """The row's cells that hold something, by the names of their columns."""
        return {column.name: cell for column, cell in zip(self.columns, row.cells, strict=True) if cell}

    def examples(self, index: int, count: int = 3) -> list[str]:
        """The first different values of a column."""
        found: dict[str, None] = {}
        for row in self.rows:
            if row.cells[index]:
                found.setdefault(row.cells[index])
            if len(found) == count:
                break
        return list(found)


@dataclass(frozen=True)
class Filed:
    """A row ready to be stored: what it says, by which keys it is asked for, and the labels of fields that were unreadable."""

    content: Mapping[str, JSON]
    keys: frozenset[str]
    unreadable: tuple[str, ...] = ()


class UnusableRow(ValueError):
    """A row cannot be looked up; the text is a sentence that says why, without what the row holds."""


@dataclass(frozen=True)
class StoredRow:
    """A row as it comes back, with the time at which its list was read."""

    content: Mapping[str, JSON]
    read_at: datetime


class RowReader(Protocol):
    """The stored rows of one connector."""

    async def rows(self, keys: Sequence[str]) -> list[StoredRow]:
        """Rows filed under any of the keys, each once. Raises ConfigurationError while no list has been stored."""

    async def count(self) -> int:
        """How many rows there are. Raises as ``rows``."""


# What a column may be besides a field of the vocabulary.
PHONE, RECORD_ID, LEFT_OUT = "phone_number", "record_id", ""


@dataclass(frozen=True)
class Reading:
    """What a list's columns are taken for, as the connector's configuration says it."""

    options: Mapping[str, JSON]
    fields: Mapping[str, str | bool]


class RowsConnector(Connector):
    """A kind whose data is a list that the portal stores for it. ``reader`` is None where nothing is asked of it."""

    needs_rows: ClassVar[bool] = True

    def __init__(self, settings: SourceSettings, reader: RowReader | None = None) -> None:
        super().__init__(settings)
        self.reader = reader

    @abstractmethod
    def guess(self, columns: Sequence[Column]) -> dict[str, str]:
        """What each column seems to be: PHONE, RECORD_ID, a field's name, or LEFT_OUT."""

    @abstractmethod
    def as_configured(self, columns: Sequence[Column]) -> dict[str, str]:
        """The same, as this connector is configured to read them."""

    @classmethod
    @abstractmethod
    def reading(cls, chosen: Mapping[str, str]) -> Reading:
        """The configuration that reads the columns as chosen. Raises ConfigurationError for what cannot be."""

    @abstractmethod
    def filer(self, columns: Sequence[Column]) -> Callable[[Mapping[str, str]], Filed]:
        """How rows of these columns are filed. It raises UnusableRow; this raises ConfigurationError."""

    @property
    @abstractmethod
    def origin(self) -> str:
        """The place that the list is read from, for people; empty if it is uploaded."""

    @property
    @abstractmethod
    def read_every_hours(self) -> int:
        """How often it is to be read from there; 0 for never."""

    @abstractmethod
    async def read_table(self, deadline: Deadline) -> Table:
        """The list from where it is kept. Raises SourceError, ConfigurationError."""


# -- Reading a file --------------------------------------------------------------------------------------------------


def read_csv(content: bytes) -> Table:
    """A table from an uploaded file, whatever its encoding and separator. Raises ConfigurationError for what is none."""
    for beginning, sentence in _NOT_TEXT.items():
        if content.startswith(beginning):
            raise ConfigurationError(sentence)
    text = _text_of(content)
    try:
        return table_of(_numbered(_lines(text)))
    except _UnreadableLine:
        if '\\"' not in text:
            raise
    # MySQL and what comes of it write \" for a quotation mark, where others double it.
    return table_of(_numbered(_lines(text, escapechar="\\")))


class _UnreadableLine(ConfigurationError):
    """A line does not keep to the way in which the file seems to be written."""


def _lines(text: str, **dialect: Any) -> Iterator[list[str]]:
    return csv.reader(io.StringIO(text, newline=""), delimiter=_separator(text), strict=True, **dialect)


def table_of(lines: Iterable[tuple[int, Sequence[object]]]) -> Table:
    """A table from numbered lines, the first of which that holds anything names the columns. Raises ConfigurationError."""
    filled = ((number, [_cell(cell) for cell in cells]) for number, cells in lines)
    filled = ((number, cells) for number, cells in filled if any(cells))
    head = next(filled, None)
    if head is None:
        raise ConfigurationError("The list is empty. Its first line has to name the columns, like: name, phone.")
    columns = _columns(head[1])
    rows: list[Row] = []
    refused: list[tuple[int, str]] = []
    for number, cells in filled:
        if len(rows) >= MAX_ROWS:
            raise ConfigurationError(f"The list has more than {MAX_ROWS:,} rows. Leave out those who no longer call.")
        if any(cells[len(columns) :]):
            refused.append((number, f"It has {len(cells)} values, and there are {len(columns)} columns."))
        else:
            rows.append(Row(number, tuple((cells + [""] * len(columns))[: len(columns)])))
    if not rows:
        raise ConfigurationError("The list names its columns and has no rows below them.")
    return Table(columns, tuple(rows), tuple(refused))


def column_name(label: str) -> str:
    """A heading as expressions call it: ``Date of birth`` is ``date_of_birth``. Empty for one without Latin letters."""
    plain = unicodedata.normalize("NFKD", label).encode("ascii", "ignore").decode().lower()
    name = re.sub(r"[^a-z0-9]+", "_", plain).strip("_")
    return f"_{name}" if name[:1].isdigit() else name


def _numbered(lines: Iterator[list[str]]) -> Iterator[tuple[int, Sequence[object]]]:
    """The rows, each with the number of the line that it begins on: a cell may hold line breaks."""
    began = 1
    try:
        for cells in lines:
            yield began, cells
            began = lines.line_num + 1  # type: ignore[attr-defined]  # csv's readers count their lines
    except csv.Error:
        raise _UnreadableLine(f"Line {began} cannot be read. Is a quotation mark missing there?") from None


def _text_of(content: bytes) -> str:
    """Excel writes UTF-8 with a mark, UTF-16, or whatever Windows is set to."""
    marked = content.startswith((b"\xff\xfe", b"\xfe\xff"))
    for encoding in ("utf-16",) if marked else ("utf-8-sig", "cp1252"):
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text
    raise ConfigurationError("The file is not text. Save the list as CSV UTF-8 and upload that file.")


def _separator(text: str) -> str:
    """The one that the first line has most of, outside of quotation marks."""
    first = next((line for line in text[:_SNIFFED].splitlines() if line.strip()), "")
    bare = re.sub(r'"[^"]*"', "", first)
    return max(",;\t|", key=bare.count)


def _cell(raw: object) -> str:
    text = "" if raw is None else str(raw)
    return re.sub(r"[^\S\n]+", " ", text).strip()[:MAX_CELL]


def _columns(headings: list[str]) -> tuple[Column, ...]:
    while headings and not headings[-1]:
        headings.pop()
    if len(headings) > MAX_COLUMNS:
        raise ConfigurationError(f"The list has {len(headings)} columns; at most {MAX_COLUMNS} can be read.")
    columns: list[Column] = []
    for place, label in enumerate(headings, start=1):
        column = Column(column_name(label) or f"column_{place}", label or f"Column {place}")
        twin = next((one for one in columns if one.name == column.name), None)
        if twin and label:
            # By their places: a list without a first line of names has a person there.
            first = columns.index(twin) + 1
            raise ConfigurationError(f"Columns {first} and {place} have the same heading. Give each its own in the first line.")
        columns.append(replace(column, name=f"column_{place}") if twin else column)
    return tuple(columns)


def fields_by_label(vocabulary: Mapping[str, Field]) -> dict[str, str]:
    """Field names by how people would head a column for them."""
    return {column_name(field.label): name for name, field in vocabulary.items()} | {name: name for name in vocabulary}
