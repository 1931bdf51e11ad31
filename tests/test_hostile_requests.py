"""Requests that are too long, too large, too slow or never whole, sent to the portal as it serves."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

import pytest
import pytest_asyncio
from asgiref.sync import sync_to_async
from django.test import Client

from connie_portal import server
from connie_portal.process import Port, listen
from connie_portal.protocol import LimitedProtocol, Limits
from integrations.models import Person
from tests.admin.conftest import log_in as log_in
from tests.api.conftest import Api
from tests.api.conftest import api as api
from tests.factories import World
from tests.test_serve_without_delay import portal

QUICK = Limits(head_s=0.3, body_s=0.3, body_floor=1_000, answer_s=0.3, linger_s=0.5, waiting=20, new_s=0)
ENDLESS = b"x" * 64 * 1024


@pytest_asyncio.fixture
async def port(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[int]:
    """The port where the portal answers, with limits that a test can wait for."""
    monkeypatch.setattr(server, "warm_up_sources", lambda: None)
    monkeypatch.setattr(LimitedProtocol, "limits", QUICK)
    monkeypatch.setattr(LimitedProtocol, "_at_rest", {})
    listener = listen(Port("CONNIE_PORT", None, 18_300), "127.0.0.1")
    async with portal(listener):
        yield listener.getsockname()[1]


async def answers(port: int, *sent: bytes) -> tuple[int, dict[str, Any]]:
    """Status and body of what comes until the portal closes the connection; 0 for nothing."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for part in sent:
            writer.write(part)
            await writer.drain()
        async with asyncio.timeout(20):
            raw = await reader.read()
    finally:
        writer.close()
    head, _blank, body = raw.partition(b"\r\n\r\n")
    return (int(head.split()[1]), json.loads(body)) if head else (0, {})


def head(line: str, *headers: str) -> bytes:
    return "\r\n".join([f"{line} HTTP/1.1", "Host: localhost", *headers, "", ""]).encode()


POST = head("POST /api/v1/lookup", "Content-Type: application/json", "Connection: close", "Transfer-Encoding: chunked")


@pytest.mark.parametrize(
    ("sent", "status", "code"),
    [
        (head("GET /" + "a" * 30_000), 414, "address_too_long"),
        (head("GET /?" + "a" * 5_000_000), 414, "address_too_long"),
        (b"GET /" + b"a" * 300_000, 414, "address_too_long"),
        (head("GET /livez", "X: " + "a" * 40_000), 431, "headers_too_long"),
        (head("GET /livez", "X: " + "a" * 5_000_000), 431, "headers_too_long"),
        (b"GET /livez HTTP/1.1\r\nX" + b"a" * 5_000_000, 431, "headers_too_long"),
        (head("GET /livez", *("X: 1" for _ in range(200))), 431, "headers_too_long"),
        (POST + b"0\r\nTrailer: " + b"a" * 500_000, 431, "headers_too_long"),
        (b"nonsense\r\n\r\n", 400, "invalid_request"),
        (head("POST /", "Content-Length: 5", "Content-Length: 6"), 400, "invalid_request"),
        (head("POST /", "Content-Length: -5"), 400, "invalid_request"),
        (head("POST /", "Content-Length: 5", "Transfer-Encoding: chunked"), 400, "invalid_request"),
    ],
)
async def test_what_is_too_long_or_no_request_is_refused_in_the_error_shape(
    port: int, sent: bytes, status: int, code: str
) -> None:
    found, body = await answers(port, sent)
    if b"Trailer" in sent:  # the missing key is told first
        assert found in (401, status)
        return
    assert (found, body["error"]["code"]) == (status, code)
    assert body["error"]["message"]


