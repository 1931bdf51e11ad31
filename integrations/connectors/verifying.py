"""Whether what a system stores is the caller's number; what cannot be read is told."""

from __future__ import annotations

from integrations import stored_numbers
from integrations.outbound.recording import being_recorded, remark
from integrations.phone import Number
from integrations.profile import JSON
from integrations.sentences import gettext_noop

NOT_COMPARABLE = gettext_noop("It named somebody without a number that can be compared, so they are not taken for the caller.")


def holds(stored: JSON, number: Number, region: str) -> bool:
    """Whether a value that is stored in ``region`` is the number. That one cannot be read is told."""
    found = stored_numbers.holds(stored, number, region)
    if not found:
        record_unread(stored, region)
    return found


def record_unread(stored: JSON, region: str) -> None:
    """Tell of a stored number that cannot be read as one, and note it for whoever tries the system."""
    if not stored_numbers.numbers_in(stored, region).unreadable:
        return
    remark(NOT_COMPARABLE)
    if recorded := being_recorded():
        recorded.unread += 1
