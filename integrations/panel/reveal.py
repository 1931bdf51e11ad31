"""The reveal of one field, for a reason."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from integrations.disclosure import reveal
from integrations.errors import AccessDenied, NothingShown
from integrations.lookup import LookupResult, LookupStatus
from integrations.panel.access import PanelRequest, authorized
from integrations.panel.asking import looked_up
from integrations.panel.forms import posted, reason_given
from integrations.panel.render import draw_part
from integrations.presentation.caller import build_row
from integrations.presentation.translation import translated

_COMPLETE = {LookupStatus.OK, LookupStatus.NOT_FOUND, LookupStatus.AMBIGUOUS}
_DENIED = gettext_lazy("This cannot be revealed. The attempt is on record.")
_NOT_NOW = gettext_lazy(
    "This cannot be revealed now, because a system did not answer. Try again in a minute. The attempt is on record."
)


@never_cache
@require_POST
@authorized
async def reveal_field(request: HttpRequest, panel: PanelRequest) -> HttpResponseBase:
    """One field's value, for a reason that is committed to the audit trail before the value leaves."""
    name = request.POST.get("field", "")[:64]
    reason = reason_given(request)
    view_id = posted(request, "view_id")
    result = await looked_up(panel)
    if not reason:
        return await _refused(request, panel, result, name, _("Say why you need to see it, then reveal it."), again=True)
    try:
        shown = await reveal(result, panel.viewer, name, panel.context(purpose=reason, view_id=view_id))
    except AccessDenied:
        # Worded by the look-up alone, so that it does not tell whether a hidden field has a value.
        complete = result.status in _COMPLETE
        return await _refused(request, panel, result, name, str(_DENIED if complete else _NOT_NOW), again=not complete)
    except NothingShown as problem:
        return await _refused(request, panel, result, name, translated(problem.public_message), again=True)
    labels = {source.key: source.label for source in result.sources}
    row = build_row(shown, panel.formatter, labels, revealed=True)
    return await draw_part(request, panel, "_field.html", "revealed.html", {"row": row})


async def _refused(
    request: HttpRequest, panel: PanelRequest, result: LookupResult, name: str, problem: str, *, again: bool
) -> HttpResponse:
    """The field with a sentence and nothing of its value; ``again`` offers the form once more."""
    definition = result.vocabulary.get(name)
    row = {
        "name": definition.name if definition else "unknown",
        "label": _(definition.label) if definition else _("Unknown field"),
        "revealable": again and definition is not None,
        "problem": problem,
    }
    context = {"row": row, "view_id": posted(request, "view_id")}
    return await draw_part(request, panel, "_field.html", "revealed.html", context)
