"""The phone numbers within what people store as one: several in a cell, with labels and extensions, as a spreadsheet's float.

What is verified against a caller is the number within. What cannot be read is told, never guessed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from decimal import Decimal

import phonenumbers
from phonenumbers import PhoneNumberType

from integrations.phone import NotANumber, Number, Withheld, classify, plain

# A cell with more is a note; what stands in it is nobody's phone column.
MAX_STORED = 256
MAX_NUMBERS = 10
# Fewer digits than these are an extension, a year, a part of something else.
_FEWEST_DIGITS = 7
_LEAST_LOST = 4
# "4155550123.0": a column of numbers in which a cell is empty becomes one of floats (pandas, Excel).
_FLOAT = re.compile(r"\+?\d{5,15}\.0{1,6}")
_SCIENTIFIC = re.compile(r"(\d)\.(\d{6,14})[eE]\+?(\d{1,2})")
_TOKEN = re.compile(r"(?P<word>[^\W\d_]+)|(?P<run>\+?[\d().\-‐‑‒–—−/\s_\[\]]+)|(?P<between>.)", re.DOTALL)
# What may stand between two numbers of one run, where the run is not one number: tried in this order.
_BETWEEN = re.compile(r"[/\n\r\t]| [-‒–—] |  ")
_WHOLE = re.compile(r"\+?\d{10,15}")
# ";ext=12" and ", ext. 12" go on with the number before.
_GOES_ON = re.compile(r"[;,] ?(?:ext|x)", re.IGNORECASE)
_SQUARE = str.maketrans("[]", "()")
_EXTENSIONS = frozenset({"x", "ext", "extn", "extension", "extensión", "anexo", "interno", "int"})
# Words by which a cell says that the number is not the client's any more.
_NO_LONGER = frozenset({
    "old", "former", "formerly", "previous", "prev", "wrong", "disconnected", "invalid", "bad", "dead", "discontinued",
    "antiguo", "antigua", "anterior", "viejo", "equivocado", "desconectado", "incorrecto",
})  # fmt: skip
_BETWEEN_WORDS = frozenset({"or", "and", "y", "o"})
_NOT = frozenset({"not", "no", "longer"})
_IN_USE = frozenset({"service", "use", "longer", "working", "valid", "theirs"})


@dataclass(frozen=True)
class Cell:
    """What was read of one stored value. ``unreadable``: it holds digits that are meant as a number and are none."""

    numbers: tuple[Number, ...] = ()
    unreadable: bool = False
    written: tuple[str, ...] = ()  # how each of the numbers stands there


@dataclass
class _Reading:
    region: str
    numbers: list[Number] = field(default_factory=list)
    written: list[str] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    begun: int = 0  # where the numbers begin that the words are about
    unreadable: bool = False
    placeholders: bool = False

    def take(self, run: str) -> None:
        if run.lstrip(" )").startswith("/"):
            self.end_part()
        self._take(run)
        if run.rstrip(" (").endswith("/"):
            self.end_part()

    def _take(self, run: str) -> None:
        digits = sum(character.isdigit() for character in run)
        if digits < _FEWEST_DIGITS:
            self._take_extension("".join(filter(str.isdigit, run)))
            return
        for part in [run] if isinstance(_in_full(run, self.region), Number) else _parts(run):
            found = _in_full(part, self.region)
            if isinstance(found, Number):
                self.numbers.append(found)
                self.written.append(_bare(part))
            self.unreadable = self.unreadable or found is None
            self.placeholders = self.placeholders or isinstance(found, Withheld)

    def _take_extension(self, digits: str) -> None:
        if digits and self.numbers and self.words and self.words[-1] in _EXTENSIONS:
            self.numbers[-1] = replace(self.numbers[-1], extension=digits)
            self.words.pop()

    def say(self, word: str) -> None:
        if word in _BETWEEN_WORDS:
            self.end_part()
        else:
            self.words.append(word)

    def end_part(self) -> None:
        """Leave out the numbers that the words beside them call somebody's no longer."""
        said = set(self.words)
        if said & _NO_LONGER or (said & _NOT and said & _IN_USE):
            self.unreadable = self.unreadable or len(self.numbers) > self.begun
            del self.numbers[self.begun :], self.written[self.begun :]
        self.words, self.begun = [], len(self.numbers)


