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
        if ip.is_link_local or ip.is_multicast or ip.is_unspecified or str(ip) in _METADATA:
            raise AddressRefused("Link-local, metadata, multicast and unspecified addresses can never be used.")
        if ip.is_loopback:
            if not (self.allow_loopback and self.allow_private):
                raise AddressRefused("Loopback addresses are closed to connectors on this installation.")
        elif _in_private_network(ip):
            if not self.allow_private:
                raise AddressRefused(
                    "This is a private address; a superuser has to allow private addresses for this connector."
                )
        elif not ip.is_global:
            raise AddressRefused("Reserved addresses can never be used.")


# For a connector that was allowed nothing: addresses of the public Internet.
PUBLIC_ONLY = NetworkPolicy()

_PRIVATE = tuple(ipaddress.ip_network(net) for net in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"))
_METADATA = frozenset({"169.254.169.254", "fd00:ec2::254", "100.100.100.200", "168.63.129.16", "192.0.0.192"})


def _in_private_network(ip: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    return any(ip.version == net.version and ip in net for net in _PRIVATE)


def _unwrapped(ip: ipaddress.IPv4Address | ipaddress.IPv6Address) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """The IPv4 address inside an IPv6 one (mapped, 6to4, Teredo, NAT64, compatible), which is where it would lead."""
    if isinstance(ip, ipaddress.IPv4Address):
        return ip
    if inner := ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None):
        return inner
    if ip in ipaddress.ip_network("64:ff9b::/96") or (int(ip) >> 32 == 0 and int(ip) > 1):
        return ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip
