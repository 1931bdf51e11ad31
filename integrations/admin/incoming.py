"""Tells on the admin's first page what is wrong with what others tell the portal."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlencode

from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from integrations.models import CallIntake, Organization, WebhookDelivery
from integrations.twilio.events import SLOWED

WITHIN = timedelta(days=1)


@dataclass(frozen=True)
class Note:
    """One sentence; ``link`` leads to the deliveries that it is about."""

    text: str
    bad: bool
    link: str = ""


def notes(organization: Organization) -> list[Note]:
    """What an administrator should know of an organisation's webhooks; empty when all is well."""
    found = [Note(problem, bad=True) for problem in _problems(organization)]
    given_up = organization.deliveries.filter(state=WebhookDelivery.State.DEAD).count()
    if given_up:
        text = ngettext(
            "%(count)d delivery could not be processed and was given up.",
            "%(count)d deliveries could not be processed and were given up.",
            given_up,
        )
        found.append(Note(text % {"count": given_up}, bad=True, link=_deliveries(state__exact=WebhookDelivery.State.DEAD)))
    slowed = organization.deliveries.filter(kind=SLOWED, received_at__gt=timezone.now() - WITHIN).count()
    if slowed:
        text = ngettext(
            "Twilio said %(count)d time within the last day that TaskRouter is asked too often. Then it refuses some of it.",
            "Twilio said %(count)d times within the last day that TaskRouter is asked too often. Then it refuses some of it.",
            slowed,
        )
        found.append(Note(text % {"count": slowed}, bad=False, link=_deliveries(q=SLOWED)))
    return found


def _problems(organization: Organization) -> list[str]:
    intake = CallIntake.objects.filter(organization=organization).first()
    told = _("What happened to calls could not be fetched from Twilio: %(problem)s")
    return [told % {"problem": problem} for problem in sorted(set(intake.problems.values()))] if intake else []


def _deliveries(**query: str) -> str:
    return f"{reverse('admin:integrations_webhookdelivery_changelist')}?{urlencode(query)}"
