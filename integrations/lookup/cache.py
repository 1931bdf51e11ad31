"""Answers that systems gave lately, and for how long they are good.

A page for each number of an organisation (``backends``) holds an entry for each source and question. They are unfiltered, so
only ``lookup`` reads them. Numbers are keyed by a blind index.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from integrations.errors import SourceError
from integrations.phone import Number
from integrations.profile import DELICATE, Field, SourceRecord
from integrations.storage.encryption import blind_index

FRESH_S, STALE_S, NEGATIVE_S = 300, 3_600, 60
# What is delicate may be shown stale for so long only.
DELICATE_STALE_S = 300


@dataclass(frozen=True, slots=True)
class CachedAnswer:
    """One source's answer and when it came, by the wall clock; ``remarks`` is what its connector said of it, ``left_out`` what
    tells of whom it was emptied (``lookup.restricted``): for how long it is good, they count as nobody."""

    records: tuple[SourceRecord, ...]
    at: float
    remarks: tuple[str, ...] = ()
    left_out: tuple[SourceRecord, ...] = ()

    @property
    def age_s(self) -> float:
        return time.time() - self.at


@dataclass(frozen=True)
class CachePolicy:
    """How long one source's answers are good, in seconds. ``fresh_s`` 0: they are not kept."""

    fresh_s: int = FRESH_S
    stale_s: int = STALE_S
    negative_s: int = NEGATIVE_S

    @classmethod
    def of(cls, configured: Mapping[str, Any]) -> CachePolicy:
        return cls(**{name: value for name, value in configured.items() if value is not None})

    def keeps_s(self, records: tuple[SourceRecord, ...]) -> int:
        """How long an answer may be used at all."""
        if not self.fresh_s:
            return 0
        return max(self.stale_s, self.fresh_s) if records else self.negative_s

    def is_fresh(self, kept: CachedAnswer) -> bool:
        # An answer from the future comes of a clock that was set back: its age is not known.
        return 0 <= kept.age_s < (self.fresh_s if kept.records else min(self.negative_s, self.keeps_s(())))

    def is_usable(self, kept: CachedAnswer) -> bool:
        return 0 <= kept.age_s < self.keeps_s(kept.records)

    def as_stale(self, kept: CachedAnswer, vocabulary: Mapping[str, Field]) -> tuple[SourceRecord, ...]:
        """The records marked stale, without what may not be shown at this age: of that, the names only."""
        too_old = kept.age_s >= self.fresh_s + DELICATE_STALE_S
        return tuple(_aged(record, vocabulary) if too_old else replace(record, stale=True) for record in kept.records)


def _aged(record: SourceRecord, vocabulary: Mapping[str, Field]) -> SourceRecord:
    outdated = tuple(name for name in record.fields if name in vocabulary and vocabulary[name].sensitivity in DELICATE)
    fields = {name: value for name, value in record.fields.items() if name not in outdated}
    return replace(record, stale=True, fields=fields, outdated=outdated)


def may_be_kept(records: tuple[SourceRecord, ...], vocabulary: Mapping[str, Field]) -> bool:
    """Whether the answer may be kept: not if any field is marked not to be cached."""
    return all(vocabulary[name].cacheable for record in records for name in record.fields if name in vocabulary)


@dataclass
class Outcome:
    """How asking a source ended: its records and what its connector said of them, or why there are none; and who was taken
    out, as in ``CachedAnswer``."""

    records: tuple[SourceRecord, ...] = ()
    error: SourceError | None = None
    remarks: tuple[str, ...] = ()
    left_out: tuple[SourceRecord, ...] = ()

    def unpacked(self) -> tuple[SourceRecord, ...]:
        """Raises the error."""
        if self.error:
            raise self.error
        return self.records


def page_key(organization_id: int, about: Number | str) -> str:
    """The name of a number's page, or of another question's in words."""
    return blind_index(about.e164 if isinstance(about, Number) else about, scope=f"cache:{organization_id}")
