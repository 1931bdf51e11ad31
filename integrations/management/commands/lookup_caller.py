"""``manage.py lookup_caller ORG NUMBER``: what every source knows of a number, as a tier may see it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from asgiref.sync import async_to_sync
from django.core.management.base import CommandParser

from integrations.disclosure import Context, Disclosed, Disclosure, Viewer, disclose
from integrations.errors import AuditUnavailable
from integrations.lookup import LookupRequest, LookupStatus, close_sources, look_up
from integrations.lookup.attempts import attempts
from integrations.management.base import PortalCommand, operator
from integrations.models import ActorKind, Channel, Organization, Tier
from integrations.phone import CallerId, NotANumber, classify
from integrations.presentation.endings import heading_of, sentence_of
from integrations.presentation.formatting import ValueFormatter
from integrations.presentation.systems import mark_of
from integrations.profile import JSON, Field, label_of


class Command(PortalCommand):
    help = "Look a caller up in an organisation's systems. What is shown is put on record like any other look."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("organization", metavar="ORG")
        parser.add_argument("number", metavar="NUMBER")
        parser.add_argument("--as-tier", default="basic", metavar="T", help="show what this tier may see (basic)")

    def handle(self, *args: Any, **options: Any) -> None:
        organization = self.organization(options["organization"])
        viewer = self._viewer(organization, options["as_tier"])
        caller_id = classify(options["number"], organization.region)
        if isinstance(caller_id, NotANumber):
            self.stop(caller_id.reason)
        try:
            shown = async_to_sync(_disclosed)(organization.pk, caller_id, viewer)
        except AuditUnavailable as error:
            self.stop(error.public_message, code=1)
        finally:
            attempts.close()
        formatter = ValueFormatter(ZoneInfo(organization.timezone), organization.region)
        self.stdout.write("\n".join(_lines(shown, formatter)))

    def _viewer(self, organization: Organization, name: str) -> Viewer:
        tier = Tier.objects.filter(organization=organization, name=name).first()
        if tier is None:
            known = ", ".join(organization.tiers.values_list("name", flat=True))
            self.stop(f"There is no tier called {name!r} in {organization.slug}. Known tiers: {known}.")
        return Viewer(
            organization_id=organization.pk,
            organization=organization.slug,
            actor_kind=ActorKind.OPERATOR,
            actor_id="",
            actor_label=operator(),
            tier_id=tier.pk,
            tier=tier.name,
            channel=Channel.COMMAND,
        )


async def _disclosed(organization_id: int, caller_id: CallerId, viewer: Viewer) -> Disclosure:
    try:
        question = LookupRequest(organization_id, caller_id, with_restricted=viewer.with_restricted)
        return await disclose(await look_up(question), viewer, Context())
    finally:
        await close_sources()


def _lines(shown: Disclosure, formatter: ValueFormatter) -> Iterator[str]:
    sources = [
        (source.label, mark_of(source).words, "" if source.latency_ms is None else f"{source.latency_ms:.0f}", source.message)
        for source in shown.sources
    ]
    if sources:
        yield from _table(("source", "status", "ms", ""), sources)
        yield ""
    if shown.matches:
        yield f"{shown.match_count} people share this number:"
        for card in shown.matches:
            yield "  " + " · ".join(part for part in (card.name or "name not shown", card.disambiguator, card.why) if part)
    elif shown.fields:
        labels = {source.key: source.label for source in shown.sources}
        yield from _table(
            ("field", "value", "from", "age"),
            [
                (
                    field.definition.label,
                    _value(field, formatter),
                    labels.get(field.source, field.source),
                    _age(field, shown.at),
                )
                for field in shown.fields.values()
            ],
        )
        yield (
            f"Matched by {shown.matched_by}'s number, not verified." if shown.matched_by else "Matched by number, not verified."
        )
    elif shown.match_count:
        yield "One person was found; the tier shows nothing of them."
    for source in shown.sources:
        if source.unreadable:
            names = (label_of(name, shown.vocabulary) for name in source.unreadable)
            yield f"{source.label}: could not be read and is left out: {', '.join(names)}."
    if not shown.match_count:
        yield f"{heading_of(shown)}. {sentence_of(shown)}"
    elif shown.status is LookupStatus.PARTIAL:
        yield "Some systems did not answer; there may be more about this caller."


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    for row in (head, *rows):
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def _value(field: Disclosed, formatter: ValueFormatter) -> str:
    if field.value is None:
        return "hidden: reveal in the panel" if field.revealable else "too old to be shown"
    values = [field.value, *(value for _source, value in field.conflicts)]
    text, *others = (str(value) if field.masked else _text(field.definition, value, formatter) for value in values)
    return f"{text} (elsewhere: {'; '.join(others)})" if others else text


def _text(definition: Field, value: JSON, formatter: ValueFormatter) -> str:
    """One line of a value: the breaks of a note would break the table."""
    return " ".join("; ".join(formatter.field(definition, value)).split())


def _age(field: Disclosed, now: datetime) -> str:
    seconds = max(0, int((now - field.fetched_at).total_seconds()))
    text = f"{seconds} s" if seconds < 120 else f"{seconds // 60} min"
    return f"{text}, stale" if field.stale else text
