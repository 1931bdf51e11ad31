"""Less than a tier may see: what somebody asked for, who needs no more than that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from integrations.disclosure.fields import Disclosed
from integrations.disclosure.masking import mask
from integrations.disclosure.policy import Policy
from integrations.lookup.result import LookupResult
from integrations.models.people import Effect
from integrations.profile import FIELDS, CallerProfile

RECORD_ID = "record_id"


@dataclass(frozen=True)
class Selection:
    """The ``fields`` that are wanted, those that are ``masked`` whatever the tier says, and the kinds of system whose record id
    is. People to choose among are not."""

    fields: frozenset[str]
    masked: frozenset[str] = frozenset()
    record_of: frozenset[str] = frozenset()

    def of(self, fields: Mapping[str, Disclosed], region: str) -> Mapping[str, Disclosed]:
        """Leave of ``fields`` those that are wanted."""
        return {
            name: _masked(shown, region) if name in self.masked and shown.effect is Effect.CLEAR else shown
            for name, shown in fields.items()
            if name in self.fields
        }

    def record(self, person: CallerProfile, result: LookupResult, policy: Policy) -> tuple[str, str]:
        """The system and the id of the person's record there: told to whoever may see their account's."""
        if not policy.shows(FIELDS["account_id"]):
            return "", ""
        of_kind = [source.key for source in result.sources if source.kind in self.record_of]
        ids = dict(sorted(person.refs, reverse=True))
        return next(((key, ids[key]) for key in of_kind if key in ids), ("", ""))


def _masked(shown: Disclosed, region: str) -> Disclosed:
    value = None if shown.withheld else mask(shown.definition, shown.value, region)
    return shown._replace(effect=Effect.MASK, value=value, conflicts=())
