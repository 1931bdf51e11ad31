"""What an import would change, as steps that can be both shown and made."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from integrations.configuration.references import Secret
from integrations.configuration.state import SECTIONS, Facts, State, stored
from integrations.models import Organization

_WORDS = {
    "tier": "tier",
    "field": "field",
    "connector": "connector",
    "twilio": "Twilio account",
    "person": "person",
    "api_key": "API key",
}


class Action(StrEnum):
    CREATE = "create"
    UPDATE = "update"
    DEACTIVATE = "deactivate"
    DELETE = "delete"


@dataclass(frozen=True)
class Step:
    """One object to be written; ``section`` is empty for the organisation itself. ``lines`` tell people, without secrets."""

    section: str
    name: str
    action: Action
    facts: Facts
    lines: tuple[str, ...]


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
    now = stored(organization) if organization else State(wanted.slug, {}, {section: {} for section in SECTIONS})
    steps: list[Step] = []
    if organization is None:
        steps.append(Step("", wanted.slug, Action.CREATE, wanted.facts, (f"{wanted.slug}: new organisation",)))
    elif changes := _changes(now.facts, wanted.facts):
        lines = tuple(f"{wanted.slug}: {change}" for change in changes)
        steps.append(Step("", wanted.slug, Action.UPDATE, wanted.facts, lines))
    for section in SECTIONS:
        steps += _written(section, now, wanted)
    notes: list[str] = []
    for section in reversed(SECTIONS):
        steps += _absent(section, now, wanted, notes)
    return Difference(tuple(steps), tuple(notes))


def _title(wanted: State, section: str, name: str) -> str:
    return f"{wanted.slug}: {_WORDS[section]} {name}"


def _written(section: str, now: State, wanted: State) -> Iterator[Step]:
    for name, facts in wanted.sections[section].items():
        title = _title(wanted, section, name)
        if (before := now.sections[section].get(name)) is not None:
            if changes := _changes(before, facts):
                yield Step(section, name, Action.UPDATE, facts, tuple(f"{title}: {change}" for change in changes))
        elif (before := now.inactive.get(section, {}).get(name)) is not None:
            lines = ("active again", *_changes(before, facts))
            yield Step(section, name, Action.UPDATE, facts, tuple(f"{title}: {line}" for line in lines))
        else:
            kind = f" ({facts['kind']})" if section == "connector" else ""
            yield Step(section, name, Action.CREATE, facts, (f"{title}: new{kind}",))


def _absent(section: str, now: State, wanted: State, notes: list[str]) -> Iterator[Step]:
    """What the file no longer names. Twilio accounts stay: an account that is gone signs nothing."""
    for name, facts in now.sections[section].items():
        title = _title(wanted, section, name)
        if name in wanted.sections[section] or section == "twilio":
            continue
        if section == "connector":
            if facts["enabled"] and name not in wanted.left_out:
                yield Step(section, name, Action.DEACTIVATE, facts, (f"{title}: deactivated",))
        elif section in ("person", "api_key"):
            yield Step(section, name, Action.DEACTIVATE, facts, (f"{title}: deactivated",))
        elif why := _in_use(section, name, now, wanted):
            notes.append(f"{title}: kept, because {why}")
        else:
            yield Step(section, name, Action.DELETE, facts, (f"{title}: deleted",))


def _in_use(section: str, name: str, now: State, wanted: State) -> str:
    """The reason why a tier or field that the file does not name cannot go; ``""`` if it can."""
    if section == "tier":
        left = [
            facts
            for kind in ("person", "api_key")
            for other, facts in {**now.inactive.get(kind, {}), **now.sections[kind]}.items()
            if other not in wanted.sections[kind]
        ]
        workers = Organization.objects.get(slug=wanted.slug).people.filter(user__isnull=True, tier__name=name).exists()
        return "people or API keys still have it" if workers or any(facts["tier"] == name for facts in left) else ""
    rules = {tier: facts["rules"] for tier, facts in {**now.sections["tier"], **wanted.sections["tier"]}.items()}
    connectors = {**now.sections["connector"], **wanted.sections["connector"]}
    used = any(name in targets for targets in rules.values()) or any(name in row["fields"] for row in connectors.values())
    return "a tier or a connected system still uses it" if used else ""


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
