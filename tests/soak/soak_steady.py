"""An ordinary day's load for some minutes: nothing may pile up."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

from asgiref.sync import async_to_sync

from integrations.disclosure import audit
from tests.factories import World
from tests.soak.callers import Heard, callers
from tests.soak.conftest import Portal
from tests.test_serve_several import children

WARM_UP_S = 120
STEADY_S = 240
USERS, PAUSE_S = 8, 0.1
MAY_GROW_MB = 16


@dataclass(frozen=True)
class Held:
    """What a process holds."""

    megabytes: int
    files: int
    threads: int

    @classmethod
    def by(cls, pid: int) -> Held:
        facts = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
        return cls(int(facts["VmRSS"].split()[0]) // 1024, len(list(Path(f"/proc/{pid}/fd").iterdir())), int(facts["Threads"]))


def test_a_steady_load_makes_nothing_grow(world: World, portal: Portal) -> None:
    with portal("--web", "2", "--runners", "1", family=3) as (process, door):
        family = children(process.pid)

        async def day() -> tuple[Heard, list[Held], list[Held]]:
            async with callers(door, USERS, pause_s=PAUSE_S) as heard:
                await asyncio.sleep(WARM_UP_S)
                early = [Held.by(pid) for pid in family]
                await asyncio.sleep(STEADY_S)
                late = [Held.by(pid) for pid in family]
            return heard, early, late

        heard, early, late = async_to_sync(day)()
        print(f"\nheard {heard}\nafter {WARM_UP_S} s: {early}\nafter {STEADY_S} s more: {late}")
        assert (set(heard.statuses), set(heard.words), heard.wrong) == ({200}, {"ok"}, [])
        assert children(process.pid) == family
        for before, after in zip(early, late, strict=True):
            assert after.megabytes - before.megabytes <= MAY_GROW_MB
            assert after.files - before.files <= 4
            assert after.threads == before.threads
    assert audit.verify(world.riverside) >= heard.statuses[200]
