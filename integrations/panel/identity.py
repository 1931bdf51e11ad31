"""Checking who is calling: the caller is asked, and what they say is compared on the server; or it is skipped with a reason."""

from __future__ import annotations

from typing import Any

from asgiref.sync import sync_to_async
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST
from django_htmx.http import HttpResponseClientRedirect

from integrations.calls import identity
from integrations.disclosure.identity import Verdict, compare_identity, identity_asked, said, skip_identity
from integrations.errors import AccessDenied, AuditUnavailable
from integrations.models import Call, IdentityCheck
from integrations.models.organizations import IdentityQuestion
from integrations.panel.views import draw_page, looked_up, posted, reason_given, to_log_in
from integrations.panel.visits import Visit, enter


@never_cache
@require_POST
async def ask_caller(request: HttpRequest, org: str, key: str) -> HttpResponseBase:
    """The form with the question, once it is on record that it is asked."""
    return await _step(request, org, key, _asked)


@never_cache
@sensitive_post_parameters("answer")
@require_POST
async def take_answer(request: HttpRequest, org: str, key: str) -> HttpResponseBase:
    """Back to the call if the answer is right, else the form again with what is left to do."""
    return await _step(request, org, key, _answered)


@never_cache
@require_POST
async def skip_check(request: HttpRequest, org: str, key: str) -> HttpResponseBase:
    """Back to the call, with a reason on record."""
    return await _step(request, org, key, _skipped)


async def _step(request: HttpRequest, org: str, key: str, take: Any) -> HttpResponseBase:
    if not (await request.auser()).is_authenticated:
        return to_log_in(request, org, key)
    visit = await sync_to_async(enter)(request, org, key)
    assert visit.call is not None  # noqa: S101 -- the address names one
    try:
        problem: str | None = await take(request, visit, visit.call)
    except AccessDenied:
        problem = _("There is nobody to check now: not exactly one person is shown, or a system did not answer. Try again.")
    except AuditUnavailable as unavailable:
        problem = unavailable.public_message
    if problem is None:
        back = reverse("panel-call", args=[org, key])
        # The whole panel is drawn anew: what was withheld may stand in any part of it.
        return HttpResponseClientRedirect(back) if request.htmx else redirect(back)  # type: ignore[attr-defined]
    context = {
        "problem": problem,
        "left": await sync_to_async(identity.attempts_left)(visit.call),
        "question": visit.organization.identity_check,
    }
    template = "_identity.html" if request.htmx else "identity.html"  # type: ignore[attr-defined]
    return await draw_page(request, visit, template, context)


async def _asked(_request: HttpRequest, visit: Visit, _call: Call) -> str | None:
    await identity_asked(await looked_up(visit), visit.viewer, visit.context())
    return ""


async def _answered(request: HttpRequest, visit: Visit, call: Call) -> str | None:
    """None when the caller passed; else what there is to do."""
    question, answer = visit.organization.identity_check, posted(request, "answer")
    if not said(question, answer, visit.organization.region):
        whole_date = question == IdentityQuestion.BIRTH_DATE
        return _("Type the whole date, with the year.") if whole_date else _("Type the whole ZIP code.")
    result = await looked_up(visit)
    if not await sync_to_async(identity.take_attempt)(call):
        return _("There were three answers already. Go on without the check only with a reason.")
    answered = await compare_identity(result, visit.viewer, answer, visit.context())
    if answered.verdict is Verdict.PASSED:
        await _settle(visit, call, IdentityCheck.Outcome.PASSED, answered.refs)
        return None
    if answered.verdict is Verdict.UNKNOWN:
        return _("No system that answered holds what this could be compared with. Go on without the check only with a reason.")
    left = await sync_to_async(identity.attempts_left)(call)
    if not left:
        return _("This is not what your systems hold. Go on without the check only with a reason.")
    tries = ngettext("%(n)d try is left.", "%(n)d tries are left.", left) % {"n": left}
    return _("This is not what your systems hold. Ask again.") + " " + tries


async def _skipped(request: HttpRequest, visit: Visit, call: Call) -> str | None:
    reason = reason_given(request)
    if not reason:
        return _("Say why you go on without the check.")
    refs = await skip_identity(await looked_up(visit), visit.viewer, visit.context(purpose=reason))
    await _settle(visit, call, IdentityCheck.Outcome.SKIPPED, refs)
    return None


async def _settle(visit: Visit, call: Call, outcome: IdentityCheck.Outcome, refs: frozenset[tuple[str, str]]) -> None:
    await sync_to_async(identity.settle)(call, outcome, refs, visit.viewer.person_id)
