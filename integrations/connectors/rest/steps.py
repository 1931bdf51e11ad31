"""The steps of a description, each with the map from its answer to the portal's fields."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from integrations.coercion import Habits
from integrations.connectors.base import records_within
from integrations.connectors.mapping import FieldMapping
from integrations.connectors.rest.answers import records_in
from integrations.connectors.rest.shape import OWN, RestOptions, Step
from integrations.errors import ConfigurationError, InvalidResponse
from integrations.profile import JSON, Field

MappedStep = tuple[Step, FieldMapping]
Changes = Mapping[str, str | bool]


def lookup_steps(options: RestOptions, changes: Changes, vocabulary: Mapping[str, Field]) -> list[MappedStep]:
    """Each step of the lookup. The admin's changes go where the field is mapped, else to the first step.

    What the second step is asked by is read of the first, whoever may see it. A second step that tells nothing which is asked
    for is left out.
    """
    steps = options.lookup.steps if options.lookup else []
    later = {name for step in steps[1:] for name in step.map}
    asked_by = {name for step in steps[1:] for name in step.placeholders | set(step.requires)}
    words = {name: replace(word, asked=word.asked or name in asked_by) for name, word in vocabulary.items()}
    found = []
    for number, step in enumerate(steps):
        own = {name: value for name, value in changes.items() if (name in later) == bool(number)}
        mapping = FieldMapping(_table(step), own, vocabulary if number else words)
        if not number or mapping.expressions:
            found.append((step, mapping))
    return found


def search_steps(options: RestOptions, changes: Changes, vocabulary: Mapping[str, Field]) -> list[MappedStep]:
    """The step that finds people by what is typed, if there is one."""
    steps = [options.search] if options.search else []
    own = [{name: value for name, value in changes.items() if name in step.map} for step in steps]
    return [(step, FieldMapping(_table(step), mine, vocabulary)) for step, mine in zip(steps, own, strict=True)]


def sampled(steps: list[MappedStep], sample: JSON, connector: str) -> tuple[Step, FieldMapping, list[dict[str, JSON]]]:
    """The step that reads most of a pasted answer, or of a pasted record, and the raw records in it.

    Raises InvalidResponse, and ConfigurationError where no step is described.
    """
    if not steps:
        raise ConfigurationError("This system is asked for services and knows no people, so there is nothing to read.")
    found = [(step, mapping, raws) for step, mapping in steps if (raws := _raws(step, sample, connector))]
    found = found or [(*steps[0], records_within(connector, sample))]
    return max(found, key=lambda one: len(one[1].read(one[2][0], Habits())[0]))


def _raws(step: Step, sample: JSON, connector: str) -> list[dict[str, JSON]]:
    try:
        return records_in(step, sample, connector)
    except InvalidResponse:
        return []  # another step's answer, or one of the records instead of an answer


def _table(step: Step) -> dict[str, str]:
    return {name: mapped.expression for name, mapped in step.map.items() if name not in OWN}
