"""The settings that a connector is built from, and which addresses are closed to each of them."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Mapping
from functools import cache
from urllib.parse import urlsplit

from django.conf import settings

from integrations.connectors.base import SourceSettings
from integrations.models import Connector as ConnectorRow
from integrations.models import Organization
from integrations.outbound.network import LOOPBACK, policy_of
from integrations.profile import Field


def settings_of(row: ConnectorRow, organization: Organization, vocabulary: Mapping[str, Field]) -> SourceSettings:
    """A connector that is stored, or about to be, as the snapshot that its kind is built from: the only way to one, so
    that none is without the guard of the portal's own addresses."""
    return SourceSettings(
        key=row.key,
        label=row.name,
        kind=row.kind,
        organization=organization.slug,
        options=row.options,
        secrets=row.secrets or {},
        mapping=row.fields,
        vocabulary=vocabulary,
        region=row.region or organization.region,
        home=organization.region,
        zone=organization.timezone,
        currency=row.currency or organization.currency,
        details_by=row.details_by,
        network=policy_of(row.allow_private, row.hosts, everywhere=settings.ALLOW_PRIVATE, own=own_addresses()),
        sources_dir=settings.SOURCES_DIR,
        concurrency=int(row.limits.get("concurrency") or SourceSettings.concurrency),
    )


@cache
def own_addresses() -> frozenset[tuple[str, int]]:
    """The addresses where the portal itself, its database and its Redis listen, which no connector may reach."""
    found: set[tuple[str, int]] = set()
    for url, port in ((settings.DATABASE_URL, 3306), (settings.REDIS_URL, 6379), (settings.PUBLIC_URL, 443)):
        parts = urlsplit(url)
        port = parts.port or (80 if parts.scheme == "http" else port)
        if parts.hostname:
            found |= {(parts.hostname, port), *_addresses(parts.hostname, port)}
    # Whatever it listens on is this machine too; connectors may be built before it listens.
    if settings.PORT:
        found |= {(LOOPBACK, settings.PORT), ("localhost", settings.PORT), *_addresses(socket.gethostname(), settings.PORT)}
    return frozenset(found)


def _addresses(host: str, port: int) -> set[tuple[str, int]]:
    try:
        found = {str(answer[4][0]) for answer in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)}
    except OSError:
        return set()  # the name itself is refused all the same
    here = {LOOPBACK} if any(ipaddress.ip_address(one.partition("%")[0]).is_loopback for one in found) else set()
    return {(one, port) for one in found | here}
