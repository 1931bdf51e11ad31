"""Logging: one JSON line per event, without secrets or caller data.

Code logs event names with key=value facts. As a backstop, the last processor blanks anything that looks like a phone
number, an e-mail address, a bearer token or a never-value, whoever logged it (libraries included). Strangers choose some of
what is logged, like the path of a request: each text is cut first, and no pattern takes more than a few looks at a character.
"""

from __future__ import annotations

import logging.config
import re
from collections.abc import MutableMapping
from itertools import islice
from typing import Any

import structlog

from integrations.redaction import is_never, scrub

_PHONE = re.compile(
    r"(?<![\w.:-])(?:(?:\+|%2B)?1?[\s.-]?)?\(?\d{3}\)?[\s.-]?\d{3}[\s.-]?\d{4}(?![\w:-])|(?:\+|%2B)\d{7,15}\b",
    re.IGNORECASE,
)
_EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]+(?:@|%40)[\w-]+\.[\w.-]+")
_TOKEN = re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]+")
_QUERY = re.compile(r"\?[^\s\"']*")
_HOOK_KEY = re.compile(r"(?<=/hooks/)[^/\s]+")

# Characters of one text: enough for a traceback, whose end says what went wrong. More than a cut number, address or card has.
KEPT_HEAD, KEPT_TAIL, _MARGIN = 2_000, 6_000, 300
MAX_TEXT = KEPT_HEAD + KEPT_TAIL + 2 * _MARGIN
MAX_NAME, MAX_ITEMS, MAX_DEPTH = 200, 50, 5
_SHORTEST_NUMBER = 10**9  # an integer from here on may be a phone or a card

Event = MutableMapping[str, Any]


def redact_text(text: str) -> str:
    """``text`` without what must not be in a log, and of a long one its beginning and its end.

    What a cut goes through is no longer recognised, so that a little beside each cut is read and left out.
    """
    if len(text) <= MAX_TEXT:
        return _without_people(text)
    head, tail = text[: KEPT_HEAD + _MARGIN], text[-(KEPT_TAIL + _MARGIN) :]
    # The end begins with a word of its own, because a token is known by the word before it alone.
    end = "".join(_without_people(tail)[_MARGIN:].split(maxsplit=1)[1:])
    return f"{_without_people(head)[:-_MARGIN]} [{len(text)} characters, cut] {end}"


def _without_people(text: str) -> str:
    text = _TOKEN.sub(r"\1 [removed]", str(scrub(text)))
    return _PHONE.sub("[number]", _EMAIL.sub("[e-mail]", text))


def redact(_logger: Any, _method: str, event: Event) -> Event:
    """A structlog processor: every text of the event passes ``redact_text``; telling keys lose their value."""
    for key, value in event.items():
        if key not in {"timestamp", "level", "logger"}:
            event[key] = _redacted(key, value)
    return event


def _redacted(key: str, value: Any, depth: int = 0) -> Any:
    if is_never(key[:MAX_NAME]) or key in {"authorization", "phone", "email", "number"}:
        return "[removed]"
    if isinstance(value, str):
        return redact_text(value)
    if isinstance(value, int) and abs(value) >= _SHORTEST_NUMBER:
        return "[number]"
    if isinstance(value, (dict, list, tuple)) and depth == MAX_DEPTH:
        return "[more]"
    if isinstance(value, dict):
        some = islice(value.items(), MAX_ITEMS)
        return {_redacted_name(name): _redacted(name if isinstance(name, str) else "", item, depth + 1) for name, item in some}
    if isinstance(value, (list, tuple)):
        return [_redacted("", item, depth + 1) for item in value[:MAX_ITEMS]]
    return value


def _redacted_name(name: Any) -> str:
    return _without_people(name[:MAX_NAME]) if isinstance(name, str) else str(_redacted("", name))


def drop_query(_logger: Any, _method: str, event: Event) -> Event:
    """Query strings of request lines are never logged: a tolerated one may hold a caller's number. Nor are webhook keys."""
    if str(event.get("logger", "")).startswith(("uvicorn.access", "django.")):
        event["event"] = _HOOK_KEY.sub("…", _QUERY.sub("?…", str(event["event"])))
    return event


def name_only(_logger: Any, _method: str, event: Event) -> Event:
    """A queue that cannot be reached is told of every second, without a page of where in the library that was noticed."""
    if str(event.get("logger", "")).startswith("huey.consumer") and isinstance(found := event.get("exc_info"), tuple):
        del event["exc_info"]
        event["problem"] = getattr(found[0], "__name__", "")
    return event


_SHARED: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.ExtraAdder(),
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]


def configure(options: dict[str, Any]) -> None:
    """Django's LOGGING_CONFIG: send every logger of the process through the processors above to stderr."""
    structlog.configure(
        processors=[
            *_SHARED,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    formatter = {
        "()": structlog.stdlib.ProcessorFormatter,
        "foreign_pre_chain": _SHARED,
        "processors": [
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            name_only,
            structlog.processors.format_exc_info,
            redact,
            drop_query,
            structlog.processors.JSONRenderer(ensure_ascii=False, default=lambda value: type(value).__name__),
        ],
    }
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {"json": formatter},
            "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
            "root": {"handlers": ["stderr"], "level": options["level"]},
            # Request lines are not logged: who looked when is the audit's matter.
            "loggers": {
                "uvicorn.access": {"level": "WARNING"},
                "axes": {"level": "ERROR"},
                "aiohttp.access": {"level": "WARNING"},
                "huey": {"level": "WARNING"},
                # Nor those to Twilio, whose addresses name tasks, and headers at the level DEBUG.
                "httpx": {"level": "WARNING"},
                "httpcore": {"level": "WARNING"},
            },
        }
    )