def numbers_in(stored: object, region: str) -> Cell:
    """Read a stored value. ``region`` is the country of numbers without a country code, where they are stored."""
    text = as_text(stored)
    if not text or len(text) > MAX_STORED:
        return Cell(unreadable=bool(text))
    reading = _Reading(region)
    for token in _TOKEN.finditer(text):
        if word := token["word"]:
            reading.say(word.casefold())
        elif run := token["run"]:
            reading.take(run)
        elif token["between"] == "#":
            reading.say("x")
        elif token["between"] in ";,|&" and not _GOES_ON.match(text, token.start()):
            reading.end_part()
    reading.end_part()
    # "4.155E+09" has lost digits, "1-800-FLOWERS" has letters for some: neither is a number, and neither is nothing.
    lost = not reading.numbers and not reading.placeholders and sum(map(str.isdigit, text)) >= _LEAST_LOST
    return Cell(tuple(reading.numbers[:MAX_NUMBERS]), reading.unreadable or lost, tuple(reading.written[:MAX_NUMBERS]))


def holds(stored: object, number: Number, region: str) -> bool:
    """Whether a stored value is, or has within it, this number."""
    if stored == number.e164:
        return True
    # Systems over-match; most of what is not the number is told by its last digits, before anything is parsed.
    text = as_text(stored)
    if number.nsn[-6:] not in "".join(filter(str.isdigit, text)):
        return False
    return any(other.e164 in number.forms for other in numbers_in(text, region).numbers)


def in_words(stored: str, region: str) -> str:
    """A stored value as people of ``region`` read it; as it was written where more than a number and its extension is in it."""
    text = as_text(stored)
    numbers = numbers_in(text, region).numbers
    if len(numbers) != 1 or _words(text) - _EXTENSIONS:
        return text
    written = numbers[0].written_for(region)
    return f"{written} ext. {numbers[0].extension}" if numbers[0].extension else written


def with_country_code(stored: str, region: str) -> str:
    """The same for whoever is elsewhere than ``region``, where it is stored; what cannot be read is left as it is."""
    numbers = numbers_in(stored, region).numbers
    if not numbers:
        return stored
    return ", ".join(f"{one.international} ext. {one.extension}" if one.extension else one.international for one in numbers)


def comparable(stored: str, region: str) -> str:
    """The same for two notations of one number; what cannot be read is only equal to itself."""
    return " ".join(sorted(number.e164 for number in numbers_in(stored, region).numbers)) or stored


def as_text(stored: object) -> str:
    """A stored value as it was meant: without a float's point, without marks that cannot be seen. ``""`` for no text."""
    if isinstance(stored, bool) or not isinstance(stored, str | int | float | Decimal):
        return ""
    # What is too long is cut before anything is done with it, and is too long still.
    text = plain(stored[: MAX_STORED + 1]) if isinstance(stored, str) else str(stored)[: MAX_STORED + 1]
    text = text.strip()
    if _FLOAT.fullmatch(text):
        return text.partition(".")[0]
    if (short := _SCIENTIFIC.fullmatch(text)) and len(short[2]) == int(short[3]):
        return short[1] + short[2]
    return text


def _words(text: str) -> set[str]:
    return {word.casefold() for token in _TOKEN.finditer(text[:MAX_STORED]) if (word := token["word"])}


def _parts(run: str) -> Iterator[str]:
    """The parts of a run that may be numbers of their own; the run itself where nothing divides it."""
    parts = [part for part in _BETWEEN.split(run) if sum(map(str.isdigit, part)) >= _FEWEST_DIGITS]
    words = run.split()
    # Whole numbers with single blanks between them; shorter groups may be parts of one.
    yield from words if len(parts) < 2 and len(words) > 1 and all(_WHOLE.fullmatch(word) for word in words) else parts or [run]


def _bare(run: str) -> str:
    """The number without what stood between it and its neighbours."""
    return run.replace("_", " ").translate(_SQUARE).strip().rstrip(" (.-/").lstrip(" ).-/")


def _in_full(run: str, region: str) -> Number | Withheld | None:
    """A run of digits as the number that it is; None for what is none."""
    text = _bare(run)
    found = classify(text, region)
    # With its country code and without a plus, as WhatsApp and many exports have it: taken only where nothing is to guess.
    digits = "".join(filter(str.isdigit, text))
    one = len(digits) > 10 and not digits.startswith("0") and not _BETWEEN.search(text)
    coded = classify(f"+{digits}", region) if one else None
    if isinstance(coded, Number) and (_is_mobile_of(coded, region) if isinstance(found, Number) else coded.is_valid):
        return coded
    return None if isinstance(found, NotANumber) else found


def _is_mobile_of(number: Number, region: str) -> bool:
    """Whether it is one of the country's own mobile numbers: 49151… in Germany, where it could be as long without the code."""
    return number.region == region and phonenumbers.number_type(number.parsed) == PhoneNumberType.MOBILE
