"""The inbox: each event is stored once, processed by one runner at a time, once in effect, and never lost."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.db import OperationalError, connection
from django.utils import timezone

from integrations import tasks
from integrations.jobs import inbox
from integrations.jobs.inbox import Arrived, Handler
from integrations.jobs.retention import purge
from integrations.models import AccessEntry, Call, Organization, WebhookDelivery
from tests.factories import World

SOURCE = "somebody"
PAYLOAD = {"from": "+14155550123", "name": "Rosa Castillo"}


def stored(organization: Organization, key: str = "1", payload: Any = PAYLOAD) -> WebhookDelivery:
    inbox.store(organization.pk, SOURCE, [Arrived(key, "task.created", payload)])
    return WebhookDelivery.objects.get(organization=organization, key=key)


def handled_by(handler: Handler) -> dict[str, Handler]:
    return {SOURCE: handler}


def fail(_row: WebhookDelivery) -> None:
    raise ValueError("Rosa Castillo, +14155550123")


def make_due(row: WebhookDelivery) -> None:
    now = timezone.now()
    WebhookDelivery.objects.filter(pk=row.pk).update(due_at=now, claimed_at=None)


@pytest.fixture
def seen() -> list[str]:
    return []


@pytest.fixture
def note(seen: list[str]) -> Callable[[WebhookDelivery], None]:
    return lambda row: seen.append(row.payload["name"])


def test_an_event_is_stored_once_in_each_organisation(world: World) -> None:
    several = [
        Arrived("1", "task.created", PAYLOAD),
        Arrived("1", "task.created", PAYLOAD),
        Arrived("2", "task.created", PAYLOAD),
    ]
    first = inbox.store(world.riverside.pk, SOURCE, several)
    assert len(first) == 2
    assert inbox.store(world.riverside.pk, "another", several) == first, "they still wait"
    assert len(inbox.store(world.harbor.pk, SOURCE, several)) == 2
    assert WebhookDelivery.objects.count() == 4


def test_what_was_sent_is_not_to_be_read_in_the_database(world: World) -> None:
    stored(world.riverside)
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM integrations_webhookdelivery")
        assert "Rosa" not in str(cursor.fetchall())


def test_an_event_of_no_use_is_counted_and_nothing_of_it_kept(world: World) -> None:
    row = stored(world.riverside, payload=None)
    assert (row.state, row.payload) == ("ignored", None)
    assert inbox.due(timezone.now()) == []


def test_it_is_processed_once_however_often_it_is_on_the_queue(world: World, seen: list[str], note: Handler) -> None:
    row = stored(world.riverside)
    for _time in range(3):
        assert inbox.process(row.pk, handled_by(note)) is None
    row.refresh_from_db()
    assert (seen, row.state, row.claimed_at, row.attempts) == (["Rosa Castillo"], "done", None, 1)
    assert inbox.store(world.riverside.pk, SOURCE, [Arrived("1", "task.created", PAYLOAD)]) == []


def test_several_runners_process_it_once(world: World, seen: list[str], note: Handler) -> None:
    rows = [stored(world.riverside, str(number)) for number in range(10)]

    def run(row: WebhookDelivery) -> None:
        try:
            inbox.process(row.pk, handled_by(note))
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(run, rows * 4))
    assert len(seen) == 10


def test_what_is_done_of_it_is_undone_if_it_fails(world: World) -> None:
    row = stored(world.riverside)

    def half(row: WebhookDelivery) -> None:
        Call.objects.create(organization=row.organization)
        fail(row)

    assert inbox.process(row.pk, handled_by(half)) is not None
    assert not Call.objects.exists()


def test_what_fails_is_tried_again_later_and_given_up_with_the_reason(world: World, caplog: pytest.LogCaptureFixture) -> None:
    row = stored(world.riverside)
    for attempt, pause in enumerate(inbox.PAUSES, start=1):
        again = inbox.process(row.pk, handled_by(fail))
        assert again is not None
        assert abs(again - timezone.now() - pause) < timedelta(seconds=2)
        assert inbox.process(row.pk, handled_by(fail)) is None, "before its time"
        assert row.pk not in inbox.due(timezone.now())
        row.refresh_from_db()
        assert (row.attempts, row.state) == (attempt, "waiting")
        make_due(row)
        assert inbox.due(timezone.now()) == [row.pk]
    assert inbox.process(row.pk, handled_by(fail)) is None
    row.refresh_from_db()
    assert (row.state, row.attempts) == ("dead", inbox.MAX_ATTEMPTS)
    assert row.error.startswith("It could not be processed (ValueError in fail:")
    assert "Rosa" not in row.error + caplog.text
    assert "4155550123" not in row.error + caplog.text
    assert inbox.due(timezone.now()) == []


def test_a_database_that_cannot_be_used_is_told_in_words(world: World) -> None:
    row = stored(world.riverside)

    def refuse(_row: WebhookDelivery) -> None:
        raise OperationalError(1205, "Lock wait timeout exceeded")

    inbox.process(row.pk, handled_by(refuse))
    row.refresh_from_db()
    assert row.error == "The database could not be used."


def test_what_a_dead_runner_has_left_is_found_once_its_lease_is_over(world: World, seen: list[str], note: Handler) -> None:
    row = stored(world.riverside)
    claimed = inbox._claimed(row.pk, timezone.now())
    assert claimed is not None
    assert inbox.due(timezone.now()) == []
    assert inbox.process(row.pk, handled_by(note)) is None
    assert seen == []
    assert inbox.due(timezone.now() + inbox.LEASE) == [row.pk]
    make_due(row)
    inbox.process(row.pk, handled_by(note))
    assert seen == ["Rosa Castillo"]


def test_a_runner_whose_claim_was_lost_leaves_no_effect(world: World, seen: list[str], note: Handler) -> None:
    row = stored(world.riverside)

    def slow(row: WebhookDelivery) -> None:
        Call.objects.create(organization=row.organization)
        WebhookDelivery.objects.filter(pk=row.pk).update(claimed_at=timezone.now())

    assert inbox.process(row.pk, handled_by(slow)) is None
    assert not Call.objects.exists()


def test_what_ends_each_runner_is_given_up_in_the_end(world: World, seen: list[str], note: Handler) -> None:
    row = stored(world.riverside)
    for _death in range(inbox.MAX_ATTEMPTS):
        assert inbox._claimed(row.pk, timezone.now()) is not None
        make_due(row)
    assert inbox.process(row.pk, handled_by(note)) is None
    row.refresh_from_db()
    assert (row.state, row.error, seen) == ("dead", "Whoever processed it ended over it.", [])


def replay(pk: int) -> str:
    out = StringIO()
    call_command("replay_webhook", str(pk), stdout=out)
    return out.getvalue()


def test_a_delivery_is_replayed_by_the_command_and_that_is_on_record(world: World, seen: list[str], note: Handler) -> None:
    row = stored(world.riverside)
    inbox.process(row.pk, handled_by(note))
    assert f"Delivery {row.pk} (task.created) is processed again" in replay(row.pk)
    inbox.process(row.pk, handled_by(note))
    assert len(seen) == 2
    entry = AccessEntry.objects.get(organization=world.riverside, event="admin_change")
    assert (entry.outcome, entry.detail["object"]) == ("replayed", str(row.pk))


@pytest.mark.parametrize("payload", [None, PAYLOAD])
def test_what_cannot_be_replayed_is_said_in_a_sentence(world: World, payload: Any, capsys: pytest.CaptureFixture[str]) -> None:
    row = stored(world.riverside, payload=payload)
    wanted = row.pk if payload is None else row.pk + 1
    with pytest.raises(SystemExit) as ended:
        replay(wanted)
    sentence = "Nothing was kept of delivery" if payload is None else "There is no delivery with the number"
    assert (ended.value.code, sentence in capsys.readouterr().err) == (1 if payload is None else 2, True)
    assert not AccessEntry.objects.exists()


def test_a_sweep_puts_on_the_queue_what_waits(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    row, put = stored(world.riverside), []
    monkeypatch.setattr("connie_portal.queue._put", lambda path, ids, after: put.append((path, ids)))
    tasks.hand_out.call()
    assert ("integrations.tasks.process_delivery", [row.pk]) in put


def test_what_failed_is_put_on_the_queue_for_later(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    row, put = stored(world.riverside), []
    monkeypatch.setattr("connie_portal.queue._put", lambda path, ids, after: put.append((ids, after)))
    monkeypatch.setattr(tasks, "HANDLERS", handled_by(fail))
    tasks.process_delivery.call(row.pk)
    ((ids, after),) = put
    assert ids == [row.pk]
    assert after is not None
    assert after > timezone.now()


def test_deliveries_are_kept_for_as_long_as_the_organisation_says(world: World) -> None:
    world.riverside.retention_days = {"deliveries": 2}
    world.riverside.save()
    old, kept, others = stored(world.riverside, "1"), stored(world.riverside, "2"), stored(world.harbor)
    past = timezone.now() - timedelta(days=3)
    WebhookDelivery.objects.filter(pk__in=[old.pk, others.pk]).update(received_at=past)
    list(purge(timezone.now()))
    assert set(WebhookDelivery.objects.all()) == {kept, others}
