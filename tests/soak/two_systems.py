"""Two systems for the timing of restricted clients: ``python -m tests.soak.two_systems PORT``.

``/clients?phone=`` answers somebody who is restricted for an even number and nobody for an odd one, ``/payments?id=`` what is
known of them besides, later. Raw asyncio, and every answer takes equally long.
"""

from __future__ import annotations

import asyncio
import json
import sys
from urllib.parse import parse_qs, urlsplit

AFTER_S = {"/clients": 0.005, "/payments": 0.04}


def answer_to(path: str, asked: dict[str, list[str]]) -> object:
    if path == "/payments":
        return {"people": [{"id": "p", "outstanding_balance": "42.50"}]}
    phone = asked["phone"][0]
    if int(phone[-1]) % 2:
        return {"people": []}
    return {"people": [{"id": phone[-6:], "name": "Rosa Castillo", "phone": phone, "restricted": "yes"}]}


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            target = urlsplit(head.split(b" ", 2)[1].decode())
            await asyncio.sleep(AFTER_S[target.path])
            # As long as one another, so that what is measured is what the portal makes of them.
            body = json.dumps(answer_to(target.path, parse_qs(target.query))).ljust(200).encode()
            writer.write(
                b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
            )
            await writer.drain()
    except (ConnectionError, asyncio.IncompleteReadError):
        pass
    finally:
        writer.close()


async def main(port: int) -> None:
    server = await asyncio.start_server(serve, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
