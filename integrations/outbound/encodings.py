"""The encodings that texts of other systems may be in, and what becomes of bytes that are none: they cost their value, and
nothing else."""

from __future__ import annotations

import codecs
import re
from collections.abc import Buffer
from typing import Final

from integrations.errors import ConfigurationError

USUAL = "utf-8"
# Codecs of Python's that are no encodings of a table.
_NO_ENCODINGS = {"idna", "punycode", "unicode_escape", "raw_unicode_escape", "utf_7", "undefined"}
_WIDE = {"utf-16", "utf-16le", "utf-16be", "utf-32", "utf-32le", "utf-32be"}
_ASCII = b"+1 (415) 555-0123 az AZ"
_OWN = "connie_kept_"
# What ``kept()`` makes of a byte that is no text.
_BYTES = re.compile("[\udc80-\udcff]")


class Undecodable:
    """Stands in a row for a text whose bytes are not of its encoding."""


UNDECODABLE: Final = Undecodable()


def checked_encoding(name: str) -> str:
    """The encoding of a table's texts as Python calls it. Raises ConfigurationError saying what to change."""
    try:
        found = codecs.lookup(name).name if name.isascii() else ""
        usable = found.replace("-", "_") not in _NO_ENCODINGS and _ASCII.decode(found) == _ASCII.decode("ascii")
    except (LookupError, UnicodeError, ValueError, TypeError):
        usable = False
    if not usable:
        raise ConfigurationError("encoding: this is not an encoding of texts. Use one like utf-8, cp1252 or latin-1.")
    return found


def charset_of(content_type: str) -> str:
    """The encoding that a Content-Type names; ``""`` for UTF-8, and for what is none."""
    named = content_type[:200].casefold().partition("charset=")[2].partition(";")[0].strip(" \"'")
    if named.startswith(("utf-16", "utf-32")):
        return named if named in _WIDE else ""
    try:
        found = checked_encoding(named)
    except ConfigurationError:
        return ""
    return "" if found == USUAL else found


def kept(raw: bytes, encoding: str) -> str:
    """Decoded; what is no text in this encoding is kept as marks, by which ``readable()`` knows it."""
    return raw.decode(encoding, "surrogateescape")


def readable(text: str) -> str | Undecodable:
    return text if text.isascii() or not _BYTES.search(text) else UNDECODABLE


def tolerant(encoding: str) -> str:
    """A codec by which a driver that decodes by itself reads as ``kept()`` does; it writes UTF-8."""
    return _OWN + encoding.replace("-", "_")


def _codec(name: str) -> codecs.CodecInfo | None:
    if not name.startswith(_OWN):
        return None
    encoding = codecs.lookup(name.removeprefix(_OWN)).name

    def decode(raw: Buffer, _errors: str = "strict", /) -> tuple[str, int]:
        content = bytes(raw)
        return kept(content, encoding), len(content)

    return codecs.CodecInfo(codecs.utf_8_encode, decode, name=name)


codecs.register(_codec)
