"""The addresses that a connector may reach: the guard against server-side request forgery (SSRF).

The two doors ask it for each address that they are about to connect to, after names were resolved.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache

from integrations.errors import AddressRefused, ConfigurationError
from integrations.profile import JSON


@dataclass(frozen=True)
class NetworkPolicy:
    """The addresses that a connector may reach (docs/configuration.md, "allow_private").

    ``allow_private``: any RFC 1918 and ULA address; ``private``: the host names, addresses and networks of them that the
    connector was allowed. ``allow_loopback``: the installation opens loopback and plain http to what is allowed so.
    ``hosts``: the only ones that may be spoken to; none: any. ``own``: the portal's own servers as (host or address, port),
    refused always; (LOOPBACK, port) stands for this machine by any of its loopback addresses.
    """

    allow_private: bool = False
    allow_loopback: bool = False
    own: frozenset[tuple[str, int]] = frozenset()
    private: frozenset[str] = frozenset()
    hosts: tuple[str, ...] = ()

    def of_vendor(self, hosts: Iterable[str]) -> NetworkPolicy:
        """The policy of a kind that speaks to its vendor's hosts and to those that a superuser added; to any if it has none."""
        vendors = tuple(hosts)
        return replace(self, hosts=(*vendors, *self.hosts) if vendors else ())

    def towards(self, host: str, port: int, option: str) -> NetworkPolicy:
        """The policy of a door that speaks to this host alone. Raises ConfigurationError naming the option, AddressRefused."""
        name = _bare(host)
        if (name, port) in self.own:
            raise AddressRefused(OWN)
        named = name in self.private
        if self.hosts and not (named or _is_one_of(name, self.hosts) or self._is_a_stand_in(name)):
            known = ", ".join(self.hosts)
            raise ConfigurationError(
                f"{option}: {host} is not one of this system's hosts ({known}). A superuser can allow another under “hosts”."
            )
        return replace(self, allow_private=self.allow_private or named)

    def allows_plain(self, host: str) -> bool:
        """Whether http:// will do: for what stands on the same machine or network of a demo or a test."""
        return self.allow_loopback and (self.allow_private or _bare(host) in self.private or self._opens(_literal(host)))

    @property
    def reaches_inside(self) -> bool:
        """Whether anything private is open to it."""
        return self.allow_private or bool(self.private)

    def _opens(self, ip: _Address | None) -> bool:
        return ip is not None and (self.allow_private or _in_any(ip, _networks_among(self.private)))

    def _is_a_stand_in(self, name: str) -> bool:
        """A server of the demo's or a test's that plays the vendor."""
        ip = _literal(name)
        return self.allow_loopback and self.allow_private and (name == "localhost" or (ip is not None and ip.is_private))

    def check(self, address: str, port: int) -> None:
        """Raise AddressRefused unless this literal IP address may be connected to."""
        try:
            ip = ipaddress.ip_address(address.split("%")[0])
        except ValueError as error:
            raise AddressRefused("The address is not an IP address.") from error
        ip = _unwrapped(ip)
        if (str(ip), port) in self.own or (ip.is_loopback and (LOOPBACK, port) in self.own):
            raise AddressRefused(OWN)
        if ip.is_loopback:
            is_open = self.allow_loopback and self._opens(ip)
        elif _is_never_open(ip):
            is_open = False
        else:
            is_open = self._opens(ip) if _in_any(ip, _PRIVATE) else _is_public(ip)
        if not is_open:
            raise AddressRefused(CLOSED)


LOOPBACK = "loopback"
# One sentence for all that is closed: which of them it is, is nobody's business who only tries addresses.
CLOSED = (
    "This address is closed to connectors: private addresses have to be allowed by a superuser, one by one, and some can never "
    "be used."
)
OWN = "The portal itself, its database and its Redis cannot be used as a source."
# For a connector that was allowed nothing: addresses of the public Internet.
PUBLIC_ONLY = NetworkPolicy()

type _Address = ipaddress.IPv4Address | ipaddress.IPv6Address
type _Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def _networks(*written: str) -> tuple[_Network, ...]:
    return tuple(ipaddress.ip_network(network) for network in written)


_PRIVATE = _networks("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")
_LOOPBACK = _networks("127.0.0.0/8", "::1/128")
# The clouds' servers that hand out credentials, where they stand among public or private addresses.
_METADATA = _networks(
    "169.254.0.0/16",  # nearly everybody
    "100.100.100.200/32",  # Alibaba
    "168.63.129.16/32",  # Azure
    "192.0.0.192/32",  # Oracle, older
    "fd00:ec2::/32",  # Amazon: metadata, credentials of containers, names, time
    "fd20:ce::/64",  # Google
    "fd00:42::/64",  # Scaleway
)
# 169.254.169.254 in the last four bytes of a private address is metadata too, as Oracle has it (fd00:c1::a9fe:a9fe).
_METADATA_ENDING = 0xA9FEA9FE
# Python calls some of these global: by its version, or because they once were.
_RETIRED = _networks("192.88.99.0/24", "3fff::/20", "64:ff9b:1::/48")
_IPV6_PUBLIC = ipaddress.IPv6Network("2000::/3")
# Networks whose last four bytes are an IPv4 address: NAT64, IPv4-translated, IPv4-compatible (RFC 6052, 7915, 4291).
_ENDING_IN_IPV4 = _networks("64:ff9b::/96", "::ffff:0:0:0/96", "::/96")
# An interface that tunnels to the IPv4 address after it, in any network (ISATAP, RFC 5214).
_ISATAP = frozenset({0x00005EFE, 0x02005EFE})


