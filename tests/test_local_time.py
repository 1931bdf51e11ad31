"""What time it is where a number belongs."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from integrations.local_time import times_at
from integrations.phone import Number, classify

NOW = datetime(2026, 11, 29, 16, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("number", "hours"),
    [
        ("+14155550123", ("08:05", "08:05")),  # San Francisco
        ("+12125550123", ("11:05", "11:05")),  # New York
        ("+12085550123", ("08:05", "09:05")),  # Idaho has two zones
        ("+442079460018", ("16:05", "16:05")),
        ("+18005550123", None),  # freephone
        ("+79161234567", None),  # a Russian mobile phone may be anywhere between Kaliningrad and Kamchatka
    ],
)
def test_a_numbers_area_tells_its_hours(number: str, hours: tuple[str, str] | None) -> None:
    parsed = classify(number, "US")
    assert isinstance(parsed, Number)
    times = times_at(parsed, NOW)
    assert (times and tuple(time.strftime("%H:%M") for time in times)) == hours
