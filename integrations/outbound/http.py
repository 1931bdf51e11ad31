"""The one HTTP door: every request to a vendor goes through here.

It owns what must not differ between connectors: which addresses may be reached, the deadline over the whole exchange,
the cap on the body, no redirects, no cookies, no proxies from the environment, and true classes of failure.
"""

from __future__ import annotations

import asyncio
import codecs
import ipaddress
import json
import math
import re
import socket
import ssl
import time
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cache
from typing import Any
from urllib.parse import quote, unquote, urlencode, urlsplit

import aiohttp
import certifi
import orjson
from multidict import CIMultiDict
from yarl import URL

from integrations.deadline import Deadline
from integrations.errors import (
    AddressRefused,
    AuthFailed,
    ConfigurationError,
    InvalidResponse,
    MissingScope,
    RateLimited,
    SourceError,
    SourceTimeout,
    SourceUnavailable,
)
from integrations.figures import MAX_TEXT, seconds
from integrations.outbound.encodings import charset_of
from integrations.outbound.network import NetworkPolicy
from integrations.outbound.recording import Asked, being_recorded, record_received, record_sent
from integrations.profile import JSON

MAX_BODY = 2 * 1024 * 1024
KEEP_ALIVE_S = 30
# Whoever asks for more has written a date wrong, or wants us gone for good.
MAX_PAUSE_S = 3_600.0
USER_AGENT = "connie-portal"


