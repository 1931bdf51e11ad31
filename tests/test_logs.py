"""What the log says, and what it leaves out."""

from __future__ import annotations

import json
import logging

import pytest

from connie_portal import logs


@pytest.fixture
def formatter() -> logging.Formatter:
    """As the portal's handlers have it."""
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


def test_query_strings_are_not_repeated() -> None:
    event = logs.drop_query(None, "info", {"logger": "django.request", "event": "Not Found: /x?phone=5"})
    assert event["event"] == "Not Found: /x?…"
