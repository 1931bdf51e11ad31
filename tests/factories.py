"""The people and organisations of the tests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from integrations.models import ApiKey, Connector, Organization, Person, Role, Tier, TierRule, User
from integrations.models.people import new_api_key

PASSWORD = "a-long-test-password"
DEFAULT_TIERS: dict[str, dict[str, str]] = {
    "basic": {"basic": "clear", "personal": "mask", "financial": "reveal", "health": "reveal"},
    "advanced": {
        "basic": "clear",
        "personal": "clear",
        "financial": "clear",
        "health": "clear",
        "date_of_birth": "mask",
        "notes": "reveal",
    },
    "admin": {"basic": "clear", "personal": "clear", "financial": "clear", "health": "clear"},
}


@dataclass
class World:
    """Riverside with Ann (admin) and Bea (basic agent); Harbor with Cy, who is its admin and must see nothing of Riverside."""

    riverside: Organization
    harbor: Organization
    ann: Person
    bea: Person
    cy: Person

    def user(self, person: Person) -> User:
        assert person.user is not None
        return person.user


def make_organization(slug: str, **facts: Any) -> Organization:
    organization = Organization.objects.create(slug=slug, name=facts.pop("name", slug.title()), **facts)
    for name, rules in DEFAULT_TIERS.items():
        tier = Tier.objects.create(organization=organization, name=name)
        TierRule.objects.bulk_create(TierRule(tier=tier, target=target, effect=effect) for target, effect in rules.items())
    return organization


def make_person(organization: Organization, username: str, role: Role, tier: str) -> Person:
    user = User.objects.create_user(username, f"{username}@{organization.slug}.example", PASSWORD, first_name=username.title())
    user.is_staff = role is Role.ADMIN
    user.save()
    return Person.objects.create(organization=organization, user=user, role=role, tier=organization.tiers.get(name=tier))


def make_world() -> World:
    riverside = make_organization("riverside", name="Riverside Senior Services", timezone="America/Los_Angeles")
    harbor = make_organization("harbor", name="Harbor Food Pantry")
    return World(
        riverside=riverside,
        harbor=harbor,
        ann=make_person(riverside, "ann", Role.ADMIN, "admin"),
        bea=make_person(riverside, "bea", Role.AGENT, "basic"),
        cy=make_person(harbor, "cy", Role.ADMIN, "admin"),
    )


def make_api_key(organization: Organization, tier: str = "basic", **facts: Any) -> tuple[str, ApiKey]:
    """The key itself, which is stored nowhere, and its row."""
    key = new_api_key()
    row = ApiKey(organization=organization, name=facts.pop("name", "studio"), tier=organization.tiers.get(name=tier))
    row.scopes = facts.pop("scopes", ["lookup", "enrich", "availability", "health"])
    for name, value in facts.items():
        setattr(row, name, value)
    row.set_key(key)
    row.save()
    return key, row


def make_connector(organization: Organization, key: str, kind: str, **facts: Any) -> Connector:
    return Connector.objects.create(organization=organization, key=key, kind=kind, name=facts.pop("name", key.title()), **facts)
