"""What the schema shows of each endpoint: questions about the demo's callers, and answers, by what they show."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Examples = Mapping[str, Mapping[str, Any]]

_WALTER, _NOBODY = "+14155550105", "+14155550199"
_CALL, _AT = f"CA{'0' * 32}", "2026-05-04T17:20:11+00:00"
_CLEAR = {"stale": False, "masked": False, "revealable": False, "conflicts": []}
_SOURCE = {"name": "clients", "label": "Client database", "kind": "database", "cached": False}

LOOKUP_ASKED: Examples = {"a caller": {"phone": _WALTER, "call_sid": _CALL, "deadline_ms": 2500}}
LOOKUP_ANSWERED: Examples = {
    "one person": {
        "lookup_status": "ok",
        "phone_number": _WALTER,
        "match_count": 1,
        "caller": {"name": "Walter Kowalczyk"},
        "fields": {"name": {"source": "clients", "fetched_at": _AT, **_CLEAR}},
        "matches": [],
        "sources": [{**_SOURCE, "status": "found", "latency_ms": 12.5, "age_s": 0.0}],
        "lookup_timestamp": _AT,
    },
    "nobody": {
        "lookup_status": "not_found",
        "phone_number": _NOBODY,
        "match_count": 0,
        "caller": {},
        "fields": {},
        "matches": [],
        "sources": [{**_SOURCE, "status": "not_found", "latency_ms": 9.1, "age_s": None}],
        "lookup_timestamp": _AT,
    },
}

_PANEL = "https://portal.example.org/panel/riverside/6d1f0c5e9b7a4d2f8e3c1b0a9d8e7f6c/"
_TASK, _RECORDING = f"WT{'0' * 32}", f"RE{'0' * 32}"
_ANSWERED = {"profile_url": _PANEL, "attributes": {"profile_url": _PANEL}, "timestamp": _AT}
_ONE = {
    "found": True,
    "match_count": 1,
    "lookup_status": "ok",
    "caller_name": "Walter Kowalczyk",
    "name": "Walter Kowalczyk",
    "customer": {"name": "Walter Kowalczyk"},
    "source": "clients",
    **_ANSWERED,
}

ENRICH_ASKED: Examples = {"a call": {"phone": _WALTER, "to": "+14155550100", "call_sid": _CALL}}
ENRICH_ANSWERED: Examples = {
    "one person": _ONE,
    "nobody": {
        "found": False,
        "match_count": 0,
        "lookup_status": "not_found",
        "caller_name": "Unknown",
        "customer": {},
        **_ANSWERED,
    },
}
VOICEMAIL_ASKED: Examples = {"a message": {"phone": _WALTER, "task_sid": _TASK, "recording_sid": _RECORDING, "duration_s": 42}}
VOICEMAIL_ANSWERED: Examples = {"one person": {**_ONE, "task_sid": _TASK}}

AVAILABILITY_ASKED: Examples = {"meals": {"service_type": "meals", "location": "94110", "date": "2026-05-04"}}
AVAILABILITY_ANSWERED: Examples = {
    "available": {
        "status": "available",
        "available": True,
        "options": [{"service": "Meals", "location": "Mission kitchen", "next_at": "2026-05-05", "note": "Bring an ID"}],
        "as_of": _AT,
        "source": "availability",
    },
    "unknown": {"status": "unknown", "options": [], "as_of": _AT, "source": ""},
}

HEALTH_ANSWERED: Examples = {
    "one needs attention": {
        "timestamp": _AT,
        "services": {
            "clients": {"status": "healthy", "since": "2026-05-01T08:00:02+00:00"},
            "crm": {
                "status": "needs_attention",
                "error": "It no longer accepts our sign-in. Your administrator needs to renew it.",
                "since": "2026-05-04T16:58:40+00:00",
            },
        },
        "overall": "degraded",
    }
}
