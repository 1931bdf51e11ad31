"""Deciding who may ask for Studio: a Twilio account of the organisation by its signature, or a program by its key."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import structlog
from django.http import HttpRequest

from integrations.api.keys import Forbidden, Unauthenticated, authenticate, refuse_another_organization
from integrations.api.views import BadRequest, fields_of, read_body
from integrations.calls.addresses import public_url
from integrations.disclosure import audit
from integrations.disclosure.refusals import Refused, count
from integrations.disclosure.viewers import ACCOUNT_TIER, Viewer, viewer_of_account
from integrations.models import Channel, Event, Organization, Tier, TwilioAccount
from integrations.models.snapshots import Snapshots
from integrations.storage.database_thread import in_database_thread
from integrations.twilio.signature import Verdict, check, path_as_received, userinfo_of

SCOPE = "enrich"
_ACCOUNT_SID = re.compile(r"AC[0-9a-f]{32}")
_REFUSED = {
    "another_key": "This request is signed with another key or algorithm than an auth token and HMAC-SHA1. Shared keys are not "
    "accepted yet: sign it with the account's auth token.",
    "no_hash": "A body that is no form needs bodySHA256 in its signed address.",
}
_NOT_SIGNED = (
    "Send an API key with the scope enrich, or a request that Twilio signed with the auth token of one of the organisation's "
    "accounts for the portal's public address."
)

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Known:
    """An organisation with its Twilio accounts, and the tier of those that have none of their own."""

    organization: Organization
    accounts: tuple[TwilioAccount, ...]
    basic: Tier | None

    def viewer(self, account: TwilioAccount, address: str) -> Viewer:
        return viewer_of_account(account, account.tier or self.basic, address=address)


@dataclass(frozen=True)
class Asker:
    """The one who may ask. ``accounts``: the Twilio account that signed, else all of the organisation; ``body``: what was read
    to find that out."""

    viewer: Viewer
    organization: Organization
    accounts: tuple[TwilioAccount, ...]
    body: bytes | None = field(default=None, repr=False)


async def admit(request: HttpRequest, slug: str) -> Asker:
    """Raises BadRequest for an organisation that is none, Unauthenticated, Forbidden, AuditUnavailable."""
    known = await _organizations.get(slug)
    if known is None:
        raise BadRequest("not_found", "There is no such organisation.")
    is_signed = "X-Twilio-Signature" in request.headers
    if request.headers.get("Authorization") or not is_signed:
        try:
            return await _by_key(request, known)
        except Unauthenticated:
            if not is_signed:
                raise
    return await _by_signature(request, known)


async def _by_key(request: HttpRequest, known: Known) -> Asker:
    client = await authenticate(request, SCOPE)
    await refuse_another_organization(client, {"org": known.organization.slug}, SCOPE)
    return Asker(replace(client.viewer, channel=Channel.STUDIO), known.organization, known.accounts)


async def _by_signature(request: HttpRequest, known: Known) -> Asker:
    body = await read_body(request)
    address = request.META.get("REMOTE_ADDR", "")
    named = _account_named(request, body)
    accounts = [account for account in known.accounts if named in ("", account.account_sid)]
    verdict, account = _signed_by(request, body, accounts)
    if account:
        return Asker(known.viewer(account, address), known.organization, (account,), body)
    if named and not accounts:
        await _refuse_strangers_account(request, body, named, address)
    reason = verdict.reason
    log.warning("twilio.refused", organization=known.organization.slug, reason=reason, parameters=list(verdict.parameters))
    await in_database_thread(count, Refused(SCOPE, address, outcome=reason.replace("_", " ")))
    raise Unauthenticated(_REFUSED.get(reason, _NOT_SIGNED))


def _signed_by(request: HttpRequest, body: bytes, accounts: Sequence[TwilioAccount]) -> tuple[Verdict, TwilioAccount | None]:
    """The account whose token signed the request, if any did."""
    tokens = [(token, account) for account in accounts for token in account.auth_tokens]
    verdict = check(
        body=body,
        content_type=request.META.get("CONTENT_TYPE", ""),
        query=request.META.get("QUERY_STRING", ""),
        path=path_as_received(getattr(request, "scope", {}), request.path),
        signature=request.headers.get("X-Twilio-Signature", ""),
        settings_header=request.headers.get("X-Twilio-Webhooks-Signature-Settings", ""),
        public_url=public_url(),
        tokens=[token for token, _account in tokens],
        userinfo=userinfo_of(request.headers.get("Authorization", "")),
    )
    return verdict, tokens[verdict.token][1] if verdict.ok else None


async def _refuse_strangers_account(request: HttpRequest, body: bytes, named: str, address: str) -> None:
    """Raises Forbidden where another organisation's account signed, with the denial on that organisation's own record."""
    other = await _owners.get(named)
    account = _signed_by(request, body, [one for one in other.accounts if one.account_sid == named])[1] if other else None
    if other and account:
        viewer = other.viewer(account, address)
        await audit.record(viewer.entry(Event.DENIED, outcome="another organisation", detail={"what": SCOPE}))
        raise Forbidden("This Twilio account belongs to another organisation.")


def _account_named(request: HttpRequest, body: bytes) -> str:
    """The account's SID, where the request names one."""
    try:
        named = fields_of(request, body).get("AccountSid")
    except BadRequest:
        return ""
    return named if isinstance(named, str) and _ACCOUNT_SID.fullmatch(named) else ""


def _load(slug: str) -> Known | None:
    return _known(Organization.objects.tenants().filter(slug=slug).first())


def _load_owner(account_sid: str) -> Known | None:
    return _known(Organization.objects.tenants().filter(twilio_accounts__account_sid=account_sid).first())


def _known(organization: Organization | None) -> Known | None:
    if organization is None:
        return None
    accounts = tuple(organization.twilio_accounts.select_related("organization", "tier"))
    return Known(organization, accounts, organization.tiers.filter(name=ACCOUNT_TIER).first())


_organizations = Snapshots(_load)
_owners = Snapshots(_load_owner)
