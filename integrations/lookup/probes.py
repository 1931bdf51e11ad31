"""Whether each connected system answers and accepts our sign-in. Touches nobody's record."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime

import orjson
import structlog
from django.core.cache import cache

from integrations.connectors.base import Connector, Health
from integrations.deadline import Deadline
from integrations.errors import (
    AuthFailed,
    ConfigurationError,
    InvalidResponse,
    OutOfReach,
    RateLimited,
    SourceError,
    SourceTimeout,
    SourceUnavailable,
)
from integrations.lookup.sources import Source, plan_and_source, plan_of
from integrations.sentences import gettext_noop

log = structlog.get_logger(__name__)

# So that whoever polls us does not make us poll the vendors as often.
TTL_S = 15
OVERALL_S = 6.0
_CRASHED = gettext_noop("It could not be checked because of a mistake in the portal, which has been logged.")


@dataclass(frozen=True)
class Probe:
    """How one system is. ``status`` as in ``Health``; ``message`` is a sentence, empty when healthy.

    ``since``: when the status last changed, as far as is known; ISO 8601 with zone.
    """

    key: str
    label: str
    essential: bool
    status: str
    message: str
    since: str = ""

    @property
    def usable(self) -> bool:
        return self.status in {"healthy", "degraded"}


async def probe(organization_id: int, *, anew: bool = False) -> list[Probe]:
    """Every enabled system of the organisation, asked at once, each within its deadline. Never raises for what one does.

    What was found in the last seconds is told again, unless ``anew``. A kind that cannot be probed is left out.
    """
    plan = await plan_of(organization_id)
    sources = [source for source in plan.sources if source.connector is None or source.connector.can("health")]
    key = _key(organization_id, sources)
    if not anew and (kept := await cache.aget(key)) is not None:
        return [Probe(**facts) for facts in orjson.loads(kept)]
    overall = Deadline(OVERALL_S)
    found = await asyncio.gather(*(_probed(source, overall) for source in sources))
    probes = await _with_since(organization_id, found)
    await cache.aset(key, orjson.dumps([asdict(one) for one in probes]).decode(), TTL_S)
    return probes


async def probe_one(organization_id: int, connector_id: int) -> Probe | None:
    """One connector now, enabled or not; None for a kind that cannot be probed."""
    _plan, source = await plan_and_source(organization_id, connector_id)
    if source.connector is not None and not source.connector.can("health"):
        return None
    return await _probed(source, Deadline(OVERALL_S))


def overall_of(probes: Sequence[Probe]) -> str:
    """``unhealthy`` if no system is usable or an essential one is not, ``degraded`` if any is not well, else ``healthy``."""
    if probes and (not any(one.usable for one in probes) or any(one.essential and not one.usable for one in probes)):
        return "unhealthy"
    return "healthy" if all(one.status == "healthy" for one in probes) else "degraded"


def _key(organization_id: int, sources: Sequence[Source]) -> str:
    """Another configuration is to be probed anew."""
    facts = orjson.dumps([source.fingerprint for source in sources])
    return f"health:{organization_id}:{hashlib.blake2b(facts, digest_size=16).hexdigest()}"


async def _probed(source: Source, overall: Deadline) -> Probe:
    health = await _health(source, source.connector, overall) if source.connector else _of(ConfigurationError())
    message = "" if health.status == "healthy" else health.message
    return Probe(source.key, source.label, source.essential, health.status, message)


async def _health(source: Source, connector: Connector, overall: Deadline) -> Health:
    deadline = overall.within(source.timeout_s)
    try:
        async with asyncio.timeout(deadline.left()):
            return await connector.health(deadline)
    except TimeoutError:
        return _of(as_tried(source, SourceTimeout(source.key)))
    except (SourceError, ConfigurationError) as error:
        return _of(as_tried(source, error))
    except Exception as error:
        # Its text may hold what the system answered: the type only.
        log.error("source.crashed", connector=source.key, kind=source.kind, problem=type(error).__name__)
        return Health("unhealthy", _CRASHED)


def as_tried(source: Source, error: SourceError | ConfigurationError) -> SourceError | ConfigurationError:
    """A failure as it is told to whoever tries a system: of a private address not whether something listens there, and what,
    or an admin could look through the network in which the portal stands."""
    inside = source.connector is not None and source.connector.settings.network.reaches_inside
    silent = isinstance(error, SourceTimeout | SourceUnavailable) or (isinstance(error, InvalidResponse) and error.foreign)
    return OutOfReach(source.key) if inside and silent else error


def _of(error: SourceError | ConfigurationError) -> Health:
    """What somebody has to see to needs attention; what passes by itself does not."""
    if isinstance(error, ConfigurationError):
        return Health("needs_attention", str(error) or error.public_message)  # its text says what to change
    if isinstance(error, AuthFailed):
        return Health("needs_attention", error.public_message)
    return Health("degraded" if isinstance(error, RateLimited) else "unhealthy", error.public_message)


async def _with_since(organization_id: int, found: Sequence[Probe]) -> list[Probe]:
    """The probes with each status's beginning, remembered for as long as the cache remembers it."""
    key = f"health-since:{organization_id}"
    known = orjson.loads(await cache.aget(key) or "{}")
    now = datetime.now(UTC).isoformat(timespec="seconds")
    probes = []
    for one in found:
        before = known.get(one.key, {})
        probes.append(replace(one, since=before["since"] if before.get("status") == one.status else now))
    statuses = {one.key: {"status": one.status, "since": one.since} for one in probes}
    if statuses != known:
        await cache.aset(key, orjson.dumps(statuses).decode(), None)
    return probes
