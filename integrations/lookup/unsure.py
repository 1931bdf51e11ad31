"""The number of clients whose mark ``restricted`` cannot be read: they stay hidden, and an admin is told the number.

Kept in the cache for a week, as digests of the records' ids and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable

import orjson
from django.core.cache import cache

from integrations.lookup.background import run_in_background
from integrations.profile import SourceRecord
from integrations.storage.encryption import blind_index

TTL_S = 7 * 24 * 3600
MAX_COUNTED = 500


def note_unsure(fingerprint: str, records: Iterable[SourceRecord]) -> None:
    """Count those among what a system, in this configuration, has just answered. Behind: nobody waits for it."""
    if digests := {blind_index(one.record_id, scope="unsure")[:16] for one in records if "restricted" in one.unreadable}:
        run_in_background(_note(fingerprint, digests))


async def _note(fingerprint: str, digests: set[str]) -> None:
    key = _key(fingerprint)
    known = set(orjson.loads(await cache.aget(key) or "[]"))
    if not digests <= known and len(known) < MAX_COUNTED:
        await cache.aset(key, orjson.dumps(sorted(known | digests)).decode(), TTL_S)


def unsure(fingerprint: str) -> int:
    """How many there were in the last week, at least. (sync)"""
    return len(orjson.loads(cache.get(_key(fingerprint)) or "[]"))


def _key(fingerprint: str) -> str:
    return f"unsure:{fingerprint}"
