"""Whether the caller is who they are taken for: a question whose answer is compared here, and neither shown nor kept.

A number is not proof of identity. An organisation may have its callers asked for their date of birth or their ZIP code
before money and health are shown; until then these fields are withheld by ``gate_for()``, whatever a tier may see.
"""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from integrations.disclosure import audit
from integrations.disclosure.context import Context, check_made_for, clean_reason, how_found
from integrations.disclosure.matches import match_id
from integrations.disclosure.policy import IdentityGate, Policy, policy_of
from integrations.disclosure.viewers import Viewer
from integrations.errors import AccessDenied
from integrations.lookup.result import LookupResult
from integrations.models import Channel, Event
from integrations.models.organizations import IdentityQuestion
from integrations.profile import CallerProfile, Ref

# Where a person can ask the caller; programs and the admin cannot.
_BESIDE_A_CALL = {Channel.PANEL, Channel.DASHBOARD}
# A postal code in an address is the last of its kind, and never what the address begins with: that is a house.
_POSTAL = {
    "US": r"(?<=[\s,])(?<!box\s)(\d{5})(?:-\d{4})?\b",
    "CA": r"(?<=[\s,])([A-Z]\d[A-Z] ?\d[A-Z]\d)\b",
    "GB": r"(?<=[\s,])([A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2})\b",
}
_OTHER_POSTAL = r"(?<=[\s,])(\d{3,6})\b"
# As somebody says it: nine digits are as good as the first five of them.
_SAID = {"US": r"(\d{5})(?:\d{4})?"}
_OTHER_SAID = r"([A-Z\d]{3,10})"


class Verdict(StrEnum):
    """How an answer compares. ``unknown``: no system that answered holds what it could be compared with."""

    PASSED = "passed"
    FAILED = "failed"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Answered:
    """``refs`` are the records of the one person whom it is about."""

    verdict: Verdict
    refs: frozenset[Ref]


def gate_for(person: CallerProfile, policy: Policy, viewer: Viewer, context: Context) -> IdentityGate:
    """What becomes of fields that wait for a check. Open only for the very person who was checked."""
    if not policy.question or (context.checked and _is_same(context.checked.refs, person.refs)):
        return IdentityGate.OPEN
    return IdentityGate.VERIFY if viewer.channel in _BESIDE_A_CALL else IdentityGate.CLOSED


def _is_same(before: frozenset[Ref], now: frozenset[Ref]) -> bool:
    """Whether these are one person's records, of whom a system may have told more or less than the other time. One record
    in common is not enough: a couple may share an account."""
    return bool(before and now) and (before <= now or now <= before)


def said(question: str, typed: str, region: str) -> str:
    """An answer in the form in which it is compared; ``""`` for what is none: no date (``YYYY-MM-DD``), no postal code."""
    if question == IdentityQuestion.BIRTH_DATE:
        try:
            return date.fromisoformat(typed.strip()).isoformat()
        except ValueError:
            return ""
    found = re.fullmatch(_SAID.get(region, _OTHER_SAID), _compact(typed))
    return found[1] if found else ""


def _held(question: str, stored: str, region: str) -> str:
    """What the systems hold, in the same form; ``""`` where there is nothing to compare with."""
    if question == IdentityQuestion.BIRTH_DATE:
        return said(question, stored[:10], region)
    codes = re.findall(_POSTAL.get(region, _OTHER_POSTAL), stored.strip(), re.IGNORECASE)
    return _compact(codes[-1]) if codes else ""


def _compact(text: str) -> str:
    return "".join(character for character in text.upper() if character.isalnum())


async def whom_to_check(result: LookupResult, viewer: Viewer, context: Context) -> frozenset[Ref]:
    """The records of the person whom an answer would be about. Raises as ``compare_identity()``."""
    return (await _the_one(result, await policy_of(viewer.tier_id), viewer, context)).refs


async def identity_asked(result: LookupResult, viewer: Viewer, context: Context) -> None:
    """Put on record that the caller is being asked. Raises as ``compare_identity()``."""
    policy = await policy_of(viewer.tier_id)
    await _record("asked", await _the_one(result, policy, viewer, context), result, policy, viewer, context)


async def compare_identity(result: LookupResult, viewer: Viewer, typed: str, context: Context) -> Answered:
    """Whether the caller's answer is what the systems hold, after the entry of it is committed.

    How often may be tried is its caller's matter (``calls.identity``). Raises AccessDenied, committed, where there is nobody
    to be checked or nothing that is asked for; AuditUnavailable.
    """
    policy = await policy_of(viewer.tier_id)
    person = await _the_one(result, policy, viewer, context)
    known = person.fields.get(policy.answer)
    held = _held(policy.question, str(known.value), policy.region) if known else ""
    same = hmac.compare_digest(held.encode(), said(policy.question, typed, policy.region).encode())
    verdict = (Verdict.PASSED if same else Verdict.FAILED) if held else Verdict.UNKNOWN
    await _record(verdict.value, person, result, policy, viewer, context)
    return Answered(verdict, person.refs)


async def skip_identity(result: LookupResult, viewer: Viewer, context: Context) -> frozenset[Ref]:
    """The person whose check is left out for the reason ``context.purpose``, after the entry is committed. Raises as above, and
    AccessDenied without a reason."""
    policy = await policy_of(viewer.tier_id)
    person = await _the_one(result, policy, viewer, context)
    if not clean_reason(context.purpose):
        raise AccessDenied("an identity check is not skipped without a reason")
    await _record("skipped", person, result, policy, viewer, context)
    return person.refs


async def _the_one(result: LookupResult, policy: Policy, viewer: Viewer, context: Context) -> CallerProfile:
    """The one person whom there is to be checked."""
    check_made_for(viewer, result)
    if policy.question and viewer.channel in _BESIDE_A_CALL and len(result.people) == 1 and not result.undecided:
        return result.people[0]
    detail = {"what": "identity_check"}
    await audit.record(
        viewer.entry(Event.DENIED, outcome="nobody to check", subject=result.subject, detail=detail, **context.facts)
    )
    raise AccessDenied("identity check")


async def _record(
    outcome: str, person: CallerProfile, result: LookupResult, policy: Policy, viewer: Viewer, context: Context
) -> None:
    entry = viewer.entry(
        Event.IDENTITY_CHECK,
        outcome=outcome,
        subject=result.subject,
        sources=tuple(sorted({key for key, _record_id in person.refs})),
        detail={"question": policy.question, "matches": [match_id(person, result.organization_id)], **how_found(result)},
        **context.facts,
    )
    await audit.record(entry)
