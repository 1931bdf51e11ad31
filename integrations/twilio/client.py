"""Requests to Twilio's own hosts: bounded in time and size, tried again where that is safe, never followed elsewhere.

Everything is asynchronous; ``in_sync()`` is for jobs. A client lives for one piece of work (``async with client.open()``), so
that no connection outlives its loop.
"""

from __future__ import annotations

import asyncio
import json
import random
import re
import ssl
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any
from urllib.parse import quote, urlencode

import certifi
import httpx

from integrations.deadline import Deadline
from integrations.errors import (
    AuthFailed,
    ConfigurationError,
    InvalidResponse,
    MissingScope,
    RateLimited,
    SourceTimeout,
    SourceUnavailable,
)
from integrations.figures import seconds
from integrations.profile import JSON
from integrations.redaction import scrub

TWILIO = "twilio"  # what the errors call it
CONNECT_S, READ_S, WRITE_S = 2.0, 5.0, 5.0
TOTAL_S = 10.0  # over all tries of one piece of work
MAX_BODY = 4 * 1024 * 1024
MAX_TRIES = 4
FIRST_PAUSE_S, MAX_PAUSE_S = 0.2, 5.0
MAX_PAGES = 50
_BUSY = frozenset({429, 503})
_MAX_MESSAGE = 200
_SECRET = re.compile(r"[\x21-\x7e]{1,200}")
_SID = re.compile(r"[A-Z]{2}[0-9a-fA-F]{32}")

Form = Sequence[tuple[str, str]]
Sleep = Callable[[float], Awaitable[None]]


def is_sid(value: str, prefix: str) -> bool:
    """Whether this is a SID of that sort, like ``WT`` for a task."""
    return value.startswith(prefix) and _SID.fullmatch(value) is not None


@dataclass(frozen=True)
class TwilioAccess:
    """The access to one account: an API key's SID with its secret, or the account's SID with its auth token."""

    account_sid: str
    key: str
    secret: str = field(repr=False)
    workspace_sid: str = ""

    def __post_init__(self) -> None:
        usable = is_sid(self.account_sid, "AC") and (is_sid(self.key, "SK") or self.key == self.account_sid)
        if not usable or not _SECRET.fullmatch(self.secret):
            raise ConfigurationError("Enter an API key (SK…) with its secret, or the auth token of the Twilio account.")
        if self.workspace_sid and not is_sid(self.workspace_sid, "WS"):
            raise ConfigurationError("The workspace SID of the Twilio account is not one.")


@dataclass(frozen=True)
class Answer:
    """What Twilio said. ``code`` and ``message`` are its own, of an error; 0 and "" where it names none."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)

    @property
    def code(self) -> int:
        told = self._error().get("code")
        return told if isinstance(told, int) and not isinstance(told, bool) else 0

    @property
    def message(self) -> str:
        told = self._error().get("message")
        return scrub(told[:_MAX_MESSAGE]) if isinstance(told, str) else ""

    def json(self) -> dict[str, Any]:
        """The object that was answered. Raises the status's error unless it is 2xx."""
        raise_for(self)
        read = decoded(self.body)
        if not isinstance(read, dict):
            raise InvalidResponse(TWILIO, "the answer is not a JSON object", foreign=True)
        return read

    def _error(self) -> dict[str, Any]:
        read = decoded(self.body) if self.status >= 400 else None
        return read if isinstance(read, dict) else {}


def decoded(text: bytes | str) -> JSON:
    """The JSON value; None for what is none."""
    try:
        value: JSON = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value


def raise_for(answer: Answer) -> None:
    """Raise the error that a status other than 2xx means. Its text names status and code, never what was sent."""
    status = answer.status
    if 200 <= status < 300:
        return
    detail = f"status {status}, error {answer.code}" if answer.code else f"status {status}"
    if status == 401:
        raise AuthFailed(TWILIO, detail)
    if status == 403:
        raise MissingScope(TWILIO, detail)
    if status == 429:
        raise RateLimited(TWILIO, detail, retry_after=_retry_after(answer.headers))
    if status >= 500:
        raise SourceUnavailable(TWILIO, detail)
    raise InvalidResponse(TWILIO, detail)


