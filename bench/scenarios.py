"""What is measured. Ours and the reference take turns in one run, so that both meet the same machine; medians of the rounds."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass

from bench.browser import chromium, first_field
from bench.load import Figures, Target, load, median, phone_body, resident_mb
from bench.servers import Portal, Stubs, node, portal, reference

ROUNDS = 3
COLD = (80, 120, 60, 90)
NOT_RUN = "not run: Node is not installed"


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


def fresh_numbers(count: int) -> Callable[[int], bytes]:
    """Numbers that nobody has asked for in this run."""
    global _first_number
    first, _first_number = _first_number, _first_number + count
    return lambda number: phone_body(first + number)


async def by_turns(ours: Target, theirs: Target | None, count: int, concurrency: int) -> tuple[list[Figures], list[Figures]]:
    """The rounds of both, after one that warms up."""
    found: tuple[list[Figures], list[Figures]] = ([], [])
    for number in range(ROUNDS + 1):
        for place, target in enumerate((ours, theirs)):
            if target:
                figures = await load(target, count, concurrency, fresh_numbers(count))
                if number:
                    found[place].append(figures)
    return found


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
    async with maybe_reference(stubs, 50, 50, 50, 50) as theirs:
        mine, others = await by_turns(ours.target("crowd"), theirs, 1_000, 200)
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
    mine, plain = await by_turns(ours.target("quick"), ours.empty(), 1_000, 50)
    thin, _nobody = await by_turns(ours.empty("/api/v1/empty"), None, 1_000, 50)
    speed = median([f.per_second for f in mine])
    rows = []
    for name, figures, must in (("Django's own handler", plain, "≥ 0.5"), ("our thin handler", thin, "")):
        baseline = median([f.per_second for f in figures])
        what = f"50 at a time, audit committed, against an empty view on {name}"
        rows.append(Row("empty", what, f"{speed:.0f}/s", f"{baseline:.0f}/s", speed / baseline, must, "≥ 0.8" if must else ""))
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


async def slope(_stubs: Stubs, ours: Portal) -> list[Row]:
    few, many = await by_turns(ours.target("steps-1"), ours.target("steps-6"), 400, 20)
    each = (median([f.cpu_ms for f in many]) - median([f.cpu_ms for f in few])) / 5
    return [
        Row(
            "slope",
            "CPU for each source more, from one to six",
            f"{each:.2f} ms",
            "0.19 ms",
            each / 0.19,
            "≤ 0.5 ms",
            "≤ 0.25 ms",
        )
    ]


async def memory(_stubs: Stubs, ours: Portal) -> list[Row]:
    target = ours.target("quick")
    await load(target, 500, 50, fresh_numbers(500))
    before = resident_mb(ours.pid)
    await load(target, 10_000, 50, fresh_numbers(10_000))
    after = resident_mb(ours.pid)
    what = "resident memory after 10,000 numbers more"
    return [Row("memory", what, f"{before:.0f} → {after:.0f} MB", "growing", None, "bounded", "")]


async def panel(stubs: Stubs, ours: Portal) -> list[Row]:
    what = "a field on an agent's screen after its system's answer, in Chromium; two others slow and hanging: median, worst"
    if not chromium():
        return [Row("panel", what, "not run: Chromium is not installed", "", None, "≤ 100 ms", "")]
    usual, worst = await first_field(stubs, ours, "panel", "s1")
    return [Row("panel", what, f"{usual:.0f} ms; {worst:.0f} ms", "", None, "≤ 100 ms", "")]


SCENARIOS: dict[str, Scenario] = {
    "cold": cold, "crowd": crowd, "empty": empty, "hang": hang, "one": one, "slope": slope, "panel": panel, "memory": memory,
}  # fmt: skip


def _by(mine: float, theirs: float | None) -> float | None:
    return mine / theirs if theirs else None


async def run(names: list[str], stubs: Stubs, database_url: str = "") -> AsyncGenerator[Row]:
    """The rows of the named scenarios on one portal."""
    async with portal(organizations(stubs), database_url) as ours:
        for name in names:
            for row in await SCENARIOS[name](stubs, ours):
                yield row
