"""Three runners that are killed again and again while Twilio tells of calls: nothing is lost, and nothing is done twice."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from integrations.models import WebhookDelivery
from tests.factories import World
from tests.servers import free_port
from tests.soak.conftest import Portal
from tests.test_serve_hooks import all_done, happened, has_an_account, is_whole, tell
from tests.test_serve_several import children, eventually
from tests.twilio.told import Told

# A runner sweeps once a minute.
PATIENCE_S = 130
KILLS = 8


def test_killed_runners_lose_no_event_and_do_none_twice(world: World, portal: Portal) -> None:
    hook_key, told, dice = has_an_account(world), happened(25), random.Random(3)
    acknowledged: list[Told] = []
    over = threading.Event()
    port = free_port()
    with portal("--web", "1", "--runners", "3", family=4, port=port, CONNIE_PUBLIC_URL=f"http://127.0.0.1:{port}") as (
        process,
        _,
    ):

        def storm() -> int:
            for killed in range(KILLS):
                if over.wait(0.7):
                    return killed
                if family := children(process.pid):
                    os.kill(dice.choice(family), signal.SIGKILL)
            return KILLS

        def send(one: Told) -> None:
            # Twilio tries again what nobody acknowledged.
            for _try in range(60):
                if tell(port, hook_key, one) == 204:
                    acknowledged.append(one)
                    return
                time.sleep(0.5)

        with ThreadPoolExecutor(5) as threads:
            killing = threads.submit(storm)
            list(threads.map(send, told))
            over.set()
        killed = killing.result()
        print(f"\n{len(acknowledged)} of {len(told)} events acknowledged, {killed} processes killed")
        assert killed > 3
        assert len(acknowledged) == len(told)
        eventually(lambda: len(children(process.pid)) == 4, "a killed process was not replaced")
        # What was being processed is free again when the lease is over; this test does not wait for that.
        WebhookDelivery.objects.update(claimed_at=None)
        deadline = time.monotonic() + PATIENCE_S
        while not all_done():
            assert time.monotonic() < deadline, "something was left"
            time.sleep(1)
    assert WebhookDelivery.objects.count() == len(told)
    is_whole(world, acknowledged, told)