@pytest.mark.parametrize(
    "sent",
    [
        b"GE",
        b"GET /livez",
        b"GET /livez HTTP/1.1\r\nHost: localhost\r\nX",
        b"\r\n\r\n",
        head("POST /login/", "Content-Type: application/x-www-form-urlencoded", "Content-Length: 20") + b"user",
        head("POST /login/", "Content-Type: application/x-www-form-urlencoded", "Transfer-Encoding: chunked") + b"4\r\nuser",
    ],
)
async def test_a_request_that_never_finishes_is_ended(port: int, sent: bytes) -> None:
    assert await answers(port, sent) in [(0, {}), (408, TOO_SLOW)]


TOO_SLOW = {"error": {"code": "request_timeout", "message": "The request did not arrive in time.", "fields": {}}}


async def test_a_connection_on_which_nothing_is_sent_is_ended(port: int) -> None:
    assert await answers(port) == (0, {})


@pytest.mark.parametrize(("size", "status"), [(1, 408), (2_000, 403)])
async def test_a_body_that_trickles_is_ended_and_one_that_grows_is_taken(
    port: int, monkeypatch: pytest.MonkeyPatch, size: int, status: int
) -> None:
    looked = asyncio.Event()
    look = LimitedProtocol._too_slow

    def noted(protocol: LimitedProtocol) -> None:
        look(protocol)
        looked.set()

    monkeypatch.setattr(LimitedProtocol, "_too_slow", noted)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    form = ["Content-Type: application/x-www-form-urlencoded", "Content-Length: 8000"]
    writer.write(head("POST /login/", *form))
    for part in range(8_000 // size if status == 403 else 1):
        if part:
            await looked.wait()
            looked.clear()
        writer.write(b"a" * size)
    # A form without its token is refused once it was read.
    assert int((await reader.readline()).split()[1]) == status
    writer.close()


@pytest.mark.parametrize("key", ["", "Authorization: Bearer wrong\r\n"])
@pytest.mark.parametrize("length", ["Content-Length: 60000000", "Transfer-Encoding: chunked"])
async def test_without_a_key_a_request_is_refused_before_its_body(api: Api, port: int, key: str, length: str) -> None:
    lines = f"POST /api/v1/lookup HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{key}{length}\r\n\r\n"
    status, body = await answers(port, lines.encode())
    assert (status, body["error"]["code"]) == (401, "unauthenticated")


async def test_a_large_body_is_refused_by_its_length_or_once_it_is_too_large(api: Api, port: int) -> None:
    said = [f"{name}: {value}" for name, value in api.headers.items()] + ["Content-Type: application/json", "Connection: close"]
    announced = await answers(port, head("POST /api/v1/lookup", *said, "Content-Length: 60000000"))
    assert (announced[0], announced[1]["error"]["code"]) == (413, "too_large")
    chunked = head("POST /api/v1/lookup", *said, "Transfer-Encoding: chunked") + b"ffffff\r\n" + ENDLESS * 2
    status, body = await answers(port, chunked)
    assert (status, body["error"]["code"]) == (413, "too_large")


async def test_a_client_that_sends_all_of_a_large_body_reads_why_it_was_refused(api: Api, port: int) -> None:
    said = ["Content-Type: application/json", "Connection: close", f"Content-Length: {len(ENDLESS) * 200}"]
    status, body = await answers(port, head("POST /api/v1/lookup", *said), *[ENDLESS] * 200)
    assert (status, body["error"]["code"]) == (401, "unauthenticated")


@pytest.mark.parametrize("coding", ["Content-Encoding: gzip", "Content-Encoding: br", "Transfer-Encoding: gzip, chunked"])
async def test_a_coded_body_is_refused(api: Api, port: int, coding: str) -> None:
    for path, said in (("/api/v1/lookup", api.headers), ("/login/", {})):
        lines = [f"{name}: {value}" for name, value in {**said, "Content-Type": "application/json"}.items()]
        length = [] if coding.startswith("Transfer") else ["Content-Length: 2"]
        body = b"2\r\n{}\r\n0\r\n\r\n" if not length else b"{}"
        status, told = await answers(port, head(f"POST {path}", *lines, coding, *length, "Connection: close") + body)
        assert (status, told["error"]["code"]) == (415, "unsupported_media_type")


@pytest.mark.parametrize("path", ["/login/", "/admin/integrations/connector/add/", "/panel/riverside/open"])
async def test_who_is_not_logged_in_sends_no_large_form(api: Api, port: int, path: str) -> None:
    form = ["Content-Type: application/x-www-form-urlencoded", "Connection: close"]
    for length, body in (("Content-Length: 1000000", b""), ("Transfer-Encoding: chunked", b"ffffff\r\n" + ENDLESS * 2)):
        status, told = await answers(port, head(f"POST {path}", *form, length) + body)
        assert (status, told["error"]["code"]) == (413, "too_large")


async def test_many_half_sent_requests_keep_nobody_out(port: int) -> None:
    half = [await asyncio.open_connection("127.0.0.1", port) for _each in range(60)]
    for _reader, writer in half:
        writer.write(b"GET / HTTP/1.1\r\n")
    assert len(LimitedProtocol._at_rest) <= QUICK.waiting
    for _time in range(30):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(head("GET /livez"))
        assert b" 200 " in await reader.readline()
        writer.close()
    for reader, writer in half:
        await reader.read()
        writer.close()


async def test_a_crowd_that_has_only_just_come_is_served(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LimitedProtocol, "limits", replace(QUICK, waiting=2, new_s=60, head_s=60))
    crowd = [await asyncio.open_connection("127.0.0.1", port) for _each in range(30)]
    for reader, writer in crowd:
        writer.write(head("GET /livez"))
        assert b" 200 " in await reader.readline()
        writer.close()


async def test_whoever_does_not_read_their_answer_is_ended(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    ended = asyncio.Event()
    lost = LimitedProtocol.connection_lost

    def noted(protocol: LimitedProtocol, problem: Exception | None) -> None:
        lost(protocol, problem)
        ended.set()

    monkeypatch.setattr(LimitedProtocol, "connection_lost", noted)
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1)
    writer.write(head("GET /static/css/base.css") * 1_000)
    async with asyncio.timeout(20):
        await ended.wait()
    writer.close()
    assert reader


async def test_a_kept_connection_serves_one_request_after_another(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for request in (head("GET /livez"), head("GET /livez") * 3, head("GET /nothing-here")):
        writer.write(request)
        for _each in range(request.count(b"GET")):
            answered = (await reader.readuntil(b"\r\n\r\n")).lower()
            assert b" 200 " in answered or b" 404 " in answered
            if b"content-length: " in answered:
                await reader.readexactly(int(answered.split(b"content-length: ")[1].split(b"\r\n")[0]))
            else:
                await reader.readuntil(b"0\r\n\r\n")
    writer.close()


@pytest.mark.parametrize(
    ("who", "path", "length", "refused"),
    [
        ("ann", "/admin/integrations/connector/add/", 15_000_000, False),
        ("ann", "/admin/integrations/connector/add/", 30_000_000, True),
        ("ann", "/panel/riverside/open", 1_000_000, False),
        ("ann", "/panel/riverside/open", 15_000_000, True),
        ("bea", "/admin/integrations/connector/add/", 15_000_000, True),
        ("bea", "/panel/riverside/open", 1_000_000, False),
    ],
)
async def test_who_is_logged_in_sends_what_they_may(
    world: World, log_in: Callable[[Person], Client], port: int, who: str, path: str, length: int, refused: bool
) -> None:
    client = await sync_to_async(log_in)(getattr(world, who))
    cookie = f"Cookie: sessionid={client.cookies['sessionid'].value}"
    form = ["Content-Type: application/x-www-form-urlencoded", "Connection: close", f"Content-Length: {length}", cookie]
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(head(f"POST {path}", *form))
    for _part in range(length // len(ENDLESS)):
        writer.write(ENDLESS)
    writer.write(b"x" * (length % len(ENDLESS)))
    # A form without its token is refused, once it was read.
    assert int((await reader.readline()).split()[1]) == (413 if refused else 403)
    writer.close()
