"""Logging: one JSON line per event, without secrets or caller data.

Code logs event names with key=value facts. As a backstop, the last processor blanks anything that looks like a phone
number, an e-mail address, a bearer token or a never-value, whoever logged it (libraries included).
"""

from __future__ import annotations

import logging.config
import re
from collections.abc import MutableMapping
from typing import Any

import structlog

from integrations.never import is_never, scrub

_PHONE = re.compile(r"(?<![\w.:-])(?:\+|%2B)?\(?\d{3}\)?[\s.-]?\d{3}[\s.-]?\d{4}(?![\w:-])|(?:\+|%2B)\d{7,15}\b", re.IGNORECASE)
_EMAIL = re.compile(r"[\w.+-]+(?:@|%40)[\w-]+\.[\w.-]+")
_TOKEN = re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]+")
_QUERY = re.compile(r"\?[^\s\"']*")

Event = MutableMapping[str, Any]


def redact_text(text: str) -> str:
    """``text`` without what must not be in a log."""
    text = _TOKEN.sub(r"\1 [removed]", str(scrub(text)))
    return _PHONE.sub("[number]", _EMAIL.sub("[e-mail]", text))


def redact(_logger: Any, _method: str, event: Event) -> Event:
    """A structlog processor: every text of the event passes ``redact_text``; telling keys lose their value."""
    for key, value in event.items():
        if is_never(key) or key in {"authorization", "phone", "email", "number"}:
            event[key] = "[removed]"
        elif isinstance(value, str) and key not in {"timestamp", "level", "logger"}:
            event[key] = redact_text(value)
    return event


def drop_query(_logger: Any, _method: str, event: Event) -> Event:
    """Query strings of request lines are never logged: a tolerated one may hold a caller's number."""
    if str(event.get("logger", "")).startswith(("uvicorn.access", "django.")):
        event["event"] = _QUERY.sub("?…", str(event["event"]))
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
            drop_query,
            redact,
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
            },
        }
    )