@dataclass
class Session:
    """One open connection to one host of Twilio's. ``deadline`` bounds everything that is asked on it."""

    client: httpx.AsyncClient
    deadline: Deadline
    sleep: Sleep

    async def get(self, *path: str, query: Mapping[str, str] | None = None) -> Answer:
        return await self.ask("GET", path, query=query)

    async def post(self, *path: str, form: Form = (), headers: Mapping[str, str] | None = None, repeat: bool = False) -> Answer:
        """``repeat``: sending it twice does no harm, so that it may be tried again when nobody knows whether it arrived."""
        return await self.ask("POST", path, form=form, headers=headers, repeat=repeat)

    async def delete(self, *path: str) -> Answer:
        return await self.ask("DELETE", path)

    async def ask(
        self,
        method: str,
        path: Sequence[str],
        *,
        query: Mapping[str, str] | None = None,
        form: Form = (),
        headers: Mapping[str, str] | None = None,
        repeat: bool | None = None,
    ) -> Answer:
        """The answer, whatever its status. Tries again while Twilio is busy, and where the connection failed.

        Raises SourceTimeout, SourceUnavailable, InvalidResponse (too large, compressed, not HTTP).
        """
        repeat = method != "POST" if repeat is None else repeat
        request = self.client.build_request(
            method,
            "/" + "/".join(quote(part, safe="") for part in path),
            params=query or None,
            content=urlencode(form).encode() if method == "POST" else None,
            headers={**({"Content-Type": "application/x-www-form-urlencoded"} if method == "POST" else {}), **(headers or {})},
        )
        for tried in range(MAX_TRIES):
            last = tried == MAX_TRIES - 1
            try:
                answer = await self._once(request)
            except _NotSent as problem:
                wait = None if last else self._pause(tried)
                error: Exception = problem.error
            except (SourceUnavailable, SourceTimeout) as problem:
                wait = None if last or not repeat else self._pause(tried)
                error = problem
            else:
                may = repeat or answer.status == 429
                wait = self._pause(tried, answer) if answer.status in _BUSY and may and not last else None
                if wait is None:
                    return answer
                error = SourceUnavailable(TWILIO)
            if wait is None:
                raise error from None
            await self.sleep(wait)
        raise AssertionError("unreachable: the last try returns or raises")

    async def pages(self, *path: str, key: str, query: Mapping[str, str] | None = None) -> AsyncGenerator[dict[str, Any]]:
        """Every object of a list. Only the parameters of ``next_page_url`` are used, so that nothing leads elsewhere."""
        wanted: dict[str, str] | None = dict(query or {})
        for _page in range(MAX_PAGES):
            body = (await self.get(*path, query=wanted)).json()
            rows, meta = body.get(key), body.get("meta")
            if not isinstance(rows, list) or not isinstance(meta, dict):
                raise InvalidResponse(TWILIO, f"the list has no {key}", foreign=True)
            for row in rows:
                if isinstance(row, dict):
                    yield row
            following = meta.get("next_page_url")
            if not isinstance(following, str):
                return
            wanted = dict(httpx.URL(following).params)
        raise InvalidResponse(TWILIO, f"the list has more than {MAX_PAGES} pages")

    def _pause(self, tried: int, answer: Answer | None = None) -> float | None:
        """Seconds to wait before the next try; None if there is no time for it."""
        told = _retry_after(answer.headers) if answer else None
        wait = told if told is not None else random.uniform(0.5, 1.0) * FIRST_PAUSE_S * 2**tried
        return wait if wait <= min(MAX_PAUSE_S, self.deadline.left() - 0.1) else None

    async def _once(self, request: httpx.Request) -> Answer:
        try:
            async with asyncio.timeout(self.deadline.left()):
                response = await self.client.send(request, stream=True)
                try:
                    return Answer(response.status_code, response.headers, await _body(response))
                finally:
                    await response.aclose()
        except (httpx.ConnectTimeout, httpx.PoolTimeout):
            raise _NotSent(SourceTimeout(TWILIO, "no connection in time")) from None
        except httpx.ConnectError as error:
            raise _NotSent(SourceUnavailable(TWILIO, type(error).__name__)) from None
        except (TimeoutError, httpx.TimeoutException):
            raise SourceTimeout(TWILIO) from None
        except (httpx.RemoteProtocolError, httpx.DecodingError):
            raise SourceUnavailable(TWILIO, "the answer was cut off or is not HTTP") from None
        except httpx.TransportError as error:
            raise SourceUnavailable(TWILIO, type(error).__name__) from None


class _NotSent(Exception):
    """The request never left, so that it may be tried again whatever it is."""

    def __init__(self, error: SourceTimeout | SourceUnavailable) -> None:
        super().__init__()
        self.error = error


async def _body(response: httpx.Response) -> bytes:
    if response.headers.get("content-encoding", "identity").lower() != "identity":
        raise InvalidResponse(TWILIO, "the body is compressed, which was not asked for")
    received = bytearray()
    async for chunk in response.aiter_bytes():
        received += chunk
        if len(received) > MAX_BODY:
            raise InvalidResponse(TWILIO, f"the body is larger than {MAX_BODY // 1024} KiB")
    return bytes(received)


@dataclass(frozen=True)
class TwilioClient:
    """One host of Twilio's, as one account. ``transport`` and ``sleep`` are for tests."""

    access: TwilioAccess
    base_url: str
    transport: httpx.AsyncBaseTransport | None = field(default=None, repr=False)
    sleep: Sleep = field(default=asyncio.sleep, repr=False)

    @asynccontextmanager
    async def open(self, total_s: float = TOTAL_S) -> AsyncIterator[Session]:
        async with httpx.AsyncClient(
            base_url=self.base_url,
            auth=(self.access.key, self.access.secret),
            headers={"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "connie-portal"},
            timeout=httpx.Timeout(READ_S, connect=CONNECT_S, write=WRITE_S, pool=CONNECT_S),
            verify=_certificates(),
            transport=self.transport,
            trust_env=False,
            follow_redirects=False,
        ) as client:
            yield Session(client, Deadline(total_s), self.sleep)


@lru_cache(maxsize=1)
def _certificates() -> ssl.SSLContext:
    """Read once for the process: it costs more than a request."""
    return ssl.create_default_context(cafile=certifi.where())


def in_sync[R](work: Coroutine[Any, Any, R]) -> R:
    """What ``work`` returns, for jobs: run on a loop of its own, in the calling thread, which must have none that runs."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work)
    work.close()
    raise RuntimeError(f"await it instead: {threading.current_thread().name} runs a loop")


def _retry_after(headers: Mapping[str, str]) -> float | None:
    value = headers.get("retry-after", "").strip()[:20]
    return seconds(value, MAX_PAUSE_S * 100) if value and not value.startswith("-") else None