@dataclass(frozen=True)
class Answer:
    """A whole answer: its status, headers (whatever their case) and raw body (at most MAX_BODY bytes)."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self, source: str) -> JSON:
        """The body as JSON, whatever encoding it says that it is in. Raises InvalidResponse without repeating any of it."""
        charset = charset_of(self.headers.get("content-type", ""))
        try:
            text: bytes | str = self.body.decode(charset) if charset else self.body.removeprefix(codecs.BOM_UTF8)
            return orjson.loads(text)
        except orjson.JSONDecodeError:
            return _leniently(text, source)
        except UnicodeError:
            raise InvalidResponse(source, "the body is not JSON") from None


def _leniently(text: bytes | str, source: str) -> JSON:
    """An answer with numbers that are too large, or none (Python and pandas write ``NaN``): these cost themselves only."""
    try:
        found = json.loads(text.decode() if isinstance(text, bytes) else text, parse_int=_whole)
        orjson.dumps(found)  # what cannot be written again, like half a character, must not come in
    except (ValueError, TypeError, RecursionError):
        raise InvalidResponse(source, "the body is not JSON") from None
    return found


def _whole(text: str) -> int | float:
    return int(text) if len(text) < 20 else math.inf


_PORTS = {"https": 443, "http": 80}
_NOT_IN_PATH = re.compile(r"[\\#? ]")
# What most paths are, and what needs no further look, by the client neither.
_PLAIN_PATH = re.compile(r"(?:/[A-Za-z0-9_~-]+)+")


class HttpDoor:
    """One connector's way to one host. Raises ConfigurationError for a base address or header that can never work, and
    for a host that is not open to it. ``option`` is what the address is called there."""

    def __init__(
        self,
        source: str,
        base_url: str,
        network: NetworkPolicy,
        *,
        headers: Mapping[str, str] | None = None,
        option: str = "base_url",
    ) -> None:
        self.source = source
        self.base_url, network = checked_base_url(base_url, network, option)
        self._encoded_base = str(URL(self.base_url)).rstrip("/")
        self.network = network
        # Compressed bodies could unpack to anything: none is asked for, and none is accepted.
        own = {"Accept": "application/json", "User-Agent": USER_AGENT, "Accept-Encoding": "identity"}
        self.headers = CIMultiDict(own)
        self.headers.update(_checked_headers(headers or {}))

    async def request(
        self,
        method: str,
        path: str,
        deadline: Deadline,
        *,
        query: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        json: JSON = None,
        form: Mapping[str, Any] | None = None,
        missing_ok: bool = False,
    ) -> JSON:
        """The decoded JSON of a good answer; None for 404 if ``missing_ok``. Raises SourceError or AddressRefused.

        ``path`` is relative to the base address; its variable parts go through ``segment()``.
        """
        answer = await self.ask(method, path, deadline, query=query, headers=headers, json=json, form=form)
        if answer.status == 404 and missing_ok:
            return None
        return self.checked(answer)

    async def ask(
        self,
        method: str,
        path: str,
        deadline: Deadline,
        *,
        query: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        json: JSON = None,
        form: Mapping[str, Any] | None = None,
    ) -> Answer:
        """The whole answer, whatever its status. Raises as ``request()``."""
        request = self._prepared(method, self._url(path, query), headers, json, form)
        began, status = time.monotonic(), ""
        try:
            answer = await self._exchange(request, deadline)
            status = str(answer.status)
        finally:
            if being_recorded():
                record_sent(Asked(method, self.base_url + path, query, request.headers, json, form), status, began)
        return answer

    def checked(self, answer: Answer) -> JSON:
        """The decoded JSON of a good answer. Raises SourceError for any other."""
        raise_for_status(self.source, answer)
        return answer.json(self.source)

    def _prepared(
        self, method: str, url: URL, headers: Mapping[str, str] | None, json: JSON, form: Mapping[str, Any] | None
    ) -> _Prepared:
        sent, body = self.headers, None
        if headers or json is not None or form is not None:
            sent = sent.copy()
        if json is not None:
            sent["Content-Type"], body = "application/json", orjson.dumps(json)
        elif form is not None:
            sent["Content-Type"], body = "application/x-www-form-urlencoded", urlencode(form).encode()
        if headers:
            sent.update(_checked_headers(headers))
        return _Prepared(method, url, sent, body)

    def _url(self, path: str, query: Mapping[str, Any] | None) -> URL:
        text = f"{path}?{urlencode(query)}" if query else path
        if _PLAIN_PATH.fullmatch(path):
            return URL(self._encoded_base + text, encoded=True)
        _check_path(path)
        return URL(self.base_url + text)

    async def _exchange(self, request: _Prepared, deadline: Deadline) -> Answer:
        refused: list[AddressRefused] = []
        marker = _refusals.set(refused)
        try:
            async with asyncio.timeout(deadline.left()), request.sent_by(await _session(self.network)) as response:
                encoding = response.headers.get("content-encoding", "identity")
                if encoding.lower() != "identity":
                    raise InvalidResponse(self.source, "the body is compressed, which was not asked for")
                return Answer(response.status, response.headers, await self._body(response))
        except SourceError:
            raise
        except Exception as error:
            if refused:
                raise refused[0] from None
            raise self._classified(error) from None
        finally:
            _refusals.reset(marker)

    async def _body(self, response: aiohttp.ClientResponse) -> bytes:
        received = bytearray()
        while chunk := await response.content.readany():
            received += chunk
            if len(received) > MAX_BODY:
                raise InvalidResponse(self.source, f"the body is larger than {MAX_BODY // 1024} KiB")
        record_received(len(received))
        return bytes(received)

    def _classified(self, error: Exception) -> Exception:
        if isinstance(error, TimeoutError):
            return SourceTimeout(self.source)
        if isinstance(error, aiohttp.ClientPayloadError | aiohttp.ClientResponseError):
            return InvalidResponse(self.source, "the answer is cut off or is not HTTP", foreign=True)
        if isinstance(error, aiohttp.ClientError | OSError):
            return SourceUnavailable(self.source, type(error).__name__)
        return error


def raise_for_status(source: str, answer: Answer) -> None:
    """The general meaning of a status. Raises SourceError for all but 2xx."""
    status = answer.status
    if 200 <= status < 300:
        return
    if status == 401:
        raise AuthFailed(source, "status 401")
    if status == 403:
        raise MissingScope(source, "status 403")
    if status == 429:
        raise RateLimited(source, "status 429", retry_after=retry_after(answer.headers))
    if status >= 500:
        raise SourceUnavailable(source, f"status {status}")
    # A redirect could lead anywhere, with our credentials; other 4xx mean that the request itself is wrong.
    raise InvalidResponse(source, f"status {status}")


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait, from a number of seconds or a date; None when the header is absent or unreadable."""
    value = headers.get("retry-after", "").strip()[:MAX_TEXT]
    if not value.startswith("-") and (wait := seconds(value, MAX_PAUSE_S)) is not None:
        return wait
    try:
        left = (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds()
    except (TypeError, ValueError, OverflowError):
        return None
    return min(max(left, 0.0), MAX_PAUSE_S)


def _check_path(path: str) -> None:
    segments = path.partition("?")[0].split("/")
    if not path.startswith("/") or path.startswith("//") or any(unquote(part) in {".", ".."} for part in segments):
        raise ConfigurationError("A path must begin with one '/' and may not hold '.' or '..'.")
    if _NOT_IN_PATH.search(path) or not path.isprintable():
        raise ConfigurationError("A path may not hold spaces, '\\', '#' or '?'; put parameters into the query.")


def segment(value: str) -> str:
    """A value as one segment of a path: a slash in it does not lead elsewhere."""
    return quote(value, safe="")


def checked_base_url(url: str, network: NetworkPolicy, option: str = "base_url") -> tuple[str, NetworkPolicy]:
    """The address without a trailing slash, and the policy towards its host. Raises ConfigurationError saying what is wrong."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
        URL(url)
    except ValueError:
        raise ConfigurationError(f"{option}: this is not a web address.") from None
    if parts.scheme not in {"https", "http"} or not host:
        raise ConfigurationError(f"{option}: give a web address like https://api.example.org.")
    if parts.scheme == "http" and not network.allows_plain(host):
        raise ConfigurationError(f"{option}: the address must begin with https://.")
    if host.rstrip(".").rpartition(".")[2].isdigit() and not _is_ip(host):
        raise ConfigurationError(f"{option}: write the host as a name, or as a whole IP address.")
    if parts.username or parts.password or "@" in parts.netloc:
        raise ConfigurationError(f"{option}: leave user name and password out of the address; they belong into the secrets.")
    if parts.query or parts.fragment:
        raise ConfigurationError(f"{option}: leave out everything after '?' or '#'.")
    towards = network.towards(host, port or _PORTS[parts.scheme], option)
    return url.rstrip("/"), towards


def _is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _checked_headers(headers: Mapping[str, str]) -> dict[str, str]:
    for name, value in headers.items():
        if not value.isprintable() or not value.isascii():
            raise ConfigurationError(f"The value of the header {name} holds characters that cannot be sent. Enter it anew.")
    return dict(headers)


# -- Connections --------------------------------------------------------------------------------------------------

# What the guard refused during the current request: the client library would bury it in an error of its own.
_refusals: ContextVar[list[AddressRefused]] = ContextVar("refusals")
_sessions: dict[tuple[asyncio.AbstractEventLoop, NetworkPolicy], aiohttp.ClientSession] = {}
# The deadline is around the whole exchange; the client's own would only be further timers beside it.
_NO_TIMEOUT = aiohttp.ClientTimeout()


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A request that is ready to be sent."""

    method: str
    url: URL
    headers: CIMultiDict[str]
    body: bytes | None

    def sent_by(self, session: aiohttp.ClientSession) -> AbstractAsyncContextManager[aiohttp.ClientResponse]:
        """The answer to it, as far as its headers; its connection is kept if the body was read, and closed if not."""
        return session.request(self.method, self.url, headers=self.headers, data=self.body, allow_redirects=False)


async def _session(network: NetworkPolicy) -> aiohttp.ClientSession:
    """One pool of connections per running loop and policy: a pool outlives no loop, and no policy borrows another's."""
    loop = asyncio.get_running_loop()
    session = _sessions.get((loop, network))
    if session is None:
        session = _sessions[loop, network] = _new_session(network)
        # Closing lets others run meanwhile: they find theirs above already.
        for ended in [_sessions.pop(key) for key in list(_sessions) if key[0].is_closed()]:
            await ended.close()
    return session


def _new_session(network: NetworkPolicy) -> aiohttp.ClientSession:
    connector = aiohttp.TCPConnector(
        limit=0,
        keepalive_timeout=KEEP_ALIVE_S,
        ssl=_ssl_context(),
        use_dns_cache=False,
        socket_factory=lambda info: _guarded_socket(network, info),
    )
    return aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=False,
        auto_decompress=False,
        timeout=_NO_TIMEOUT,
    )


def _guarded_socket(network: NetworkPolicy, info: tuple[Any, Any, int, str, tuple[Any, ...]]) -> socket.socket:
    """A socket for an address that was looked at first. Every connection comes through here with its final address,
    however the host was spelt and whatever a name resolved to."""
    family, kind, protocol, _name, address = info
    try:
        network.check(str(address[0]), int(address[1]))
    except AddressRefused as refusal:
        _refusals.get([]).append(refusal)
        raise ConnectionRefusedError("the address is closed to connectors") from refusal
    return socket.socket(family=family, type=kind, proto=protocol)


@cache
def _ssl_context() -> ssl.SSLContext:
    """Building one takes tens of milliseconds, so there is one per process."""
    return ssl.create_default_context(cafile=certifi.where())


def warm_up() -> None:
    """Do now what the first request would otherwise wait for."""
    _ssl_context()


async def close_clients() -> None:
    """Close every connection of the running loop."""
    loop = asyncio.get_running_loop()
    for key in [key for key in _sessions if key[0] is loop]:
        await _sessions.pop(key).close()
