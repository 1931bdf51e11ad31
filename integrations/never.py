"""What must never be shown to anyone: social security, card and bank numbers, passwords.

Recognised by the names of fields and keys, and by patterns in text, because people type such things into notes.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

REMOVED = "[removed]"
MAX_DEPTH = 50

_NEVER_NAME = re.compile(
    r"(?<![a-z])ssn(?![a-z])|social_?sec|passw|passwd|\bpwd|pass_?phrase|secret|credit_?card|card_?(num|no\b)|cc_?num|\bcvv|\bcvc|bank_?acc|"
    r"routing_?num|\biban|tax_?id|\bpin(_?code)?$|api_?key|access_?token",
    re.IGNORECASE,
)
# What none of the patterns below can do without.
_SUSPECT = re.compile(r"[\d$]")
_SSN = re.compile(r"(?<![\d-])\d{3}([- ])\d{2}\1\d{4}(?![\d-])")
_CARD = re.compile(r"(?<![\d+])\d(?:[ -]?\d){12,18}(?!\d)")
_IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]){11,30}\b")
_PASSWORD_HASH = re.compile(
    r"\$(?:2[abxy]|5|6|y|argon2\w*|scrypt)\$\S+|\b(?:pbkdf2_sha\d+|bcrypt(?:_sha256)?|argon2|scrypt)\$\S+"
)


@lru_cache(maxsize=4096)
def is_never(name: str) -> bool:
    """Whether a field or key may not exist behind a connector, by its name (snake_case, camelCase or spaced)."""
    snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|[\s.-]+", "_", name)
    return bool(_NEVER_NAME.search(snake))


def drop_never(value: Any) -> tuple[Any, frozenset[str]]:
    """``value`` without the keys that may not exist behind a connector, at any depth, and the names of those that it had.

    What is nested deeper than any record is dropped as well.
    """
    dropped: set[str] = set()
    return _without(value, dropped, MAX_DEPTH), frozenset(dropped)


def _without(value: Any, dropped: set[str], depth: int) -> Any:
    if isinstance(value, dict):
        if depth == 0:
            return None
        dropped.update(name for name in map(str, value) if is_never(name))
        return {name: _without(item, dropped, depth - 1) for name, item in value.items() if not is_never(str(name))}
    if isinstance(value, list):
        return [_without(item, dropped, depth - 1) for item in value] if depth else None
    return value


def scrub(value: Any) -> Any:
    """``value`` without anything that must never be shown: keys by name, text by pattern, at any depth."""
    if isinstance(value, str):
        return _scrub_text(value)
    if isinstance(value, list):
        return [scrub(item) for item in value]
    if isinstance(value, dict):
        return {key: scrub(item) for key, item in value.items() if not is_never(str(key))}
    return value


def _scrub_text(text: str) -> str:
    if not _SUSPECT.search(text):
        return text
    text = _PASSWORD_HASH.sub(REMOVED, _SSN.sub(REMOVED, text))
    text = _CARD.sub(lambda found: REMOVED if _passes_luhn(found[0]) else found[0], text)
    return _IBAN.sub(lambda found: REMOVED if _passes_mod97(found[0]) else found[0], text)


def _passes_luhn(text: str) -> bool:
    digits = [int(character) for character in text if character.isdigit()][::-1]
    doubled = [sum(divmod(digit * 2, 10)) for digit in digits[1::2]]
    return (sum(digits[::2]) + sum(doubled)) % 10 == 0


def _passes_mod97(text: str) -> bool:
    compact = text.replace(" ", "")
    rotated = compact[4:] + compact[:4]
    return int("".join(str(int(character, 36)) for character in rotated)) % 97 == 1
