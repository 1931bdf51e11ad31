"""What is measured. Ours and the reference take turns in one run, so that both meet the same machine; medians of the rounds."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass

from bench.browser import chromium, first_field
from bench.load import Body, Figures, Target, form_body, load, median, phone_body, resident_mb
from bench.servers import Portal, Stubs, portals, reference, why_no_reference
from tests.servers import MariaDb

ROUNDS = 3
KNOWN = 20
COLD = (80, 120, 60, 90)
FAILED = "failed"


@dataclass(frozen=True)
class Row:
    """One line of the table. ``ratio`` is ours by the reference's; ``must`` and ``aim`` bound it, or what ours says."""

    name: str
    what: str
    ours: str
    reference: str
    ratio: float | None
    must: str = ""
    aim: str = ""

    def facts(self) -> dict[str, object]:
        return asdict(self)


@dataclass(frozen=True)
class Bench:
    """What a scenario has: the systems, our portal, and the server on which the reference has its database."""

    stubs: Stubs
    ours: Portal
    server: MariaDb

    @asynccontextmanager
    async def reference(self, *latencies_ms: int, hang_ms: int = 0) -> AsyncIterator[Target | None]:
        """None where it cannot be run."""
        if why_no_reference():
            yield None
            return
        sources = self.stubs.delayed(*latencies_ms) + ([self.stubs.hanging(hang_ms)] if hang_ms else [])
        async with reference(sources, self.server) as target:
            yield target


Scenario = Callable[[Bench], Awaitable[list[Row]]]
Measure = Callable[[Figures], float]
_first_number = 0


def fresh_numbers(count: int, body: Body = phone_body) -> Body:
    """Numbers that nobody has asked for in this run."""
    global _first_number
    first, _first_number = _first_number, _first_number + count
    return lambda number: body(first + number)


def known_numbers(_count: int) -> Body:
    """The same few over and over; the round that warms up makes them known."""
    return lambda number: phone_body(7_000_000 + number % KNOWN)


def one_number(_count: int) -> Body:
    """A new one, of which everybody asks."""
    body = fresh_numbers(1)
    return lambda _number: body(0)


async def by_turns(
    ours: Target, theirs: Target | None, count: int, concurrency: int, numbers: Callable[[int], Body] = fresh_numbers
) -> tuple[list[Figures], list[Figures]]:
    """The rounds of both, after one that warms up."""
    found: tuple[list[Figures], list[Figures]] = ([], [])
    for number in range(ROUNDS + 1):
        for place, target in enumerate((ours, theirs)):
            if target:
                figures = await load(target, count, concurrency, numbers(count))
                if number:
                    found[place].append(figures)
    return found


async def all_asked(stubs: Stubs, expected: int) -> None:
    """Raises RuntimeError where a side was fast because it left systems out (a pause, a limit, a cache)."""
    calls = (await stubs.tell("_counts"))["calls"]
    if set(calls.values()) != {expected}:
        raise RuntimeError(f"each system should have been asked {expected} times: {calls}")


def organizations(stubs: Stubs) -> dict[str, list[dict[str, object]]]:
    """The sources that each scenario's organisation has."""
    steps = {f"steps-{count}": stubs.delayed(*[20] * count) for count in (1, 6)}
    return {
        "cold": stubs.delayed(*COLD),
        "crowd": stubs.delayed(50, 50, 50, 50),
        "known": stubs.delayed(0, 0, 0, 0),
        "hang": [*stubs.delayed(20, 20, 20), stubs.hanging(800)],
        "one": stubs.delayed(100, 100, 100, 100),
        "panel": [*stubs.delayed(50, 700), stubs.hanging(2_000)],
        **steps,
    }


def compared(
    name: str, what: str, both: tuple[list[Figures], list[Figures]], measure: Measure, unit: str, must: str = "", aim: str = ""
) -> Row:
    """The medians of the rounds, and ours by theirs."""
    mine, others = (median([measure(figures) for figures in rounds]) if rounds else None for rounds in both)
    theirs = _told(others, unit) if others else f"not run: {why_no_reference()}"
    return Row(name, what, _told(mine or 0.0, unit), theirs, mine / others if mine and others else None, must, aim)


