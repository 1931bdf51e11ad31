"""Trying a connected system in the browser: a number in; what was sent, what came back, and what each tier would see of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from asgiref.sync import async_to_sync
from django.http import HttpRequest
from django.utils.translation import gettext as _

from integrations.disclosure import Context, Disclosure, Viewer, disclose
from integrations.disclosure.policy import policy_of
from integrations.disclosure.viewers import people_of, viewer_of_person
from integrations.errors import AuditUnavailable
from integrations.lookup.trial import Trial, try_out
from integrations.models import Connector
from integrations.models.people import Effect
from integrations.phone import Number, Withheld, classify

_OUTCOMES = {
    "found": _("It answered and knows the caller."),
    "many": _("It answered and knows several people with this number."),
    "not_found": _("It answered and does not know this number."),
}


@dataclass(frozen=True)
class Line:
    """One mapped field: what stands there for the tester, and each tier's effect."""

    label: str
    expression: str
    value: str
    effects: list[str]


@dataclass(frozen=True)
class Report:
    """Everything that the page draws of one trial."""

    trial: Trial
    outcome: str
    works: bool
    variants: tuple[str, ...]
    lines: list[Line]
    tiers: list[str]
    people: list[str]


def report_on(request: HttpRequest, connector: Connector, typed: str) -> Report | str:
    """The report, or a sentence that says why there is none. What it shows is on record before."""
    organization = connector.organization
    number = classify(typed, organization.region)
    if isinstance(number, Withheld):
        return _("A withheld number cannot be tried. Enter one that the system knows.")
    if not isinstance(number, Number):
        return number.reason
    person = next((own for own in people_of(request.user) if own.organization_id == organization.pk), None)
    if person is None:
        return _("Only people of this organisation can try its systems, because caller data is shown.")
    viewer = viewer_of_person(person, channel="admin", address=request.META.get("REMOTE_ADDR", ""))
    tiers = list(organization.tiers.values_list("pk", "name"))
    try:
        return async_to_sync(_tried)(connector, number, viewer, tiers)
    except AuditUnavailable as problem:
        return problem.public_message


async def _tried(connector: Connector, number: Number, viewer: Viewer, tiers: list[tuple[int, str]]) -> Report:
    trial = await try_out(connector.organization_id, connector.pk, number)
    context = Context(purpose=_("Trying the system %(name)s") % {"name": connector.name})
    shown = await disclose(trial.result, viewer, context)
    policies = [await policy_of(pk) for pk, _name in tiers]
    lines = []
    for name, expression in sorted(trial.mapping.items()):
        definition = trial.result.vocabulary[name]
        effects = [str(policy.decide(definition).effect.label) for policy in policies]
        lines.append(Line(str(_(definition.label)), expression, _value(name, shown, trial), effects))
    source = trial.result.sources[0]
    return Report(
        trial=trial,
        outcome=trial.note or str(_OUTCOMES.get(source.status.value, source.message)),
        works=source.status.answered and not trial.note,
        variants=number.variants(),
        lines=lines,
        tiers=[name for _pk, name in tiers],
        people=[f"{match.name or _('Name not shown')} {match.disambiguator}" for match in shown.matches],
    )


def _value(name: str, shown: Disclosure, trial: Trial) -> str:
    if name in trial.result.sources[0].unreadable:
        return _("not readable: it has another type")
    field: Any = shown.fields.get(name)
    if field is None:
        present = any(name in person.fields for person in trial.result.people)
        return _("found, not shown to you") if present else _("nothing there")
    return _("found, shown with a reason") if field.effect is Effect.REVEAL else str(field.value)
