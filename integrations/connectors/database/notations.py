"""Numbers in whatever notation: the notations that are likely are compared first, with an index; digits only where that found
nobody, because the database has to look at every row."""

from __future__ import annotations

import re
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from integrations import stored_numbers
from integrations.connectors.database.people import Row
from integrations.connectors.database.statement import Statement
from integrations.connectors.verifying import record_unread
from integrations.deadline import Deadline
from integrations.errors import SourceTimeout
from integrations.phone import Number
from integrations.profile import Match

Rows = list[Row]
_PHONE = re.compile(r"phone|mobile|cell|tel|movil", re.IGNORECASE)
# A million rows take about this long. What is left of the source's own time may be less.
SCAN_S = 1.0
# After that was too little the database is not asked so for a while: it has other work to do.
REST_S = 60.0


class ByDigits:
    """One connector's way to numbers in odd notations, given up for a while where that takes too long."""

    def __init__(self) -> None:
        self._resting_until = 0.0

    @property
    def message(self) -> str:
        """What an admin should know; ``""`` while all is well."""
        if time.monotonic() > self._resting_until:
            return ""
        return (
            "Comparing digits took too long, so only the usual notations of a number are found. Keep the digits of each "
            "number in a column of their own, with an index, and name it in digits_columns."
        )

    async def rows(
        self,
        fetch: Callable[[Statement, str, dict[str, Any], Deadline], Awaitable[Rows]],
        statement: Statement,
        number: Number,
        deadline: Deadline,
    ) -> Rows:
        """Rows that hold the digits in their order, whatever stands between; none where that would take too long."""
        if not statement.phone_columns or time.monotonic() < self._resting_until:
            return []
        try:
            return await fetch(statement, *statement.by_digits(number), deadline.within(min(SCAN_S, deadline.left() * 0.7)))
        except SourceTimeout:
            self._resting_until = time.monotonic() + REST_S
            return []


def matches(row: Row, columns: Sequence[str], number: Number, region: str) -> tuple[Match, ...]:
    """The places where a row holds the number, and how it is written there. Without ``columns``: anywhere, as one's own query
    has it; then only what is called a phone is told as unreadable."""
    held = {name: str(row[name]) for name in columns or row if row.get(name)}
    found = tuple(Match(name, stored) for name, stored in held.items() if stored_numbers.holds(stored, number, region))
    for name, stored in held.items() if not found else ():
        if columns or _PHONE.search(name):
            record_unread(stored, region)
    return found
