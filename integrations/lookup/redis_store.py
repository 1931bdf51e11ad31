"""The cache in Redis, for several processes: pages encrypted, one question at a time across processes, pauses told to all,
budgets shared.

Each command waits briefly; whatever goes wrong with Redis costs the cached answer, and the sources are asked.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from typing import Any

import orjson
import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from integrations.errors import BY_STATUS, ConfigurationError, MissingScope, RateLimited, SourceUnavailable
from integrations.lookup import redis_turns
from integrations.lookup.background import run_in_background
from integrations.lookup.breaker import Pause
from integrations.lookup.cache import STALE_S, Kept, Outcome, Page, Store, page_key
from integrations.lookup.limiter import Budget
from integrations.phone import Number
from integrations.profile import Match, SourceRecord
from integrations.storage.encryption import blind_index, decrypt, encrypt
from integrations.storage.redis import SILENCE, LeftAlone, async_client, circuit_for

log = structlog.get_logger(__name__)

WAIT_S = 0.1
# How long an outcome is there for those who waited for it in other processes.
OUTCOME_MS = 2_000
LOOK_EVERY_S = 0.015
_ASKING = b"asking"
_TROUBLE = (RedisError, OSError, TimeoutError, ConfigurationError)


def sealed(outcome: Outcome) -> bytes:
    """Encrypted."""
    error = outcome.error
    facts: dict[str, Any] = {"records": outcome.records, "remarks": outcome.remarks, "left_out": outcome.left_out}
    if error:
        facts |= {"error": error.status, "connector": error.connector}
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
            return Outcome(error=RateLimited(facts["connector"], retry_after=facts["retry_after"]))
        if "scopes" in facts:
            return Outcome(error=MissingScope(facts["connector"], scopes=facts["scopes"]))
        return Outcome(error=kind(facts["connector"]))
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


class RedisPage(Page):
    """One hash in Redis, read as a whole when a lookup begins."""

    def __init__(self, store: RedisStore, key: str, entries: Mapping[bytes, bytes], pauses: Mapping[str, Pause]) -> None:
        self._store, self.key, self._entries = store, key, entries
        self.pauses = pauses
        self._opened_at = time.time()

    def get(self, name: str) -> Kept | None:
        raw = self._entries.get(name.encode())
        if raw is None:
            return None
        at, _space, content = raw.partition(b" ")
        try:
            found = opened(content)
            return Kept(found.records, float(at), found.remarks, found.left_out)
        except ConfigurationError:
            return None

    async def put(self, name: str, kept: Kept, keeps_s: int) -> None:
        content = f"{kept.at} ".encode() + sealed(Outcome(kept.records, remarks=kept.remarks, left_out=kept.left_out))
        await self._store.write(self.key, name, content, keeps_s, [_index(name, record) for record in kept.records])

    async def once(self, name: str, ask: Callable[[], Awaitable[Outcome]], seconds: float) -> Outcome:
        flight = f"{self.key}:{name}:flight"
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            state = await self._store.claim(flight, _ASKING, seconds)
            if state == _ASKING:
                await asyncio.sleep(LOOK_EVERY_S)
                continue
            if state is not None and float(state.partition(b" ")[0]) >= self._opened_at:
                with suppress(ConfigurationError):
                    return opened(state.partition(b" ")[2])
            if state is not None:
                # Found before this lookup began, and if that still counted, it would be on the page; or not to be read here.
                await self._store.set(flight, _ASKING, int(seconds * 1000) + 1)
            try:
                outcome = await ask()
            except BaseException:
                # Whoever comes next would wait for what never comes. Behind, because this may be a cancellation.
                run_in_background(self._store.delete(flight))
                raise
            await self._store.set(flight, f"{time.time()} ".encode() + sealed(outcome), OUTCOME_MS)
            return outcome
        return await ask()


def _index(name: str, record: SourceRecord) -> str:
    return _record_key(name.partition(":")[0], record.connector, record.record_id)


def _record_key(organization: str, connector: str, record_id: str) -> str:
    """A blind index, because a record's id may be a person's e-mail address or number."""
    return f"connie:r:{blind_index(f'{connector}:{record_id}', scope=f'record:{organization}')}"


class RedisStore(Store):
    """One client for each running loop."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._clients: dict[asyncio.AbstractEventLoop, Redis] = {}
        self._circuit = circuit_for(url)

    @property
    def _redis(self) -> Redis:
        loop = asyncio.get_running_loop()
        if loop not in self._clients:
            self._clients = {known: client for known, client in self._clients.items() if not known.is_closed()}
            self._clients[loop] = async_client(self._url, WAIT_S)
        return self._clients[loop]

    @asynccontextmanager
    async def _briefly(self) -> AsyncIterator[None]:
        """What goes wrong with Redis within the block, or takes longer than WAIT_S, ends the block and is only noted."""
        try:
            async with asyncio.timeout(WAIT_S):
                yield
            self._circuit.answered()
        except LeftAlone:
            pass
        except _TROUBLE as trouble:
            if isinstance(trouble, SILENCE):
                self._circuit.failed()
            log.warning("cache.unavailable", problem=type(trouble).__name__)

    async def page(self, organization_id: int, about: Number | str, sources: Sequence[str] = ()) -> Page:
        key = f"connie:n:{page_key(organization_id, about)}"
        answers: Sequence[Any] = ()
        async with self._briefly(), self._redis.pipeline(transaction=False) as pipeline:
            pipeline.hgetall(key)
            if sources:
                pipeline.mget([_pause_key(source) for source in sources])
            answers = await pipeline.execute()
        entries, *rest = answers or [{}]
        told = zip(sources, rest[0] if rest else [None] * len(sources), strict=True)
        return RedisPage(self, key, entries, {source: Pause(**orjson.loads(raw)) for source, raw in told if raw})

    async def write(self, key: str, name: str, content: bytes, keeps_s: int, indexes: Sequence[str]) -> None:
        """An entry, and under which numbers its records are found."""
        async with self._briefly(), self._redis.pipeline(transaction=False) as pipeline:
            pipeline.hset(key, name, content)
            pipeline.expire(key, max(keeps_s, STALE_S))
            for index in indexes:
                pipeline.sadd(index, key)
                pipeline.expire(index, STALE_S)
            await pipeline.execute()

    async def claim(self, key: str, value: bytes, seconds: float) -> bytes | None:
        """None when ``key`` is now ours, else what it holds. Ours too when Redis cannot say."""
        held: object = None
        async with self._briefly():
            held = await self._redis.set(key, value, nx=True, get=True, px=int(seconds * 1000) + 1)
        return held if isinstance(held, bytes) else None

    async def set(self, key: str, value: bytes, milliseconds: int) -> None:
        async with self._briefly():
            await self._redis.set(key, value, px=milliseconds)

    async def tell_pause(self, source: str, pause: Pause | None) -> None:
        if pause is None:
            await self.delete(_pause_key(source))
        else:
            await self.set(_pause_key(source), orjson.dumps(pause), max(1, int((pause.until - time.time()) * 1000)))

    async def take_turn(self, name: str, slot: str, budget: Budget, patience_s: float, lease_s: float) -> float | None:
        wait: float | None = None
        async with self._briefly():
            wait = await redis_turns.take_turn(self._redis, name, slot, budget, patience_s, lease_s)
        return wait  # noqa: RET504 -- None where the block was ended

    async def end_turn(self, name: str, slot: str) -> None:
        async with self._briefly():
            await redis_turns.end_turn(self._redis, name, slot)

    async def forget_number(self, organization_id: int, number: Number) -> None:
        await self.delete(f"connie:n:{page_key(organization_id, number)}")

    async def forget_record(self, organization_id: int, connector: str, record_id: str) -> None:
        index = _record_key(str(organization_id), connector, record_id)
        keys: Iterable[object] = ()
        async with self._briefly():
            keys = await self._redis.smembers(index)
        await self.delete(index, *(key.decode() for key in keys if isinstance(key, bytes)))

    async def delete(self, *keys: str) -> None:
        async with self._briefly():
            await self._redis.delete(*keys)

    async def close(self) -> None:
        if client := self._clients.pop(asyncio.get_running_loop(), None):
            await client.aclose()


def _pause_key(source: str) -> str:
    return f"connie:p:{source}"
