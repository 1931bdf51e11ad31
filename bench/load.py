"""Asking a server many times, and what that took."""

from __future__ import annotations

import asyncio
import base64
import hmac
import itertools
import json
import os
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl, urlencode

TOKEN = "a-bench-auth-token-of-twilios"  # with which the requests of a flow are signed
TICK = os.sysconf("SC_CLK_TCK")
Body = Callable[[int], bytes]


@dataclass
class Figures:
    """The figures of one load: seconds by request, in the order of sending; all together; CPU seconds of the server."""

    seconds: list[float] = field(default_factory=list)
    whole_s: float = 0.0
    cpu_s: float = 0.0

    @property
    def per_second(self) -> float:
        return len(self.seconds) / self.whole_s

    @property
    def cpu_ms(self) -> float:
        """The server's time for one request."""
        return self.cpu_s / len(self.seconds) * 1000

    def percentile_ms(self, share: float, *, last: float = 1.0) -> float:
        """``share`` 0.5 is the median. ``last`` 0.25 looks at the last quarter only."""
        taken = sorted(self.seconds[-max(1, int(len(self.seconds) * last)) :])
        return taken[min(len(taken) - 1, int(len(taken) * share))] * 1000


def median(values: list[float]) -> float:
    return statistics.median(values)


@dataclass(frozen=True)
class Target:
    """A server's address, and the process whose CPU counts."""

    port: int
    path: str
    pid: int
    headers: str = ""
    public_url: str = ""  # what Twilio would sign; empty where nothing is signed


_calls = itertools.count()


def phone_body(number: int) -> bytes:
    """A lookup for a call of its own, as all real ones are."""
    return json.dumps({"phone": f"+1415{2_000_000 + number:07d}", "call_sid": f"CA{next(_calls):032x}"}).encode()


def form_body(number: int) -> bytes:
    """What Studio's widget sends of a call."""
    sent = {"phone": f"+1415{2_000_000 + number:07d}", "to": "+14155550100", "call_sid": f"CA{next(_calls):032x}"}
    return urlencode({**sent, "flow_sid": f"FW{'1' * 32}", "execution_sid": f"FN{'2' * 32}"}).encode()


def signed(target: Target, form: bytes) -> str:
    """The headers of a form that Twilio signed."""
    fields = "".join(name + value for name, value in sorted(parse_qsl(form.decode())))
    text = f"{target.public_url}{target.path}{fields}".encode()
    signature = base64.b64encode(hmac.digest(TOKEN.encode(), text, "sha1")).decode()
    return f"Content-Type: application/x-www-form-urlencoded\r\nX-Twilio-Signature: {signature}\r\n"


async def load(target: Target, count: int, concurrency: int, body: Body = phone_body) -> Figures:
    """``count`` requests over ``concurrency`` kept connections. Raises RuntimeError for any answer but 200."""
    figures = Figures(seconds=[0.0] * count)
    numbers = iter(range(count))
    cpu, began = cpu_seconds(target.pid), time.perf_counter()
    try:
        async with asyncio.TaskGroup() as users:
            for _user_number in range(min(concurrency, count)):
                users.create_task(_user(target, numbers, body, figures))
    except* RuntimeError as failed:
        raise failed.exceptions[0] from None
    figures.whole_s, figures.cpu_s = time.perf_counter() - began, cpu_seconds(target.pid) - cpu
    return figures


async def _user(target: Target, numbers: Iterator[int], body: Body, figures: Figures) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", target.port)
    try:
        for number in numbers:
            began = time.perf_counter()
            await ask(reader, writer, target, body(number))
            figures.seconds[number] = time.perf_counter() - began
    finally:
        writer.close()


async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, target: Target, content: bytes) -> bytes:
    """One answer's body."""
    kind = signed(target, content) if target.public_url else "Content-Type: application/json\r\n"
    head = f"POST {target.path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{kind}{target.headers}Content-Length: {len(content)}\r\n\r\n"
    writer.write(head.encode() + content)
    answered = await reader.readuntil(b"\r\n\r\n")
    length = next(int(line[15:]) for line in answered.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    received = await reader.readexactly(length)
    if b" 200 " not in answered.split(b"\r\n", 1)[0]:
        raise RuntimeError(f"{target.path} answered {answered.splitlines()[0].decode()}: {received[:200]!r}")
    return received


def cpu_seconds(pid: int) -> float:
    """User and system time of a process with all its threads (Linux)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def resident_mb(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("the process has no memory")
