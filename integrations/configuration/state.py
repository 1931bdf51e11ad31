"""An organisation's configuration in the file's own words, from the file or from the database, ready to be compared."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from integrations.configuration.problems import Where
from integrations.configuration.references import Secret
from integrations.models import Organization

Facts = Mapping[str, Any]
# Where a secret is stored: section, the name of the object, and the keys and positions that lead to it among its facts.
Place = tuple[str, str, Where]
PLAIN = ("name", "timezone", "region", "currency", "languages", "identity_check", "shared_numbers", "origins")


@dataclass(frozen=True)
class State:
    """One organisation. ``facts`` are its own keys; ``sections`` hold section → name → its keys.

    Inactive people and API keys are kept apart: to the file they are as good as absent.
    """

    slug: str
    facts: Facts
    sections: Mapping[str, Mapping[str, Facts]]
    inactive: Mapping[str, Mapping[str, Facts]] = field(default_factory=dict)
    left_out: frozenset[str] = frozenset()  # connectors that the file names and this import does not touch
    existing_users: frozenset[str] = frozenset()  # people whom the file knows to be users of another organisation


def own_facts(organization: Organization) -> Facts:
    """The organisation's own keys as they are stored."""
    return {
        **{name: getattr(organization, name) for name in PLAIN},
        "studio": {"share": organization.studio_share},
        "retention_days": organization.retention_days,
        "flex_roles": organization.flex_roles,
    }


def secrets_of(state: State) -> Iterator[tuple[Place, Secret]]:
    """Every secret of a state with its place, those of inactive API keys included.

    Placeholders are no places: names that differ in punctuation, or account SIDs in their beginnings, share one.
    """
    for sections in (state.sections, state.inactive):
        for section, entries in sections.items():
            for name, facts in entries.items():
                yield from (((section, name, where), secret) for where, secret in _secrets_in(facts, ()))


def _secrets_in(value: object, where: Where) -> Iterator[tuple[Where, Secret]]:
    if isinstance(value, Secret):
        yield where, value
    inner = value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list) else ()
    for part, held in inner:
        yield from _secrets_in(held, (*where, part))
