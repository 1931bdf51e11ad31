"""A flow of Studio's asks the portal as it is served: over real sockets, with signatures, and in time."""

from __future__ import annotations

import hashlib
import http.client
import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from twilio.request_validator import RequestValidator

from integrations.models import AccessEntry, Call, TwilioAccount
from tests.connectors.rest.conftest import BY_PHONE
from tests.disclosure.test_processes import environment
from tests.factories import World, make_connector
from tests.servers import free_port
from tests.test_serve_several import ROOT, eventually, ready

TOKEN, PATH = "t" * 32, "/api/v1/studio/riverside/enrich"
FIELDS = {"phone": "+14155550123", "call_sid": f"CA{'1' * 32}", "to": "+14155550100"}
FORM = "application/x-www-form-urlencoded"


@pytest.fixture
def port(world: World) -> Iterator[int]:
    """A portal whose one system takes a question and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as vendor:
        url = f"http://127.0.0.1:{vendor.getsockname()[1]}"
        options = {"base_url": url, "lookup": BY_PHONE}
        make_connector(world.riverside, "care", "rest", options=options, allow_private=True, timeout_ms=6_000)
        TwilioAccount.objects.create(organization=world.riverside, account_sid=f"AC{'1' * 32}", auth_tokens=[TOKEN])
        number = free_port()
        own = {"CONNIE_PORT": str(number), "CONNIE_PUBLIC_URL": f"http://127.0.0.1:{number}", "CONNIE_ALLOW_PRIVATE": "1"}
        command = [sys.executable, "manage.py", "serve"]
        process = subprocess.Popen(command, cwd=ROOT, env={**environment(), **own}, stdout=subprocess.DEVNULL)
        try:
            eventually(lambda: ready(number), "the portal did not start")
            yield number
        finally:
            process.kill()
            process.wait()


def post(port: int, path: str, body: str, **headers: str) -> tuple[int, dict[str, Any]]:
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=15)
    try:
        client.request("POST", path, body, headers)
        answer = client.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        client.close()


def test_a_form_is_answered_in_time_and_what_was_not_signed_is_not(port: int) -> None:
    signature = RequestValidator(TOKEN).compute_signature(f"http://127.0.0.1:{port}{PATH}", FIELDS)
    headers = {"Content-Type": FORM, "X-Twilio-Signature": signature}
    tampered = urlencode({**FIELDS, "phone": "+14155550199"})
    assert post(port, PATH, tampered, **headers)[0] == 401
    began = time.monotonic()
    status, body = post(port, PATH, urlencode(FIELDS), **headers)
    took = time.monotonic() - began
    assert (status, body["lookup_status"], body["caller_name"]) == (200, "failed", "Unknown")
    assert 4.4 < took < 5.2
    assert body["profile_url"] == f"http://127.0.0.1:{port}/panel/riverside/{Call.objects.get().key}/"
    assert sorted(AccessEntry.objects.values_list("event", flat=True)) == ["denied", "lookup"]


def test_json_is_held_against_the_address_as_it_came(port: int) -> None:
    body = json.dumps({"phone": "anonymous"})
    path = f"{PATH}?a=%7Eb+c&bodySHA256={hashlib.sha256(body.encode()).hexdigest()}"
    signature = RequestValidator(TOKEN).compute_signature(f"http://127.0.0.1:{port}{path}", {})
    headers = {"Content-Type": "application/json", "X-Twilio-Signature": signature}
    assert post(port, path, body, **headers)[1]["lookup_status"] == "withheld"
    assert post(port, path.replace("%7E", "~"), body, **headers)[0] == 401
    assert post(port, path, "", **{**headers, "Content-Type": FORM})[0] == 401
