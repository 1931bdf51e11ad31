"""How a source ended, sealed for Redis: nothing that is kept there can be read without the portal's keys."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import orjson

from integrations.errors import BY_STATUS, ConfigurationError, MissingScope, RateLimited, SourceUnavailable
from integrations.lookup.cache import Outcome
from integrations.profile import Match, SourceRecord
from integrations.storage.encryption import decrypt, encrypt


def sealed(outcome: Outcome) -> bytes:
    """The outcome as an encrypted text."""
    error = outcome.error
    facts: dict[str, Any] = {"records": outcome.records, "remarks": outcome.remarks, "left_out": outcome.left_out}
    if error:
        facts |= {"error": error.status, "source": error.source}
        facts |= {name: getattr(error, name) for name in ("retry_after", "scopes") if hasattr(error, name)}
    return encrypt(orjson.dumps(facts).decode()).encode()


def opened(raw: bytes) -> Outcome:
    """Raises ConfigurationError where it was sealed with another key, or by another version of the portal."""
    text = decrypt(raw.decode())
    try:
        return _outcome(orjson.loads(text))
    except (ValueError, TypeError, LookupError, AttributeError):
        raise ConfigurationError("what was kept cannot be read") from None


def _outcome(facts: dict[str, Any]) -> Outcome:
    if word := facts.get("error"):
        kind = BY_STATUS.get(word, SourceUnavailable)
        if kind is RateLimited:
            return Outcome(error=RateLimited(facts["source"], retry_after=facts["retry_after"]))
        if "scopes" in facts:
            return Outcome(error=MissingScope(facts["source"], scopes=facts["scopes"]))
        return Outcome(error=kind(facts["source"]))
    records, left_out = (tuple(_record(record) for record in facts[name]) for name in ("records", "left_out"))
    return Outcome(records, remarks=tuple(facts["remarks"]), left_out=left_out)


def _record(facts: dict[str, Any]) -> SourceRecord:
    return SourceRecord(
        **{
            **facts,
            "matched": tuple(Match(**match) for match in facts["matched"]),
            "unreadable": tuple(facts["unreadable"]),
            "outdated": tuple(facts["outdated"]),
            "fetched_at": datetime.fromisoformat(facts["fetched_at"]),
        }
    )
