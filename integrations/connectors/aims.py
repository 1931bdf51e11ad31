"""What a configured system's secrets are aimed at: which host, and in which way.

Secrets are entered for that. Whoever aims a system elsewhere enters them again, or an admin could have them sent to a server
of their own, where nobody but the system's vendor was meant to see them.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import parse_qsl, urlsplit

from pydantic import ValidationError

from integrations.connectors.base import Connector
from integrations.profile import JSON

_ADDRESSES = ("base_url", "url", "token_url")
_PORTS = {"https": 443, "http": 80, "mysql": 3306, "postgresql": 5432}
# How a system is signed in to: of ``auth`` all but what is asked for.
_SIGN_IN = ("sign_in",)
_NOT_THE_WAY = {"scopes"}


def aimed_elsewhere(kind: type[Connector], before: Mapping[str, JSON], after: Mapping[str, JSON]) -> bool:
    """Whether what was entered for ``before``, a kind's options, is not for whom ``after`` would have it sent to."""
    return _aim(kind, before) != _aim(kind, after)


def _aim(kind: type[Connector], options: Mapping[str, JSON]) -> dict[str, JSON]:
    """The aim of what is in effect: with defaults, over a preset. Options that cannot be used are aimed at nothing known."""
    try:
        used = kind.Options.model_validate(dict(options)).model_dump(mode="json", by_alias=True)
    except ValidationError:
        return {"": dict(options)}
    auth = used.get("auth")
    found: dict[str, JSON] = {name: _server(used[name]) for name in _ADDRESSES if isinstance(used.get(name), str)}
    found |= {name: used[name] for name in _SIGN_IN if name in used}
    if isinstance(auth, Mapping):
        found |= {f"auth.{name}": value for name, value in auth.items() if name not in _NOT_THE_WAY}
        found["auth.token_url"] = str(auth.get("token_url", ""))
    return found


def _server(address: str) -> tuple[str, ...]:
    """Scheme, user, host, port and encryption; a path on the same host is the same server."""
    try:
        parts = urlsplit(address)
        port = parts.port or _PORTS.get(parts.scheme, 0)
    except ValueError:
        return (address,)
    encrypted = dict(parse_qsl(parts.query)).get("ssl", "")
    return parts.scheme, parts.username or "", (parts.hostname or "").rstrip("."), str(port), encrypted
