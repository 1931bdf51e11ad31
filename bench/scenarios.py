"""What is measured. Ours and the reference take turns in one run, so that both meet the same machine; medians of the rounds."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass

from bench.browser import chromium, first_field
from bench.load import Body, Figures, Target, load, median, phone_body, resident_mb
from bench.servers import Portal, Stubs, node, portals, reference

ROUNDS = 3
KNOWN = 20
COLD = (80, 120, 60, 90)
NOT_RUN = "not run: Node is not installed"
FAILED = "failed"


@dataclass(frozen=True)
class Row:
    """One line of the table. ``ratio`` is ours by the reference's, or by the empty view's; ``must`` and ``aim`` bound it."""

    name: str
    what: str
    ours: str
    reference: str
    ratio: float | None
    must: str
    aim: str

    def facts(self) -> dict[str, object]:
        return asdict(self)


Scenario = Callable[[Stubs, Portal], Awaitable[list[Row]]]
_first_number = 0


def fresh_numbers(count: int) -> Body:
    """Numbers that nobody has asked for in this run."""
    global _first_number
    first, _first_number = _first_number, _first_number + count
    return lambda number: phone_body(first + number)


def known_numbers(_count: int) -> Body:
    """The same few over and over; the round that warms up makes them known."""
    return lambda number: phone_body(7_000_000 + number % KNOWN)


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


@asynccontextmanager
async def maybe_reference(stubs: Stubs, *latencies_ms: int, hang_ms: int = 0) -> AsyncIterator[Target | None]:
    """None where Node is not installed."""
    if not node():
        yield None
        return
    sources = stubs.delayed(*latencies_ms) + ([stubs.hanging(hang_ms)] if hang_ms else [])
    async with reference(sources) as target:
        yield target


def organizations(stubs: Stubs) -> dict[str, list[dict[str, object]]]:
    """Which sources each scenario's organisation has."""
    steps = {f"steps-{count}": stubs.delayed(*[20] * count) for count in (1, 6)}
    return {
        "cold": stubs.delayed(*COLD),
        "crowd": stubs.delayed(50, 50, 50, 50),
        "hang": [*stubs.delayed(20, 20, 20), stubs.hanging(800)],
        "one": stubs.delayed(100, 100, 100, 100),
        "quick": stubs.delayed(0),
        "panel": [*stubs.delayed(50, 700), stubs.hanging(2_000)],
        **steps,
    }


async def cold(stubs: Stubs, ours: Portal) -> list[Row]:
    async with maybe_reference(stubs, *COLD) as theirs:
        mine, others = await by_turns(ours.target("cold"), theirs, 12, 1)
    over = median([figures.percentile_ms(0.5) - max(COLD) for figures in mine])
    theirs_over = median([figures.percentile_ms(0.5) - max(COLD) for figures in others]) if others else None
    text = f"{theirs_over:.1f} ms" if theirs_over else NOT_RUN
    return [
        Row(
            "cold",
            "one at a time, p50 over the slowest of four",
            f"{over:.1f} ms",
            text,
            _by(over, theirs_over),
            "≤ 1.5",
            "≤ 1.0",
        )
    ]


async def crowd(stubs: Stubs, ours: Portal) -> list[Row]:
    await stubs.tell("_reset")
    async with maybe_reference(stubs, 50, 50, 50, 50) as theirs:
        mine, others = await by_turns(ours.target("crowd"), theirs, 1_000, 200)
        await all_asked(stubs, (ROUNDS + 1) * 1_000 * (2 if theirs else 1))
    speed, cpu = median([f.per_second for f in mine]), median([f.cpu_ms for f in mine])
    their_speed = median([f.per_second for f in others]) if others else None
    their_cpu = median([f.cpu_ms for f in others]) if others else None
    speeds = Row(
        "crowd", "200 at a time, lookups in a second", f"{speed:.0f}", f"{their_speed:.0f}" if their_speed else NOT_RUN,
        _by(speed, their_speed), "≥ 0.5", "≥ 1.0",
    )  # fmt: skip
    costs = Row(
        "crowd", "the same, CPU for each lookup", f"{cpu:.2f} ms", f"{their_cpu:.2f} ms" if their_cpu else NOT_RUN,
        _by(cpu, their_cpu), "≤ 2.0", "≤ 1.2",
    )  # fmt: skip
    return [speeds, costs]


async def empty(_stubs: Stubs, ours: Portal) -> list[Row]:
    return await against_empty("empty", "50 at a time, new numbers", ours, fresh_numbers)


async def cached(_stubs: Stubs, ours: Portal) -> list[Row]:
    return await against_empty("cached", "50 at a time, known numbers", ours, known_numbers)


