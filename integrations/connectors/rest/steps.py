"""The steps of a description, each with the map from its answer to the portal's fields."""

from __future__ import annotations

from collections.abc import Mapping

from integrations.connectors.base import FieldMapping
from integrations.connectors.rest.shape import OWN, RestOptions, Step
from integrations.profile import Field

MappedStep = tuple[Step, FieldMapping]
Changes = Mapping[str, str | bool]


def lookup_steps(options: RestOptions, changes: Changes, vocabulary: Mapping[str, Field]) -> list[MappedStep]:
    """Each step of the lookup. The admin's changes go where the field is mapped, else to the first step."""
    steps = options.lookup.steps if options.lookup else []
    later = {name for step in steps[1:] for name in step.map}
    found = []
    for number, step in enumerate(steps):
        own = {name: value for name, value in changes.items() if (name in later) == bool(number)}
        found.append((step, FieldMapping(_table(step), own, vocabulary)))
    return found


def search_steps(options: RestOptions, changes: Changes, vocabulary: Mapping[str, Field]) -> list[MappedStep]:
    """The step that finds people by what is typed, if there is one."""
    steps = [options.search] if options.search else []
    own = [{name: value for name, value in changes.items() if name in step.map} for step in steps]
    return [(step, FieldMapping(_table(step), mine, vocabulary)) for step, mine in zip(steps, own, strict=True)]


def _table(step: Step) -> dict[str, str]:
    return {name: mapped.expression for name, mapped in step.map.items() if name not in OWN}
