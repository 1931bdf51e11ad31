"""How long ago something was, as the panel says it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from integrations.presentation.formatting import age

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("ago", "said"),
    [
        (timedelta(0), "just now"),
        (timedelta(seconds=59), "just now"),
        (timedelta(seconds=-5), "just now"),  # another machine's clock
        (timedelta(seconds=60), "1 min ago"),
        (timedelta(minutes=59, seconds=59), "59 min ago"),
        (timedelta(hours=1), "1 hour ago"),
        (timedelta(hours=1, minutes=59), "1 hour ago"),
        (timedelta(hours=2), "2 hours ago"),
        (timedelta(days=3), "72 hours ago"),
    ],
)
def test_an_age_is_told_in_the_roughest_unit_that_helps(monkeypatch: pytest.MonkeyPatch, ago: timedelta, said: str) -> None:
    monkeypatch.setattr("django.utils.timezone.now", lambda: NOW)
    assert age(NOW - ago) == said
