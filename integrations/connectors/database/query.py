"""A query of the admin's own, checked when it is saved."""

from __future__ import annotations

import re

from integrations.errors import ConfigurationError

_SELECT = re.compile(r"\s*(select|with)\b", re.IGNORECASE)
# REPLACE(phone, '-', '') and its like are functions, which only read.
_WRITES = re.compile(
    r"\b(update|delete|merge|drop|alter|create|grant|call|load|handler|lock|set|set_config|attach|pragma|into"
    r"|(insert|replace|truncate)\b(?!\s*\())\b",
    re.IGNORECASE,
)
_TEXT = re.compile(r"'(?:[^'\\]|''|\\.)*'|\"(?:[^\"\\]|\"\"|\\.)*\"|`[^`]*`")


def checked_query(query: str) -> None:
    """One SELECT with a bound number. Raises ConfigurationError saying what to change.

    The session is read-only all the same; this is so that a mistake shows when it is made.
    """
    bare = _TEXT.sub("''", query)
    if ";" in bare or "--" in bare or "/*" in bare or "#" in bare:
        raise ConfigurationError("query: write one statement, without ';' and without comments.")
    if not _SELECT.match(bare) or _WRITES.search(bare):
        raise ConfigurationError("query: only a SELECT can be used.")
    unknown = set(re.findall(r"(?<![:\w]):([A-Za-z_]\w*)", bare)) - {"phone", "digits", "nsn"}
    if unknown or not re.search(r":(phone|digits|nsn)\b", bare):
        raise ConfigurationError("query: compare with :phone (+14155550123), :digits (14155550123) or :nsn (4155550123).")
