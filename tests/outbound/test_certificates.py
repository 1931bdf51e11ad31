"""Certificates: a vendor is spoken to only where somebody vouches for the server."""

from __future__ import annotations

import asyncio
import ipaddress
import ssl
from datetime import datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from integrations.deadline import Deadline
from integrations.errors import SourceUnavailable
from integrations.outbound.http import HttpDoor, close_clients
from tests.http_stub import LOOPBACK_ALLOWED, reply


def self_signed(folder: Path) -> ssl.SSLContext:
    """How a server speaks that made its certificate for 127.0.0.1 itself."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "crm")])
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, datetime(2020, 1, 1), datetime(2099, 1, 1))
    here = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    certificate = builder.add_extension(here, critical=False).sign(key, hashes.SHA256())
    unlocked = (serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    file = folder / "server.pem"
    pem = serialization.Encoding.PEM
    file.write_bytes(key.private_bytes(pem, *unlocked) + certificate.public_bytes(pem))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


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
