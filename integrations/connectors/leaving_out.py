"""People whom a question is not about, whatever a system answers: nothing is asked about them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from integrations.profile import SourceRecord

_left_out: ContextVar[Callable[[SourceRecord], bool] | None] = ContextVar("left_out", default=None)


@contextmanager
def leaving_out(holds: Callable[[SourceRecord], bool] | None) -> Iterator[None]:
    """Take records that it ``holds`` for nobody's within the block: they are dropped when they have come."""
    marker = _left_out.set(holds)
    try:
        yield
    finally:
        _left_out.reset(marker)


def is_left_out(record: SourceRecord) -> bool:
    """Whether a record is nobody's, so that a system has to be asked on as if it had not been found."""
    holds = _left_out.get()
    return holds is not None and holds(record)