_HOST = re.compile(r"(?:\*\.)?[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63}){0,20}")


def policy_of(allow_private: JSON, hosts: Iterable[str], *, everywhere: bool, own: frozenset[tuple[str, int]]) -> NetworkPolicy:
    """What a stored connector may reach. ``everywhere``: the installation lets ``true`` mean any private address; ``own``: the
    portal's own servers, as in the policy."""
    named = allow_private if isinstance(allow_private, list) else []
    return NetworkPolicy(
        allow_private=allow_private is True and everywhere,
        allow_loopback=bool(allow_private) and everywhere,
        own=own,
        private=frozenset(_bare(str(one)) for one in named),
        hosts=tuple(_bare(str(host)) for host in hosts),
    )


def checked_private(entered: JSON, *, everywhere: bool) -> list[str] | bool:
    """``allow_private`` as it is stored: True, or the names, addresses and networks. Raises ValueError saying why not."""
    if entered is True and not everywhere:
        raise ValueError(
            "true works only where CONNIE_ALLOW_PRIVATE=1 is set. Name what may be reached, like 10.0.0.5 or 10.0.0.0/24."
        )
    if isinstance(entered, bool) or not entered:
        return bool(entered) or []
    return [_checked_private(str(one), everywhere=everywhere) for one in entered]


def _checked_private(entry: str, *, everywhere: bool) -> str:
    bare = _bare(entry)
    if "/" not in bare and _literal(bare) is None:
        if not _HOST.fullmatch(bare) or "*" in bare or bare.rpartition(".")[2].isdigit():
            raise ValueError(f"{entry!r} is no host name, address or network. Write it like 10.0.0.5, 10.0.0.0/24.")
        return bare
    try:
        network = ipaddress.ip_network(bare)
    except ValueError:
        raise ValueError(f"{entry!r} is no network. Write it like 10.0.0.0/24, with zeros behind its own part.") from None
    within = (*_PRIVATE, *(_LOOPBACK if everywhere else ()))
    if not any(one.version == network.version and network.subnet_of(one) for one in within):  # type: ignore[arg-type]
        raise ValueError(f"{entry!r} is not private. Private are 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16 and fc00::/7.")
    return bare


def checked_host(entry: str) -> str:
    """One of ``hosts`` as it is stored. Raises ValueError saying what to change."""
    bare = _bare(entry)
    if _literal(bare) is None and not _HOST.fullmatch(bare):
        raise ValueError(f"{entry!r} is no host name. Write it like api.example.org, without https:// and without a path.")
    return bare


def _bare(host: str) -> str:
    return host.strip().lower().rstrip(".").removeprefix("[").removesuffix("]")


def _is_one_of(name: str, hosts: Iterable[str]) -> bool:
    """``*.example.org`` stands for whatever is below it."""
    return any(name == host or (host.startswith("*.") and name.endswith(host[1:])) for host in hosts)


def _literal(host: str) -> _Address | None:
    try:
        return ipaddress.ip_address(_bare(host))
    except ValueError:
        return None


@lru_cache(maxsize=256)
def _networks_among(private: frozenset[str]) -> tuple[_Network, ...]:
    found = []
    for one in private:
        try:
            found.append(ipaddress.ip_network(one))
        except ValueError:
            continue  # a host's name, which the door was asked about
    return tuple(found)


def _in_any(ip: _Address, networks: tuple[_Network, ...]) -> bool:
    return any(ip.version == network.version and ip in network for network in networks)


def _is_never_open(ip: _Address) -> bool:
    if ip.is_link_local or ip.is_multicast or ip.is_unspecified or _in_any(ip, _METADATA):
        return True
    return ip.version == 6 and _in_any(ip, _PRIVATE) and int(ip) & 0xFFFFFFFF == _METADATA_ENDING


def _is_public(ip: _Address) -> bool:
    if _in_any(ip, _RETIRED) or not ip.is_global:
        return False
    return isinstance(ip, ipaddress.IPv4Address) or ip in _IPV6_PUBLIC


def _unwrapped(ip: _Address) -> _Address:
    """The IPv4 address inside an IPv6 one, which is where it would lead.

    A mapped address is another spelling. All others are tunnels and translators: nobody writes one for a server in
    their own network, so what they lead to must be public.
    """
    if isinstance(ip, ipaddress.IPv4Address):
        return ip
    if ip.ipv4_mapped:
        return ip.ipv4_mapped
    carried = _carried(ip)
    if any(not _is_public(inner) for inner in carried):
        raise AddressRefused("Addresses that lead to a private IPv4 address by a tunnel can never be used.")
    return carried[0] if carried else ip


def _carried(ip: ipaddress.IPv6Address) -> list[ipaddress.IPv4Address]:
    """The IPv4 addresses that this one tunnels or translates to."""
    number = int(ip)
    if ip.teredo:
        return [ip.teredo[1], ip.teredo[0]]
    if ip.sixtofour:
        return [ip.sixtofour]
    if (_in_any(ip, _ENDING_IN_IPV4) and number > 1) or number >> 32 & 0xFFFFFFFF in _ISATAP:
        return [ipaddress.IPv4Address(number & 0xFFFFFFFF)]
    return []
