"""The hosts and addresses that a connector may reach, by what was allowed to it."""

from __future__ import annotations

from typing import Any

import pytest

from integrations.deadline import Deadline
from integrations.errors import AddressRefused, ConfigurationError
from integrations.outbound.http import HttpDoor, close_clients
from integrations.outbound.network import CLOSED, LOOPBACK, checked_host, checked_private, policy_of
from integrations.outbound.oauth import AccessTokens
from tests.http_stub import reply, stub_server

NOWHERE: frozenset[tuple[str, int]] = frozenset()


def reaches(allow_private: Any, host: str, address: str, *, everywhere: bool = False) -> bool:
    """Whether a door to ``host``, which has this address, may connect to it."""
    policy = policy_of(allow_private, [], everywhere=everywhere, own=NOWHERE)
    try:
        policy.towards(host, 443, "base_url").check(address, 443)
    except AddressRefused as refusal:
        return str(refusal) != CLOSED
    return True


@pytest.mark.parametrize(
    ("allow_private", "host", "address", "open_to_it"),
    [
        ([], "db.internal", "10.0.0.5", False),
        (["10.0.0.5"], "db.internal", "10.0.0.5", True),
        (["10.0.0.5"], "db.internal", "10.0.0.6", False),
        (["10.0.0.0/24"], "10.0.0.6", "10.0.0.6", True),
        (["10.0.0.0/24"], "10.0.1.6", "10.0.1.6", False),
        (["fd12::/64"], "x", "fd12::7", True),
        (["db.internal"], "DB.internal.", "192.168.7.7", True),
        (["db.internal"], "evil.internal", "192.168.7.7", False),
        (["db.internal"], "db.internal", "127.0.0.1", False),
        (["db.internal"], "db.internal", "169.254.169.254", False),
        (["10.0.0.5"], "x", "8.8.8.8", True),
        (True, "x", "10.0.0.5", False),
    ],
)
def test_what_is_named_is_open_and_nothing_else(allow_private: Any, host: str, address: str, open_to_it: bool) -> None:
    assert reaches(allow_private, host, address) is open_to_it


@pytest.mark.parametrize(
    ("allow_private", "host", "address", "open_to_it"),
    [
        (True, "x", "10.0.0.5", True),
        (True, "x", "127.0.0.1", True),
        (["127.0.0.1"], "x", "127.0.0.1", True),
        (["127.0.0.1"], "x", "127.0.0.2", False),
        (["localhost"], "localhost", "::1", True),
        (["10.0.0.5"], "x", "127.0.0.1", False),
        ([], "x", "127.0.0.1", False),
        (True, "x", "169.254.169.254", False),
    ],
)
def test_loopback_is_open_where_the_installation_and_the_connector_say_so(
    allow_private: Any, host: str, address: str, open_to_it: bool
) -> None:
    assert reaches(allow_private, host, address, everywhere=True) is open_to_it


def test_a_door_has_the_permission_of_its_own_host_and_no_others() -> None:
    policy = policy_of(["db.internal"], [], everywhere=False, own=NOWHERE)
    HttpDoor("x", "https://db.internal", policy).network.check("10.0.0.5", 443)
    with pytest.raises(AddressRefused):
        HttpDoor("x", "https://crm.internal", policy).network.check("10.0.0.5", 443)


def test_a_vendor_is_played_by_servers_of_this_network_only() -> None:
    policy = policy_of(True, [], everywhere=True, own=NOWHERE).of_vendor(["api.hubapi.com"])
    for host in ("127.0.0.1", "localhost", "10.0.0.5"):
        HttpDoor("crm", f"http://{host}:8000", policy)
    with pytest.raises(ConfigurationError, match="is not one of this system's hosts"):
        HttpDoor("crm", "https://8.8.8.8", policy)


