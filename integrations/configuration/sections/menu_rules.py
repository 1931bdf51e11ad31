"""``[[organization.menu_rule]]``: whom a rule of the menu fits, and what a flow of Studio then gets."""

from __future__ import annotations

from collections.abc import Iterator

from integrations.conditions import BadCondition, parse
from integrations.configuration.reading import Reading
from integrations.configuration.sections import fields
from integrations.configuration.sections.section import Action, Held, Kept, Writing
from integrations.configuration.state import Facts, State
from integrations.models import MenuRule, Organization
from integrations.models.routing import GIVEN, GIVES_NOTHING, gives_nothing, rule_types

_COLUMNS = ("enabled", "position", "conditions", *GIVEN)


def check(reading: Reading) -> None:
    types = rule_types(fields.vocabulary(reading))
    currency = reading.table.currency if reading.table else ""
    for where, rule in reading.rows("menu_rule"):
        if gives_nothing(rule.model_dump()):
            reading.problem(where, str(GIVES_NOTHING))
        try:
            parse(rule.conditions, types, currency)
        except BadCondition as problem:
            reading.problem((*where, "conditions", *problem.place), problem.sentence)


def wanted(reading: Reading) -> dict[str, Facts]:
    return {rule.name: rule.model_dump(exclude={"name"}) for _, rule in reading.rows("menu_rule")}


def stored(organization: Organization) -> Iterator[Held]:
    for rule in organization.menu_rules.all():
        yield Held(rule.name, {name: getattr(rule, name) for name in _COLUMNS})


def absent(name: str, now: State, wanted: State) -> Action | Kept:
    return Action.DELETE


def write(writing: Writing, name: str, facts: Facts) -> None:
    MenuRule.objects.update_or_create(organization=writing.organization, name=name, defaults=dict(facts))


def retire(organization: Organization, name: str) -> None:
    organization.menu_rules.filter(name=name).delete()
