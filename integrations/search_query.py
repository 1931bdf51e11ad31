"""What somebody looks for: a name or part of one, an e-mail address, or a number.

``read()`` decides once, at the edge, which of the three was typed. Systems over-match, and some ignore what they do not
understand, so every hit is held against ``SearchQuery.fits()`` before anybody sees it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

from integrations.emails import folded
from integrations.phone import Number, Withheld, classify
from integrations.profile import JSON
from integrations.sentences import Sentence, gettext_noop

MAX_TEXT = 100
MIN_LETTERS = 2
# More words than this narrow nothing down, and systems take only so many conditions.
MAX_WORDS = 4
# What one system may answer to a search. A screen shows fewer, so it is known when there are more.
MAX_HITS = 25
# From so many digits on it is meant as a number.
_DIGITS = 5
_TOO_LONG = gettext_noop("That is longer than %(most)d characters. Type a name, an e-mail address or a number.")
_EMAIL = re.compile(r"[^@\s\"'\\(){}<>]{1,64}@[^@\s\"'\\(){}<>]{1,190}\.[^@\s\"'\\(){}<>.]{2,30}")


class By(StrEnum):
    """What somebody is looked for with; the words of the audit trail."""

    NAME = "name"
    EMAIL = "email"
    NUMBER = "number"


@dataclass(frozen=True)
class SearchQuery:
    """``text`` is the name with single blanks, the e-mail address in small letters, or the number as E.164."""

    by: By
    text: str
    number: Number | None = None

    @cached_property
    def words(self) -> tuple[str, ...]:
        """The words of a name as a system is asked for them: in small letters, the longest first, which finds the fewest."""
        return tuple(sorted(dict.fromkeys(words_of(self.text)), key=len, reverse=True)[:MAX_WORDS])

    def fits(self, fields: Mapping[str, JSON]) -> bool:
        """Whether a record's fields are of somebody who is looked for. Numbers are held against their record elsewhere."""
        if self.by is By.EMAIL:
            return folded(fields.get("email")) == self.text
        if self.by is By.NAME:
            parts = " ".join(str(fields.get(name) or "") for name in ("first_name", "last_name"))
            return any(
                _begins(words_of(_plain(self.text)), words_of(_plain(name))) for name in (str(fields.get("name") or ""), parts)
            )
        return True

    @property
    def written(self) -> str:
        """The search as ``reopened()`` reads it."""
        return f"{self.by}:{self.text}"


@dataclass(frozen=True)
class Unusable:
    """What cannot be searched for; ``reason`` is a sentence that says what to change."""

    reason: str


def read(raw: str, region: str) -> SearchQuery | Unusable:
    """Decide what was typed. ``region`` (ISO country) is for numbers without a country code."""
    text = " ".join("".join(character if character.isprintable() else " " for character in raw).split())
    if not text:
        return Unusable(gettext_noop("Type a name, an e-mail address or a number."))
    if len(text) > MAX_TEXT:
        return Unusable(Sentence.of(_TOO_LONG, most=MAX_TEXT))
    if "@" in text:
        address = text.casefold()
        return (
            SearchQuery(By.EMAIL, address)
            if _EMAIL.fullmatch(address)
            else Unusable(gettext_noop("Type the whole e-mail address."))
        )
    if sum(character.isdigit() for character in text) >= _DIGITS:
        number = classify(text, region)
        if isinstance(number, Number):
            return SearchQuery(By.NUMBER, number.e164, number)
        if isinstance(number, Withheld):
            return Unusable(
                gettext_noop("Nobody has this number: it stands where a number is not known. Type another one, or a name.")
            )
        return Unusable(number.reason)
    if sum(character.isalpha() for character in text) < MIN_LETTERS:
        return Unusable(gettext_noop("Type at least two letters of the name."))
    return SearchQuery(By.NAME, text)


def reopened(written: str, region: str) -> SearchQuery | None:
    """What ``SearchQuery.written`` kept; None for anything else."""
    by, _colon, text = written.partition(":")
    search_query = read(text, region)
    return search_query if isinstance(search_query, SearchQuery) and search_query.by == by else None


def words_of(text: str) -> list[str]:
    """The words of a name in small letters. An apostrophe is part of its word, a hyphen is not."""
    found = re.findall(r"[\w']+", text.replace("’", "'").casefold())
    return [word for raw in found if (word := raw.strip("'_"))]


def _plain(text: str) -> str:
    """The text without accents, as people type in a hurry."""
    apart = unicodedata.normalize("NFKD", text)
    return "".join(character for character in apart if not unicodedata.combining(character))


def _begins(wanted: list[str], words: list[str]) -> bool:
    """Whether each wanted word begins a word of its own."""
    left = list(words)
    for start in sorted(wanted, key=len, reverse=True):
        found = next((word for word in left if word.startswith(start)), None)
        if found is None:
            return False
        left.remove(found)
    return bool(wanted)
