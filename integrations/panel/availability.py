"""What is free: an agent asks the systems that know services, beside the call. Nothing of the caller goes along."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from django.http import HttpRequest, HttpResponseBase
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from integrations.connectors.base import AvailabilityOption
from integrations.disclosure import audit
from integrations.errors import AuditUnavailable
from integrations.lookup.availability import Free, what_is_free
from integrations.models import Event
from integrations.panel.access import PanelRequest, authorized
from integrations.panel.render import draw_part
from integrations.presentation.formatting import ValueFormatter

MAX_TEXT = 200


@dataclass(frozen=True)
class Wanted:
    """What the form holds. ``day`` is text as it was sent, or empty for today."""

    service: str
    where: str
    day: str

    @property
    def problem(self) -> str:
        """The reason why it cannot be asked, or empty."""
        if not self.service or not self.where:
            return _("Say which service, and where.")
        if len(self.service) > MAX_TEXT or len(self.where) > MAX_TEXT:
            return _("That is too long. Use a few words.")
        if self.day and _day(self.day) is None:
            return _("This day cannot be read. Choose one, or leave it empty for today.")
        return ""


@never_cache
@require_POST
@authorized
async def free(request: HttpRequest, panel: PanelRequest) -> HttpResponseBase:
    """The answer: for htmx alone, else as a page with the form."""
    wanted = Wanted(*(" ".join(request.POST.get(name, "").split()) for name in ("service_type", "location", "date")))
    context: dict[str, Any] = {"wanted": wanted, "problem": wanted.problem}
    if not wanted.problem:
        context |= await _answered(panel, wanted)
    return await draw_part(request, panel, "_free_answer.html", "free.html", context)


async def _answered(panel: PanelRequest, wanted: Wanted) -> dict[str, Any]:
    answer = await what_is_free(panel.organization.pk, wanted.service, wanted.where, _day(wanted.day))
    named = {"call_sid": panel.call.call_sid or "", "panel_key": panel.call.key} if panel.call else {}
    try:
        await audit.record(panel.viewer.entry(Event.AVAILABILITY, outcome=answer.status, sources=answer.sources, **named))
    except AuditUnavailable:
        return {"problem": _("The access record could not be written, so this cannot be shown. Try again in a minute.")}
    return {"answer": _readable(answer, panel.formatter)}


def _readable(answer: Free, formatter: ValueFormatter) -> dict[str, Any]:
    return {
        "status": answer.status,
        "options": [replace(option, next_at=_when(option, formatter)) for option in answer.options],
        "sources": answer.labels,
        "silent": answer.silent,
        "at": datetime.fromisoformat(answer.as_of),
    }


def _when(option: AvailabilityOption, formatter: ValueFormatter) -> str:
    """A day, or a time that carries its zone, as people read it; anything else as the system writes it."""
    if _day(option.next_at):
        return formatter.moment(option.next_at)
    try:
        aware = datetime.fromisoformat(option.next_at).tzinfo is not None
    except ValueError:
        aware = False
    return formatter.moment(option.next_at) if aware else option.next_at


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
