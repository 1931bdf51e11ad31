"""The bench measures what it says: its stubs count, its reference answers, its figures are what they are called."""

from __future__ import annotations

import asyncio
import json

import pytest

from bench.load import Figures, Target, ask, load, phone_body
from bench.servers import node, reference, stubs


def test_percentiles_are_of_the_requests_in_the_order_they_were_sent() -> None:
    figures = Figures(seconds=[0.1] * 75 + [0.4] * 25, whole_s=10.0, cpu_s=0.5)
    assert figures.percentile_ms(0.5) == pytest.approx(100)
    assert figures.percentile_ms(0.99) == pytest.approx(400)
    assert figures.percentile_ms(0.5, last=0.25) == pytest.approx(400)
    assert (figures.per_second, figures.cpu_ms) == (10.0, 5.0)


async def answered(target: Target, number: int) -> dict[str, object]:
    reader, writer = await asyncio.open_connection("127.0.0.1", target.port)
    body: dict[str, object] = json.loads(await ask(reader, writer, target, phone_body(number)))
    writer.close()
    await writer.wait_closed()
    return body


async def test_the_reference_asks_every_system_at_once_and_strips_what_must_not_be_shown() -> None:
    if not node():
        pytest.skip("Node is not installed, so there is no reference to try")
    async with stubs() as systems, reference(systems.delayed(1, 1)) as target:
        body = await answered(target, 5)
        assert body["caller"]["name"] == "Rosa Castillo"  # type: ignore[index]
        assert "ssn" not in str(body)
        assert (await systems.tell("_counts"))["calls"] == {"s1": 1, "s2": 1}


async def test_a_load_asks_as_often_as_it_says_and_the_stubs_count() -> None:
    if not node():
        pytest.skip("Node is not installed, so there is no reference to try")
    async with stubs() as systems, reference(systems.delayed(0)) as target:
        figures = await load(target, 30, 7)
        assert len(figures.seconds) == 30
        assert (await systems.tell("_counts"))["calls"] == {"s1": 30}
        await systems.tell("_reset")
        assert (await systems.tell("_counts"))["calls"] == {}


async def test_a_hanging_system_is_left_open_by_the_reference() -> None:
    if not node():
        pytest.skip("Node is not installed, so there is no reference to try")
    async with stubs() as systems, reference([systems.hanging(50)]) as target:
        await load(target, 3, 3)
        assert (await systems.tell("_counts"))["open"] == {"hung": 3}
