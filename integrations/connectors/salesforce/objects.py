"""The objects of Salesforce that hold people, the fields where their numbers stand, and what is read of each."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, Literal

import jmespath
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from integrations.connectors.expressions import compiled
from integrations.connectors.mapping import FieldMapping
from integrations.errors import ConfigurationError
from integrations.profile import Field as Word
from integrations.redaction import is_never, named_like

# What Salesforce itself allows as a name. Names go into queries as they are, so nothing else may ever be one.
NAME = r"^[A-Za-z][A-Za-z0-9_]{0,79}$"
_PATH = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,79}(\.[A-Za-z][A-Za-z0-9_]{0,79}){0,5}")

Name = Annotated[str, StringConstraints(pattern=NAME)]


class ObjectOptions(BaseModel):
    """An object besides the standard ones, or what differs in one of those."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Name = Field(description="Its API name, like Household__c.")
    phone_fields: tuple[Name, ...] | None = Field(
        None, description="The fields that hold numbers. An empty list leaves a standard object out."
    )
    fields: dict[str, str | Literal[False]] = Field({}, description="Field → where it stands in this object's record.")


@dataclass(frozen=True)
class Standard:
    """What is read of an object that every Salesforce has. ``always``: what the connector itself needs of it."""

    phones: tuple[str, ...]
    fields: Mapping[str, str]
    always: tuple[str, ...] = ()


_OF_EVERY = {"name": "Name", "owner": "Owner.Name", "member_since": "CreatedDate", "last_contact": "LastActivityDate"}
_OF_PEOPLE = {**_OF_EVERY, "first_name": "FirstName", "last_name": "LastName", "email": "Email"}

STANDARD: Mapping[str, Standard] = {
    "Contact": Standard(
        ("Phone", "MobilePhone", "HomePhone", "OtherPhone"),
        {
            **_OF_PEOPLE,
            "phone": "Phone || MobilePhone || HomePhone || OtherPhone",
            "phones": "[MobilePhone, HomePhone, OtherPhone][?@]",
            "company": "Account.Name",
            "address": "join(', ', [MailingStreet, MailingCity, MailingState, MailingPostalCode][?@])",
            "date_of_birth": "Birthdate",
        },
        ("AccountId",),
    ),
    "Lead": Standard(
        ("Phone", "MobilePhone"),
        {
            **_OF_PEOPLE,
            "phone": "Phone || MobilePhone",
            "phones": "[MobilePhone][?@]",
            "company": "Company",
            "lifecycle_stage": "Status",
            "address": "join(', ', [Street, City, State, PostalCode][?@])",
        },
        ("IsConverted",),
    ),
    "Account": Standard(
        ("Phone",),
        {
            **_OF_EVERY,
            "phone": "Phone",
            "address": "join(', ', [BillingStreet, BillingCity, BillingState, BillingPostalCode][?@])",
        },
    ),
}
_NOTHING = Standard((), {})


@dataclass(frozen=True)
class Searched:
    """One object as it is searched: its API name, the fields with numbers, and how a record becomes a profile's fields."""

    name: str
    phones: tuple[str, ...]
    mapping: FieldMapping
    external_id: str = ""

    @cached_property
    def fields(self) -> list[str]:
        """What to ask for: what the mapping reads, and what the connector itself needs. Raises ConfigurationError."""
        wanted = {"Id", *self.phones, *STANDARD.get(self.name, _NOTHING).always}
        for field, expression in self.mapping.expressions.items():
            wanted |= _read_by(expression, f"fields.{field}")
        if self.external_id:
            wanted |= _read_by(self.external_id, "external_id")
        return sorted(wanted)

    @cached_property
    def emails(self) -> list[str]:
        """The fields that hold e-mail addresses."""
        expression = self.mapping.expressions.get("email")
        return sorted(_read_by(expression, "fields.email")) if expression else []


def told(texts: Mapping[str, str]) -> str:
    """One expression if all objects share it, else each object's."""
    shared = set(texts.values())
    return shared.pop() if len(shared) == 1 else "; ".join(f"{name}: {text}" for name, text in texts.items())


def searched(
    options: tuple[ObjectOptions, ...],
    changes: Mapping[str, str | bool],
    vocabulary: Mapping[str, Word],
    external_id: str,
) -> list[Searched]:
    """The standard objects as ``options`` change them, then those that they add. Raises ConfigurationError.

    ``changes`` are the organisation's to the whole connector: a path is one of contacts, a field that is left out is
    left out everywhere.
    """
    given = {_canonical(one.name): one for one in options}
    if len(given) < len(options):
        raise ConfigurationError("objects: each object may stand there once.")
    found = []
    for name in dict.fromkeys([*STANDARD, *given]):
        one, standard = given.get(name), STANDARD.get(name, _NOTHING)
        phones = standard.phones if one is None or one.phone_fields is None else one.phone_fields
        if never := next(filter(is_never, phones), None):
            raise ConfigurationError(f"objects: {never} is named like {named_like(never)}, which nobody may see. Leave it out.")
        if not phones and standard is _NOTHING:
            raise ConfigurationError(f"objects: give the phone_fields of {name}, or nobody can be found in it.")
        if not phones:
            continue
        own = {field: path for field, path in changes.items() if name == "Contact" or path is False}
        mapping = FieldMapping(standard.fields, {**own, **(one.fields if one else {})}, vocabulary)
        entry = Searched(name, phones, mapping, external_id if name == "Contact" else "")
        _ = entry.fields  # what cannot be asked for is found before anyone calls
        found.append(entry)
    if not found:
        raise ConfigurationError("objects: leave at least one object in.")
    return found


def in_words(field: str, name: str) -> str:
    """``MobilePhone`` of a lead as ``mobile phone (lead)``."""
    words = _spelt(field)
    return words if name == "Contact" else f"{words} ({_spelt(name)})"


def _spelt(name: str) -> str:
    """An API name in words: without the package before it and the ending that marks an organisation's own."""
    bare = re.sub(r"^[A-Za-z0-9]+__(?=.)", "", name.removesuffix("__c"))
    return " ".join(re.sub(r"(?<=[a-z])(?=[A-Z])|_", " ", bare).split()).lower()


def _canonical(name: str) -> str:
    """Salesforce takes names in any case; one object must not be searched twice for it."""
    return next((standard for standard in STANDARD if standard.casefold() == name.casefold()), name)


def _read_by(expression: str, place: str) -> set[str]:
    """The fields of a record, as paths with dots, that a JMESPath expression reads. Raises ConfigurationError."""
    compiled(expression, place)  # which says what is wrong with it
    paths = set(_paths(jmespath.compile(expression).parsed))
    for path in paths:
        if not _PATH.fullmatch(path):
            raise ConfigurationError(f"{place}: Salesforce has no fields with such a name. Use API names, like Region__c.")
    return paths


def _paths(node: Mapping[str, Any]) -> Iterator[str]:
    children = node["children"]
    match node["type"]:
        case "field":
            yield node["value"]
        case "subexpression":
            prefixes = list(_paths(children[0]))
            for child in children[1:]:
                prefixes = [f"{prefix}.{name}" for prefix in prefixes for name in _paths(child)] or prefixes
            yield from prefixes
        case "literal" | "expref" | "index" | "slice" | "current" | "identity":
            return
        case "pipe" | "projection" | "filter_projection" | "value_projection" | "index_expression" | "flatten":
            # What comes after works on what the first part has read.
            yield from _paths(children[0])
        case _:
            for child in children:
                yield from _paths(child)
