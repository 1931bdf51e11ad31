"""What a tier may see of a field. No rule means hide."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from integrations.models import TierRule
from integrations.models.people import Effect, rule_for
from integrations.models.snapshots import Snapshots
from integrations.profile import Field, Sensitivity


@dataclass(frozen=True)
class Decision:
    """An effect, and the rule that gave it."""

    effect: Effect
    reason: str


@dataclass(frozen=True)
class Policy:
    """One tier's rules: field name or sensitivity → effect."""

    rules: Mapping[str, str]

    def decide(self, field: Field) -> Decision:
        """Never-fields are hidden whatever the rules say."""
        if field.sensitivity is Sensitivity.NEVER:
            return Decision(Effect.HIDE, "never shown")
        target = rule_for(field, self.rules)
        if target is None:
            return Decision(Effect.HIDE, "no rule")
        return Decision(Effect(self.rules[target]), f"rule for {target}")

    def shows(self, field: Field) -> bool:
        return self.decide(field).effect is Effect.CLEAR


def _load_policy(tier_id: int) -> Policy:
    return Policy(dict(TierRule.objects.filter(tier_id=tier_id).values_list("target", "effect")))


_policies = Snapshots(_load_policy)


async def policy_of(tier_id: int) -> Policy:
    """The rules of a tier; one that is gone shows nothing."""
    return await _policies.get(tier_id)
