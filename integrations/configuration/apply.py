"""Writes what the file wants, of all its organisations or of none."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from django.db import transaction

from integrations.configuration import sections
from integrations.configuration.difference import Step, differences
from integrations.configuration.history import recorded
from integrations.configuration.sections.section import Writing
from integrations.configuration.state import Facts, State
from integrations.disclosure import audit
from integrations.models import ActorKind, Channel, ConfigurationChange, Event, Organization, User

_LINES_ON_RECORD = 200


@dataclass(frozen=True)
class Applied:
    """``newcomers`` are users that the import made, with the organisation that they were made for."""

    lines: list[str] = field(default_factory=list)
    newcomers: list[tuple[User, Organization]] = field(default_factory=list)


def apply(wanted: Iterable[State], operator: str) -> Applied:
    """Store the difference in one transaction, compared anew within it, with an audit entry per changed organisation.

    ``operator`` is named in the audit trail. Raises django.db.Error; then nothing was changed.
    """
    applied = Applied()
    entries: list[audit.Entry] = []
    with transaction.atomic():
        for state in wanted:
            Organization.objects.select_for_update().filter(slug=state.slug).first()
            difference = differences(state)
            if not difference.steps:
                continue
            with recorded(operator, ConfigurationChange.By.FILE):
                organization = _write(state, difference.steps, applied)
            applied.lines.extend(difference.lines)
            entries.append(_entry(organization, operator, difference.lines))
        # Heads of audit chains are locked in organisation order everywhere, or two writers could wait for each other.
        for entry in sorted(entries, key=lambda entry: entry.organization_id):
            audit.record_within(entry)
    return applied


def _entry(organization: Organization, operator: str, lines: list[str]) -> audit.Entry:
    return audit.Entry(
        organization_id=organization.pk,
        event=Event.CONFIG_IMPORT,
        outcome="changed",
        actor_kind=ActorKind.OPERATOR,
        actor_label=operator,
        channel=Channel.COMMAND,
        detail={"changes": len(lines), "lines": lines[:_LINES_ON_RECORD]},
    )


def _write(state: State, steps: Iterable[Step], applied: Applied) -> Organization:
    steps = tuple(steps)
    organization = Organization.objects.filter(slug=state.slug).first() or Organization(slug=state.slug)
    if any(step.section is None for step in steps):
        for name, value in state.facts.items():
            setattr(organization, *(("studio_share", value["share"]) if name == "studio" else (name, value)))
        organization.save()
    writing = Writing(organization, state, applied.newcomers)
    written: dict[str, dict[str, Facts]] = {section.name: {} for section in sections.SECTIONS}
    for step in steps:
        if step.section and step.writes:
            written[step.section.name][step.name] = step.facts
    for section in sections.SECTIONS:
        if section.before and written[section.name]:
            section.before(organization, written[section.name])
    for step in steps:
        if step.section and step.writes:
            step.section.write(writing, step.name, step.facts)
        elif step.section:
            step.section.retire(organization, step.name)
    for section in sections.SECTIONS:
        if section.after and written[section.name]:
            section.after(organization, written[section.name])
    return organization
