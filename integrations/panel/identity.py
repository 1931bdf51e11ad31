"""Checking who is calling: the caller is asked, and what they say is compared on the server; or it is skipped with a reason."""

from __future__ import annotations

from typing import Any

from asgiref.sync import sync_to_async
from django.http import HttpRequest, HttpResponseBase
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from integrations.calls import identity
from integrations.disclosure.identity import Verdict, compare_identity, identity_asked, said, skip_identity, whom_to_check
from integrations.errors import AccessDenied, NothingShown
from integrations.models import Call, IdentityCheck
from integrations.models.organizations import IdentityQuestion
from integrations.panel.access import PanelRequest, authorized
from integrations.panel.asking import looked_up
from integrations.panel.forms import posted, reason_given
from integrations.panel.render import back_to_call, draw_part
from integrations.presentation.translation import translated
from integrations.profile import Ref

# A problem to be told (None: there is none, and nothing more to do), and how many tries are left for the person.
Taken = tuple[str | None, int]


@never_cache
@require_POST
@authorized
async def ask_caller(request: HttpRequest, panel: PanelRequest) -> HttpResponseBase:
    """The form with the question, once it is on record that it is asked."""
    return await _step(request, panel, _asked)


@never_cache
@sensitive_post_parameters("answer")
@require_POST
@authorized
async def take_answer(request: HttpRequest, panel: PanelRequest) -> HttpResponseBase:
    """Back to the call if the answer is right, else the form again with what is left to do."""
    return await _step(request, panel, _answered)


@never_cache
@require_POST
@authorized
async def skip_check(request: HttpRequest, panel: PanelRequest) -> HttpResponseBase:
    """Back to the call, with a reason on record."""
    return await _step(request, panel, _skipped)


async def _step(request: HttpRequest, panel: PanelRequest, take: Any) -> HttpResponseBase:
    assert panel.call is not None  # noqa: S101 -- the address names one
    problem: str | None
    left = identity.MAX_ATTEMPTS
    try:
        problem, left = await take(request, panel, panel.call)
    except AccessDenied:
        problem = _("There is nobody to check now: not exactly one person is shown, or a system did not answer. Try again.")
    except NothingShown as unavailable:
        problem = translated(unavailable.public_message)
    if problem is None:
        # What was withheld may stand in any part of the panel.
        return back_to_call(panel)
    context = {
        "problem": problem,
        "left": left,
        "question": panel.organization.identity_check,
    }
    return await draw_part(request, panel, "_identity.html", "identity.html", context)


async def _asked(_request: HttpRequest, panel: PanelRequest, _call: Call) -> Taken:
    result = await looked_up(panel)
    refs = await whom_to_check(result, panel.viewer, panel.context())
    await identity_asked(result, panel.viewer, panel.context())
    return "", await _left(panel, refs)


async def _answered(request: HttpRequest, panel: PanelRequest, call: Call) -> Taken:
    question, answer = panel.organization.identity_check, posted(request, "answer")
    if not said(question, answer, panel.organization.region):
        whole_date = question == IdentityQuestion.BIRTH_DATE
        problem = _("Type the whole date, with the year.") if whole_date else _("Type the whole ZIP code.")
        return problem, identity.MAX_ATTEMPTS
    result, organization_id = await looked_up(panel), panel.organization.pk
    refs = await whom_to_check(result, panel.viewer, panel.context())
    if not await sync_to_async(identity.take_attempt)(organization_id, refs):
        return _("There were three answers already. Go on without the check only with a reason."), 0
    answered = await compare_identity(result, panel.viewer, answer, panel.context())
    if answered.verdict is Verdict.FAILED:
        return await _failed(panel, refs)
    await sync_to_async(identity.give_back)(organization_id, refs, every=answered.verdict is Verdict.PASSED)
    if answered.verdict is Verdict.PASSED:
        await _settle(panel, call, IdentityCheck.Outcome.PASSED, answered.refs)
        return None, identity.MAX_ATTEMPTS
    unknown = _("No system that answered holds what this could be compared with. Go on without the check only with a reason.")
    return unknown, await _left(panel, refs)


async def _failed(panel: PanelRequest, refs: frozenset[Ref]) -> Taken:
    left = await _left(panel, refs)
    if not left:
        return _("This is not what your systems hold. Go on without the check only with a reason."), left
    tries = ngettext("%(n)d try is left.", "%(n)d tries are left.", left) % {"n": left}
    return _("This is not what your systems hold. Ask again.") + " " + tries, left


async def _left(panel: PanelRequest, refs: frozenset[Ref]) -> int:
    return await sync_to_async(identity.attempts_left)(panel.organization.pk, refs)


async def _skipped(request: HttpRequest, panel: PanelRequest, call: Call) -> Taken:
    reason = reason_given(request)
    if not reason:
        return _("Say why you go on without the check."), identity.MAX_ATTEMPTS
    refs = await skip_identity(await looked_up(panel), panel.viewer, panel.context(purpose=reason))
    await _settle(panel, call, IdentityCheck.Outcome.SKIPPED, refs)
    return None, identity.MAX_ATTEMPTS


async def _settle(panel: PanelRequest, call: Call, outcome: IdentityCheck.Outcome, refs: frozenset[Ref]) -> None:
    await sync_to_async(identity.settle)(call, outcome, refs, panel.viewer.person_id)
