"""The state of each system that was asked, as people read it: a mark and a word, and what is not here because of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from django.utils import timezone
from django.utils.translation import gettext as _

from integrations.lookup.result import Renewal, SourceOutcome, SourceStatus
from integrations.presentation.formatting import age


@dataclass(frozen=True)
class SourceMark:
    """A system's state: a mark, one word for the line, a sentence for those who ask."""

    label: str
    tone: str  # good | none | warn | bad | idle
    mark: str
    words: str
    sentence: str


@dataclass(frozen=True)
class Missing:
    """A system whose knowledge is not here: in a few words where there are several, else in ``sentence``."""

    label: str
    mark: str
    words: str
    sentence: str


def mark_of(source: SourceOutcome) -> SourceMark:
    """The system's place in the line of systems."""
    took = "" if source.latency_ms is None else _("answered in %(s).1f s") % {"s": source.latency_ms / 1000}
    if source.cached and source.age_s is not None:
        took = _("answered %(age)s") % {"age": age(timezone.now() - timedelta(seconds=source.age_s))}
    words: dict[SourceStatus, tuple[str, str, str]] = {
        SourceStatus.PENDING: ("idle", "◐", _("being asked")),
        SourceStatus.FOUND: ("good", "●", _("found")),
        SourceStatus.MANY: ("good", "●", _("several people")),
        SourceStatus.NOT_FOUND: ("none", "○", _("not known there")),
        SourceStatus.SKIPPED: ("idle", "–", _("not asked")),
        SourceStatus.TIMEOUT: ("bad", "✕", _("did not answer in time")),
        SourceStatus.AUTH: ("bad", "✕", _("sign-in refused")),
        SourceStatus.RATE_LIMITED: ("bad", "✕", _("too busy")),
        SourceStatus.UNAVAILABLE: ("bad", "✕", _("cannot be reached")),
        SourceStatus.INVALID_RESPONSE: ("bad", "✕", _("answer not readable")),
        SourceStatus.CIRCUIT_OPEN: ("bad", "✕", _("paused after failures")),
    }
    tone, mark, word = words[source.status]
    if source.incomplete and source.status is SourceStatus.PENDING:
        word = _("found, details coming")
    elif source.incomplete:
        tone, mark, word = "warn", "◐", _("found, details missing")
    elif source.renewal is Renewal.PENDING:
        tone, mark, word = "idle", "◐", _("being asked again")
    elif source.renewal is Renewal.FAILED:
        tone, mark, word = "warn", "◐", _("from earlier")
    return SourceMark(source.label, tone, mark, word, source.message or took)


def missing_among(sources: Iterable[SourceOutcome]) -> list[Missing]:
    """The systems whose knowledge is not here."""
    return [_missing(source) for source in sources if _is_missing(source)]


def _is_missing(source: SourceOutcome) -> bool:
    """Asked, and what it knows is not here. One that is being asked counts from when the wait is worth a word."""
    if source.status is SourceStatus.PENDING:
        return bool(source.message)
    failed = not source.status.answered and source.status is not SourceStatus.SKIPPED
    return failed or source.incomplete or source.renewal is Renewal.FAILED


def _missing(source: SourceOutcome) -> Missing:
    mark = mark_of(source)
    if source.incomplete and source.status is SourceStatus.PENDING:
        words, sentence = mark.words, _("%(name)s found the caller. The details are still being asked for.")
    elif source.incomplete:
        words, sentence = _("details missing"), _("%(name)s found the caller, but the details are missing.")
    elif source.renewal is Renewal.FAILED:
        words, sentence = _("from earlier"), _("%(name)s was asked again and did not answer. What it told earlier is shown.")
    else:
        words, sentence = mark.words, _("%(name)s is missing. %(why)s")
    return Missing(source.label, mark.mark, words, sentence % {"name": source.label, "why": source.message})
