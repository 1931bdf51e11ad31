"""Rules of the menu: which of them fit a caller, and what a flow gets.

Rules see what the asking tier is shown in the clear, and nothing else: what is masked, withheld or absent is not known to them.
Each value is taken from the first rule that fits and gives it, so that one rule may choose the language and another the queue.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo

import structlog

from integrations.comparisons import Verdict
from integrations.conditions import BadCondition, Condition, fields_of, parse
from integrations.disclosure import Disclosed
from integrations.models import MenuRule, Organization
from integrations.models.connectors import vocabulary_of
from integrations.models.people import Effect
from integrations.models.routing import GIVEN, rule_types
from integrations.models.snapshots import Snapshots
from integrations.profile import JSON

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Rule:
    """One rule: whom it fits, and what it ``gives``, by the names of ``Menu``."""

    name: str
    condition: Condition
    gives: Mapping[str, JSON]


@dataclass(frozen=True)
class Menu:
    """What a flow gets. Empty: no rule says so."""

    greeting: str = ""
    options: tuple[str, ...] = ()
    queue: str = ""
    priority: int | None = None
    preferred_agent: str = ""
    language: str = ""
    interpreter: str = ""

    @property
    def values(self) -> dict[str, JSON]:
        """What is given, flat, by the names of a flow's answer."""
        named = {
            "menu_option": self.options[0] if self.options else "",
            "menu_options": ",".join(self.options),
            "menu_greeting": self.greeting,
            "menu_queue": self.queue,
            "menu_priority": self.priority,
            "preferred_agent": self.preferred_agent,
            "language": self.language,
            "interpreter": self.interpreter,
        }
        return {name: value for name, value in named.items() if value not in ("", None)}


NO_MENU = Menu()


@dataclass(frozen=True)
class Rules:
    """An organisation's rules in their order. Those that cannot be used are left out, and named in ``unusable``."""

    rules: tuple[Rule, ...] = ()
    unusable: tuple[str, ...] = ()
    zone: tzinfo = UTC

    @property
    def fields(self) -> frozenset[str]:
        """The fields that decide."""
        return frozenset().union(*(fields_of(rule.condition) for rule in self.rules))

    def fitting(self, values: Mapping[str, JSON], at: datetime | None = None) -> Iterator[tuple[Rule, Verdict]]:
        """Each rule, and whether it fits; one that breaks does not."""
        now = (at or datetime.now(UTC)).astimezone(self.zone)
        for rule in self.rules:
            verdict: Verdict = None
            try:
                verdict = rule.condition.decide(values, now)
            except Exception as problem:  # a caller waits, and the other rules are right
                log.error("menu.rule_failed", rule=rule.name, problem=type(problem).__name__)
            yield rule, verdict


def menu_for(shown: Mapping[str, Disclosed], rules: Rules) -> Menu:
    """What a flow gets for a caller of whom this was disclosed."""
    return menu_of(rule for rule, fits in rules.fitting(in_the_clear(shown)) if fits)


def menu_of(fitting: Iterator[Rule]) -> Menu:
    """The menu of the rules that fit, the first one first."""
    given: dict[str, JSON] = {}
    for rule in fitting:
        given = {**rule.gives, **given}
    return Menu(**{part.name: given[part.name] for part in fields(Menu) if part.name in given})


def in_the_clear(shown: Mapping[str, Disclosed]) -> dict[str, JSON]:
    """The values that are shown as they are."""
    return {name: field.value for name, field in shown.items() if field.effect is Effect.CLEAR and not field.withheld}


async def rules_of(organization_id: int) -> Rules:
    """An organisation's enabled rules."""
    return await _kept.get(organization_id)


def _load(organization_id: int) -> Rules:
    organization = Organization.objects.filter(pk=organization_id).first()
    if organization is None:
        return Rules()
    types = rule_types(vocabulary_of(organization))
    usable, unusable = [], []
    for row in organization.menu_rules.filter(enabled=True):
        try:
            condition = parse(row.conditions, types, organization.currency)
        except BadCondition as problem:
            log.warning("menu.rule_unusable", organization=organization.slug, rule=row.name, why=str(problem))
            unusable.append(row.name)
        else:
            usable.append(Rule(row.name, condition, _given(row)))
    return Rules(tuple(usable), tuple(unusable), ZoneInfo(organization.timezone))


def _given(row: MenuRule) -> dict[str, JSON]:
    found = {name: getattr(row, name) for name in GIVEN}
    return {name: tuple(value) if name == "options" else value for name, value in found.items() if value not in ("", [], None)}


_kept = Snapshots(_load)
