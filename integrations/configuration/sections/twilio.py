"""``[[organization.twilio]]``: an organisation's Twilio accounts and their tokens."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from integrations.configuration.reading import Reading, repeated
from integrations.configuration.references import Secret, as_stored, fingerprint, placeholder
from integrations.configuration.sections.section import Held, Writing
from integrations.configuration.sections.tiers import check_tier
from integrations.configuration.state import Facts
from integrations.models import Organization, TwilioAccount


def check(reading: Reading) -> None:
    for where, account in reading.rows("twilio"):
        for position, reference in enumerate(account.auth_tokens):
            reading.resolve((*where, "auth_tokens", position), reference, account.account_sid)
        if account.api_secret:
            reading.resolve((*where, "api_secret"), account.api_secret, account.account_sid)
        if account.tier:
            check_tier(reading, (*where, "tier"), account.tier)
        owner = TwilioAccount.objects.filter(account_sid=account.account_sid).select_related("organization").first()
        if owner and reading.table and owner.organization.slug != reading.slug:
            reading.problem((*where, "account_sid"), "This account belongs to another organisation. Correct the account SID.")


def across(readings: Iterable[Reading]) -> None:
    repeated(
        readings, "account_sid", lambda one: [((*where, "account_sid"), row.account_sid) for where, row in one.rows("twilio")]
    )


def wanted(reading: Reading) -> dict[str, Facts]:
    return {
        account.account_sid: {
            "auth_tokens": [reading.secrets[(*where, "auth_tokens", n)] for n in range(len(account.auth_tokens))],
            "api_key": account.api_key,
            "api_secret": reading.secrets.get((*where, "api_secret")),
            "workspace_sid": account.workspace_sid,
            "tier": account.tier,
        }
        for where, account in reading.rows("twilio")
    }


def stored(organization: Organization) -> Iterator[Held]:
    for account in organization.twilio_accounts.select_related("tier"):
        tokens = account.auth_tokens or []
        references = account.auth_token_refs if len(account.auth_token_refs) == len(tokens) else [""] * len(tokens)
        held = [
            as_stored(reference, placeholder("twilio", account.account_sid[-6:], str(position)), fingerprint(token), token)
            for position, (token, reference) in enumerate(zip(tokens, references, strict=True), start=1)
        ]
        facts = {
            "auth_tokens": held,
            "api_key": account.api_key_sid,
            "api_secret": _stored_secret(account),
            "workspace_sid": account.workspace_sid,
            "tier": account.tier.name if account.tier else "",
        }
        yield Held(account.account_sid, facts)


def _stored_secret(account: TwilioAccount) -> Secret | None:
    if not account.api_secret:
        return None
    shown = placeholder("twilio", account.account_sid[-6:], "api_secret")
    return as_stored(account.api_secret_ref, shown, fingerprint(account.api_secret), account.api_secret)


def write(writing: Writing, account_sid: str, facts: Facts) -> None:
    tokens: list[Secret] = facts["auth_tokens"]
    accounts = TwilioAccount.objects.filter(organization=writing.organization, account_sid=account_sid)
    account = accounts.first() or TwilioAccount(organization=writing.organization, account_sid=account_sid)
    account.auth_tokens = [token.value for token in tokens]
    account.auth_token_refs = [token.stored_reference for token in tokens]
    secret: Secret | None = facts["api_secret"]
    account.api_key_sid = facts["api_key"]
    account.api_secret, account.api_secret_ref = (secret.value, secret.stored_reference) if secret else ("", "")
    account.workspace_sid = facts["workspace_sid"]
    account.tier = writing.organization.tiers.get(name=facts["tier"]) if facts["tier"] else None
    account.save()
