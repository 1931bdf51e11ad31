"""``[[organization.tier]]``: what each tier may see. Who names a tier is held against these."""

from __future__ import annotations

from collections.abc import Iterator

from integrations.configuration import schema
from integrations.configuration.problems import Where
from integrations.configuration.reading import Reading
from integrations.configuration.sections.section import Action, Held, Kept, Writing
from integrations.configuration.state import Facts, State
from integrations.models import Organization, Tier, TierRule
from integrations.models.people import DEFAULT_TIERS
from integrations.profile import FIELDS, Sensitivity
from integrations.redaction import is_never


def check_tier(reading: Reading, where: Where, tier: str) -> None:
    """Report a name that is no tier's."""
    known = reading.named("tier") or set(DEFAULT_TIERS)
    if tier not in known:
        reading.problem(where, f"There is no tier called {tier!r}. Use one of: {', '.join(sorted(known))}.")


def check(reading: Reading) -> None:
    for where, tier in reading.rows("tier"):
        for target in tier.rules:
            if target == Sensitivity.NEVER or is_never(target) or _is_never_field(target):
                reading.problem((*where, "rules", target), "Values of this kind are never shown. Remove the rule.")
            elif target not in schema.SENSITIVITIES and target not in FIELDS and target not in reading.named("field"):
                reading.problem(
                    (*where, "rules", target),
                    "This is neither a sensitivity nor a field. Correct it, or add the field as [[organization.field]].",
                )


def _is_never_field(name: str) -> bool:
    return name in FIELDS and FIELDS[name].sensitivity is Sensitivity.NEVER


def wanted(reading: Reading) -> dict[str, Facts]:
    """The file's tiers; the default ones where it names none."""
    tiers = {tier.name: tier.rules for _, tier in reading.rows("tier")} or DEFAULT_TIERS
    return {name: {"rules": dict(rules)} for name, rules in tiers.items()}


def stored(organization: Organization) -> Iterator[Held]:
    for tier in organization.tiers.prefetch_related("rules"):
        yield Held(tier.name, {"rules": {rule.target: rule.effect for rule in tier.rules.all()}})


def absent(name: str, now: State, wanted: State) -> Action | Kept:
    left = [
        facts
        for section in now.sections
        for other, facts in {**now.inactive.get(section, {}), **now.sections[section]}.items()
        if other not in wanted.sections[section]
    ]
    workers = Organization.objects.get(slug=wanted.slug).people.filter(user__isnull=True, tier__name=name).exists()
    used = workers or any(facts.get("tier") == name for facts in left)
    return Kept("people, API keys or Twilio accounts still have it") if used else Action.DELETE


def write(writing: Writing, name: str, facts: Facts) -> None:
    tier, _ = Tier.objects.get_or_create(organization=writing.organization, name=name)
    tier.rules.all().delete()
    for target, effect in facts["rules"].items():
        TierRule.objects.create(tier=tier, target=target, effect=effect)


def retire(organization: Organization, name: str) -> None:
    organization.tiers.filter(name=name).delete()
