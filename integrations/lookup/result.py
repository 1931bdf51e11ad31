"""What a lookup returns: unfiltered, and therefore for ``disclosure`` only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from integrations.errors import ConfigurationError, SourceTimeout
from integrations.phone import CallerId, Number
from integrations.profile import FIELDS, CallerProfile, Field, Ref
from integrations.search_query import SearchQuery


class SourceStatus(StrEnum):
    """How one source settled. The words of docs/api.md; ``pending`` only while a lookup streams."""

    PENDING = "pending"
    FOUND = "found"
    MANY = "many"
    NOT_FOUND = "not_found"
    SKIPPED = "skipped"
    TIMEOUT = "timeout"
    AUTH = "auth"
    RATE_LIMITED = "rate_limited"
    UNAVAILABLE = "unavailable"
    INVALID_RESPONSE = "invalid_response"
    CIRCUIT_OPEN = "circuit_open"

    @property
    def answered(self) -> bool:
        return self in (SourceStatus.FOUND, SourceStatus.MANY, SourceStatus.NOT_FOUND)


class Renewal(StrEnum):
    """What becomes of an answer that was kept from earlier and is shown while its source is asked again."""

    NONE = ""
    PENDING = "pending"
    FAILED = "failed"  # it was asked again, and did not answer


class LookupStatus(StrEnum):
    """How the whole lookup ended (docs/api.md): the first of these that is true."""

    WITHHELD = "withheld"
    FAILED = "failed"
    AMBIGUOUS = "ambiguous"
    PARTIAL = "partial"
    OK = "ok"
    NOT_FOUND = "not_found"


@dataclass(frozen=True)
class SourceOutcome:
    """How one source settled. ``message`` is a plain sentence for people; ``incomplete`` means that the person was found but
    the source's details did not come, or have not come yet. ``by_number``: how it stood without what it was asked about the
    person whom others found, if it was. ``renewal``: what becomes of an answer that was kept.
    """

    key: str
    label: str
    kind: str
    status: SourceStatus
    latency_ms: float | None = None
    cached: bool = False
    age_s: float | None = None
    message: str = ""
    incomplete: bool = False
    unreadable: tuple[str, ...] = ()
    by_number: SourceOutcome | None = None
    renewal: Renewal = Renewal.NONE


@dataclass(frozen=True)
class Choice:
    """What an agent said for the call: whom they picked, who is not calling, and who was picked when the number called before.

    ``found_by``: with what those who were picked were searched for, if it was not with the call's number.
    """

    picked: frozenset[Ref] = frozenset()
    rejected: frozenset[Ref] = frozenset()
    before: frozenset[Ref] = frozenset()
    found_by: SearchQuery | None = None

    @property
    def must_pick(self) -> bool:
        """Whether the agent must pick. After somebody was set aside, whoever is left is not taken for the caller."""
        return bool(self.rejected) and not self.picked

    def without(self, gone: frozenset[Ref]) -> Choice:
        """The choice as far as it is not about the people with these records: one person was picked, several may have been
        said not to be calling."""
        picked = frozenset() if self.picked & gone else self.picked
        return Choice(picked, self.rejected - gone, self.before - gone, self.found_by if picked else None)

    def allows(self, refs: frozenset[Ref]) -> bool:
        """Whether the person with these records may be the caller."""
        return not refs & self.rejected and (not self.picked or bool(refs & self.picked))


@dataclass(frozen=True)
class LookupResult:
    """Everything that was found for one number, or in one search, in one organisation.

    ``people`` are the callers after linking and the agent's choice: who was picked before first, then the most complete.
    ``set_aside`` are those whom the choice leaves out. ``vocabulary`` holds every field that may occur. ``search_query``:
    with what they were searched for instead of by the caller's id. ``restricted``: the records of those among them whom only
    the tier ``admin`` may see, where they count (``with_restricted``).
    """

    organization_id: int
    caller_id: CallerId
    status: LookupStatus
    people: tuple[CallerProfile, ...]
    sources: tuple[SourceOutcome, ...]
    at: datetime
    vocabulary: Mapping[str, Field] = field(default_factory=lambda: FIELDS)
    choice: Choice = Choice()
    set_aside: tuple[CallerProfile, ...] = ()
    search_query: SearchQuery | None = None
    shared: bool = False  # many people have the number: nobody was asked for
    with_restricted: bool = False
    restricted: frozenset[Ref] = frozenset()

    @property
    def complete(self) -> bool:
        """Whether every source has settled, and none is being asked again."""
        return all(
            source.status is not SourceStatus.PENDING and source.renewal is not Renewal.PENDING for source in self.sources
        )

    @property
    def undecided(self) -> bool:
        """Whether an agent has to say who is calling before anything of anyone may be shown."""
        return len(self.people) > 1 or (len(self.people) == 1 and self.choice.must_pick)

    @property
    def number(self) -> Number | None:
        return self.caller_id if isinstance(self.caller_id, Number) else None

    @property
    def subject(self) -> str:
        """What it is about, for the audit, which keeps it keyed and sealed: the number, or else what was searched for."""
        return self.number.e164 if self.number else self.search_query.text if self.search_query else ""


def status_of(outcomes: tuple[SourceOutcome, ...], match_count: int) -> LookupStatus:
    """The word of docs/api.md for how a lookup ended: the first of ``LookupStatus`` that is true."""
    asked = [outcome for outcome in outcomes if outcome.status is not SourceStatus.SKIPPED]
    pending = any(outcome.status is SourceStatus.PENDING for outcome in asked)
    answered = [outcome for outcome in asked if outcome.status.answered]
    if asked and not answered and not pending:
        return LookupStatus.FAILED
    if match_count > 1:
        return LookupStatus.AMBIGUOUS
    if len(answered) < len(asked) or any(outcome.incomplete for outcome in asked):
        return LookupStatus.PARTIAL
    return LookupStatus.OK if match_count == 1 else LookupStatus.NOT_FOUND


def cut_short(result: LookupResult) -> LookupResult:
    """The same when nothing more is waited for: a source that is still being asked counts as timed out."""
    outcomes = tuple(_given_up(outcome) if outcome.status is SourceStatus.PENDING else outcome for outcome in result.sources)
    return replace(result, sources=outcomes, status=status_of(outcomes, len(result.people)))


def _given_up(outcome: SourceOutcome) -> SourceOutcome:
    by_number = outcome.by_number
    if by_number and by_number.status.answered:
        return replace(by_number, incomplete=True, message=SourceTimeout.public_message)
    return replace(outcome, status=SourceStatus.TIMEOUT, message=SourceTimeout.public_message, by_number=None)


@dataclass(frozen=True)
class LookupRequest:
    """One lookup to make. ``refresh`` asks the sources even where an answer is at hand. ``with_restricted``: people whom only
    the tier ``admin`` may see count; else they are nobody. That is all that a lookup knows of who is looking."""

    organization_id: int
    caller_id: CallerId
    deadline_s: float = 6.0
    refresh: bool = False
    choice: Choice = Choice()
    with_restricted: bool = False

    def __post_init__(self) -> None:
        if not 0 < self.deadline_s <= 6.0:
            raise ConfigurationError("A lookup's deadline lies between 0 and 6 seconds.")
