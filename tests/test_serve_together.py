"""The portal in one process: web and runner, on whichever database the suite runs."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from integrations.models import PeriodicRun
from tests.disclosure.test_processes import environment
from tests.factories import World
from tests.servers import free_port
from tests.test_serve_several import ROOT, children, eventually, ready


@pytest.mark.parametrize("wanted", [signal.SIGTERM, signal.SIGINT])
def test_one_process_serves_and_does_the_stored_work(world: World, wanted: signal.Signals) -> None:
    port = free_port()
    command = [sys.executable, "manage.py", "serve"]
    more = {"CONNIE_PORT": str(port)}
    process = subprocess.Popen(command, cwd=ROOT, env={**environment(), **more}, stdout=subprocess.DEVNULL)
    try:
        eventually(lambda: ready(port), "the portal did not start")
        eventually(lambda: PeriodicRun.objects.filter(done_at__isnull=False).exists(), "it did no stored work")
        assert children(process.pid) == []
        process.send_signal(wanted)
        assert process.wait(10) == 0
    finally:
        process.kill()
        process.wait()
