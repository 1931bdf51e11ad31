"""Sentences for people: marked where they are written, in English, and translated where they are shown.

Modules without Django mark a sentence with ``gettext_noop()``, a name that ``makemessages`` knows. One with values in it is a
``Sentence``, so that whoever shows it can translate the pattern before the values go in (``presentation.translation``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Self


def gettext_noop(text: str) -> str:
    """Mark a sentence for translation. Returns it as it is."""
    return text


class Sentence(str):
    """A text in English that knows what it was made of: a marked ``pattern`` with ``%(name)s`` places, or other sentences."""

    pattern: str
    values: Mapping[str, object]
    parts: tuple[str, ...]

    @classmethod
    def of(cls, pattern: str, **values: object) -> Self:
        """Fill a marked pattern."""
        made = cls(pattern % values)
        made.pattern, made.values, made.parts = pattern, values, ()
        return made

    @classmethod
    def joined(cls, several: Iterable[str]) -> Self:
        """Put sentences one after the other."""
        parts = tuple(filter(None, several))
        made = cls(" ".join(parts))
        made.pattern, made.values, made.parts = "", {}, parts
        return made

    def translated(self, translate: Callable[[str], str]) -> str:
        """Say the same in the language that ``translate`` turns marked texts into."""
        if self.parts:
            return " ".join(in_language(part, translate) for part in self.parts)
        return translate(self.pattern) % self.values if self.pattern else str(self)


def in_language(text: str, translate: Callable[[str], str]) -> str:
    """Translate a marked text, or a ``Sentence``; ``""`` stays empty."""
    if isinstance(text, Sentence):
        return text.translated(translate)
    return translate(text) if text else ""
