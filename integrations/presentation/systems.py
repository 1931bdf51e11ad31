"""The state of each system that was asked, as people read it: a mark and a word, and what is not here because of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from integrations.lookup.result import Renewal, SourceOutcome, SourceStatus
from integrations.presentation.formatting import age
from integrations.presentation.translation import translated

# How a question to a system ended, in a word for a line or a list.
WORDS: Mapping[str, Promise] = {
    SourceStatus.PENDING: gettext_lazy("being asked"),
    SourceStatus.FOUND: gettext_lazy("found"),
    SourceStatus.MANY: gettext_lazy("several people"),
    SourceStatus.NOT_FOUND: gettext_lazy("not known there"),
    SourceStatus.SKIPPED: gettext_lazy("not asked"),
    SourceStatus.TIMEOUT: gettext_lazy("did not answer in time"),
    SourceStatus.AUTH: gettext_lazy("sign-in refused"),
    SourceStatus.RATE_LIMITED: gettext_lazy("too busy"),
    SourceStatus.UNAVAILABLE: gettext_lazy("cannot be reached"),
    SourceStatus.INVALID_RESPONSE: gettext_lazy("answer not readable"),
    SourceStatus.CIRCUIT_OPEN: gettext_lazy("paused after failures"),
    # Of single questions, not of a whole lookup.
    "given_up": gettext_lazy("nobody waited any longer"),
    "over_budget": gettext_lazy("not asked: over its budget"),
}
# Where it answered, in a sentence for whoever tries it; a failure has its own.
ANSWERS: Mapping[str, Promise] = {
    SourceStatus.FOUND: gettext_lazy("It answered and knows the caller."),
    SourceStatus.MANY: gettext_lazy("It answered and knows several people with this number."),
    SourceStatus.NOT_FOUND: gettext_lazy("It answered and does not know this number."),
}
# Why it is left alone for a while, and what an admin can do about it.
PAUSES: Mapping[str, Promise] = {
    "circuit_open": gettext_lazy("It failed several times in a row and is left alone for a moment. Try it to see why."),
    "auth": gettext_lazy("It no longer accepts our sign-in. Enter its secret anew."),
    "scope": gettext_lazy("Our sign-in may not read what is mapped. Widen its permissions at the vendor."),
    "rate_limited": gettext_lazy(
        "It asked us to slow down, and is asked again in a moment. Where that happens often, lower its limits."
    ),
}
# Every other one is a failure.
_MARKS = {
    SourceStatus.PENDING: ("idle", "◐"),
    SourceStatus.FOUND: ("good", "●"),
    SourceStatus.MANY: ("good", "●"),
    SourceStatus.NOT_FOUND: ("none", "○"),
    SourceStatus.SKIPPED: ("idle", "–"),
}


def words_of(outcome: str) -> str:
    """A status word, or the outcome of a single question, as people read it."""
    return str(WORDS[outcome])


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
    tone, mark = _MARKS.get(source.status, ("bad", "✕"))
    word = words_of(source.status)
    if source.incomplete and source.status is SourceStatus.PENDING:
        word = _("found, details coming")
    elif source.incomplete:
        tone, mark, word = "warn", "◐", _("found, details missing")
    elif source.renewal is Renewal.PENDING:
        tone, mark, word = "idle", "◐", _("being asked again")
    elif source.renewal is Renewal.FAILED:
        tone, mark, word = "warn", "◐", _("from earlier")
    return SourceMark(source.label, tone, mark, word, translated(source.message) or took)


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
    return Missing(source.label, mark.mark, words, sentence % {"name": source.label, "why": translated(source.message)})
