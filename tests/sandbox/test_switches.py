"""Latency and faults look on the wire as the switch says."""

from __future__ import annotations

import asyncio
import time

import aiohttp
import pytest

from integrations.sandbox.switches import FAULTS, HUGE_BYTES
from tests.sandbox.conftest import SEARCH, Client

BODY: dict[str, object] = {"filterGroups": []}


async def test_each_fault_can_be_set_and_taken_back(client: Client) -> None:
    for fault in FAULTS:
        status, state = await client.control({"system": "hubspot", "fault": fault})
        assert (status, state["hubspot"]["fault"]) == (200, fault)
    await client.control({"system": "hubspot", "fault": None})
    assert (await client.search(BODY))[0] == 200


@pytest.mark.parametrize("fault", ["500", "503", "429", "401", "403"])
async def test_error_faults_answer_that_status_in_hubspots_shape(client: Client, fault: str) -> None:
    await client.control({"system": "hubspot", "fault": fault})
    status, answer = await client.search(BODY)
    assert status == int(fault)
    assert {"status", "message", "correlationId", "category"} <= set(answer)


@pytest.mark.parametrize("fault", ["refuse", "reset", "truncated"])
async def test_broken_connections_never_give_a_whole_answer(client: Client, fault: str) -> None:
    await client.control({"system": "hubspot", "fault": fault})
    with pytest.raises(aiohttp.ClientError):
        await client.search(BODY)


@pytest.mark.parametrize("fault", ["hang", "trickle"])
async def test_endless_answers_do_not_end(client: Client, fault: str) -> None:
    await client.control({"system": "hubspot", "fault": fault})
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await client.search(BODY)


async def test_garbage_is_not_json(client: Client) -> None:
    await client.control({"system": "hubspot", "fault": "garbage"})
    with pytest.raises(UnicodeDecodeError):
        await client.search(BODY)


async def test_a_huge_answer_is_huge(client: Client) -> None:
    await client.control({"system": "hubspot", "fault": "huge"})
    size = 0
    headers = {"Authorization": "Bearer any"}
    async with client.session.post(SEARCH, json=BODY, headers=headers) as response:
        async for block in response.content.iter_any():
            size += len(block)
    assert size >= HUGE_BYTES


async def test_latency_is_waited_and_requests_are_counted(client: Client) -> None:
    await client.control({"system": "hubspot", "latency_ms": 60})
    began = time.monotonic()
    await client.search(BODY)
    assert time.monotonic() - began >= 0.06
    async with client.session.get("/_control") as response:
        assert (await response.json())["hubspot"] == {"latency_ms": 60, "fault": None, "requests": 1}


@pytest.mark.parametrize(
    "wanted",
    [
        {"system": "nobody"},
        {"system": "hubspot", "fault": "explode"},
        {"system": "hubspot", "fault": []},
        {"system": "hubspot", "latency_ms": -1},
        {"system": "hubspot", "latency_ms": True, "fault": "hang"},
        {"system": []},
        [],
    ],
)
async def test_a_wrong_switch_is_refused_in_a_sentence_and_changes_nothing(client: Client, wanted: object) -> None:
    before = client.sandbox.switches["hubspot"].state()
    status, answer = await client.control(wanted)
    assert status == 400
    assert answer["error"].endswith(".")
    assert client.sandbox.switches["hubspot"].state() == before


async def test_the_page_lists_the_callers_and_its_buttons_work(client: Client) -> None:
    async with client.session.get("/") as response:
        page = await response.text()
    assert "José Núñez-Øster" in page
    assert "http://127.0.0.1:8000/panel/riverside/#phone=%2B14155550100&amp;" in page
    async with client.session.post("/_control", data={"system": "hubspot", "fault": "hang"}) as response:
        assert "takes the request and never answers, after" in (await response.text()).replace("</strong>", "")
    async with client.session.post("/_control", data={"system": "hubspot", "fault": ""}) as response:
        assert response.url.path == "/"
    assert client.sandbox.switches["hubspot"].fault is None
