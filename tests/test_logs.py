"""What the log says, and what it leaves out."""

from __future__ import annotations

import json
import logging

import pytest

from connie_portal import logs


@pytest.fixture
def formatter() -> logging.Formatter:
    """The formatter that the portal's handlers have."""
    found = logging.getLogger().manager.root.handlers
    own = [handler.formatter for handler in found if type(handler.formatter).__module__.startswith("structlog")]
    assert own
    assert own[0] is not None
    return own[0]


def said(formatter: logging.Formatter, logger: str, problem: Exception) -> dict[str, str]:
    record = logging.LogRecord(logger, logging.ERROR, __file__, 1, "Error reading from queue", None, None)
    try:
        raise problem
    except Exception as raised:
        record.exc_info = (type(raised), raised, raised.__traceback__)
    line: dict[str, str] = json.loads(formatter.format(record))
    return line


def test_a_queue_that_cannot_be_reached_is_named_in_a_line(formatter: logging.Formatter) -> None:
    line = said(formatter, "huey.consumer.Worker", ConnectionError("Error 111 connecting to redis"))
    assert (line["event"], line["problem"]) == ("Error reading from queue", "ConnectionError")
    assert "exception" not in line


def test_other_problems_keep_where_they_happened_without_who_called(formatter: logging.Formatter) -> None:
    line = said(formatter, "integrations.panel", ValueError("no such caller: +14155550123, rosa@mail.org"))
    assert "ValueError" in line["exception"]
    assert "4155550123" not in line["exception"]
    assert "rosa@" not in line["exception"]


def test_webhook_keys_are_not_repeated() -> None:
    event = logs.drop_query(None, "info", {"logger": "django.request", "event": "Unauthorized: /hooks/0a1b/twilio/task-events"})
    assert event["event"] == "Unauthorized: /hooks/…/twilio/task-events"


def test_query_strings_are_not_repeated() -> None:
    event = logs.drop_query(None, "info", {"logger": "django.request", "event": "Not Found: /x?phone=5"})
    assert event["event"] == "Not Found: /x?…"


def test_nested_values_are_redacted_as_well() -> None:
    event = {
        "event": "asked",
        "facts": {"phone": 1, "row": [{"seen": "rosa@mail.org"}, ("+14155550123", 14155550123)], "rosa@mail.org": True},
        "caller": 4155550123,
        "count": 3,
        "huge": 10**5000,
    }
    redacted = logs.redact(None, "info", event)
    assert redacted["facts"] == {
        "phone": "[removed]",
        "row": [{"seen": "[e-mail]"}, ["[number]", "[number]"]],
        "[e-mail]": True,
    }
    assert (redacted["caller"], redacted["count"], redacted["huge"]) == ("[number]", 3, "[number]")


@pytest.mark.parametrize("shift", range(0, 40, 3))
@pytest.mark.parametrize(
    ("secret", "kept"),
    [
        ("+1 415 555 0123", "0123"),
        ("rosa@mail.org", "rosa"),
        ("Bearer " + "k3y" * 400, "k3yk3y"),
        ("4111 1111 1111 1111", "1111"),
    ],
)
def test_long_texts_are_cut_and_what_the_cuts_go_through_is_not_told(secret: str, kept: str, shift: int) -> None:
    text = "x " * (logs.KEPT_HEAD // 2 - 10 + shift) + secret + " y" * 50_000
    mirrored = "x " * 50_000 + secret + " y" * ((logs.KEPT_TAIL - len(secret)) // 2 + 170 - 10 * shift)
    for written in (logs.redact_text(text), logs.redact_text(mirrored)):
        assert len(written) <= logs.MAX_TEXT
        assert kept not in written
        assert "characters, cut]" in written


def test_a_traceback_is_cut_but_keeps_what_went_wrong_at_its_end(formatter: logging.Formatter) -> None:
    line = said(formatter, "integrations.panel", ValueError(f"{'no ' * 100_000}, it ended here"))
    assert len(line["exception"]) <= logs.MAX_TEXT
    assert line["exception"].startswith("Traceback")
    assert line["exception"].endswith("it ended here")


def test_a_long_unbroken_path_costs_a_cut_and_not_the_process(formatter: logging.Formatter) -> None:
    for unbroken in ("a", "a.", "a@", "%40", "1", "bearer ", "$argon2", "-1"):
        record = logging.LogRecord("django.request", logging.WARNING, __file__, 1, "Not Found: %s", (unbroken * 300_000,), None)
        assert len(formatter.format(record)) < logs.MAX_TEXT * 2


@pytest.mark.parametrize("written", ["1-415-555-0123", "14155550123", "+1 (415) 555-0123", "%2B14155550123", "415.555.0123"])
def test_numbers_are_recognised_as_people_write_them(written: str) -> None:
    assert "555" not in logs.redact_text(f"caller {written} rang")
    assert logs.redact_text(f"caller {written} rang").startswith("caller ")
