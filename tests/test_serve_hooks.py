"""The portal is killed between storing what Twilio tells and processing it, and nothing that it acknowledged is lost."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta

from django.utils import timezone

from integrations.models import TwilioAccount, WebhookDelivery
from integrations.twilio.events import Form
from tests.calls.test_apply import picture, take_in
from tests.disclosure.test_processes import environment
from tests.factories import World
from tests.servers import free_port
from tests.test_serve_several import ROOT, ask, eventually, ready
from tests.twilio.told import ACCOUNT, TOKEN, Told, body_of, signed, stories

# A runner puts on the queue what a dead one has left, once a minute.
SWEEP_S = 70


def happened(count: int) -> list[Told]:
    """Events of many calls, as they may arrive."""
    # A little ago: what happened days ago counts as ended.
    began = timezone.now().replace(microsecond=0) - timedelta(minutes=10)
    told = [one for seed in range(1, count) for one in stories(seed, began).told]
    random.Random(count).shuffle(told)
    return told


def tell(port: int, hook_key: str, one: Told) -> int:
    """The status of one event, in one of its forms; 0 when nobody answers."""
    form = random.Random(one.number).choice([form for form in one.forms if form is not Form.EVENTS_API])
    path, body = f"/hooks/{hook_key}/twilio/{form.value}", body_of(form, [one])
    headers = signed(path, body, json_body=form is Form.EVENT_STREAMS, public=f"http://127.0.0.1:{port}")
    return ask(port, "POST", headers.pop("path"), body.decode(), **headers)


def has_an_account(world: World) -> str:
    TwilioAccount.objects.create(organization=world.riverside, account_sid=ACCOUNT, auth_tokens=[TOKEN])
    return world.riverside.hook_key


def all_done() -> bool:
    return not WebhookDelivery.objects.exclude(state="done").exists()


def is_whole(world: World, acknowledged: Iterable[Told], told: Iterable[Told]) -> None:
    """All that was acknowledged is stored and applied; the calls are those of all that was stored."""
    stored = set(WebhookDelivery.objects.values_list("key", flat=True))
    assert {one.event().key for one in acknowledged} <= stored
    take_in(world.harbor, [one for one in told if one.event().key in stored])
    assert picture(world.riverside) == picture(world.harbor)


@contextmanager
def portal(port: int) -> Iterator[subprocess.Popen[bytes]]:
    more = {"CONNIE_PORT": str(port), "CONNIE_PUBLIC_URL": f"http://127.0.0.1:{port}", "CONNIE_LOG_LEVEL": "ERROR"}
    command = [sys.executable, "manage.py", "serve"]
    process = subprocess.Popen(command, cwd=ROOT, env={**environment(), **more}, stdout=subprocess.DEVNULL)
    try:
        eventually(lambda: ready(port), "the portal did not start")
        yield process
    finally:
        process.kill()
        process.wait()


def test_a_kill_between_storing_and_processing_loses_nothing(world: World) -> None:
    hook_key, port, told = has_an_account(world), free_port(), happened(12)
    acknowledged: list[Told] = []
    with portal(port) as process, ThreadPoolExecutor(8) as threads:

        def send(one: Told) -> None:
            if tell(port, hook_key, one) == 204:
                acknowledged.append(one)
                if len(acknowledged) == 60:
                    process.kill()

        list(threads.map(send, told))
    assert len(acknowledged) >= 60
    assert WebhookDelivery.objects.filter(state="waiting").exists(), "all was processed before the kill"
    # What was being processed is free again when the lease is over; this test does not wait for that.
    WebhookDelivery.objects.update(claimed_at=None)
    with portal(port):
        deadline = time.monotonic() + SWEEP_S
        while not all_done():
            assert time.monotonic() < deadline, "something was left"
            time.sleep(0.1)
    is_whole(world, acknowledged, told)
