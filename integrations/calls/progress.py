"""How far a call, a task or a reservation has come, so that events may arrive in any order, late and twice.

Each event has a mark; what has the greatest mark is the state, whoever came first. A closed state is greater than any open
one, so that nothing is opened again; what was only taken for closed is smaller than what Twilio says.
"""

from __future__ import annotations

from datetime import datetime

# For want of news: Twilio may still tell how it really ended.
STALE = "stale"

_OPEN, _TAKEN_FOR_CLOSED, _CLOSED = 0, 1, 2
_TASKS = {
    "pending": _OPEN, "reserved": _OPEN, "assigned": _OPEN, "wrapping": _OPEN,
    # After it was completed or cancelled; so it is all that is known where that event was lost.
    "deleted": _TAKEN_FOR_CLOSED, STALE: _TAKEN_FOR_CLOSED,
    "canceled": _CLOSED, "completed": _CLOSED,
}  # fmt: skip
_RESERVATIONS = {
    "pending": _OPEN, "accepted": _OPEN, "wrapping": _OPEN, STALE: _TAKEN_FOR_CLOSED,
    "rejected": _CLOSED, "timeout": _CLOSED, "canceled": _CLOSED, "rescinded": _CLOSED, "failed": _CLOSED, "completed": _CLOSED,
}  # fmt: skip
_CALLS = {
    "queued": _OPEN, "initiated": _OPEN, "ringing": _OPEN, "in-progress": _OPEN, STALE: _TAKEN_FOR_CLOSED,
    "busy": _CLOSED, "failed": _CLOSED, "no-answer": _CLOSED, "canceled": _CLOSED, "completed": _CLOSED,
}  # fmt: skip
# An agent holds what they accepted, also while they wrap it up.
HELD = ("accepted", "wrapping")
# Some worker's: Twilio lets go of it after a day.
ASSIGNED = ("reserved", "assigned", "wrapping")
CALL_OPEN = tuple(state for state, level in _CALLS.items() if level == _OPEN)


def task_mark(state: str, at: datetime) -> str:
    """Order by time: a task may go back, to wait again when nobody accepts it."""
    return f"{_TASKS[state]}{_ms(at)}{_rank(_TASKS, state)}"


def reservation_mark(state: str, at: datetime) -> str:
    """Order by state: it only ever goes on."""
    return f"{_RESERVATIONS[state]}{_rank(_RESERVATIONS, state)}{_ms(at)}"


def call_mark(state: str, at: datetime) -> str:
    """Order by state: it only ever goes on, and its times are told to the second."""
    return f"{_CALLS[state]}{_rank(_CALLS, state)}{_ms(at)}"


def is_closed(mark: str) -> bool:
    return mark > str(_TAKEN_FOR_CLOSED)


def _ms(at: datetime) -> str:
    return f"{round(at.timestamp() * 1_000):014d}"


def _rank(states: dict[str, int], state: str) -> str:
    return f"{list(states).index(state):02d}"
