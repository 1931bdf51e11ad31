"""Pauses of a source: after which failures it is left alone, and for how long."""

from __future__ import annotations

import time

import pytest

from integrations.errors import CircuitOpen, OverBudget, SourceTimeout
from integrations.lookup.breaker import FAILURES, Breaker


def fail(breaker: Breaker, times: int) -> bool:
    """Whether the last of so many failures began a pause."""
    return [breaker.failed(SourceTimeout("crm")) for _time in range(times)][-1]


def test_only_failures_in_a_row_begin_a_pause() -> None:
    breaker = Breaker("crm")
    for _time in range(3):
        assert not fail(breaker, FAILURES - 1)
        breaker.succeeded()
    breaker.admit()
    assert fail(breaker, FAILURES)
    with pytest.raises(CircuitOpen):
        breaker.admit()


def test_our_own_budget_pauses_nothing() -> None:
    breaker = Breaker("crm")
    assert not breaker.failed(OverBudget("crm", "over its budget", retry_after=1.0))
    breaker.admit()


def test_each_trial_that_fails_doubles_the_pause_up_to_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1_000.0
    monkeypatch.setattr(time, "time", lambda: now)
    breaker = Breaker("crm")
    fail(breaker, FAILURES)
    lengths = []
    for _trial in range(6):
        assert breaker.pause is not None
        lengths.append(breaker.pause.seconds)
        now = breaker.pause.until
        breaker.admit()
        fail(breaker, 1)
    assert lengths == [5, 10, 20, 40, 60, 60]
