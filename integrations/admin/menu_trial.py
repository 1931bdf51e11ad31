"""Trying the menu's rules with a number: which fit the caller as a tier sees them, and why the others do not."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from asgiref.sync import async_to_sync
from django.http import HttpRequest
from django.utils.translation import gettext as _

from integrations.admin.conditions_field import WORDS
from integrations.admin.tenancy import viewer_in
from integrations.comparisons import ABOUT_ITSELF, Verdict, as_typed
from integrations.conditions import Test
from integrations.disclosure import Context, DisclosureSession, Selection, Viewer, refuse_probing
from integrations.disclosure.policy import IdentityGate, policy_of
from integrations.errors import PortalError
from integrations.lookup import LookupRequest, look_up
from integrations.models import Tier
from integrations.phone import Number, Withheld, classify
from integrations.presentation.translation import translated
from integrations.profile import label_of
from integrations.routing.menu import Rule, Rules, in_the_clear, menu_of, rules_of


@dataclass(frozen=True)
class Line:
    """One rule: whether it fits, and each of its comparisons in words with what became of it."""

    name: str
    verdict: str
    fits: bool
    tests: list[tuple[str, str]]


@dataclass(frozen=True)
class Report:
    """What the page draws. ``values``: what the flow gets; ``closed``: fields that the tier sees and the reader does not."""

    people: int
    lines: list[Line]
    unusable: tuple[str, ...]
    values: dict[str, Any]
    closed: list[str]


def report_on(request: HttpRequest, tier: Tier, typed: str) -> Report | str:
    """The report, or a sentence that says why there is none. The reader's look at what decides is on record before."""
    caller = classify(typed.strip(), tier.organization.region)
    if not isinstance(caller, Number | Withheld):
        return translated(caller.reason)
    viewer = viewer_in(request, tier.organization_id)
    if viewer is None:
        return _("Only people of this organisation can try its rules, because caller data decides.")
    try:
        return async_to_sync(_report)(viewer, tier, caller)
    except PortalError as problem:
        return translated(problem.public_message)


async def _report(viewer: Viewer, tier: Tier, caller: Number | Withheld) -> Report:
    """Nothing is told that the reader does not see: what only the tier sees counts as not known."""
    refuse_probing(viewer)
    rules, policy = await rules_of(tier.organization_id), await policy_of(tier.pk)
    context = Context(purpose=_("Trying the menu rules as the tier %(name)s") % {"name": tier.name})
    result = await look_up(LookupRequest(tier.organization_id, caller, with_restricted=viewer.with_restricted))
    shown = await DisclosureSession(viewer, context, selection=Selection(rules.fields)).disclose(result)
    vocabulary = result.vocabulary
    seen = {
        name
        for name in rules.fields
        if name in vocabulary and policy.shows(vocabulary[name]) and not policy.waits(vocabulary[name], IdentityGate.CLOSED)
    }
    values = {name: value for name, value in in_the_clear(shown.fields).items() if name in seen}
    found = list(rules.fitting(values))
    own = await policy_of(viewer.tier_id)
    return Report(
        people=shown.match_count,
        lines=[_line(rule, fits, values, rules, vocabulary) for rule, fits in found],
        unusable=rules.unusable,
        values=menu_of(rule for rule, fits in found if fits).values,
        closed=sorted(label_of(name, vocabulary) for name in seen if not own.shows(vocabulary[name])),
    )


def _line(rule: Rule, fits: Verdict, values: dict[str, Any], rules: Rules, vocabulary: Any) -> Line:
    now = datetime.now(UTC).astimezone(rules.zone)
    tests = [(_in_words(test, vocabulary), _said(test.decide(values, now))) for test in rule.condition.tests]
    return Line(rule.name, _("fits") if fits else _("does not fit"), bool(fits), tests)


def _in_words(test: Test, vocabulary: Any) -> str:
    wanted = "" if test.comparison in ABOUT_ITSELF else as_typed(test.written)
    return f"{_(label_of(test.field, vocabulary))} {WORDS[test.comparison]} {wanted}".strip()


def _said(verdict: Verdict) -> str:
    return _("not known") if verdict is None else _("yes") if verdict else _("no")
