"""The admin's first page: what is connected, what is wrong, what is missing, and the next step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from integrations.admin.incoming import Note, notes
from integrations.admin.shared_numbers import FEW_LOOKUPS, proposals
from integrations.admin.tenancy import administered
from integrations.connectors import kinds
from integrations.jobs.schedule import silence
from integrations.lookup.sources import Source, every_source
from integrations.lookup.unsure import unsure
from integrations.models import Connector, Event, Organization
from integrations.presentation.systems import PAUSES
from integrations.presentation.translation import translated


@dataclass(frozen=True)
class System:
    """One connected system. ``tone``: good | idle | bad."""

    enabled: bool
    name: str
    kind: str
    tone: str
    state: str
    change: str
    trial: str


@dataclass(frozen=True)
class Step:
    """One thing that a portal needs before its first call."""

    done: bool
    what: str
    link: str


@dataclass(frozen=True)
class Overview:
    """One organisation at a glance. ``shared``: how many numbers met many people, where ``shared_link`` leads. ``notes``:
    what is wrong with what others tell."""

    name: str
    shared: int
    shared_link: str
    systems: list[System]
    steps: list[Step]
    notes: list[Note]

    @property
    def next_step(self) -> Step | None:
        return next((step for step in self.steps if not step.done), None)

    @property
    def failing(self) -> list[System]:
        """What calls do without; one that is still being set up is missed by nobody."""
        return [system for system in self.systems if system.enabled and system.tone == "bad"]


def overview(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Unfold asks for this before it draws the first page."""
    ids = administered(request)
    organizations = Organization.objects.tenants()
    chosen = organizations if ids is None else organizations.filter(pk__in=ids)
    overviews = [_overview(organization) for organization in chosen]
    return {**context, "overviews": overviews, "runner_silence": silence()}


def _overview(organization: Organization) -> Overview:
    rows = list(organization.connectors.order_by("priority", "key"))
    sources = every_source(organization, rows)
    systems = [_system(row, sources[row.pk]) for row in rows]
    link = reverse("admin:integrations_organization_shared", args=[organization.pk])
    shared = len(proposals(organization, FEW_LOOKUPS))
    return Overview(organization.name, shared, link, systems, _steps(organization, rows), notes(organization))


def _steps(organization: Organization, rows: list[Connector]) -> list[Step]:
    enabled = [row for row in rows if row.enabled]
    # A pasted sample is about nobody's number. Once callers are looked up, nothing is left to try.
    tried = organization.access_entries.filter(event=Event.LOOKUP).exclude(subject_key="").exists()
    trial = _trial(rows[0]) if rows else reverse("admin:integrations_connector_add")
    return [
        Step(
            bool(rows), _("Connect the system that knows most about your callers"), reverse("admin:integrations_connector_add")
        ),
        Step(tried, _("Try it with the number of somebody you know is in it"), trial),
        Step(bool(enabled), _("Enable it, so that calls ask it"), _change(rows[0]) if rows else trial),
        Step(
            organization.people.filter(role="agent", active=True).exists(),
            _("Add the people who take calls, each with a tier that says what they may see"),
            reverse("admin:integrations_person_add"),
        ),
        Step(
            organization.api_keys.filter(active=True).exists(),
            _("Make an API key for Twilio Studio or other programs"),
            reverse("admin:integrations_apikey_add"),
        ),
    ]


def _system(row: Connector, source: Source) -> System:
    tone, state = state_of(row, source)
    kind = kinds().get(row.kind)
    return System(row.enabled, row.name, kind.label if kind else row.kind, tone, state, _change(row), _trial(row))


def state_of(row: Connector, source: Source) -> tuple[str, str]:
    """good | idle | bad, and a sentence that says why: without asking the system, from what is known of it here.

    ``source`` is the same system as lookups ask it.
    """
    if row.kind not in kinds():
        return "bad", _("This version of the portal does not know this kind of system.")
    if source.connector is None:
        return "bad", _("Something is missing or wrong in its settings. Save them, and the form says what.")
    if not row.enabled:
        return "idle", _("Switched off: it is not asked.")
    if source.breaker.pause:
        return "bad", str(PAUSES[source.breaker.pause.word])
    last_known_health = source.connector.last_known_health
    if last_known_health.status != "healthy":
        return "bad", translated(last_known_health.message)
    if not source.knows_people:
        return "good", _("Asked when somebody looks for a service.")
    asked = _("Asked on every call.") if source.asked_by_phone else _("Asked once it is known who calls.")
    return "good", " ".join(filter(None, (asked, translated(last_known_health.message), _hidden(unsure(source.fingerprint)))))


def _hidden(number: int) -> str:
    if not number:
        return ""
    return ngettext(
        "Of %(n)d client it could not be read whether they are restricted, so only the tier admin sees them: "
        "write yes or no there.",
        "Of %(n)d clients it could not be read whether they are restricted, so only the tier admin sees them: "
        "write yes or no there.",
        number,
    ) % {"n": number}


def _change(row: Connector) -> str:
    return reverse("admin:integrations_connector_change", args=[row.pk])


def _trial(row: Connector) -> str:
    return reverse("admin:integrations_connector_try_it", args=[row.pk])
