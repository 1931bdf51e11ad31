"""Everything that is checked before anything is written: shapes, references within the file, secrets, and the database."""

from __future__ import annotations

from dataclasses import dataclass

from integrations.configuration import sections
from integrations.configuration.problems import Problems, Source
from integrations.configuration.reading import Reading, repeated
from integrations.configuration.sections.tiers import check_tier
from integrations.configuration.state import PLAIN, State


@dataclass(frozen=True)
class Checked:
    """What the file wants, one state per organisation. ``notes`` tell what was left out on request."""

    wanted: list[State]
    notes: list[str]


def check(source: Source, *, skip_unknown_kinds: bool = False) -> Checked:
    """Raises Problems with everything that is wrong. Contacts no system and writes nothing."""
    raw = source.data.get("organization")
    problems = [
        source.problem((key,), "This key is not known. Remove it, or put it into an [[organization]] table.")
        for key in source.data
        if key != "organization"
    ]
    if not isinstance(raw, list) or not raw:
        raise Problems([*problems, source.problem(("organization",), "Add at least one [[organization]] table.")])
    keys = sections.key_by_section()
    readings = [Reading(source, index, keys, sections.stored, skip_unknown_kinds) for index in range(len(raw))]
    for reading in readings:
        _check_one(reading)
    repeated(readings, "slug", lambda one: [((*one.where, "slug"), one.slug)] if one.table else [])
    for section in sections.SECTIONS:
        if section.across:
            section.across(readings)
    problems += [problem for reading in readings for problem in reading.problems]
    if problems:
        raise Problems(problems)
    return Checked([_wanted(reading) for reading in readings], [note for reading in readings for note in reading.notes])


def _check_one(reading: Reading) -> None:
    reading.read_own()
    for section in sections.SECTIONS:
        reading.read_section(section.name, section.table)
    if reading.table and reading.table.flex_roles:
        for name, role in reading.table.flex_roles.items():
            check_tier(reading, (*reading.where, "flex_roles", name, "tier"), role.tier)
    for section in sections.SECTIONS:
        section.check(reading)


def _wanted(reading: Reading) -> State:
    """What the file wants of this organisation, in which no problem was found."""
    table = reading.table
    assert table is not None  # noqa: S101 -- a problem was reported otherwise
    wanted = {section.name: section.wanted(reading) for section in sections.SECTIONS}
    return State(
        slug=table.slug,
        facts={
            **{name: getattr(table, name) for name in PLAIN},
            "studio": table.studio.model_dump(),
            "retention_days": table.retention_days.model_dump(),
            "flex_roles": table.roles_among(wanted["tier"]),
        },
        sections=wanted,
        left_out=frozenset(reading.left_out),
        existing_users=frozenset(reading.existing_users),
    )
