"""Which addresses a connector may reach: the guard against server-side request forgery (SSRF).

The two doors ask it for each address that they are about to connect to, after names were resolved.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from integrations.errors import AddressRefused


@dataclass(frozen=True)
class NetworkPolicy:
    """Which addresses a connector may reach (docs/configuration.md, "allow_private").

    ``allow_private``: the connector was allowed RFC 1918 and ULA addresses. ``allow_loopback``: it and the process
    were allowed loopback and plain http as well. ``own``: the portal's own servers as (address, port), refused always.
    """

    allow_private: bool = False
    allow_loopback: bool = False
    own: frozenset[tuple[str, int]] = frozenset()

    def check(self, address: str, port: int) -> None:
        """Raise AddressRefused unless this literal IP address may be connected to."""
        try:
            ip = ipaddress.ip_address(address.split("%")[0])
        except ValueError as error:
            raise AddressRefused("The address is not an IP address.") from error
        ip = _unwrapped(ip)
        if (str(ip), port) in self.own:
            raise AddressRefused("The portal's own database and Redis cannot be used as a source.")
        if _is_never_open(ip):
            raise AddressRefused("Link-local, metadata, multicast and unspecified addresses can never be used.")
        if ip.is_loopback:
            if not (self.allow_loopback and self.allow_private):
                raise AddressRefused("Loopback addresses are closed to connectors on this installation.")
        elif _in_any(ip, _PRIVATE):
            if not self.allow_private:
                raise AddressRefused(
                    "This is a private address; a superuser has to allow private addresses for this connector."
                )
        elif not _is_public(ip):
            raise AddressRefused("Reserved addresses can never be used.")


# For a connector that was allowed nothing: addresses of the public Internet.
PUBLIC_ONLY = NetworkPolicy()

type _Address = ipaddress.IPv4Address | ipaddress.IPv6Address
type _Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def _networks(*written: str) -> tuple[_Network, ...]:
    return tuple(ipaddress.ip_network(network) for network in written)


_PRIVATE = _networks("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")
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
