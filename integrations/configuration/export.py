"""An organisation as a configuration file, with references where secrets are."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import tomlkit
from tomlkit.items import AoT, InlineTable, Table

from integrations.configuration import sections
from integrations.configuration.references import Secret
from integrations.configuration.sections.section import Section
from integrations.configuration.state import Facts
from integrations.models import Organization

_PLACEHOLDER = "env:CHANGE_ME_"
_COMMENT = "CHANGE_ME: set this environment variable to the secret, or name where it is"


def export(organization: Organization) -> str:
    """Valid TOML that holds no secret; imported unedited, it changes nothing. Needs the secrets' references to resolve."""
    state = sections.stored(organization)
    table = tomlkit.table()
    table.add("slug", state.slug)
    for name, value in state.facts.items():
        if name != "flex_roles":
            _add(table, name, value)
    # Sub-tables stand after the organisation's own keys, or they would swallow them.
    for section in sections.SECTIONS:
        entries = tomlkit.aot()
        more = section.more(organization)
        for name, facts in sorted(state.sections[section.name].items()):
            entries.append(_entry(section, name, {**facts, **more.get(name, {})}))
        if len(entries):
            table.add(section.name, entries)
    table.add("flex_roles", _flex_roles(state.facts["flex_roles"]))
    organizations: AoT = tomlkit.aot()
    organizations.append(table)
    document = tomlkit.document()
    document.add("organization", organizations)
    return tomlkit.dumps(document)


def _flex_roles(roles: Mapping[str, Any]) -> Table:
    table = tomlkit.table()
    for name, role in roles.items():
        table.add(name, _inline(role))
    return table


def _entry(section: Section, name: str, facts: Facts) -> Table:
    entry = tomlkit.table()
    entry.add(section.key, name)
    for fact, value in facts.items():
        if value == [] and fact in section.unless_empty:
            continue
        _add(entry, fact, datetime.fromisoformat(value) if value and fact in section.moments else value)
    return entry


def _add(table: Table, name: str, value: Any) -> None:
    """``name = value``; nothing for an empty text, table or missing value, which are what an omitted key means."""
    if value in ("", {}, None):
        return
    secrets = [item for item in _items(value) if isinstance(item, Secret)]
    item = _toml(value)
    if any(secret.reference.startswith(_PLACEHOLDER) for secret in secrets):
        item.comment(_COMMENT)
    table.add(name, item)


def _items(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else [value]


def _toml(value: Any) -> Any:
    if isinstance(value, Secret):
        return tomlkit.string(value.reference)
    if isinstance(value, dict):
        return _inline(value)
    if isinstance(value, list):
        array = tomlkit.array()
        for item in value:
            array.append(_toml(item))
        return array
    return tomlkit.item(value)


def _inline(value: Mapping[str, Any]) -> InlineTable:
    table = tomlkit.inline_table()
    for name, item in value.items():
        if item is not None:
            table.append(name, _toml(item))
    return table
