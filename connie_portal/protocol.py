"""HTTP as uvicorn speaks it, with limits on what anybody may send: how long an address and headers may be, and how long a
request may take to arrive.

What is over them is answered in the API's error shape and its connection closed. Nothing here counts by address: behind a
proxy everybody comes from the same one. Connections on which nothing is being answered are limited for all together, and
the one that has been so for longest goes first, so that whoever sends a whole request gets through.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any, ClassVar

from django.conf import settings
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from connie_portal.request_ids import NAME, made
from integrations.api.errors import error_response


@dataclass(frozen=True)
class Limits:
    """Bytes and seconds. After its first ``body_s``, a body must have grown by ``body_floor`` in each further one."""

    address: int = 8 * 1024
    headers: int = 32 * 1024
    header_count: int = 100
    head_s: float = 10
    body_s: float = 30
    body_floor: int = 32 * 1024
    answer_s: float = 30  # in which a client must take something of an answer that is ready
    linger_s: float = 3  # how long what is no longer wanted is read, so that the client reads why
    waiting: int = 512  # connections on which nothing is being answered for longer than
    new_s: float = 1  # this: in a crowd, what has come may not have been looked at yet
    pipelined: int = 16


_TOO_SLOW = ("request_timeout", "The request did not arrive in time.")
_MALFORMED = ("invalid_request", "This is not a valid HTTP request.")

# What a connection is doing: waiting for the rest of a request's head, or of its body; answering or resting between requests;
# reading on after an answer, because a client that is cut off while it writes never reads what it was told.
_HEAD, _BODY, _WHOLE, _LINGERING = "head", "body", "whole", "lingering"


class _Refused(Exception):
    """Ends the parsing of a request from within."""


class LimitedProtocol(HttpToolsProtocol):
    """One connection."""

    limits: ClassVar[Limits] = Limits(**settings.SERVE_LIMITS)
    # Oldest first.
    _at_rest: ClassVar[dict[LimitedProtocol, float]] = {}

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._phase = _HEAD
        self._watched: tuple[str, int] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._write_timer: asyncio.TimerHandle | None = None
        self._refusal = _MALFORMED
        self._message = self._head_size = self._unparsed = self._body_size = self._received = 0
        super().connection_made(_Transport(transport, self))
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        self._unset_timers()
        self._at_rest.pop(self, None)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._phase == _LINGERING:
            return
        if self._phase == _WHOLE and self._idle:
            self._phase = _HEAD
        self._received += len(data)
        self._unparsed += len(data)
        super().data_received(data)
        # A single header is told once it is whole; until then the parser keeps it.
        if self._unparsed > self.limits.headers and not self.transport.is_closing():
            self._refuse("headers_too_long", f"One header is longer than {self.limits.headers // 1024} KiB.")
        self._watch()

    # -- The parser's callbacks ------------------------------------------------------------------------------------
    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._phase, self._message, self._head_size, self._unparsed = _HEAD, self._message + 1, 0, 0

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        self._unparsed = 0
        if len(self.url) > self.limits.address:
            self._stop("address_too_long", f"The address is longer than {self.limits.address // 1024} KiB.")

    def on_header(self, name: bytes, value: bytes) -> None:
        super().on_header(name, value)
        self._unparsed = 0
        self._head_size += len(name) + len(value) + 4
        if self._head_size > self.limits.headers or len(self.headers) > self.limits.header_count:
            self._stop("headers_too_long", f"The headers are longer than {self.limits.headers // 1024} KiB, or too many.")

    def on_headers_complete(self) -> None:
        if len(self.pipeline) >= self.limits.pipelined:
            raise _Refused
        self._phase, self._body_size = _BODY, 0
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._unparsed = 0
        self._body_size += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._phase = _WHOLE
        super().on_message_complete()

    # -- Answers ---------------------------------------------------------------------------------------------------
    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._watch()

    def send_400_response(self, msg: str) -> None:
        """What uvicorn calls when the parser failed, be it by ``_stop``."""
        self._refuse(*self._refusal)

    def _unsupported_upgrade_warning(self) -> None:
        """Another protocol was offered. The request is answered in this one, and its connection is not used again."""
        if self.cycle is not None:
            self.cycle.keep_alive = False

    def _stop(self, code: str, message: str) -> None:
        self._refusal = (code, message)
        raise _Refused

    def _refuse(self, code: str, message: str) -> None:
        """Answer and close. Where an answer to an earlier request is on its way, there is no place for another."""
        busy = self.cycle is not None and not self.cycle.response_complete
        if self._phase == _BODY and not busy:
            self.transport.close()  # it was answered before it was whole
            return
        if busy and (self._phase == _HEAD or self.cycle.response_started):
            self.transport.abort()
            return
        answer = error_response(code, message)
        answer[NAME] = made()
        lines = [f"HTTP/1.1 {answer.status_code} {answer.reason_phrase}", f"Content-Length: {len(answer.content)}"]
        lines += [*(f"{name}: {value}" for name, value in answer.items()), "Connection: close", "", ""]
        self.transport.write("\r\n".join(lines).encode("latin-1") + answer.content)
        self.transport.close()

    # -- Time ------------------------------------------------------------------------------------------------------
    @property
    def _idle(self) -> bool:
        return (self.cycle is None or self.cycle.response_complete) and not self.pipeline

    def _watch(self) -> None:
        """Let the clock run that belongs to what this connection is doing, if that is something else than before."""
        if self.transport.is_closing():
            return
        phase = self._phase
        answered_early = phase == _BODY and self._idle
        now = (f"{phase}, answered" if answered_early else phase, self._message)
        if now != self._watched:
            self._watched = now
            self._unset_timers()
            if phase == _HEAD:
                self._timer = self.loop.call_later(self.limits.head_s, self._too_slow)
            elif answered_early:
                self._timer = self.loop.call_later(self.limits.linger_s, self.transport.close)
            elif phase == _BODY:
                self._timer = self.loop.call_later(self.limits.body_s, self._too_slow)
        if phase == _WHOLE and self._idle and self.timeout_keep_alive_task is None and self._message:
            self.timeout_keep_alive_task = self.loop.call_later(self.timeout_keep_alive, self.timeout_keep_alive_handler)
        self._count(at_rest=phase == _HEAD or (phase == _WHOLE and self._idle))

    def _count(self, *, at_rest: bool) -> None:
        if not at_rest:
            self._at_rest.pop(self, None)
        elif self not in self._at_rest:
            self._at_rest[self] = now = self.loop.time()
            while len(self._at_rest) > self.limits.waiting:
                oldest, since = next(iter(self._at_rest.items()))
                if now - since < self.limits.new_s:
                    break
                del self._at_rest[oldest]
                oldest.transport.abort()

    def _too_slow(self) -> None:
        enough = self._phase == _BODY and self._body_size >= self.limits.body_floor
        if enough or self.flow.read_paused:  # it is we who do not read
            self._body_size = 0
            self._timer = self.loop.call_later(self.limits.body_s, self._too_slow)
        elif self._received:
            self._refuse(*_TOO_SLOW)
        else:
            self.transport.abort()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._write_timer = self.loop.call_later(self.limits.answer_s, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._write_timer:
            self._write_timer.cancel()

    def _unset_timers(self) -> None:
        for timer in (self._timer, self._write_timer):
            if timer:
                timer.cancel()

    # -- The end ---------------------------------------------------------------------------------------------------
    def linger(self, transport: asyncio.Transport) -> None:
        """Tell whoever is asked for the rest of a request that nothing more is to come, and do not cut them off yet."""
        if transport.is_closing():
            return
        reading = self._phase in (_HEAD, _BODY) and self._received
        self._phase = _LINGERING
        self._unset_timers()
        self._at_rest.pop(self, None)
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        if not reading:
            transport.close()
            if transport.get_write_buffer_size():
                self._timer = self.loop.call_later(self.limits.answer_s, transport.abort)
            return
        transport.write_eof()
        self.flow.resume_reading()
        self._timer = self.loop.call_later(self.limits.linger_s, transport.abort)


class _Transport(asyncio.Transport):
    """The connection's transport, which closes in the protocol's way."""

    def __init__(self, real: asyncio.Transport, protocol: LimitedProtocol) -> None:
        super().__init__()
        self._real, self._protocol, self._ended = real, protocol, False

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self._real.get_extra_info(name, default)

    def is_closing(self) -> bool:
        return self._ended or self._real.is_closing()

    def write(self, data: bytes | bytearray | memoryview[Any]) -> None:
        if not self._ended:
            self._real.write(data)

    def close(self) -> None:
        if not self._ended:
            self._ended = True
            self._protocol.linger(self._real)

    def abort(self) -> None:
        self._ended = True
        self._real.abort()

    def pause_reading(self) -> None:
        self._real.pause_reading()

    def resume_reading(self) -> None:
        self._real.resume_reading()
