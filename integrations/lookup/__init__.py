"""Finding a caller in every system at once. What it returns is unfiltered: only ``disclosure`` may read it for people."""

from __future__ import annotations

from integrations.lookup.asking import end_pause
from integrations.lookup.engine import close_sources, known_within, look_up, so_far, stream
from integrations.lookup.result import Choice, LookupRequest, LookupResult, LookupStatus, Renewal, SourceOutcome, SourceStatus
from integrations.lookup.warming import warm_up_sources

__all__ = [
    "Choice",
    "LookupRequest",
    "LookupResult",
    "LookupStatus",
    "Renewal",
    "SourceOutcome",
    "SourceStatus",
    "close_sources",
    "end_pause",
    "known_within",
    "look_up",
    "so_far",
    "stream",
    "warm_up_sources",
]
