"""The people and organisations of the tests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from integrations.models import ApiKey, Connector, Organization, Person, Role, User
from integrations.models.people import make_default_tiers, new_api_key

PASSWORD = "a-long-test-password"


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
    make_default_tiers(organization)
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
