"""An organisation's configuration in the file's own words, from the file or from the database, ready to be compared."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from integrations.configuration.references import Secret, as_stored, fingerprint, placeholder
from integrations.models import ApiKey, Connector, Organization, Person, TwilioAccount, User

Facts = Mapping[str, Any]
# Where a secret is stored: section, the name of the object, and its own name or position there.
Place = tuple[str, str, str | int]
# In the order in which they are written: what is referred to comes first.
PLAIN = ("name", "timezone", "region", "currency", "languages", "identity_check", "shared_numbers", "origins")
SECTIONS = ("tier", "field", "connector", "twilio", "person", "api_key")


@dataclass(frozen=True)
class State:
    """``facts`` are the organisation's own keys; ``sections`` hold section → name → its keys.

    Inactive people and API keys are kept apart: to the file they are as good as absent.
    """

    slug: str
    facts: Facts
    sections: Mapping[str, Mapping[str, Facts]]
    inactive: Mapping[str, Mapping[str, Facts]] = field(default_factory=dict)
    left_out: frozenset[str] = frozenset()  # connectors that the file names and this import does not touch
    existing_users: frozenset[str] = frozenset()  # people whom the file knows to be users of another organisation


def stored(organization: Organization) -> State:
    """What the database holds. People without a user (Flex workers) cannot be named by the file and are no part of it."""
    people = organization.people.filter(user__isnull=False).select_related("user", "tier")
    keys = organization.api_keys.select_related("tier")
    return State(
        slug=organization.slug,
        facts={
            **{name: getattr(organization, name) for name in PLAIN},
            "retention_days": organization.retention_days,
            "flex_roles": organization.flex_roles,
        },
        sections={
            "tier": {
                tier.name: {"rules": {rule.target: rule.effect for rule in tier.rules.all()}}
                for tier in organization.tiers.prefetch_related("rules")
            },
            "field": {
                own.name: {name: getattr(own, name) for name in ("label", "type", "sensitivity", "section", "cacheable")}
                for own in organization.custom_fields.all()
            },
            "connector": {
                row.key: _connector(row) for row in organization.connectors.select_related("fallback_for").order_by("key")
            },
            "twilio": {account.account_sid: _twilio(account) for account in organization.twilio_accounts.all()},
            "person": _people(person for person in people if person.active),
            "api_key": {key.name: _api_key(key) for key in keys if key.active},
        },
        inactive={
            "person": _people(person for person in people if not person.active),
            "api_key": {key.name: _api_key(key) for key in keys if not key.active},
        },
    )


def secrets_of(state: State) -> Iterator[tuple[Place, Secret]]:
    """Every secret of a state with its place, those of inactive API keys included.

    Placeholders are no places: names that differ in punctuation, or account SIDs in their beginnings, share one.
    """
    for sections in (state.sections, state.inactive):
        for key, facts in sections.get("connector", {}).items():
            yield from ((("connector", key, name), secret) for name, secret in facts["secrets"].items())
        for sid, facts in sections.get("twilio", {}).items():
            yield from ((("twilio", sid, position), secret) for position, secret in enumerate(facts["auth_tokens"]))
        for name, facts in sections.get("api_key", {}).items():
            yield ("api_key", name, "key"), facts["key"]


def _written(options: Facts) -> Facts:
    """A database's conditions without JSON's null, for which a file has no word but the text."""
    where = options.get("where")
    if not isinstance(where, dict):
        return options
    words = {
        name: ["null" if value is None else value for value in held]
        if isinstance(held, list)
        else "null"
        if held is None
        else held
        for name, held in where.items()
    }
    return {**options, "where": words}


def _connector(row: Connector) -> Facts:
    plain = ("kind", "name", "enabled", "priority", "essential", "timeout_ms", "allow_private", "hosts", "region", "currency")
    return {
        **{name: getattr(row, name) for name in (*plain, "cache", "limits")},
        "options": _written(row.options),
        "secrets": {
            name: as_stored(row.secret_refs.get(name, ""), placeholder(row.key, name), fingerprint(value), value)
            for name, value in (row.secrets or {}).items()
        },
        "fields": row.fields,
        "details_by": row.details_by,
        "fallback_for": row.fallback_for.key if row.fallback_for else "",
    }


def _twilio(account: TwilioAccount) -> Facts:
    tokens = account.auth_tokens or []
    references = account.auth_token_refs if len(account.auth_token_refs) == len(tokens) else [""] * len(tokens)
    return {
        "auth_tokens": [
            as_stored(reference, placeholder("twilio", account.account_sid[-6:], str(position)), fingerprint(token), token)
            for position, (token, reference) in enumerate(zip(tokens, references, strict=True), start=1)
        ],
        "workspace_sid": account.workspace_sid,
    }


def _people(people: Iterable[Person]) -> dict[str, Facts]:
    return {person.user.username: _person(person, person.user) for person in people if person.user}


def _person(person: Person, user: User) -> Facts:
    return {
        "email": user.email,
        "first_name": user.first_name,
        "last_name": user.last_name,
        "role": person.role,
        "tier": person.tier.name,
        "team": person.team,
        "worker_sid": person.worker_sid or "",
    }


def _api_key(key: ApiKey) -> Facts:
    return {
        "key": as_stored(key.reference, placeholder("api_key", key.name), key.hash),
        "tier": key.tier.name,
        "scopes": key.scopes,
        "expires": key.expires_at.isoformat() if key.expires_at else None,
    }
