"""A connector's own keys, checked by the models of its kind."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from pydantic import ValidationError

from integrations.configuration import schema
from integrations.configuration.problems import Where
from integrations.configuration.wording import findings
from integrations.connectors import build, kind_named
from integrations.connectors.aims import aimed_elsewhere
from integrations.connectors.base import Connector
from integrations.connectors.mapping import FieldMapping
from integrations.errors import ConfigurationError
from integrations.lookup.source_settings import settings_of
from integrations.models import Connector as StoredConnector
from integrations.models import Organization
from integrations.profile import Field

# Columns that hold what the file says of them as it is said there.
_AS_STORED = {"key", "kind", "name", "options", "fields", "allow_private", "hosts", "region", "currency", "details_by"}
_NAMED_FIELD = re.compile(r"^fields\.(?P<name>\w+): ")
_NAMED_SECRET = re.compile(r"^secrets\.(?P<name>\w+): (?P<sentence>.+)")


def check_connector(
    row: schema.Connector,
    organization: schema.Organization,
    secrets: Mapping[str, str],
    unresolved: set[str],
    vocabulary: Mapping[str, Field],
    own_fields: set[str],
) -> Iterator[tuple[Where, str]]:
    """Each problem's place within the connector's table, and the sentence.

    ``secrets`` are those that could be resolved, ``unresolved`` the names of the others; ``own_fields`` names the
    organisation's fields, also those that have a problem of their own.
    """
    kind = kind_named(row.kind)
    found = [*_by_models(row, kind, secrets, unresolved), *_by_mapping(row, vocabulary, own_fields)]
    if not found and not unresolved:
        found = list(_by_building(row, organization, secrets, vocabulary))
    yield from found


def kept_for_another(row: schema.Connector, slug: str, kept: Iterable[str]) -> Iterator[tuple[Where, str]]:
    """The secrets that would be kept as they are stored though the system is aimed elsewhere.

    A reference is resolved anew at each import, by whoever set the variable or wrote the file: these may go anywhere.
    """
    stored = StoredConnector.objects.filter(organization__slug=slug, key=row.key).first()
    if stored and (stored.kind != row.kind or aimed_elsewhere(kind_named(row.kind), stored.options, row.options)):
        for name in kept:
            yield (
                ("secrets", name),
                "What is stored was entered for another address or another way to sign in. Name a variable or a file that "
                "holds the secret for this one.",
            )


def _by_models(
    row: schema.Connector, kind: type[Connector], secrets: Mapping[str, str], unresolved: set[str]
) -> Iterator[tuple[Where, str]]:
    try:
        kind.Options.model_validate(row.options)
    except ValidationError as error:
        for place, sentence in findings(error, kind.Options):
            yield ("options", *place), sentence
    try:
        kind.Secrets.model_validate(dict(secrets))
    except ValidationError as error:
        for place, sentence in findings(error, kind.Secrets):
            if not unresolved.intersection(place):
                yield ("secrets", *place), sentence


def _by_mapping(row: schema.Connector, vocabulary: Mapping[str, Field], own_fields: set[str]) -> Iterator[tuple[Where, str]]:
    for name, expression in row.fields.items():
        if name not in vocabulary and name in own_fields:
            continue
        try:
            FieldMapping({}, {name: expression}, vocabulary)
        except ConfigurationError as error:
            yield ("fields", name), _NAMED_FIELD.sub("", str(error))


def _by_building(
    row: schema.Connector, organization: schema.Organization, secrets: Mapping[str, str], vocabulary: Mapping[str, Field]
) -> Iterator[tuple[Where, str]]:
    """What only the connector itself can tell, such as an address that is closed to it. Nothing is contacted."""
    facts = {**row.model_dump(include=_AS_STORED), "secrets": dict(secrets), "limits": row.limits.model_dump(exclude_none=True)}
    stored = StoredConnector(**facts)
    home = Organization(
        slug=organization.slug, region=organization.region, timezone=organization.timezone, currency=organization.currency
    )
    try:
        connector = build(settings_of(stored, home, vocabulary))
        _ = connector.options, connector.secrets, connector.mapping
    except ConfigurationError as error:
        secret = _NAMED_SECRET.match(str(error))
        yield (("secrets", secret["name"]), _capitalised(secret["sentence"])) if secret else (("options",), str(error))
    except ValidationError as error:
        yield from (((*place,), sentence) for place, sentence in findings(error, kind_named(row.kind).Options))


def _capitalised(sentence: str) -> str:
    return sentence[0].upper() + sentence[1:]
