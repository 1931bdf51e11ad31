"""Trying a connected system in the browser: a number, or a pasted answer, in; what was sent, what was read, and what each tier
would see of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from zoneinfo import ZoneInfo

import orjson
from asgiref.sync import async_to_sync
from django.http import HttpRequest
from django.utils.translation import gettext as _

from integrations.admin.tenancy import viewer_in
from integrations.disclosure import Context, Disclosure, Viewer, disclose
from integrations.disclosure.policy import policy_of
from integrations.errors import AuditUnavailable, ConfigurationError
from integrations.lookup.trial import Trial, try_out, try_sample
from integrations.models import Connector
from integrations.models.people import Effect
from integrations.phone import Number, Withheld, classify
from integrations.presentation.formatting import ValueFormatter
from integrations.presentation.systems import ANSWERS
from integrations.presentation.translation import translated
from integrations.redaction import told

# A trial as one viewer may have it made.
Tried = Callable[[Viewer], Awaitable[Trial]]

# More than any system says of one person.
MAX_SAMPLE = 64 * 1024


@dataclass(frozen=True)
class Line:
    """One mapped field: what stands there for the tester, and each tier's effect."""

    label: str
    expression: str
    value: str
    effects: list[str]


@dataclass(frozen=True)
class Report:
    """Everything that the page draws of one trial. ``empty``: the mapped fields that have nothing there.

    ``variants``: the notations of the number; none of a sample.
    """

    trial: Trial
    outcome: str
    works: bool
    lines: list[Line]
    empty: list[Line]
    tiers: list[str]
    people: list[str]
    variants: tuple[str, ...] = ()


def report_on(request: HttpRequest, connector: Connector, typed: str) -> Report | str:
    """The report, or a sentence that says why there is none. What it shows is on record before."""
    number = classify(typed.strip(), connector.organization.region)
    if isinstance(number, Withheld):
        return _("A withheld number cannot be tried. Enter one that the system knows.")
    if not isinstance(number, Number):
        return translated(number.reason)
    report = _report(
        request,
        connector,
        lambda viewer: try_out(connector.organization_id, connector.pk, number, with_restricted=viewer.with_restricted),
    )
    return report if isinstance(report, str) else replace(report, variants=number.variants())


def report_on_sample(request: HttpRequest, connector: Connector, text: str) -> Report | str:
    """The same for a record or an answer that was pasted. Nobody is asked, and the sample is kept nowhere."""
    if not text.strip():
        return _("Paste a record or an answer first, as JSON.")
    if len(text.encode("utf-8", "replace")) > MAX_SAMPLE:
        return _("The sample is larger than %(size)d KB. Paste one record of it.") % {"size": MAX_SAMPLE // 1024}
    try:
        sample = orjson.loads(text)
    except orjson.JSONDecodeError as problem:
        # Its own text is about the place; what stands there is not repeated.
        place = {"line": problem.lineno, "column": problem.colno}
        return _("This is not JSON: look at line %(line)d, column %(column)d.") % place
    report = _report(
        request,
        connector,
        lambda viewer: try_sample(connector.organization_id, connector.pk, sample, with_restricted=viewer.with_restricted),
    )
    if isinstance(report, str):
        return report
    told = _("Read without asking anyone: %(found)d of %(mapped)d fields have something there.")
    mapped = report.trial.mapping
    found = {"found": len(mapped) - len(report.empty), "mapped": len(mapped)}
    count = report.trial.records
    first = _("The sample holds %(count)d records; this is the first.") % {"count": count} if count > 1 else ""
    return replace(report, outcome=f"{told % found} {first}".strip())


def _report(request: HttpRequest, connector: Connector, tried: Tried) -> Report | str:
    organization = connector.organization
    viewer = viewer_in(request, organization.pk)
    if viewer is None:
        return _("Only people of this organisation can try its systems, because caller data is shown.")
    tiers = list(organization.tiers.values_list("pk", "name"))
    try:
        return async_to_sync(_shown)(connector, tried, viewer, tiers)
    except AuditUnavailable as problem:
        return translated(problem.public_message)
    except ConfigurationError as problem:
        return str(problem)


async def _shown(connector: Connector, tried: Tried, viewer: Viewer, tiers: list[tuple[int, str]]) -> Report:
    trial = await tried(viewer)
    formatter = ValueFormatter(ZoneInfo(connector.organization.timezone), connector.organization.region)
    context = Context(purpose=_("Trying the system %(name)s") % {"name": connector.name})
    shown = await disclose(trial.result, viewer, context)
    policies = [await policy_of(pk) for pk, _name in tiers]
    lines: list[Line] = []
    empty: list[Line] = []
    for name, expression in sorted(trial.mapping.items()):
        definition = trial.result.vocabulary[name]
        effects = [str(policy.decide(definition).effect.label) for policy in policies]
        value = _value(name, shown, trial, formatter)
        (lines if value else empty).append(Line(str(_(definition.label)), expression, value, effects))
    nobody = [str(Effect.HIDE.label)] * len(tiers)
    lines += [
        Line(name, "", _("dropped: %(why)s; nobody may ever see this") % {"why": told(name)}, nobody) for name in trial.dropped
    ]
    source = trial.result.sources[0]
    said = str(ANSWERS.get(source.status, ""))
    return Report(
        trial=trial,
        outcome=translated(trial.note) or " ".join(map(translated, filter(None, (said, source.message, trial.doubt.sentence)))),
        works=source.status.answered and not trial.note and not trial.doubt.refused,
        lines=lines,
        empty=empty,
        tiers=[name for _pk, name in tiers],
        people=[f"{match.name or _('Name not shown')} {match.disambiguator}" for match in shown.matches],
    )


def _value(name: str, shown: Disclosure, trial: Trial, formatter: ValueFormatter) -> str:
    """``""`` where nothing was found."""
    if name in trial.result.sources[0].unreadable:
        return _("not readable: it has another type")
    field = shown.fields.get(name)
    if field is None:
        present = any(name in person.fields for person in trial.result.people)
        return _("found, not shown to you") if present else ""
    if field.effect is Effect.REVEAL:
        return _("found, shown with a reason")
    return "; ".join(formatter.field(field.definition, field.value))