def _told(figure: float, unit: str) -> str:
    return f"{figure:.0f}{unit}" if figure >= 100 else f"{figure:.1f}{unit}" if figure >= 10 else f"{figure:.2f}{unit}"


async def cold(bench: Bench) -> list[Row]:
    async with bench.reference(*COLD) as theirs:
        both = await by_turns(bench.ours.target("cold"), theirs, 12, 1)
    what = "one at a time, p50 over the slowest of four"
    return [compared("cold", what, both, lambda figures: figures.percentile_ms(0.5) - max(COLD), " ms", "≤ 2", "≤ 1.5")]


async def enrich(bench: Bench) -> list[Row]:
    target = bench.ours.flow("cold")
    new = await one_by_one(target, 40, lambda count: fresh_numbers(count, form_body))
    kept = await one_by_one(target, 200, lambda _count: lambda number: form_body(7_000_000 + number % KNOWN))
    what = "a form that Twilio signed, one at a time"
    return [
        Row("enrich", f"{what}: p50; p99, over the slowest of four", _both(new, max(COLD)), "", None),
        Row("enrich", f"{what}, known numbers: p50; p99", _both(kept, 0), "", None),
    ]


async def one_by_one(target: Target, count: int, numbers: Callable[[int], Body]) -> list[Figures]:
    """The rounds, after one that warms up."""
    return [await load(target, count, 1, numbers(count)) for _round in range(ROUNDS + 1)][1:]


def _both(rounds: list[Figures], over_ms: float) -> str:
    p50, p99 = (median([figures.percentile_ms(share) for figures in rounds]) - over_ms for share in (0.5, 0.99))
    return f"{p50:.1f} ms; {p99:.1f} ms"


async def crowd(bench: Bench) -> list[Row]:
    await bench.stubs.tell("_reset")
    async with bench.reference(50, 50, 50, 50) as theirs:
        both = await by_turns(bench.ours.target("crowd"), theirs, 1_000, 200)
        await all_asked(bench.stubs, (ROUNDS + 1) * 1_000 * (2 if theirs else 1))
    return throughput("crowd", "200 at a time, new numbers", both, "≥ 0.4", "≥ 0.6")


async def known(bench: Bench) -> list[Row]:
    async with bench.reference(0, 0, 0, 0) as theirs:
        both = await by_turns(bench.ours.target("known"), theirs, 1_000, 50, known_numbers)
    return throughput("known", "50 at a time, known numbers", both, "≥ 0.1", "≥ 0.25")


def throughput(name: str, what: str, both: tuple[list[Figures], list[Figures]], must: str, aim: str) -> list[Row]:
    return [
        compared(name, f"{what}: lookups in a second", both, lambda figures: figures.per_second, "/s", must, aim),
        compared(name, "the same, CPU for each lookup", both, lambda figures: figures.cpu_ms, " ms"),
    ]


async def hang(bench: Bench) -> list[Row]:
    await load(bench.ours.target("crowd"), 200, 20, fresh_numbers(200))  # so that it is warm, and has asked nothing that hangs
    rows = []
    async with bench.reference(20, 20, 20, hang_ms=800) as theirs:
        for target in filter(None, (bench.ours.target("hang"), theirs)):
            await bench.stubs.tell("_reset")
            figures = await load(target, 160, 20, fresh_numbers(160))
            counts = await bench.stubs.tell("_counts")
            rows.append((figures.percentile_ms(0.99, last=0.25), counts["calls"]["hung"], counts["open"].get("hung", 0)))
    mine, *others = [f"{p99:.0f} ms; {calls} of 160; {left} open" for p99, calls, left in rows]
    what = "one of four hangs, 800 ms: p99 of the last quarter; calls to it; left open"
    theirs_text = others[0] if others else f"not run: {why_no_reference()}"
    return [Row("hang", what, mine, theirs_text, None, "≤ 60 ms; ≤ 25; 0", "≤ 30; ≤ 10; 0")]