def test_plain_http_goes_where_loopback_would() -> None:
    for allow_private, everywhere in ((["10.0.0.5"], False), ([], True), (["10.0.0.6"], True)):
        with pytest.raises(ConfigurationError, match="must begin with https"):
            HttpDoor("x", "http://10.0.0.5", policy_of(allow_private, [], everywhere=everywhere, own=NOWHERE))
    HttpDoor("x", "http://10.0.0.5", policy_of(["10.0.0.5"], [], everywhere=True, own=NOWHERE))


@pytest.mark.parametrize(
    ("host", "known"),
    [("api.hubapi.com", True), ("API.hubapi.com.", True), ("eu.hubapi.com", True), ("hubapi.com.evil.example", False),
     ("evilhubapi.com", False), ("crm.example.org", False), ("proxy.example.net", True), ("127.0.0.1", False)],
)  # fmt: skip
def test_a_vendors_kind_speaks_to_the_vendors_hosts_and_those_that_were_added(host: str, known: bool) -> None:
    policy = policy_of([], ["proxy.example.net"], everywhere=False, own=NOWHERE).of_vendor(["api.hubapi.com", "*.hubapi.com"])
    if known:
        HttpDoor("crm", f"https://{host}", policy)
        return
    with pytest.raises(ConfigurationError, match="is not one of this system's hosts"):
        HttpDoor("crm", f"https://{host}", policy)
    with pytest.raises(ConfigurationError, match=r"^token_url: "):
        AccessTokens("crm", f"https://{host}/token", policy, dict)


def test_a_kind_of_no_vendors_speaks_to_any_host() -> None:
    HttpDoor(
        "x", "https://anything.example.org", policy_of([], ["proxy.example.net"], everywhere=False, own=NOWHERE).of_vendor(())
    )


async def test_the_portal_itself_is_never_a_source() -> None:
    async with stub_server() as stub:
        stub.answer(reply({}))
        own = frozenset({(LOOPBACK, stub.port), ("portal.example.org", 443)})
        policy = policy_of(True, [], everywhere=True, own=own)
        for address in ("127.0.0.1", "127.0.0.2", "[::ffff:127.0.0.1]"):
            with pytest.raises(AddressRefused, match="The portal itself"):
                await HttpDoor("x", f"http://{address}:{stub.port}", policy).request("GET", "/", Deadline(5))
        with pytest.raises(AddressRefused, match="The portal itself"):
            HttpDoor("x", "https://portal.example.org", policy)
        await close_clients()
    assert not stub.requests


async def test_an_answer_that_leads_elsewhere_is_not_followed() -> None:
    async with stub_server() as stub, stub_server() as elsewhere:
        stub.answer(reply({}, status=302, Location=f"{elsewhere.url}/"))
        elsewhere.answer(reply({}))
        with pytest.raises(Exception, match="status 302"):
            await HttpDoor("x", stub.url, policy_of(True, [], everywhere=True, own=NOWHERE)).request("GET", "/", Deadline(5))
        await close_clients()
    assert not elsewhere.requests


@pytest.mark.parametrize(
    "entry",
    ["8.8.8.8", "0.0.0.0/0", "10.0.0.0/7", "10.0.0.5/8", "a b", "*.internal", "http://x", "127.0.0.1", "169.254.169.254", ""],
)
def test_what_is_not_private_is_not_allowed_as_such(entry: str) -> None:
    with pytest.raises(ValueError, match=r"Write it like|is not private|is no network"):
        checked_private([entry], everywhere=False)


def test_what_is_allowed_is_stored_in_one_spelling() -> None:
    assert checked_private(["10.0.0.0/8", " DB.Internal. ", "[fd12::1]"], everywhere=False) == [
        "10.0.0.0/8",
        "db.internal",
        "fd12::1",
    ]
    assert checked_private(["127.0.0.1"], everywhere=True) == ["127.0.0.1"]
    assert (checked_private(False, everywhere=False), checked_private(True, everywhere=True)) == ([], True)
    with pytest.raises(ValueError, match="CONNIE_ALLOW_PRIVATE=1"):
        checked_private(True, everywhere=False)
    with pytest.raises(ValueError, match="no host name"):
        checked_host("https://x/y")
