"""One person's fields as one viewer gets them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import NamedTuple

from integrations.disclosure.masking import mask
from integrations.disclosure.policy import IdentityGate, Policy
from integrations.models.people import Effect
from integrations.profile import JSON, CallerProfile, Field, Value

# Of one person at most so many are kept: an organisation's tiers, before and after the caller was checked.
MAX_RULES = 16


class Disclosed(NamedTuple):
    """One field as this viewer gets it. A tuple, because every look makes one for each field.

    ``effect`` clear: ``value`` is the value. mask: a masked text. reveal: None until it is revealed. ``conflicts`` are
    (connector key, value) under the same effect. ``verify_first``: nothing of it, not even with a reason, before it has
    been checked who is calling. ``outdated``: the value that there is, is too old to be shown.
    """

    definition: Field
    effect: Effect
    value: JSON
    source: str
    fetched_at: datetime
    stale: bool
    conflicts: tuple[tuple[str, JSON], ...] = ()
    verify_first: bool = False
    outdated: bool = False

    @property
    def masked(self) -> bool:
        return self.effect is not Effect.CLEAR

    @property
    def withheld(self) -> bool:
        """Whether there is a value of which nothing is here."""
        return self.effect is Effect.REVEAL or self.outdated

    @property
    def revealable(self) -> bool:
        return self.effect is Effect.REVEAL and not (self.verify_first or self.outdated)

    @property
    def word(self) -> str:
        """How it is shown, as the audit trail says it."""
        if self.verify_first:
            return "verify_first"
        return "outdated" if self.outdated else self.effect.value


def disclosed_fields(
    person: CallerProfile, policy: Policy, vocabulary: Mapping[str, Field], gate: IdentityGate
) -> Mapping[str, Disclosed]:
    """What the policy leaves of a person's fields; hidden ones are absent. Made once for all who look under these rules."""
    rules = (id(policy), id(vocabulary), gate)
    known: _Shown | None = person.shown.get(rules)
    if known is None:
        if len(person.shown) >= MAX_RULES:
            person.shown.clear()
        known = person.shown[rules] = _Shown(policy, vocabulary, _disclosed_fields(person, policy, vocabulary, gate))
    return known.fields


class _Shown(NamedTuple):
    """A person's fields, with the rules that they were made by: as long as these are held, no others have their ids."""

    policy: Policy
    vocabulary: Mapping[str, Field]
    fields: Mapping[str, Disclosed]


def _disclosed_fields(
    person: CallerProfile, policy: Policy, vocabulary: Mapping[str, Field], gate: IdentityGate
) -> Mapping[str, Disclosed]:
    shown: dict[str, Disclosed] = {}
    outdated = {name: Value(None, provenance) for name, provenance in person.outdated.items()}
    for name, value in ({**person.fields, **outdated} if outdated else person.fields).items():
        definition = vocabulary.get(name)
        effect = policy.decide(definition).effect if definition else Effect.HIDE
        if definition is None or effect is Effect.HIDE:
            continue
        if not policy.waits(definition, gate):
            old = name in outdated
            shown[name] = _too_old(definition, value, effect) if old else shown_as(definition, value, effect, policy.region)
        elif gate is IdentityGate.VERIFY:
            shown[name] = shown_as(definition, value, Effect.REVEAL)._replace(verify_first=True)
    return MappingProxyType(shown)


def _too_old(definition: Field, value: Value, effect: Effect) -> Disclosed:
    source, fetched_at, stale = value.provenance.source, value.provenance.fetched_at, value.provenance.stale
    return Disclosed(definition, effect, None, source, fetched_at, stale, outdated=True)


def shown_as(definition: Field, value: Value, effect: Effect, region: str = "") -> Disclosed:
    """One value under one effect, its conflicts under the same."""
    conflicts = tuple((source, _under(effect, definition, other, region)) for source, other in value.conflicts)
    return Disclosed(
        definition=definition,
        effect=effect,
        value=_under(effect, definition, value.value, region),
        source=value.provenance.source,
        fetched_at=value.provenance.fetched_at,
        stale=value.provenance.stale,
        conflicts=() if effect is Effect.REVEAL else conflicts,
    )


def _under(effect: Effect, definition: Field, value: JSON, region: str) -> JSON:
    if effect is Effect.CLEAR:
        return value
    return mask(definition, value, region) if effect is Effect.MASK else None
