"""Strangers and one greedy browser against a served portal: whoever asks whether it lives hears so within 200 ms."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections import Counter

from asgiref.sync import async_to_sync
from django.test import Client

from integrations.calls import CallFacts, open_call
from integrations.phone import classify
from tests.factories import World
from tests.soak.conftest import Portal
from tests.test_serve_several import ROOT

AT_MOST_MS = 200


def test_a_thousand_streams_and_many_halves_keep_nobody_waiting(world: World, portal: Portal) -> None:
    call = open_call(world.riverside.pk, CallFacts(classify("+14155550123", "US"), "CA1"), person_id=world.bea.pk)
    browser = Client()
    browser.force_login(world.user(world.bea))
    cookie = f"Cookie: sessionid={browser.cookies['sessionid'].value}"
    lines = [f"GET /panel/riverside/{call.key}/stream/?refresh=1 HTTP/1.1", "Host: localhost", cookie, "Connection: close"]
    wanted = ["\r\n".join([*lines, "", ""]).encode()] * 1_000 + [b"GET /half HTTP/1.1\r\nHost: lo"] * 300
    with portal("--web", "1", "--runners", "1", family=2) as (_process, door):
        command = [sys.executable, "-m", "tests.soak.watching", str(door.port)]
        with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as watching:
            statuses = async_to_sync(_all)(door.port, wanted)
            slowest_ms, _errors = watching.communicate()
    print(f"\n{dict(statuses)}, /livez at most {slowest_ms.strip()} ms")
    assert statuses[200] >= 1
    assert statuses[429] >= 1
    assert statuses[200] + statuses[429] == 1_000
    assert statuses[408] == 300
    assert int(slowest_ms) < AT_MOST_MS


async def _all(port: int, wanted: list[bytes]) -> Counter[int]:
    return Counter(await asyncio.gather(*(_status(port, sent) for sent in wanted)))


async def _status(port: int, sent: bytes) -> int:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(sent)
        answer = await reader.read()
    finally:
        writer.close()
    return int(answer.split()[1]) if answer else 0
