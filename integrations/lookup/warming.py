"""What the first callers after a start would otherwise wait for: configuration, sign-ins, connections."""

from __future__ import annotations

import asyncio

import structlog

from integrations.connectors.base import Connector
from integrations.deadline import Deadline
from integrations.errors import ConfigurationError, SourceError
from integrations.lookup.background import run_in_background
from integrations.lookup.sources import plan_of
from integrations.models import Organization
from integrations.storage.database_thread import in_database_thread

log = structlog.get_logger(__name__)

EACH_S = 10.0
# Few: whoever calls meanwhile comes first.
AT_ONCE = 4


def warm_up_sources() -> None:
    """Begin with it in the running loop, behind whoever calls meanwhile."""
    run_in_background(warm_up())


async def warm_up() -> None:
    """Load every organisation's plan, and let its systems get ready. A system that cannot is left to its first caller."""
    turns = asyncio.Semaphore(AT_ONCE)
    async with asyncio.TaskGroup() as group:
        for organization_id in await in_database_thread(_organization_ids):
            for source in (await plan_of(organization_id)).sources:
                if source.connector:
                    group.create_task(_warm_up(source.connector, turns))


def _organization_ids() -> list[int]:
    return list(Organization.objects.filter(connectors__enabled=True).distinct().values_list("pk", flat=True))


async def _warm_up(connector: Connector, turns: asyncio.Semaphore) -> None:
    async with turns:
        try:
            async with asyncio.timeout(EACH_S):
                await connector.warm_up(Deadline(EACH_S))
        except (SourceError, ConfigurationError, TimeoutError) as error:
            log.info("source.not_ready", connector=connector.key, problem=type(error).__name__)
        except Exception as error:
            # A connector's own mistake must not keep the others waiting. Its text may hold data: the type only.
            log.error("source.crashed", connector=connector.key, kind=connector.kind, problem=type(error).__name__)
