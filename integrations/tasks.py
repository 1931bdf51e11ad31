"""What runners do: the entry points of stored work. Each takes ids of rows and nothing else, and may be run twice."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta

import structlog
from django.tasks import task
from django.utils import timezone

from integrations import lists
from integrations.calls.stale import close_stale
from integrations.jobs import inbox, schedule
from integrations.jobs.retention import purge
from integrations.lookup.backends import backends
from integrations.lookup.rollups import roll_up
from integrations.models import Connector, TwilioAccount
from integrations.outbound.loop import on_loop
from integrations.webhooks.catch_up import catch_up
from integrations.webhooks.handlers import HANDLERS

log = structlog.get_logger(__name__)

SWEEP_S = 5.0


def sweep_cache() -> None:
    """Let go of answers in memory that have expired, so that nothing is kept for longer than it may be used."""
    on_loop(_sweep(), SWEEP_S)


async def _sweep() -> None:
    backends().answers.sweep()


def sum_up() -> None:
    """Sum up the hours of systems that are over."""
    roll_up(timezone.now())


def clean() -> None:
    """Let go of rows that are past their time."""
    done = [(kind, number) for kind, number in purge(timezone.now()) if number and not kind.kept_because]
    deleted = {f"{kind.what} {kind.whose}".strip(): number for kind, number in done}
    if deleted:
        log.info("purged", deleted=deleted)


def read_sheets() -> None:
    """Put on the queue what lists are to be read again, and let go of uploads that nobody went on with."""
    for connector_id in lists.due(timezone.now()):
        read_sheet.enqueue(connector_id)
    lists.remove_abandoned()


def read_events() -> None:
    """Fetch what happened to calls and no webhook told."""
    for account in TwilioAccount.objects.exclude(workspace_sid="").select_related("organization"):
        for pk in catch_up(account, timezone.now()):
            process_delivery.enqueue(pk)


def end_stale_calls() -> None:
    """Take for ended what nothing was heard of for longer than it can last."""
    if ended := close_stale(timezone.now()):
        log.info("calls.taken_for_ended", count=ended)


# Work → how often, and what is done.
RECURRING: Mapping[str, tuple[timedelta, Callable[[], None]]] = {
    "sweep": (timedelta(minutes=1), sweep_cache),
    "rollups": (timedelta(minutes=10), sum_up),
    "cleaning": (timedelta(hours=1), clean),
    "events": (timedelta(minutes=10), read_events),
    "stale calls": (timedelta(hours=1), end_stale_calls),
    "sheets": (timedelta(minutes=15), read_sheets),
}


@task
def hand_out() -> None:
    """Put on the queue what is due. Every runner does this once a minute."""
    now = timezone.now()
    for pk in schedule.due({name: every for name, (every, _work) in RECURRING.items()}, now):
        perform_periodic.enqueue(pk)
    for pk in inbox.due(now):
        process_delivery.enqueue(pk)


@task
def perform_periodic(run_id: int) -> None:
    """Do one period's work, if nobody else does."""
    run = schedule.begin(run_id)
    if run is not None and run.name in RECURRING:
        RECURRING[run.name][1]()
        schedule.finish(run)


@task
def process_delivery(delivery_id: int) -> None:
    """Process something that was received, if nobody else does; again later if it fails."""
    if (again := inbox.process(delivery_id, HANDLERS)) is not None:
        process_delivery.using(run_after=again).enqueue(delivery_id)


@task
def read_sheet(connector_id: int) -> None:
    """Read a list again from where it is kept."""
    row = Connector.objects.filter(pk=connector_id, enabled=True).select_related("organization").first()
    if row is not None:
        lists.read_again(row)
