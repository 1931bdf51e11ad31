"""The portal in one process: web and runner, on whichever database the suite runs."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys

import pytest

from integrations.models import PeriodicRun
from tests.connectors.rest.conftest import BY_PHONE
from tests.disclosure.test_processes import environment
from tests.factories import World, make_connector
from tests.servers import free_port
from tests.test_serve_several import PATIENCE_S, ROOT, children, eventually, ready


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


def test_systems_are_signed_in_to_before_anybody_calls(world: World) -> None:
    with socket.create_server(("127.0.0.1", 0)) as vendor:
        vendor.settimeout(PATIENCE_S)
        url = f"http://127.0.0.1:{vendor.getsockname()[1]}"
        auth = {"type": "oauth2_client_credentials", "token_url": f"{url}/token"}
        options = {"base_url": url, "auth": auth, "lookup": BY_PHONE}
        secrets = {"client_id": "portal", "client_secret": "s3cret"}
        make_connector(world.riverside, "care", "rest", options=options, secrets=secrets, allow_private=True)
        more = {"CONNIE_PORT": str(free_port()), "CONNIE_ALLOW_PRIVATE": "1"}
        command = [sys.executable, "manage.py", "serve"]
        process = subprocess.Popen(command, cwd=ROOT, env={**environment(), **more}, stdout=subprocess.DEVNULL)
        try:
            connection, _address = vendor.accept()
            with connection:
                assert connection.recv(1_000).startswith(b"POST /token ")
        finally:
            process.kill()
            process.wait()
