"""The bench measures what it says: its stubs count, its reference answers, its figures are what they are called."""

from __future__ import annotations

import asyncio
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bench.load import Figures, Target, ask, load, phone_body
from bench.scenarios import all_asked, cpu_slope, fresh_numbers, known_numbers
from bench.servers import REFERENCE, portals, reference, stubs, why_no_reference
from bench.stubs import FIELDS
from tests.servers import MariaDb


def test_percentiles_are_of_the_requests_in_the_order_they_were_sent() -> None:
    figures = Figures(seconds=[0.1] * 75 + [0.4] * 25, whole_s=10.0, cpu_s=0.5)
    assert figures.percentile_ms(0.5) == pytest.approx(100)
    assert figures.percentile_ms(0.99) == pytest.approx(400)
    assert figures.percentile_ms(0.5, last=0.25) == pytest.approx(400)
    assert (figures.per_second, figures.cpu_ms) == (10.0, 5.0)


async def answered(target: Target, number: int) -> dict[str, Any]:
    reader, writer = await asyncio.open_connection("127.0.0.1", target.port)
    try:
        body: dict[str, Any] = json.loads(await ask(reader, writer, target, phone_body(number)))
    finally:
        writer.close()
        await writer.wait_closed()
    return body


@pytest.fixture
def server(mariadb: MariaDb) -> MariaDb:
    """The server where the reference has its database."""
    if why := why_no_reference():
        pytest.skip(f"there is no reference to try: {why}")
    return mariadb


async def test_the_reference_asks_every_system_at_once_and_strips_what_must_not_be_shown(server: MariaDb) -> None:
    async with stubs() as systems, reference(systems.delayed(1, 1), server) as target:
        body = await answered(target, 5)
        assert body["caller"]["name"] == "Rosa Castillo"
        assert "ssn" not in str(body)
        assert (await systems.tell("_counts"))["calls"] == {"s1": 1, "s2": 1}


async def test_the_reference_knows_its_clients_and_has_committed_who_saw_what_of_which_call_when_it_answers(
    server: MariaDb,
) -> None:
    async with stubs() as systems, reference(systems.delayed(1, 1), server) as target:
        with pytest.raises(RuntimeError, match="401"):
            await load(replace(target, headers="Authorization: Bearer another\r\n"), 1, 1)
        for written in (1, 2):
            await answered(target, 5)
            database = f"reference_{target.port}"
            ((audited, fields),) = server.run("SELECT COUNT(*), MIN(fields) FROM audit", database=database)
            ((calls,),) = server.run("SELECT COUNT(*) FROM calls", database=database)
            assert (audited, calls) == (written, written)
            assert "preferred_agent" in str(fields)
        server.run("DROP TABLE audit", database=database)
        with pytest.raises(RuntimeError, match="503"):
            await answered(target, 5)


def test_the_references_lock_file_names_no_address() -> None:
    locked = json.loads((REFERENCE / "package-lock.json").read_text())["packages"]
    assert locked["node_modules/mysql2"]["integrity"]
    assert not [name for name, package in locked.items() if "resolved" in package]


def test_each_lookup_is_for_a_call_of_its_own() -> None:
    sids = {json.loads(body(number))["call_sid"] for body in (phone_body, known_numbers(9)) for number in range(9)}
    assert len(sids) == 18


async def test_the_portal_is_measured_as_it_is_served() -> None:
    async with stubs() as systems, portals({"one": systems.delayed(1)}) as (ours,):
        assert command_of(ours.pid)[1:3] == ["manage.py", "serve"]
        body = await answered(ours.target("one"), 5)
    assert len(FIELDS) == 20
    assert set(body["fields"]) == set(FIELDS)


def command_of(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/cmdline").read_text().split("\0")


async def test_the_reference_tells_of_one_caller_what_the_portal_tells(server: MariaDb) -> None:
    async with (
        stubs() as systems,
        reference(systems.delayed(1, 1), server) as theirs,
        portals({"one": systems.delayed(1, 1)}) as (ours,),
    ):
        mine, other = await answered(ours.target("one"), 5), await answered(theirs, 5)
    assert mine["lookup_status"] == "ok"
    # Ours also tells, masked, what the reference leaves out.
    open_fields = {name: value for name, value in mine["caller"].items() if not mine["fields"][name]["masked"]}
    assert open_fields == other["caller"]


async def test_a_side_that_leaves_a_system_out_is_no_figure() -> None:
    async with stubs() as systems:
        for name in ("s1", "s2", "s1"):
            await systems.tell(f"delay/0/{name}/people?phone=1")
        with pytest.raises(RuntimeError, match="asked 2 times"):
            await all_asked(systems, 2)


def number_in(body: bytes) -> str:
    phone: str = json.loads(body)["phone"]
    return phone


def test_fresh_numbers_are_asked_once_and_known_ones_again() -> None:
    first, second = fresh_numbers(50), fresh_numbers(50)
    fresh = {number_in(body(number)) for body in (first, second) for number in range(50)}
    known = {number_in(known_numbers(50)(number)) for number in range(50)}
    assert len(fresh) == 100
    assert 1 < len(known) < 50
    assert not fresh & known


def test_the_slope_is_of_one_source() -> None:
    few, many = ([Figures([0.1] * 10, 1.0, cpu)] for cpu in (0.010, 0.035))
    assert cpu_slope(few, many) == pytest.approx(0.5)


async def test_an_answer_that_is_none_is_no_figure() -> None:
    async def refuse(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 2\r\n\r\n{}")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(refuse, "127.0.0.1", 0)
    async with server:
        with pytest.raises(RuntimeError, match="503"):
            await load(Target(server.sockets[0].getsockname()[1], "/lookup", os.getpid()), 10, 5)


async def test_a_load_asks_as_often_as_it_says_and_the_stubs_count(server: MariaDb) -> None:
    async with stubs() as systems, reference(systems.delayed(0), server) as target:
        figures = await load(target, 30, 7)
        assert len(figures.seconds) == 30
        assert (await systems.tell("_counts"))["calls"] == {"s1": 30}
        await systems.tell("_reset")
        assert (await systems.tell("_counts"))["calls"] == {}


async def test_a_hanging_system_is_left_open_by_the_reference(server: MariaDb) -> None:
    async with stubs() as systems, reference([systems.hanging(50)], server) as target:
        await load(target, 3, 3)
        assert (await systems.tell("_counts"))["open"] == {"hung": 3}
