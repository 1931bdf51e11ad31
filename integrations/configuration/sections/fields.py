"""``[[organization.field]]``: fields of the organisation's own, beside those that the portal has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from integrations.configuration.reading import Reading
from integrations.configuration.sections.section import Action, Held, Kept, Writing
from integrations.configuration.state import Facts, State
from integrations.models import CustomField, Organization
from integrations.profile import FIELDS, Field, Sensitivity, vocabulary_with
from integrations.redaction import is_never


def check(reading: Reading) -> None:
    for where, own in reading.rows("field"):
        if own.name in FIELDS or own.name in set(Sensitivity):
            reading.problem(
                (*where, "name"), "The portal already has a field or sensitivity of this name. Choose another name."
            )
        elif is_never(own.name):
            reading.problem((*where, "name"), "Values of this kind are never shown, so no field can hold them. Remove it.")


def vocabulary(reading: Reading) -> Mapping[str, Field]:
    """The fields that a mapping may name: the portal's, and the file's own."""
    return vocabulary_with(CustomField(**row.model_dump()).definition() for _, row in reading.rows("field"))


def wanted(reading: Reading) -> dict[str, Facts]:
    return {own.name: own.model_dump(exclude={"name"}) for _, own in reading.rows("field")}


def stored(organization: Organization) -> Iterator[Held]:
    for own in organization.custom_fields.all():
        yield Held(own.name, {name: getattr(own, name) for name in ("label", "type", "sensitivity", "section", "cacheable")})


def absent(name: str, now: State, wanted: State) -> Action | Kept:
    tiers = {**now.sections["tier"], **wanted.sections["tier"]}.values()
    systems = {**now.sections["connector"], **wanted.sections["connector"]}.values()
    used = any(name in tier["rules"] for tier in tiers) or any(name in system["fields"] for system in systems)
    return Kept("a tier or a connected system still uses it") if used else Action.DELETE


def write(writing: Writing, name: str, facts: Facts) -> None:
    CustomField.objects.update_or_create(organization=writing.organization, name=name, defaults=dict(facts))


def retire(organization: Organization, name: str) -> None:
    organization.custom_fields.filter(name=name).delete()
