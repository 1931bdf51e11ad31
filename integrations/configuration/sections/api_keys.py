"""``[[organization.api_key]]``: the keys of programs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from integrations.configuration.reading import Reading, repeated
from integrations.configuration.references import Secret, as_stored, placeholder
from integrations.configuration.sections.section import Action, Held, Kept, Writing
from integrations.configuration.sections.tiers import check_tier
from integrations.configuration.state import Facts, State
from integrations.models import ApiKey, Organization


def check(reading: Reading) -> None:
    for where, key in reading.rows("api_key"):
        check_tier(reading, (*where, "tier"), key.tier)
        if (secret := reading.resolve((*where, "key"), key.key, key.name)) is None:
            continue
        owner = ApiKey.objects.filter(hash=secret.fingerprint).select_related("organization").first()
        if owner and (owner.organization.slug, owner.name) != (reading.slug, key.name):
            reading.problem((*where, "key"), "Another API key has this value already. Make a new value for this one.")


def across(readings: Iterable[Reading]) -> None:
    def values(reading: Reading) -> Iterator[tuple[tuple[str | int, ...], str]]:
        for where, _key in reading.rows("api_key"):
            if secret := reading.secrets.get((*where, "key")):
                yield (*where, "key"), secret.fingerprint

    repeated(readings, "key", values)


def wanted(reading: Reading) -> dict[str, Facts]:
    return {
        key.name: {**key.model_dump(exclude={"name"}), "key": reading.secrets[(*where, "key")]}
        for where, key in reading.rows("api_key")
    }


def stored(organization: Organization) -> Iterator[Held]:
    for key in organization.api_keys.select_related("tier"):
        facts = {
            "key": as_stored(key.reference, placeholder("api_key", key.name), key.hash),
            "tier": key.tier.name,
            "scopes": key.scopes,
            "expires": key.expires_at.isoformat() if key.expires_at else None,
        }
        yield Held(key.name, facts, key.active)


def absent(name: str, now: State, wanted: State) -> Action | Kept:
    return Action.DEACTIVATE


def write(writing: Writing, name: str, facts: Facts) -> None:
    organization = writing.organization
    row = ApiKey.objects.filter(organization=organization, name=name).first() or ApiKey(organization=organization, name=name)
    secret: Secret = facts["key"]
    if not secret.unreferenced:
        row.set_key(secret.value)
    row.reference = secret.stored_reference
    row.tier = organization.tiers.get(name=facts["tier"])
    row.scopes = facts["scopes"]
    row.expires_at = datetime.fromisoformat(facts["expires"]) if facts["expires"] else None
    row.active = True
    row.save()


def retire(organization: Organization, name: str) -> None:
    key = organization.api_keys.get(name=name)
    key.active = False
    key.save()
