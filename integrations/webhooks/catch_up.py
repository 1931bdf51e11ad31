"""Fetches what no webhook told, while the portal or the way to it was down: TaskRouter keeps its events for 30 days.

What is fetched goes through the inbox like what was told, and has the same keys, so that what came already changes nothing.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog
from django.db import transaction

from integrations.calls.twilio import task_router
from integrations.errors import ConfigurationError, SourceError
from integrations.jobs import inbox
from integrations.models import CallIntake, TwilioAccount
from integrations.twilio.events import Form
from integrations.webhooks.handlers import arrived, source_of

log = structlog.get_logger(__name__)

# How far back the first look goes, and how far Twilio's memory does.
FIRST_LOOK, KEPT = timedelta(days=1), timedelta(days=30) - timedelta(hours=1)
# Events are listed a little after they happened.
OVERLAP = timedelta(minutes=10)
# So much is fetched at a time, and noted as read.
WINDOW, MAX_WINDOWS = timedelta(hours=6), 20


def catch_up(account: TwilioAccount, now: datetime) -> list[int]:
    """Fetch the account's events since the last look. Returns the ids of deliveries that wait to be processed. (sync)"""
    intake, _made = CallIntake.objects.get_or_create(organization_id=account.organization_id)
    waiting: list[int] = []
    since = _since(intake.read_until.get(account.account_sid), now)
    try:
        for _window in range(MAX_WINDOWS):
            until = min(since + WINDOW, now)
            waiting += _fetch(account, since, until)
            _note(account, until, "")
            if until == now:
                break
            since = until
    except ConfigurationError as problem:
        _note(account, None, str(problem))
    except SourceError as problem:
        log.warning("events.not_fetched", organization=account.organization.slug, why=problem.status, problem=problem.detail)
        _note(account, None, problem.public_message)
    return waiting


def _since(read_until: str | None, now: datetime) -> datetime:
    if read_until is None:
        return now - FIRST_LOOK
    return max(datetime.fromisoformat(read_until) - OVERLAP, now - KEPT)


def _fetch(account: TwilioAccount, since: datetime, until: datetime) -> list[int]:
    listed = task_router(account).events_in_sync(since, until)
    events = arrived(Form.EVENTS_API, listed, {account.account_sid})
    # What is of no use is not even counted: who asks for everything gets much of it.
    wanted = [one for one in events if one.payload is not None]
    return inbox.store(account.organization_id, source_of(Form.EVENTS_API), wanted)


def _note(account: TwilioAccount, until: datetime | None, problem: str) -> None:
    with transaction.atomic():
        intake = CallIntake.objects.select_for_update().get(organization_id=account.organization_id)
        if until is not None:
            intake.read_until[account.account_sid] = until.isoformat()
        intake.problems.pop(account.account_sid, None)
        if problem:
            intake.problems[account.account_sid] = problem
        intake.save()
