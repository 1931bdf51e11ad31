"""What a tier may see of a field. No rule means hide."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

from integrations.models import Organization, TierRule
from integrations.models.organizations import IdentityQuestion
from integrations.models.people import Effect, rule_for
from integrations.models.snapshots import Snapshots
from integrations.profile import DELICATE, Field, Sensitivity


class IdentityGate(StrEnum):
    """Whether fields that wait for a check of who is calling are shown: ``open`` as the tier says, ``verify`` that they are
    there and no more, ``closed`` not at all."""

    OPEN = "open"
    VERIFY = "verify"
    CLOSED = "closed"


@dataclass(frozen=True)
class Decision:
    """An effect, and the rule that gave it."""

    effect: Effect
    reason: str


@dataclass(frozen=True)
class Policy:
    """One tier's rules: field name or sensitivity → effect. ``question`` is what its organisation asks callers for before
    money and health are shown, empty if for nothing; ``region`` its country, whose postal codes are meant."""

    rules: Mapping[str, str]
    question: str = ""
    region: str = ""

    def decide(self, field: Field) -> Decision:
        """Never-fields are hidden whatever the rules say."""
        what = (field.name, field.sensitivity)  # all that a decision rests on
        if (known := self._decided.get(what)) is None:
            known = self._decided[what] = self._decide(field)
        return known

    @cached_property
    def _decided(self) -> dict[tuple[str, Sensitivity], Decision]:
        return {}

    def _decide(self, field: Field) -> Decision:
        if field.sensitivity is Sensitivity.NEVER:
            return Decision(Effect.HIDE, "never shown")
        target = rule_for(field, self.rules)
        if target is None:
            return Decision(Effect.HIDE, "no rule")
        return Decision(Effect(self.rules[target]), f"rule for {target}")

    @property
    def answer(self) -> str:
        """The field that holds what callers are asked for."""
        return IdentityQuestion(self.question or IdentityQuestion.OFF).answered_by

    def waits(self, field: Field, gate: IdentityGate) -> bool:
        """Whether it is only shown once it has been checked who is calling. Beside a call that is true of what the caller
        is asked for as well: whoever asks is not to read the answer off the screen."""
        if not self.question or gate is IdentityGate.OPEN:
            return False
        return field.sensitivity in DELICATE or (gate is IdentityGate.VERIFY and field.name == self.answer)

    def shows(self, field: Field) -> bool:
        return self.decide(field).effect is Effect.CLEAR


def _load_policy(tier_id: int) -> Policy:
    rules = dict(TierRule.objects.filter(tier_id=tier_id).values_list("target", "effect"))
    organization = Organization.objects.filter(tiers=tier_id).first()
    if organization is None:
        return Policy(rules)
    question = "" if organization.identity_check == IdentityQuestion.OFF else organization.identity_check
    return Policy(rules, question, organization.region)


_policies = Snapshots(_load_policy)


async def policy_of(tier_id: int) -> Policy:
    """The rules of a tier; one that is gone shows nothing."""
    return await _policies.get(tier_id)
