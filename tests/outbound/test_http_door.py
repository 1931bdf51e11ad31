from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest

from integrations.deadline import Deadline
from integrations.errors import (
    AddressRefused,
    AuthFailed,
    ConfigurationError,
    InvalidResponse,
    MissingScope,
    PortalError,
    RateLimited,
    SourceTimeout,
    SourceUnavailable,
)
from integrations.outbound.http import MAX_BODY, HttpDoor, _sessions, close_clients, segment
from integrations.outbound.network import NetworkPolicy
from integrations.outbound.recording import recording
from tests import http_stub
from tests.http_stub import LOOPBACK_ALLOWED, Stub, reply, stub_server


@pytest.fixture
async def stub() -> AsyncIterator[Stub]:
    async with stub_server() as server:
        yield server
        await close_clients()


def door(base_url: str, network: NetworkPolicy = LOOPBACK_ALLOWED, **facts: Any) -> HttpDoor:
    return HttpDoor("crm", base_url, network, **facts)


async def get(stub: Stub, path: str = "/x", seconds: float = 5, **facts: Any) -> Any:
    return await door(stub.url).request("GET", path, Deadline(seconds), **facts)


# -- What is sent, what comes back ---------------------------------------------------------------------------------


async def test_a_good_answer_is_decoded_and_the_request_is_as_asked(stub: Stub) -> None:
    stub.answer(reply({"ok": True}))
    there = door(stub.url + "/base/", headers={"Authorization": "Bearer t"})
    assert await there.request("POST", "/x/y", Deadline(5), query={"a": "b&c"}, json={"n": "José"}) == {"ok": True}
    (request,) = stub.requests
    assert (request.method, request.path) == ("POST", "/base/x/y?a=b%26c")
    assert request.json == {"n": "José"}
    assert (request.headers["authorization"], request.headers["accept-encoding"]) == ("Bearer t", "identity")


async def test_connections_are_kept_and_shared(stub: Stub) -> None:
    stub.answer(reply({}))
    for _request in range(5):
        await get(stub)
    assert stub.opened == 1


async def test_a_form_is_sent_as_a_form(stub: Stub) -> None:
    stub.answer(reply({}))
    await door(stub.url).request("POST", "/token", Deadline(5), form={"grant_type": "a&b", "scope": "é"})
    (request,) = stub.requests
    assert request.body == b"grant_type=a%26b&scope=%C3%A9"
    assert request.headers["content-type"] == "application/x-www-form-urlencoded"


async def test_a_requests_own_header_takes_the_place_of_the_doors_whatever_its_case(stub: Stub) -> None:
    stub.answer(reply({}))
    there = door(stub.url, headers={"accept": "text/plain"})
    await there.request("GET", "/x", Deadline(5), headers={"ACCEPT": "application/fhir+json"})
    await there.request("GET", "/x", Deadline(5))
    assert [request.headers["accept"] for request in stub.requests] == ["application/fhir+json", "text/plain"]
    assert there.headers.getall("Accept") == ["text/plain"]


async def test_the_headers_of_an_answer_are_found_whatever_their_case(stub: Stub) -> None:
    stub.answer(reply({}, RETRY_after="7"))
    answer = await door(stub.url).ask("GET", "/x", Deadline(5))
    assert answer.headers["Retry-After"] == answer.headers["retry-after"] == "7"


