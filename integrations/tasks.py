"""What runners do: the entry points of stored work. Each takes ids of rows and nothing else, and may be run twice."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta

from django.tasks import task
from django.utils import timezone

from integrations import periodic
from integrations.lookup.shared import store
from integrations.loop import on_loop
from integrations.retention import purge

SWEEP_S = 5.0


def sweep_cache() -> None:
    """Let go of answers in memory that have expired, so that nothing is kept for longer than it may be used."""
    on_loop(_sweep(), SWEEP_S)


async def _sweep() -> None:
    store().sweep()


def clean() -> None:
    """Let go of rows that are past their time."""
    purge(timezone.now())


# Work → how often, and what is done.
RECURRING: Mapping[str, tuple[timedelta, Callable[[], None]]] = {
    "sweep": (timedelta(minutes=1), sweep_cache),
    "cleaning": (timedelta(hours=1), clean),
}


@task
def hand_out() -> None:
    """Put on the queue what is due. Every runner does this once a minute."""
    schedule = {name: every for name, (every, _work) in RECURRING.items()}
    for pk in periodic.due(schedule, timezone.now()):
        perform_periodic.enqueue(pk)


@task
def perform_periodic(run_id: int) -> None:
    """Do one period's work, if nobody else does."""
    run = periodic.begin(run_id)
    if run is not None and run.name in RECURRING:
        RECURRING[run.name][1]()
        periodic.finish(run)
