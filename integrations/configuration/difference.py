"""What an import would change, as steps that can be both shown and made."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

from integrations.configuration import sections
from integrations.configuration.references import Secret
from integrations.configuration.sections.section import Action, Kept, Section
from integrations.configuration.state import Facts, State
from integrations.models import Organization

_DONE = {Action.DEACTIVATE: "deactivated", Action.DELETE: "deleted"}


@dataclass(frozen=True)
class Step:
    """One object to be written; ``section`` is None for the organisation itself. ``lines`` tell people, without secrets."""

    section: Section | None
    name: str
    action: Action
    facts: Facts
    lines: tuple[str, ...]

    @property
    def writes(self) -> bool:
        return self.action not in _DONE


@dataclass(frozen=True)
class Difference:
    """The steps from what is stored to what is wanted, in the order in which they can be made; ``notes`` change nothing."""

    steps: tuple[Step, ...]
    notes: tuple[str, ...]

    @property
    def lines(self) -> list[str]:
        return [line for step in self.steps for line in step.lines]


def differences(wanted: State) -> Difference:
    """What differs between ``wanted`` and the database."""
    organization = Organization.objects.filter(slug=wanted.slug).first()
    nothing = State(wanted.slug, {}, {section.name: {} for section in sections.SECTIONS})
    now = sections.stored(organization) if organization else nothing
    steps: list[Step] = []
    if organization is None:
        steps.append(Step(None, wanted.slug, Action.CREATE, wanted.facts, (f"{wanted.slug}: new organisation",)))
    elif changes := _changes(now.facts, wanted.facts):
        lines = tuple(f"{wanted.slug}: {change}" for change in changes)
        steps.append(Step(None, wanted.slug, Action.UPDATE, wanted.facts, lines))
    for section in sections.SECTIONS:
        steps += _written(section, now, wanted)
    notes: list[str] = []
    for section in reversed(sections.SECTIONS):
        steps += _absent(section, now, wanted, notes)
    return Difference(tuple(steps), tuple(notes))


def _written(section: Section, now: State, wanted: State) -> Iterator[Step]:
    for name, facts in wanted.sections[section.name].items():
        title = f"{wanted.slug}: {section.words} {name}"
        if (before := now.sections[section.name].get(name)) is not None:
            if changes := _changes(before, facts):
                yield Step(section, name, Action.UPDATE, facts, tuple(f"{title}: {change}" for change in changes))
        elif (before := now.inactive.get(section.name, {}).get(name)) is not None:
            lines = ("active again", *_changes(before, facts))
            yield Step(section, name, Action.UPDATE, facts, tuple(f"{title}: {line}" for line in lines))
        else:
            kind = f" ({facts['kind']})" if "kind" in facts else ""
            yield Step(section, name, Action.CREATE, facts, (f"{title}: new{kind}",))


def _absent(section: Section, now: State, wanted: State, notes: list[str]) -> Iterator[Step]:
    """What the file no longer names, as far as it does not stay."""
    for name, facts in now.sections[section.name].items():
        if name in wanted.sections[section.name]:
            continue
        title = f"{wanted.slug}: {section.words} {name}"
        found = section.absent(name, now, wanted)
        if not isinstance(found, Kept):
            yield Step(section, name, found, facts, (f"{title}: {_DONE[found]}",))
        elif found.why:
            notes.append(f"{title}: kept, because {found.why}")


def _changes(before: Facts, after: Facts, prefix: str = "") -> list[str]:
    """One line per key that differs, nested tables by their path."""
    lines: list[str] = []
    for key in [*after, *(key for key in before if key not in after)]:
        old, new, path = before.get(key), after.get(key), f"{prefix}{key}"
        if old == new:
            continue
        if isinstance(old, dict) and isinstance(new, dict):
            lines += _changes(old, new, f"{path}.")
        elif _holds_secret(old) or _holds_secret(new):
            lines.append(_secret_change(path, old, new))
        else:
            lines.append(f"{path}: {_shown(old)} → {_shown(new)}")
    return lines


def _holds_secret(value: object) -> bool:
    return isinstance(value, Secret) or (isinstance(value, list) and any(isinstance(item, Secret) for item in value))


def _secret_change(path: str, old: object, new: object) -> str:
    if isinstance(old, Secret) and isinstance(new, Secret) and old.fingerprint == new.fingerprint:
        return f"{path}: same value, now from {new.reference}"
    if new is None:
        return f"{path} removed"
    return f"{path} added" if old is None else f"{path} changed"


def _shown(value: object) -> str:
    return "nothing" if value is None else json.dumps(value, ensure_ascii=False)
