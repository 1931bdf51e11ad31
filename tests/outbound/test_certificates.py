"""Certificates: a vendor is spoken to only where somebody vouches for the server."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from integrations.deadline import Deadline
from integrations.errors import SourceUnavailable
from integrations.outbound.http import HttpDoor, close_clients
from tests.certificates import self_signed
from tests.http_stub import LOOPBACK_ALLOWED, reply


async def test_a_server_whose_certificate_nobody_vouches_for_is_told_nothing(tmp_path: Path) -> None:
    heard: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.readuntil(b"\r\n\r\n"))
        await reply({})(writer)
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0, ssl=self_signed(tmp_path)) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(SourceUnavailable, match="Certificate"):
            await HttpDoor("crm", f"https://127.0.0.1:{port}", LOOPBACK_ALLOWED).request("GET", "/", Deadline(5))
        await close_clients()
    assert heard == []