async def one(bench: Bench) -> list[Row]:
    ours = bench.ours.target("one")
    await bench.stubs.tell("_reset")
    await load(ours, 200, 200, one_number(200))
    calls = max((await bench.stubs.tell("_counts"))["calls"].values())
    async with bench.reference(100, 100, 100, 100) as theirs:
        both = await by_turns(ours, theirs, 200, 200, one_number)
    what = f"200 at once for one number (calls to each source: {calls}): p99"
    return [compared("one", what, both, lambda figures: figures.percentile_ms(0.99), " ms", "≤ 2; 1 call")]


async def slope(bench: Bench) -> list[Row]:
    mine = cpu_slope(*await by_turns(bench.ours.target("steps-1"), bench.ours.target("steps-6"), 400, 20))
    theirs: float | None = None
    async with bench.reference(20) as few, bench.reference(*[20] * 6) as many:
        if few and many:
            theirs = cpu_slope(*await by_turns(few, many, 400, 20))
    text = f"{theirs:.2f} ms" if theirs else f"not run: {why_no_reference()}"
    what = "CPU for each source more, from one to six"
    return [Row("slope", what, f"{mine:.2f} ms", text, mine / theirs if theirs else None)]


def cpu_slope(few: list[Figures], many: list[Figures]) -> float:
    """Milliseconds for each of the five sources that ``many`` has more."""
    return (median([f.cpu_ms for f in many]) - median([f.cpu_ms for f in few])) / 5


async def memory(bench: Bench) -> list[Row]:
    mine = await grown(bench.ours.target("steps-1"))
    async with bench.reference(20) as theirs:
        text = await grown(theirs) if theirs else f"not run: {why_no_reference()}"
    return [Row("memory", "resident memory after 10,000 numbers more", mine, text, None, "bounded")]


async def grown(target: Target) -> str:
    await load(target, 500, 50, fresh_numbers(500))
    before = resident_mb(target.pid)
    await load(target, 10_000, 50, fresh_numbers(10_000))
    return f"{before:.0f} → {resident_mb(target.pid):.0f} MB"


async def shared(stubs: Stubs, database_url: str, redis_url: str) -> Row:
    """Two processes of one portal, asked for the same new number at once."""
    async with portals({"one": stubs.delayed(100, 100, 100, 100)}, database_url, redis_url, count=2) as both:
        for portal in both:
            await load(portal.target("one"), 20, 20, fresh_numbers(20))
        body = fresh_numbers(1)
        await stubs.tell("_reset")
        loads = [load(portal.target("one"), 100, 100, lambda _number: body(0)) for portal in both]
        slowest = max(figures.percentile_ms(0.99) for figures in await asyncio.gather(*loads))
        calls = max((await stubs.tell("_counts"))["calls"].values())
    what = "the same across two processes with Redis: calls to each source; p99"
    return Row("shared", what, f"{calls} calls; {slowest:.0f} ms", "", None, "1")


async def panel(bench: Bench) -> list[Row]:
    what = "a field on an agent's screen after its system's answer, in Chromium; two others slow and hanging: median, worst"
    if not chromium():
        return [Row("panel", what, "not run: Chromium is not installed", "", None, "≤ 100 ms")]
    usual, worst = await first_field(bench.stubs, bench.ours, "panel", "s1")
    return [Row("panel", what, f"{usual:.0f} ms; {worst:.0f} ms", "", None, "≤ 100 ms")]


SCENARIOS: dict[str, Scenario] = {
    "cold": cold, "enrich": enrich, "crowd": crowd, "known": known, "hang": hang, "one": one, "slope": slope,
    "panel": panel, "memory": memory,
}  # fmt: skip


async def run(names: list[str], stubs: Stubs, server: MariaDb, database_url: str = "") -> AsyncGenerator[Row]:
    """The rows of the named scenarios on one portal. One with an answer that is none has no figure, and says why."""
    async with portals(organizations(stubs), database_url) as (ours,):
        for name in names:
            try:
                rows = await SCENARIOS[name](Bench(stubs, ours, server))
            except RuntimeError as failed:
                rows = [Row(name, f"{name}: {failed}"[:160], FAILED, "", None)]
            for row in rows:
                yield row
