"""Whether what a system stores is the caller's number; what cannot be read is noted for whoever tries the system."""

from __future__ import annotations

from integrations import stored_numbers
from integrations.connectors.recording import being_recorded
from integrations.phone import Number
from integrations.profile import JSON


def holds(stored: JSON, number: Number, region: str) -> bool:
    """Whether a value that is stored in ``region`` is the number. One that cannot be read is told to whoever tries a system."""
    found = stored_numbers.holds(stored, number, region)
    if not found:
        record_unread(stored, region)
    return found


def record_unread(stored: JSON, region: str) -> None:
    """Note, for whoever tries the system, a stored number that cannot be read as one."""
    if (recorded := being_recorded()) and stored_numbers.numbers_in(stored, region).unreadable:
        recorded.unread += 1
