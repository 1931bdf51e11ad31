"""The systems that are asked: one process, one port, latencies named in the path. ``python -m bench.stubs PORT``.

``/delay/<ms>/<name>/people?phone=…`` answers one person after that time, ``/hang/<name>/people`` never. ``/_counts`` tells
what was asked since ``/_reset``: calls and open requests by ``<name>``, and when it answered last. Raw asyncio, so that it
is not what bounds a figure.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import Counter
from typing import Any
from urllib.parse import parse_qs, urlsplit

calls: Counter[str] = Counter()
unanswered: Counter[str] = Counter()
answered_at: dict[str, float] = {}


def person(phone: str) -> dict[str, Any]:
    """What every system knows of somebody, and one thing that nobody may see."""
    return {
        "id": phone[-6:], "name": "Rosa Castillo", "first_name": "Rosa", "last_name": "Castillo", "phone": phone,
        "company": "Castillo & Daughters", "language": "Spanish", "account_id": f"RS-{phone[-6:]}", "status": "active",
        "vip_status": True, "member_since": "2019-03-01", "last_contact": "2026-10-01T09:30:00+00:00", "preferred_agent": "Bea",
        "programs": ["Meals", "Rides"], "open_cases": ["Ramp at the front door"], "lifecycle_stage": "customer",
        "email": f"rosa{phone[-6:]}@mail.org", "address": "12 Pine Street, Springfield", "date_of_birth": "1941-05-02",
        "notes": "Prefers mornings", "outstanding_balance": "42.50", "ssn": "078-05-1120",
    }  # fmt: skip


FIELDS = tuple(name for name in person("") if name not in ("id", "ssn"))


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            target = urlsplit(head.split(b" ", 2)[1].decode())
            await answer(target.path, target.query, reader, writer)
            await writer.drain()
    except (ConnectionError, asyncio.IncompleteReadError):
        pass
    finally:
        writer.close()


async def answer(path: str, query: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    parts = path.strip("/").split("/")
    if parts[0] == "_counts":
        send(writer, json.dumps({"calls": calls, "open": unanswered, "answered_at": answered_at}).encode())
    elif parts[0] == "_reset":
        calls.clear()
        send(writer, b"{}")
    elif parts[0] == "hang":
        calls[parts[1]] += 1
        unanswered[parts[1]] += 1
        try:
            await reader.read(1)  # until the client leaves
        finally:
            unanswered[parts[1]] -= 1
        raise ConnectionResetError
    else:
        calls[parts[2]] += 1
        await asyncio.sleep(int(parts[1]) / 1000)
        answered_at[parts[2]] = time.time()
        send(writer, json.dumps({"people": [person(parse_qs(query)["phone"][0])]}).encode())


def send(writer: asyncio.StreamWriter, body: bytes) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))


async def main(port: int) -> None:
    server = await asyncio.start_server(serve, "127.0.0.1", port, backlog=2_000)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
