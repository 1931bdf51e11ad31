"""Requests to Twilio are bounded, tried again only where that is safe, and tell nothing of what they carried."""

from __future__ import annotations

import asyncio
import base64
import logging
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from integrations.errors import (
    AuthFailed,
    ConfigurationError,
    InvalidResponse,
    MissingScope,
    RateLimited,
    SourceTimeout,
    SourceUnavailable,
)
from integrations.twilio import client as module
from integrations.twilio.client import Answer, TwilioAccess, TwilioClient, in_sync, raise_for
from tests.http_stub import Stub, hang, hang_in_body, huge, not_http, reply, stub_server, trickle, truncated
from tests.twilio.conftest import ACCESS, Platform

BASE = "https://taskrouter.example.com"


class Waited:
    """A sleep that only notes for how long."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)


def answering(*answers: Any) -> tuple[TwilioClient, list[httpx.Request], Waited]:
    """A client whose requests meet these answers (or errors) one after the other; the last one stays."""
    requests: list[httpx.Request] = []
    left = list(answers)

    def handler(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        answer = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(answer, Exception):
            raise answer
        return httpx.Response(answer.status_code, headers=answer.headers, content=answer.content)

    waited = Waited()
    return TwilioClient(ACCESS, BASE, httpx.MockTransport(handler), waited), requests, waited


def refused(status: int, code: int = 20001, **headers: str) -> httpx.Response:
    message = "Attributes of +14155550100 are not valid"
    return httpx.Response(status, json={"code": code, "message": message, "status": status}, headers=headers)


async def got(client: TwilioClient, total_s: float = 5) -> Answer:
    async with client.open(total_s) as session:
        return await session.get("v1", "Sinks", query={"PageSize": "50"})


async def posted(client: TwilioClient, *, repeat: bool = False) -> Answer:
    async with client.open(5) as session:
        return await session.post("v1", "Sinks", form=[("Types", "{}"), ("Types", "[]")], repeat=repeat)


async def test_a_request_signs_in_with_the_key_and_asks_for_nothing_compressed() -> None:
    client, (requests), _waited = answering(httpx.Response(200, json={"sinks": []}))
    assert (await got(client)).json() == {"sinks": []}
    (request,) = requests
    wanted = base64.b64encode(f"{ACCESS.key}:{ACCESS.secret}".encode()).decode()
    assert request.headers["authorization"] == f"Basic {wanted}"
    assert request.headers["accept-encoding"] == "identity"
    assert str(request.url) == f"{BASE}/v1/Sinks?PageSize=50"


async def test_a_form_may_name_a_field_twice() -> None:
    client, requests, _waited = answering(httpx.Response(201, json={}))
    await posted(client)
    assert requests[0].content == b"Types=%7B%7D&Types=%5B%5D"
    assert requests[0].headers["content-type"] == "application/x-www-form-urlencoded"


async def test_a_part_of_a_path_leads_nowhere_else() -> None:
    client, requests, _waited = answering(httpx.Response(404))
    async with client.open() as session:
        await session.get("v1", "Tasks", "../../Accounts?x=1#y")
    assert requests[0].url.raw_path == b"/v1/Tasks/..%2F..%2FAccounts%3Fx%3D1%23y"


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (301, InvalidResponse),
        (400, InvalidResponse),
        (401, AuthFailed),
        (403, MissingScope),
        (404, InvalidResponse),
        (429, RateLimited),
        (500, SourceUnavailable),
    ],
)
def test_a_status_is_told_with_twilios_code_and_never_with_what_it_says(status: int, error: type[Exception]) -> None:
    answer = refused(status)
    with pytest.raises(error) as raised:
        raise_for(Answer(status, answer.headers, answer.content))
    text = str(raised.value)
    assert "555" not in text
    assert ("20001" in text) is (status >= 400)


@pytest.mark.parametrize("body", [b"", b"[]", b'{"code": "x", "message": 5}', b"<html>", b'{"code": true}', b"[" * 90_000])
def test_an_error_that_is_none_of_twilios_has_no_code(body: bytes) -> None:
    answer = Answer(500, {}, body)
    assert (answer.code, answer.message) == (0, "")


async def test_a_redirect_is_not_followed() -> None:
    client, requests, _waited = answering(httpx.Response(302, headers={"Location": "https://elsewhere.example.com/"}))
    with pytest.raises(InvalidResponse):
        (await got(client)).json()
    assert len(requests) == 1


@pytest.mark.parametrize("status", [429, 503])
async def test_while_twilio_is_busy_it_is_asked_again_when_it_says(status: int) -> None:
    client, requests, waited = answering(refused(status, **{"Retry-After": "2"}), httpx.Response(200, json={"ok": 1}))
    assert (await got(client)).json() == {"ok": 1}
    assert waited.seconds == [2.0]
    assert len(requests) == 2


async def test_without_its_word_the_pauses_grow_and_end() -> None:
    client, requests, waited = answering(refused(429))
    assert (await got(client)).status == 429
    assert len(requests) == module.MAX_TRIES
    assert waited.seconds == sorted(waited.seconds)
    assert 0.1 <= waited.seconds[0] <= 0.2


@pytest.mark.parametrize("told", ["60", "4.99999"])
async def test_what_is_longer_than_there_is_time_is_not_waited_for(told: str) -> None:
    client, requests, waited = answering(refused(429, **{"Retry-After": told}))
    assert (await got(client, 2)).status == 429
    assert (len(requests), waited.seconds) == (1, [])


@pytest.mark.parametrize("told", ["-5", "soon", "", "1e99", "Wed, 21 Oct 2026 07:28:00 GMT"])
async def test_a_word_that_cannot_be_read_costs_nothing(told: str) -> None:
    client, requests, _waited = answering(refused(429, **{"Retry-After": told}), httpx.Response(200, json={}))
    answer = await got(client)
    assert answer.status == (429 if told == "1e99" else 200)
    assert len(requests) == (1 if told == "1e99" else 2)


# Whether a request that may have arrived is sent again: never what would make a second sink.
LOST: list[tuple[Callable[[], Any], bool]] = [
    (lambda: httpx.ConnectError("refused"), True),
    (lambda: httpx.ConnectTimeout("slow"), True),
    (lambda: httpx.ReadError("reset"), False),
    (lambda: httpx.ReadTimeout("slow"), False),
    (lambda: httpx.RemoteProtocolError("cut"), False),
    (lambda: refused(429), True),
    (lambda: refused(503), False),
]


@pytest.mark.parametrize(("failure", "again"), LOST)
async def test_what_may_have_arrived_is_sent_again_only_where_that_does_no_harm(
    failure: Callable[[], Any], again: bool
) -> None:
    for repeat, expected in ((False, again), (True, True)):
        client, requests, _waited = answering(failure(), httpx.Response(201, json={}))
        try:
            answer = await posted(client, repeat=repeat)
            went_on = answer.status == 201
        except (SourceUnavailable, SourceTimeout):
            went_on = False
        assert went_on is expected
        assert len(requests) == (2 if expected else 1)


async def test_lists_are_read_to_their_end_on_our_own_address() -> None:
    def page(number: int, following: str | None) -> httpx.Response:
        return httpx.Response(200, json={"sinks": [{"sid": number}, "x"], "meta": {"next_page_url": following}})

    client, requests, _waited = answering(page(1, "https://elsewhere.example.com/v9?PageSize=1&PageToken=A"), page(2, None))
    async with client.open() as session:
        rows = [row async for row in session.pages("v1", "Sinks", key="sinks")]
    assert rows == [{"sid": 1}, {"sid": 2}]
    assert [str(request.url) for request in requests] == [f"{BASE}/v1/Sinks", f"{BASE}/v1/Sinks?PageSize=1&PageToken=A"]


async def test_a_list_without_end_is_left() -> None:
    answer = httpx.Response(200, json={"sinks": [], "meta": {"next_page_url": f"{BASE}/v1/Sinks?Page=1"}})
    client, requests, _waited = answering(answer)
    async with client.open() as session:
        with pytest.raises(InvalidResponse):
            [row async for row in session.pages("v1", "Sinks", key="sinks")]
    assert len(requests) == module.MAX_PAGES


@pytest.mark.parametrize("body", [b"{}", b'{"sinks": 5, "meta": {}}', b'{"sinks": []}'])
async def test_what_is_no_list_is_told(body: bytes) -> None:
    client, _requests, _waited = answering(httpx.Response(200, content=body))
    async with client.open() as session:
        with pytest.raises(InvalidResponse):
            [row async for row in session.pages("v1", "Sinks", key="sinks")]


@pytest.mark.parametrize(
    ("account", "key", "secret", "workspace"),
    [
        ("AC12", "SK" + "1" * 32, "s", ""),
        ("AC" + "1" * 32, "SK1", "s", ""),
        ("AC" + "1" * 32, "AC" + "2" * 32, "s", ""),
        ("AC" + "1" * 32, "AC" + "1" * 32, "", ""),
        ("AC" + "1" * 32, "AC" + "1" * 32, "a\nb", ""),
        ("AC" + "1" * 32, "AC" + "1" * 32, "s", "WS1"),
    ],
)
def test_credentials_that_cannot_be_are_refused_without_repeating_them(
    account: str, key: str, secret: str, workspace: str
) -> None:
    with pytest.raises(ConfigurationError) as raised:
        TwilioAccess(account, key, secret, workspace)
    assert account not in str(raised.value)


def test_the_secret_is_in_no_text() -> None:
    assert ACCESS.secret not in repr(ACCESS)
    assert ACCESS.secret not in repr(TwilioClient(ACCESS, BASE))
    assert "555" not in repr(Answer(200, {}, b"+14155550100"))


async def test_in_sync_is_for_threads_without_a_loop() -> None:
    async def work() -> int:
        return 1

    with pytest.raises(RuntimeError):
        in_sync(work())
    assert await asyncio.to_thread(lambda: in_sync(work())) == 1


# -- At a real socket ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("behaviour", [hang, hang_in_body, trickle])
async def test_nothing_is_waited_for_past_the_deadline(behaviour: Any) -> None:
    async with stub_server() as stub:
        stub.answer(behaviour)
        client = TwilioClient(ACCESS, stub.url)
        began = asyncio.get_running_loop().time()
        with pytest.raises(SourceTimeout):
            await got(client, 0.5)
        assert asyncio.get_running_loop().time() - began < 1.5


@pytest.mark.parametrize(
    ("behaviour", "error"),
    [
        (truncated, SourceUnavailable),
        (not_http, SourceUnavailable),
        (huge, InvalidResponse),
        (reply(b"x", Content_Encoding="gzip"), InvalidResponse),
        (reply(b"[1]"), InvalidResponse),
    ],
)
async def test_what_is_no_answer_is_told_by_its_class(behaviour: Any, error: type[Exception]) -> None:
    async with stub_server() as stub:
        stub.answer(behaviour)
        with pytest.raises(error):
            (await got(TwilioClient(ACCESS, stub.url), 3)).json()


async def test_no_connection_is_left_open() -> None:
    async with stub_server() as stub:
        stub.answer(reply({"sinks": []}))
        await got(TwilioClient(ACCESS, stub.url))
        await asyncio.wait_for(stub.all_closed.wait(), 2)
        assert stub.opened == 1


async def test_a_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    async with stub_server() as stub:
        stub.answer(reply({}))
        assert (await got(TwilioClient(ACCESS, stub.url))).status == 200


async def test_nobody_at_the_address_is_unavailable() -> None:
    stub = Stub(port=9)
    with pytest.raises(SourceUnavailable):
        await got(TwilioClient(ACCESS, stub.url), 1)


async def test_what_is_asked_is_not_logged_at_any_level(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with stub_server() as stub:
        stub.answer(reply({}))
        await got(TwilioClient(ACCESS, stub.url))
    assert [record.name for record in caplog.records if record.name.startswith("http")] == []


async def test_a_wrong_key_is_refused_by_the_stand_in(platform: Platform) -> None:
    wrong = TwilioAccess(ACCESS.account_sid, ACCESS.key, "wrong", ACCESS.workspace_sid)
    with pytest.raises(AuthFailed):
        (await got(platform.client(wrong))).json()
