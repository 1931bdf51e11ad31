"""What is stored of a row of a list, and the keys by which it is found again."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from integrations import words
from integrations.coercion import Habits, WrongType, coerce
from integrations.connectors.mapping import FieldMapping
from integrations.connectors.rows import Column, Filed, UnusableRow, column_name
from integrations.errors import ConfigurationError
from integrations.phone import LOCAL_ONLY, classify
from integrations.profile import JSON, Field, FieldType
from integrations.redaction import is_never, scrub
from integrations.search_query import words_of
from integrations.stored_numbers import as_text, numbers_in

# Who types fewer letters of a name finds whole words only; more letters are compared with what was found.
_BEGINNINGS = (3, 4, 5)


def phone_key(e164: str) -> str:
    return f"phone:{e164}"


def record_key(record_id: str) -> str:
    return f"id:{record_id}"


def email_key(address: str) -> str:
    return f"email:{address.casefold()}"


def word_key(word: str) -> str:
    """The key by which somebody is found who is sought by this word of a name, or by its beginning."""
    return f"word:{folded(word)[: _BEGINNINGS[-1]]}"


def _keys(content: Mapping[str, JSON], fields: Mapping[str, JSON]) -> Iterator[str]:
    yield record_key(content["id"])
    yield from (phone_key(e164) for _column, _stored, e164 in content["numbers"])
    if email := fields.get("email"):
        yield email_key(str(email))
    named = " ".join(str(fields.get(name) or "") for name in ("name", "first_name", "last_name"))
    for word in set(words_of(named)):
        yield word_key(word)
        yield from (word_key(word[:length]) for length in _BEGINNINGS if length < len(word))


@dataclass(frozen=True)
class Filing:
    """How rows are filed. ``kept`` names the columns whose cells are stored; no other cell is."""

    phone_columns: Sequence[str]
    id_column: str
    kept: frozenset[str]
    labels: Mapping[str, str]  # how the list itself heads a column
    mapping: FieldMapping
    vocabulary: Mapping[str, Field]
    habits: Habits

    def filed(self, cells: Mapping[str, str]) -> Filed:
        """Raises UnusableRow for one that no call could find."""
        numbers, unread = self._numbers(cells)
        record_id = words.record_id(cells.get(self.id_column, "")) if self.id_column else _made_up(cells, numbers)
        if not record_id:
            raise UnusableRow("It has no record id.")
        if scrub(record_id) != record_id:
            raise UnusableRow("What stands there as record id is something that nobody may see, like a card number.")
        kept = {name: cell for name, cell in cells.items() if name in self.kept and not self._is_never(name)}
        values = scrub({name: self._as_iso(name, cell) for name, cell in kept.items()})
        content: dict[str, JSON] = {"id": record_id, "numbers": numbers, "values": values}
        fields, unreadable = self.mapping.read(raw_of(content), self.habits)
        return Filed(
            content,
            frozenset(_keys(content, fields)),
            (*(self.labels[name] for name in unread), *(self.vocabulary[name].label for name in unreadable)),
        )

    def _is_never(self, name: str) -> bool:
        """Whether nobody may see it, by the name and by the heading, of which a name has only the Latin letters."""
        return is_never(name) or is_never(self.labels.get(name, ""))

    @cached_property
    def _dated(self) -> Mapping[str, Field]:
        """The columns that a field of dates is read from as they are, with that field."""
        fields = ((text, self.vocabulary[name]) for name, text in self.mapping.expressions.items())
        return {text: field for text, field in fields if field.type in (FieldType.DATE, FieldType.MOMENT)}

    def _numbers(self, cells: Mapping[str, str]) -> tuple[list[list[str]], list[str]]:
        """[column, as written, E.164] for each number of the row that can call, and the columns with what is none."""
        found: dict[str, list[str]] = {}
        unread: list[str] = []
        problem = ""
        for column in self.phone_columns:
            cell = cells.get(column, "")
            read = numbers_in(cell, self.habits.region)
            for number, written in zip(read.numbers, read.written, strict=True):
                found.setdefault(number.e164, [column, scrub(written if read.numbers[1:] else cell), number.e164])
            if cell and (read.unreadable or not read.numbers):
                problem = problem or self._why(column, cell)
            unread += [column] if read.unreadable else []
        if not found:
            raise UnusableRow(problem or "It has no phone number.")
        return list(found.values()), unread

    def _why(self, column: str, cell: str) -> str:
        if classify(as_text(cell), self.habits.region) == LOCAL_ONLY:
            return f"What stands below “{self.labels[column]}” needs its area code, like +14155550123."
        return f"What stands below “{self.labels[column]}” is not a phone number that can be looked up."

    def _as_iso(self, column: str, cell: str) -> str:
        """Dates as they are written in the organisation's country, in the order of the rest of the world's programs."""
        try:
            return str(coerce(self._dated[column], cell, self.habits) or cell) if column in self._dated else cell
        except WrongType:
            return cell


def raw_of(content: Mapping[str, JSON]) -> dict[str, JSON]:
    """A stored row as expressions see it: its columns by name, ``phone`` and ``phones`` from the columns of numbers."""
    written = [stored for _column, stored, _e164 in content["numbers"]]
    return {"id": content["id"], **content["values"], "phone": written[0], "phones": written[1:]}


def filed_sample(
    filer: Callable[[Sequence[Column]], Callable[[Mapping[str, str]], Filed]], raw: Mapping[str, JSON]
) -> dict[str, JSON]:
    """What would be stored of a row that an admin pastes, by its headings. Raises ConfigurationError saying why nothing."""
    cells = {column_name(label): "" if cell is None else str(cell) for label, cell in raw.items()}
    try:
        return dict(filer([Column(column_name(label), label) for label in raw])(cells).content)
    except UnusableRow as problem:
        raise ConfigurationError(str(problem)) from None


def checked_columns(columns: Sequence[Column], needed: Mapping[str, str]) -> None:
    """Raises ConfigurationError for the first of ``needed`` (column → the option that names it) that the list lacks."""
    known = {column.name for column in columns}
    for name, option in needed.items():
        if name not in known:
            has = ", ".join(sorted(known)[:20])
            raise ConfigurationError(f"{option}: the list has no column {name!r}. It has: {has}.")


def _made_up(cells: Mapping[str, str], numbers: Sequence[Sequence[str]]) -> str:
    """An id for a row of a list without ids: the same as long as its names and numbers stay."""
    named = [folded(cells.get(name, "")) for name in ("name", "first_name", "last_name")]
    facts = "\0".join([*named, *sorted(e164 for *_other, e164 in numbers)])
    return f"row-{hashlib.blake2b(facts.encode(), digest_size=10).hexdigest()}"


def folded(text: str) -> str:
    """The text as it is compared: without accents and capitals."""
    plain = unicodedata.normalize("NFKD", text)
    return "".join(letter for letter in plain if not unicodedata.combining(letter)).casefold().strip()