async def test_the_environments_proxies_are_not_used(stub: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    stub.answer(reply({"direct": True}))
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert await get(stub) == {"direct": True}


async def test_after_a_cancelled_request_the_kept_connections_go_on(stub: Stub) -> None:
    stub.answer(reply({}), http_stub.hang, reply({}))
    await get(stub)
    with pytest.raises(SourceTimeout):
        await get(stub, seconds=0.2)
    await get(stub)
    await get(stub)
    # The one that hung was the kept one: it is closed, and its successor is kept in turn.
    assert stub.opened == 2
    await close_clients()
    await asyncio.wait_for(stub.all_closed.wait(), 5)


async def test_cookies_are_not_sent_back(stub: Stub) -> None:
    stub.answer(reply({}, Set_Cookie="session=1; Path=/"))
    await get(stub)
    await get(stub)
    assert all("cookie" not in request.headers for request in stub.requests)


async def test_a_value_stays_one_segment_of_the_path(stub: Stub) -> None:
    stub.answer(reply({}))
    await get(stub, f"/contacts/{segment('../../admin?x=1#y')}")
    assert stub.requests[0].path == "/contacts/..%2F..%2Fadmin%3Fx=1%23y"


@pytest.mark.parametrize("path", ["//evil.example/x", "x", "http://evil.example/", "/a/../b", "/a/%2e%2e/b", "/a b", "/a\\b",
                                  "/a#b", "/a?b=c", "/a\r\nX: y"])  # fmt: skip
async def test_a_path_cannot_lead_elsewhere(stub: Stub, path: str) -> None:
    with pytest.raises(ConfigurationError):
        await get(stub, path)
    assert stub.requests == []


@pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "a\nb", "\x00", "é"])
async def test_a_header_cannot_be_injected(value: str) -> None:
    with pytest.raises(ConfigurationError):
        door("https://api.example.org", headers={"Authorization": value})
    with pytest.raises(ConfigurationError):
        await door("https://api.example.org").request("GET", "/x", Deadline(5), headers={"X-Name": value})


# -- Failures ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "error"),
    [(400, InvalidResponse), (401, AuthFailed), (403, MissingScope), (404, InvalidResponse), (409, InvalidResponse),
     (429, RateLimited), (500, SourceUnavailable), (503, SourceUnavailable), (301, InvalidResponse), (302, InvalidResponse),
     (307, InvalidResponse)],
)  # fmt: skip
async def test_each_status_has_its_error(stub: Stub, status: int, error: type[PortalError]) -> None:
    stub.answer(reply({}, status, Location=f"http://127.0.0.1:{stub.port}/elsewhere"))
    with pytest.raises(error) as raised:
        await get(stub)
    assert type(raised.value) is error
    assert len(stub.requests) == 1  # a redirect is not followed


async def test_404_may_mean_that_there_is_none(stub: Stub) -> None:
    stub.answer(reply({}, 404))
    assert await get(stub, missing_ok=True) is None


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7.0),
        ("99999999", 3_600.0),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0.0),
        ("Fri, 01 Jan 2100 00:00:00 GMT", 3_600.0),
        ("soon", None),
        ("", None),
        ("-1", None),
    ],
)
async def test_retry_after_is_read_where_it_can_be(stub: Stub, header: str, seconds: float | None) -> None:
    stub.answer(reply({}, 429, Retry_After=header))
    with pytest.raises(RateLimited) as raised:
        await get(stub)
    assert raised.value.retry_after == seconds


@pytest.mark.parametrize(
    ("behaviour", "error"),
    [
        (http_stub.hang, SourceTimeout),
        (http_stub.hang_in_body, SourceTimeout),
        (http_stub.trickle, SourceTimeout),
        (http_stub.reset, SourceUnavailable),
        (http_stub.truncated, InvalidResponse),
        (http_stub.not_http, InvalidResponse),
        (http_stub.huge, InvalidResponse),
        (reply(b'"' + b"a" * MAX_BODY + b'"'), InvalidResponse),
        (http_stub.endless, InvalidResponse),
        (http_stub.gzip_bomb, InvalidResponse),
        (reply(b"<html>Sorry</html>"), InvalidResponse),
        (reply(b""), InvalidResponse),
        (reply(b"\xff\xfe{\x00}\x00"), InvalidResponse),
        (reply(b"[" * 100_000), InvalidResponse),
    ],
)
async def test_each_misbehaviour_has_its_error_and_leaves_no_connection(
    stub: Stub, behaviour: http_stub.Write, error: type[PortalError]
) -> None:
    stub.answer(behaviour)
    with pytest.raises(error) as raised:
        await get(stub, seconds=0.3 if error is SourceTimeout else 10)
    assert type(raised.value) is error
    await close_clients()
    await asyncio.wait_for(stub.all_closed.wait(), 5)


async def test_a_compressed_body_is_refused_unread(stub: Stub) -> None:
    stub.answer(http_stub.gzip_bomb)
    with pytest.raises(InvalidResponse, match="compressed"):
        await get(stub)


