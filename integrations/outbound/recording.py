"""What the doors send and receive, noted for whoever tries a system in the browser, and for how systems do."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from integrations.outbound.curl import Hidden, curl_of
from integrations.redaction import scrub


@dataclass(frozen=True)
class Asked:
    """A request as it goes out."""

    method: str
    address: str  # without the query
    query: Mapping[str, Any] | None = None
    headers: Mapping[str, str] | None = None
    json: Any = None
    form: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Sent:
    """One request that a door sent: without headers and bodies, which hold secrets and data.

    ``status`` is an HTTP status or ``ok``; empty where no answer came. ``curl``: the same request to be typed, with names
    in place of secrets and of everything about a person but the number; empty where it is no HTTP.
    """

    what: str
    status: str
    ms: float
    curl: str = ""


@dataclass
class Recording:
    """``secrets``: value by name. ``number``: the notations in which the number that is tried may be shown.

    ``knows``: whether something was read of a person, or known before, that later requests may repeat. ``dropped``: the
    keys of records that may not exist behind a connector. ``unread``: how many stored numbers could not be read as one.
    """

    secrets: Mapping[str, str] = field(default_factory=dict)
    number: frozenset[str] = frozenset()
    sent: list[Sent] = field(default_factory=list)
    knows: bool = False
    dropped: set[str] = field(default_factory=set)
    unread: int = 0


_recorded: ContextVar[Recording | None] = ContextVar("recorded", default=None)
_ADDRESS_IN_PATH = re.compile(r"(?<![^/])[^/]+(?:@|%40)[^/]+")  # from a part's first character on, not from each


@contextmanager
def recording(secrets: Mapping[str, str] | None = None, number: Iterable[str] = ()) -> Iterator[Recording]:
    """What the doors send within the block, and what is dropped of what they receive."""
    recorded = Recording(secrets or {}, frozenset(number))
    marker = _recorded.set(recorded)
    try:
        yield recorded
    finally:
        _recorded.reset(marker)


def record_sent(what: str | Asked, status: str, began: float) -> None:
    """Note a request. A door calls this after each; ``began`` by time.monotonic()."""
    if (recorded := _recorded.get()) is None:
        return
    ms = round((time.monotonic() - began) * 1000, 1)
    if isinstance(what, str):
        recorded.sent.append(Sent(what, status, ms))
        return
    address = str(scrub(_ADDRESS_IN_PATH.sub("…", what.address) if recorded.knows else what.address))
    hidden = Hidden(recorded.secrets, recorded.number, only_number=recorded.knows)
    curl = curl_of(what.method, address, hidden, query=what.query, headers=what.headers, json=what.json, form=what.form)
    recorded.sent.append(Sent(f"{what.method} {address}", status, ms, curl))


def record_read(dropped: Iterable[str]) -> None:
    """Note a record that a connector reads."""
    if (recorded := _recorded.get()) is not None:
        recorded.knows = True
        recorded.dropped.update(dropped)


def being_recorded() -> Recording | None:
    """What is being noted at the moment, if somebody tries a system."""
    return _recorded.get()


# More than these, nobody reads.
MAX_REMARKS = 3
_remarked: ContextVar[list[str] | None] = ContextVar("remarked", default=None)


@contextmanager
def remarks() -> Iterator[list[str]]:
    """What connectors remark within the block."""
    said: list[str] = []
    marker = _remarked.set(said)
    try:
        yield said
    finally:
        _remarked.reset(marker)


def remark(sentence: str) -> None:
    """Say of an answer what its records do not: a plain sentence for agents and admins, without anything of a person."""
    said = _remarked.get()
    if said is not None and sentence not in said and len(said) < MAX_REMARKS:
        said.append(sentence)


def record_dropped(dropped: Iterable[str]) -> None:
    """Note what was dropped of an answer before anything was read of it."""
    if (recorded := _recorded.get()) is not None:
        recorded.dropped.update(dropped)


_candidates: ContextVar[list[int] | None] = ContextVar("candidates", default=None)


@contextmanager
def candidates() -> Iterator[list[int]]:
    """How many records came back to each question within the block, before any was held against what was asked for."""
    counts: list[int] = []
    marker = _candidates.set(counts)
    try:
        yield counts
    finally:
        _candidates.reset(marker)


def record_candidates(count: int) -> None:
    """Note how many candidates an answer had. A kind calls this for each answer about a number."""
    if (counts := _candidates.get()) is not None:
        counts.append(count)


_received: ContextVar[list[int] | None] = ContextVar("received", default=None)


def count_received() -> list[int]:
    """Filled with the size in bytes of each answer that a door receives from now on in the running context."""
    sizes: list[int] = []
    _received.set(sizes)
    return sizes


def record_received(size: int) -> None:
    """Note how much was received. The doors that know it call this."""
    if (sizes := _received.get()) is not None:
        sizes.append(size)
