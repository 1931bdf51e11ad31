"""What a form would save, held against the rules of the configuration file: both refuse the same, in the same words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from django.utils.translation import gettext as _
from pydantic import ValidationError

from integrations.configuration import schema
from integrations.configuration.check_connector import check_connector
from integrations.configuration.problems import Where
from integrations.configuration.relations import relation_problems
from integrations.configuration.wording import MISSING, findings
from integrations.connectors import kind_named
from integrations.errors import ConfigurationError
from integrations.models import Connector, Organization
from integrations.models.connectors import vocabulary_of
from integrations.models.people import DEFAULT_TIERS

SECRET = "secret_"  # noqa: S105 -- what the names of inputs for secrets begin with
OBJECTS = ("options", "fields", "cache", "limits")
_PLAIN = (
    "key",
    "name",
    "enabled",
    "priority",
    "essential",
    "timeout_ms",
    "allow_private",
    "hosts",
    "region",
    "currency",
    "details_by",
)


def connector_problems(row: Connector, data: Mapping[str, Any], secrets: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """The form's field, and the sentence, for each thing that is wrong. Contacts no system.

    ``row`` has its organisation and kind; ``data`` is what the form holds of the rest; ``secrets`` are those that would
    be stored.
    """
    wrong = [name for name in OBJECTS if not isinstance(data.get(name, {}), dict)]
    for name in wrong:
        yield name, _('Give an object in curly brackets, like {"name": "value"}; or {} for none.')
    if wrong:
        return
    try:
        kind_named(row.kind)
        table = schema.Connector.model_validate(_as_in_the_file(row, data))
    except ConfigurationError as error:
        yield "", str(error)
    except ValidationError as error:
        yield from (_in_form(place, sentence) for place, sentence in findings(error, schema.Connector))
    else:
        own = row.organization
        organization = schema.Organization.model_construct(
            slug=own.slug, region=own.region, timezone=own.timezone, currency=own.currency
        )
        for place, sentence in check_connector(table, organization, secrets, set(), vocabulary_of(own), set()):
            if place[0] == "secrets" and sentence == MISSING:
                sentence = _("Enter this: without it the system cannot be asked.")
            yield _in_form(place, sentence)
        yield from _reference_problems(row, table)


def _as_in_the_file(row: Connector, data: Mapping[str, Any]) -> dict[str, Any]:
    fallback = data.get("fallback_for")
    plain = {name: data.get(name, getattr(row, name)) for name in (*_PLAIN, *OBJECTS)}
    return {**plain, "kind": row.kind, "fallback_for": fallback.key if fallback else ""}


def _in_form(place: Where, sentence: str) -> tuple[str, str]:
    name, *rest = (str(part) for part in place)
    if name == "secrets" and rest:
        return SECRET + rest[0], sentence
    return name, f"{'.'.join(rest)}: {sentence}" if rest else sentence


def _reference_problems(row: Connector, table: schema.Connector) -> Iterator[tuple[str, str]]:
    others = list(Connector.objects.filter(organization=row.organization).exclude(pk=row.pk).select_related("fallback_for"))
    asked_by = {other.key: other.details_by for other in others}
    stands_in = {other.key: other.fallback_for.key if other.fallback_for else "" for other in others}
    yield from relation_problems(table.key, table.details_by, table.fallback_for, asked_by, stands_in)


def known_tiers(row: Organization) -> list[str]:
    """The names of an organisation's tiers; a new one gets the usual ones."""
    return sorted(row.tiers.values_list("name", flat=True)) if row.pk else list(DEFAULT_TIERS)


def organization_problems(row: Organization, facts: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The same for an organisation's lists and tables; its other fields are checked by the model."""
    try:
        table = schema.Organization.model_validate({"slug": "any", "name": "any", **facts})
    except ValidationError as error:
        yield from (_in_form(place, sentence) for place, sentence in findings(error, schema.Organization))
        return
    known = known_tiers(row)
    for name, role in (table.flex_roles or {}).items():
        if role.tier not in known:
            yield (
                "flex_roles",
                _("%(role)s: there is no tier called %(tier)s. Use one of: %(known)s.")
                % {
                    "role": name,
                    "tier": role.tier,
                    "known": ", ".join(known),
                },
            )
