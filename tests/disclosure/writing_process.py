"""A process of its own that writes entries and says each that was acknowledged: ``python -m … ORGANIZATION_ID COUNT``."""

from __future__ import annotations

import asyncio
import sys

import django


async def main(organization_id: int, count: int) -> None:
    from integrations.disclosure import audit

    async def write(number: int) -> None:
        entry = audit.Entry(organization_id=organization_id, event="lookup", actor_kind="operator", detail={"n": number})
        await audit.record(entry)
        print(number, flush=True)

    audit.WAIT_S = 30  # the test is about the chain, not about this machine's disk
    for first in range(0, count, 10):
        await asyncio.gather(*(write(number) for number in range(first, first + 10)))


if __name__ == "__main__":
    django.setup()
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2])))
