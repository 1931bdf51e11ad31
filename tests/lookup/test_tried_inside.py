"""Trying private addresses does not tell where something listens, and what."""

from __future__ import annotations

import socket

import pytest
from pytest_django.fixtures import Settings

from integrations.lookup.probes import probe_one
from integrations.lookup.trial import try_out
from integrations.models import Connector
from integrations.phone import Number
from integrations.storage.database_thread import in_database_thread
from tests.factories import World, make_connector
from tests.http_stub import hang, not_http, reply, reset, stub_server

pytestmark = pytest.mark.django_db(transaction=True)
LOOKUP = {"steps": [{"path": "/p", "query": {"phone": "{phone_e164}"}, "map": {"id": "id", "name": "name"}}]}


async def tried(world: World, port: int) -> tuple[str, str, object]:
    options = {"base_url": f"http://127.0.0.1:{port}", "lookup": LOOKUP, "health": {"path": "/h"}}
    await in_database_thread(Connector.objects.all().delete)
    row = await in_database_thread(
        make_connector, world.riverside, "inside", "rest", options=options, allow_private=["127.0.0.1"], timeout_ms=300
    )
    probe = await probe_one(row.organization_id, row.pk)
    assert probe
    trial = await try_out(row.organization_id, row.pk, Number("+14155550123", "US"), with_restricted=False)
    outcome = trial.result.sources[0]
    return probe.message, f"{outcome.status} {outcome.message}", trial.sent


async def test_refused_silent_closed_and_wrong_protocol_are_one_sentence(world: World, settings: Settings) -> None:
    settings.ALLOW_PRIVATE = True
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        said = {await tried(world, free.getsockname()[1])}
    async with stub_server() as stub:
        for answer in (hang, reset, not_http, reply({}, status=503)):
            stub.answer(answer)
            said.add(await tried(world, stub.port))
    ((message, outcome, sent),) = said
    assert "It cannot be reached, or what is there does not answer as such a system does." in message
    assert outcome == f"unavailable {message}"
    assert sent == ()


async def test_what_answers_rightly_is_told_as_ever(world: World, settings: Settings) -> None:
    settings.ALLOW_PRIVATE = True
    async with stub_server() as stub:
        stub.answer(reply({}, status=401))
        message, _outcome, sent = await tried(world, stub.port)
    assert "no longer accepts our sign-in" in message
    assert sent