async def against_empty(name: str, what: str, ours: Portal, numbers: Callable[[int], Body]) -> list[Row]:
    """Each lookup with its audit entry, against an empty view on Django's own handler and on the thin one."""
    mine, plain = await by_turns(ours.target("quick"), ours.empty(), 1_000, 50, numbers)
    thin, _nobody = await by_turns(ours.empty("/api/v1/empty"), None, 1_000, 50)
    speed = median([f.per_second for f in mine])
    rows = []
    for handler, figures, must in (("Django's own handler", plain, "≥ 0.5"), ("our thin handler", thin, "")):
        baseline = median([f.per_second for f in figures])
        text = f"{what}, against an empty view on {handler}"
        rows.append(Row(name, text, f"{speed:.0f}/s", f"{baseline:.0f}/s", speed / baseline, must, "≥ 0.8" if must else ""))
    return rows


async def hang(stubs: Stubs, ours: Portal) -> list[Row]:
    rows = []
    async with maybe_reference(stubs, 20, 20, 20, hang_ms=800) as theirs:
        for target in filter(None, (ours.target("hang"), theirs)):
            await stubs.tell("_reset")
            figures = await load(target, 160, 20, fresh_numbers(160))
            counts = await stubs.tell("_counts")
            rows.append((figures.percentile_ms(0.99, last=0.25), counts["calls"]["hung"], counts["open"].get("hung", 0)))
    mine, *others = [f"{p99:.0f} ms; {calls} of 160; {left} open" for p99, calls, left in rows]
    what = "one of four hangs, 800 ms: p99 of the last quarter; calls to it; left open"
    return [Row("hang", what, mine, others[0] if others else NOT_RUN, None, "≤ 60 ms; ≤ 25; 0", "≤ 30; ≤ 10; 0")]


async def one(stubs: Stubs, ours: Portal) -> list[Row]:
    rows = []
    async with maybe_reference(stubs, 100, 100, 100, 100) as theirs:
        for target in filter(None, (ours.target("one"), theirs)):
            await load(target, 20, 20, fresh_numbers(20))
            body = fresh_numbers(1)
            await stubs.tell("_reset")
            figures = await load(target, 200, 200, lambda _number, body=body: body(0))  # type: ignore[misc]
            counts = await stubs.tell("_counts")
            rows.append((max(counts["calls"].values()), figures.percentile_ms(0.99)))
    mine, *others = [f"{calls} calls; {p99:.0f} ms" for calls, p99 in rows]
    what = "200 at once for one number: calls to each source; p99"
    return [Row("one", what, mine, others[0] if others else NOT_RUN, None, "1; ≤ 150 ms", "1; ≤ 115 ms")]


async def slope(stubs: Stubs, ours: Portal) -> list[Row]:
    mine = cpu_slope(*await by_turns(ours.target("steps-1"), ours.target("steps-6"), 400, 20))
    theirs: float | None = None
    async with maybe_reference(stubs, 20) as few, maybe_reference(stubs, *[20] * 6) as many:
        if few and many:
            theirs = cpu_slope(*await by_turns(few, many, 400, 20))
    text = f"{theirs:.2f} ms" if theirs else NOT_RUN
    what = "CPU for each source more, from one to six"
    return [Row("slope", what, f"{mine:.2f} ms", text, _by(mine, theirs), "≤ 0.5 ms", "≤ 0.25 ms")]


def cpu_slope(few: list[Figures], many: list[Figures]) -> float:
    """Milliseconds for each of the five sources that ``many`` has more."""
    return (median([f.cpu_ms for f in many]) - median([f.cpu_ms for f in few])) / 5


async def memory(stubs: Stubs, ours: Portal) -> list[Row]:
    mine = await grown(ours.target("quick"))
    async with maybe_reference(stubs, 0) as theirs:
        text = await grown(theirs) if theirs else NOT_RUN
    return [Row("memory", "resident memory after 10,000 numbers more", mine, text, None, "bounded", "")]


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
    return Row("shared", what, f"{calls} calls; {slowest:.0f} ms", "", None, "1", "")


async def panel(stubs: Stubs, ours: Portal) -> list[Row]:
    what = "a field on an agent's screen after its system's answer, in Chromium; two others slow and hanging: median, worst"
    if not chromium():
        return [Row("panel", what, "not run: Chromium is not installed", "", None, "≤ 100 ms", "")]
    usual, worst = await first_field(stubs, ours, "panel", "s1")
    return [Row("panel", what, f"{usual:.0f} ms; {worst:.0f} ms", "", None, "≤ 100 ms", "")]


# The rows with an empty view come late: Django's own handler leaves garbage, and collecting it stalls a later row.
SCENARIOS: dict[str, Scenario] = {
    "cold": cold, "crowd": crowd, "hang": hang, "one": one, "slope": slope, "empty": empty, "cached": cached, "panel": panel,
    "memory": memory,
}  # fmt: skip


def _by(mine: float, theirs: float | None) -> float | None:
    return mine / theirs if theirs else None


async def run(names: list[str], stubs: Stubs, database_url: str = "") -> AsyncGenerator[Row]:
    """The rows of the named scenarios on one portal. One with an answer that is none has no figure, and says why."""
    async with portals(organizations(stubs), database_url) as (ours,):
        for name in names:
            try:
                rows = await SCENARIOS[name](stubs, ours)
            except RuntimeError as failed:
                rows = [Row(name, f"{name}: {failed}"[:160], FAILED, "", None, "", "")]
            for row in rows:
                yield row