async def test_a_cancelled_request_closes_its_connection_at_once(stub: Stub) -> None:
    stub.answer(http_stub.hang)
    request = asyncio.create_task(get(stub))
    await stub.reached.wait()
    request.cancel()
    with pytest.raises(asyncio.CancelledError):
        await request
    await asyncio.wait_for(stub.all_closed.wait(), 5)


async def test_a_refused_connection_is_unavailable() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(SourceUnavailable):
        await door(f"http://127.0.0.1:{port}").request("GET", "/", Deadline(5))
    await close_clients()


async def test_a_name_that_does_not_exist_is_unavailable() -> None:
    with pytest.raises(SourceUnavailable):
        await door("http://no-such-host.invalid").request("GET", "/", Deadline(5))
    await close_clients()


async def test_a_server_without_tls_is_unavailable_over_https() -> None:
    async def speak_plainly(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await http_stub.not_http(writer)

    async with await asyncio.start_server(speak_plainly, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(SourceUnavailable):
            await door(f"https://127.0.0.1:{port}").request("GET", "/", Deadline(5))
        await close_clients()


async def test_an_error_repeats_neither_body_nor_query(stub: Stub) -> None:
    stub.answer(reply(b"the caller is Rosa", 500))
    with pytest.raises(SourceUnavailable) as raised:
        await get(stub, query={"phone": "+14155550123"})
    assert "Rosa" not in str(raised.value)
    assert "4155550123" not in str(raised.value)


def test_each_event_loop_has_its_own_connections() -> None:
    async def once() -> Any:
        async with stub_server() as stub:
            stub.answer(reply({"n": 1}))
            answer = await get(stub)
            await close_clients()
            return answer

    assert [asyncio.run(once()), asyncio.run(once())] == [{"n": 1}, {"n": 1}]


def test_an_event_loop_that_ended_untidily_leaves_nothing_behind() -> None:
    async def once() -> Any:
        async with stub_server() as stub:
            stub.answer(reply({"n": 1}, Connection="close"))
            answer = await get(stub)
            await asyncio.wait_for(stub.all_closed.wait(), 5)
            return answer

    async def two_at_once() -> Any:
        answers = await asyncio.gather(once(), once())
        await close_clients()
        return answers

    assert asyncio.run(once()) == {"n": 1}
    assert asyncio.run(two_at_once()) == [{"n": 1}, {"n": 1}]
    assert _sessions == {}


# -- Addresses -----------------------------------------------------------------------------------------------------

CLOSED = NetworkPolicy()
PRIVATE = NetworkPolicy(allow_private=True)


@pytest.mark.parametrize("network", [CLOSED, PRIVATE])
@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "0x7f000001", "[::1]", "[::ffff:127.0.0.1]",
     "[0:0:0:0:0:ffff:7f00:1]", "localhost.", "0.0.0.0", "[::]", "169.254.169.254", "[fd00:ec2::254]", "[fe80::1]", "224.0.0.1",
     "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "100.100.100.200", "192.0.2.1", "240.0.0.1"],
)  # fmt: skip
async def test_closed_addresses_are_refused_however_they_are_spelt(host: str, network: NetworkPolicy) -> None:
    with pytest.raises((AddressRefused, SourceUnavailable)) as raised:
        await door(f"https://{host}:1", network).request("GET", "/", Deadline(5))
    await close_clients()
    # What the system's resolver does not know never gets as far as an address.
    assert isinstance(raised.value, AddressRefused) or host in {"localhost."}


@pytest.mark.parametrize("address", ["10.0.0.5", "172.16.0.1", "192.168.1.1", "fd12:3456::1", "::ffff:10.0.0.5"])
def test_private_addresses_need_their_permission(address: str) -> None:
    with pytest.raises(AddressRefused):
        CLOSED.check(address, 443)
    PRIVATE.check(address, 443)


@pytest.mark.parametrize(
    "address",
    ["169.254.169.254", "fe80::1", "fe80::1%eth0", "224.0.0.1", "ff02::1", "0.0.0.0", "::", "not-an-address",
     "::ffff:169.254.169.254", "100.100.100.200", "168.63.129.16", "192.0.0.192",
     "fd00:ec2::254", "fd00:ec2::23", "fd20:ce::254", "fd00:c1::a9fe:a9fe", "fd00:42::42",
     "fec0::1", "feff::1", "192.88.99.1", "3fff::1", "5f00::1", "4000::1", "2001:db8::1", "100::1", "198.18.0.1", "100.64.0.1",
     "::ffff:0:10.0.0.1", "::ffff:0:127.0.0.1", "64:ff9b::10.0.0.1", "64:ff9b::127.0.0.1", "64:ff9b:1::8.8.8.8",
     "64:ff9b:1:a00:1::", "2002:a00:1::", "2002:7f00:1::", "2002:a9fe:a9fe::1", "::10.0.0.1", "::127.0.0.1",
     "2001:0:808:808:0:59d:f5ff:fffe", "2001:0:a00:1:0:59d:f7f7:f7f7", "2600::5efe:10.0.0.1", "2600::200:5efe:127.0.0.1"],
)  # fmt: skip
def test_some_addresses_are_never_open(address: str) -> None:
    with pytest.raises(AddressRefused):
        LOOPBACK_ALLOWED.check(address, 443)


@pytest.mark.parametrize(
    "address",
    ["8.8.8.8", "2606:4700::1111", "64:ff9b::8.8.8.8", "::ffff:8.8.8.8", "2002:808:808::1", "192.88.98.1", "fd20:cf::1"],
)
def test_public_and_permitted_addresses_beside_them_are_open(address: str) -> None:
    LOOPBACK_ALLOWED.check(address, 443)


def test_the_portals_own_servers_are_never_open() -> None:
    policy = NetworkPolicy(allow_private=True, allow_loopback=True, own=frozenset({("127.0.0.1", 3306)}))
    with pytest.raises(AddressRefused):
        policy.check("127.0.0.1", 3306)
    with pytest.raises(AddressRefused):
        policy.check("::ffff:127.0.0.1", 3306)
    policy.check("127.0.0.1", 3307)
    inside = NetworkPolicy(allow_private=True, own=frozenset({("fd12::5", 3306)}))
    for address in ("fd12::5", "fd12::5%eth0", "fd12:0::5"):
        with pytest.raises(AddressRefused):
            inside.check(address, 3306)


async def test_a_name_that_changes_its_address_is_refused_at_the_moment_of_connecting(
    stub: Stub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The name first answers with a public address, as it would for a check, and with loopback when connected to."""
    stub.answer(reply({"stolen": True}))
    loop = asyncio.get_running_loop()

    async def rebound(host: str, port: int, **_facts: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    monkeypatch.setattr(loop, "getaddrinfo", rebound)
    with pytest.raises(AddressRefused):
        await door(f"https://rebinding.example:{stub.port}", PRIVATE).request("GET", "/", Deadline(5))
    assert stub.requests == []


async def test_a_name_is_resolved_anew_for_each_connection(stub: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    stub.answer(reply({}, Connection="close"))
    asked: list[str] = []

    async def resolved(host: str, port: int, **_facts: Any) -> list[Any]:
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolved)
    for _time in range(2):
        await door(f"http://crm.example:{stub.port}").request("GET", "/", Deadline(5))
    assert asked == ["crm.example"] * 2


@pytest.mark.parametrize(
    "url",
    ["http://api.example.org", "ftp://api.example.org", "api.example.org", "https://", "https://user:pw@api.example.org",
     "https://api.example.org?x=1", "https://api.example.org#x", "https://[::1", "https://api.example.org:99999", "",
     "https://2130706433", "https://0177.0.0.1", "https://0x7f.1", "https://127.1"],
)  # fmt: skip
def test_a_base_address_that_cannot_be_used_says_what_to_change(url: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^base_url: .*\.$"):
        door(url, CLOSED)


async def test_who_tries_it_gets_a_line_for_curl_without_the_sign_in(stub: Stub) -> None:
    stub.answer(reply({}))
    with recording() as recorded:
        signed = door(stub.url, headers={"Authorization": "Bearer tok-1"})
        await signed.request("POST", "/search", Deadline(5), json={"phone": "+14155550123"})
    (sent,) = recorded.sent
    assert sent.what == f"POST {stub.url}/search"
    assert "+14155550123" in sent.curl
    assert "tok-1" not in sent.curl
