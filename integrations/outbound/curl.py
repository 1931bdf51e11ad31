"""A request as a line for curl, to be tried by hand: without secrets, and without what is known of a person."""

from __future__ import annotations

import json as json_text
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from integrations.redaction import scrub

# Every other header may be a sign-in: some vendors have names of their own for it.
_SHOWN_HEADERS = {"accept", "content-type"}
_SECRET_NAME = re.compile(r"token|secret|password|assertion|api_?key|^key$|^code$|signature|client_id", re.IGNORECASE)
_SHOWN_ANYWAY = {"grant_type", "scope"}
# Shorter secrets (a user name) are recognised where they are all of a value; anything holds one letter.
_LONG = 6
# Around a placeholder's name until the line is quoted: no request holds these.
_EDGE = "\x7f"


@dataclass(frozen=True)
class Hidden:
    """What is not to be seen. ``secrets``: value by name. ``only_number``: of all values, only the ``number`` is shown."""

    secrets: Mapping[str, str]
    number: frozenset[str] = frozenset()
    only_number: bool = False

    def shown(self, name: str, value: Any) -> Any:
        """The value below ``name``, or placeholders in it."""
        if isinstance(value, dict):
            return {key: self.shown(str(key), inner) for key, inner in value.items()}
        if isinstance(value, list | tuple):
            return [self.shown(name, inner) for inner in value]
        if value is None or isinstance(value, bool):
            return value
        if _SECRET_NAME.search(name) and name not in _SHOWN_ANYWAY:
            return _placeholder(name)
        if self.only_number:
            return value if str(value) in self.number else _placeholder(name)
        return self._without_secrets(value)

    def _without_secrets(self, value: Any) -> Any:
        text = str(value)
        for name, secret in self.secrets.items():
            if secret and text == secret:
                return _placeholder(name)
            if len(secret) >= _LONG:
                text = text.replace(secret, _placeholder(name))
        text = str(scrub(text))
        return value if text == str(value) else text


def curl_of(
    method: str,
    address: str,
    hidden: Hidden,
    *,
    query: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
    json: Any = None,
    form: Mapping[str, Any] | None = None,
) -> str:
    """One line; ``$NAME`` stands where a secret or something about a person was."""
    parts = ["curl", "-X", method]
    for name, value in (headers or {}).items():
        if name.lower() in _SHOWN_HEADERS:
            parts += ["-H", f"{name}: {value}"]
        elif name.lower() not in ("user-agent", "accept-encoding"):
            parts += ["-H", f"{name}: {_placeholder(name)}"]
    if json is not None:
        parts += ["-d", json_text.dumps(hidden.shown("", json), ensure_ascii=False)]
    elif form is not None:
        parts += ["-d", _encoded(form, hidden)]
    parts.append(f"{address}?{_encoded(query, hidden)}" if query else address)
    return " ".join(_opened(shlex.quote(part)) for part in parts)


def _encoded(values: Mapping[str, Any], hidden: Hidden) -> str:
    shown = ((name, str(hidden.shown(name, value))) for name, value in values.items())
    return "&".join(f"{quote(name)}={quote(value, safe=_EDGE)}" for name, value in shown)


def _placeholder(name: str) -> str:
    return f"{_EDGE}{re.sub(r'[^A-Z0-9]+', '_', name.upper()).strip('_') or 'VALUE'}{_EDGE}"


def _opened(quoted: str) -> str:
    """Placeholders outside of the single quotes, so that the shell puts in what they name."""
    opened = re.sub(f"{_EDGE}([A-Z0-9_]+){_EDGE}", r"""'"$\1"'""", quoted)
    return opened if opened == quoted else opened.removesuffix("''")
