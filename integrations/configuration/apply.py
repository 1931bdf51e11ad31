"""Writes what the file wants, of all its organisations or of none."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime

from django.contrib.auth.hashers import make_password
from django.db import transaction

from integrations.configuration.difference import Action, Step, differences
from integrations.configuration.history import recorded
from integrations.configuration.references import Secret
from integrations.configuration.state import Facts, State
from integrations.disclosure import audit
from integrations.errors import ConfigurationError
from integrations.models import (
    ActorKind,
    ApiKey,
    Channel,
    ConfigurationChange,
    Connector,
    CustomField,
    Event,
    Organization,
    Person,
    Role,
    Tier,
    TierRule,
    TwilioAccount,
    User,
)

_LINES_ON_RECORD = 200


@dataclass(frozen=True)
class Applied:
    """``newcomers`` are users that the import made, with the organisation that they were made for."""

    lines: list[str] = field(default_factory=list)
    newcomers: list[tuple[User, Organization]] = field(default_factory=list)


def apply(wanted: Iterable[State], operator: str) -> Applied:
    """Store the difference in one transaction, compared anew within it, with an audit entry per changed organisation.

    ``operator`` is named in the audit trail. Raises django.db.Error; then nothing was changed.
    """
    applied = Applied()
    entries: list[audit.Entry] = []
    with transaction.atomic():
        for state in wanted:
            Organization.objects.select_for_update().filter(slug=state.slug).first()
            difference = differences(state)
            if not difference.steps:
                continue
            with recorded(operator, ConfigurationChange.By.FILE):
                organization = _write(state, difference.steps, applied)
            applied.lines.extend(difference.lines)
            entries.append(_entry(organization, operator, difference.lines))
        # Heads of audit chains are locked in organisation order everywhere, or two writers could wait for each other.
        for entry in sorted(entries, key=lambda entry: entry.organization_id):
            audit.record_within(entry)
    return applied


def _entry(organization: Organization, operator: str, lines: list[str]) -> audit.Entry:
    return audit.Entry(
        organization_id=organization.pk,
        event=Event.CONFIG_IMPORT,
        outcome="changed",
        actor_kind=ActorKind.OPERATOR,
        actor_label=operator,
        channel=Channel.COMMAND,
        detail={"changes": len(lines), "lines": lines[:_LINES_ON_RECORD]},
    )


def _write(state: State, steps: Iterable[Step], applied: Applied) -> Organization:
    steps = tuple(steps)
    organization = Organization.objects.filter(slug=state.slug).first() or Organization(slug=state.slug)
    if any(not step.section for step in steps):
        for name, value in state.facts.items():
            setattr(organization, name, value)
        organization.save()
    writers: dict[str, Callable[[Organization, str, Facts], object]] = {
        "tier": _write_tier,
        "field": _write_field,
        "connector": _write_connector,
        "twilio": _write_twilio,
        "api_key": _write_api_key,
    }
    _free_worker_sids(organization, steps)
    for step in steps:
        if step.action in (Action.DELETE, Action.DEACTIVATE):
            _retire(organization, step)
        elif step.section == "person":
            if step.name not in state.existing_users and is_a_strangers(step.name, organization):
                raise ConfigurationError("A person's user name was taken by somebody else meanwhile.")
            if user := _write_person(organization, step.name, step.facts):
                applied.newcomers.append((user, organization))
        elif step.section:
            writers[step.section](organization, step.name, step.facts)
    _link_fallbacks(organization, steps)
    return organization


def _write_tier(organization: Organization, name: str, facts: Facts) -> None:
    tier, _ = Tier.objects.get_or_create(organization=organization, name=name)
    tier.rules.all().delete()
    for target, effect in facts["rules"].items():
        TierRule.objects.create(tier=tier, target=target, effect=effect)


def _write_field(organization: Organization, name: str, facts: Facts) -> None:
    CustomField.objects.update_or_create(organization=organization, name=name, defaults=dict(facts))


def _write_connector(organization: Organization, key: str, facts: Facts) -> None:
    row = Connector.objects.filter(organization=organization, key=key).first() or Connector(organization=organization, key=key)
    for name, value in facts.items():
        if name not in ("secrets", "fallback_for"):
            setattr(row, name, value)
    secrets: dict[str, Secret] = facts["secrets"]
    row.secrets = {name: secret.value for name, secret in secrets.items()}
    row.secret_refs = {name: secret.stored_reference for name, secret in secrets.items()}
    row.save()


def _link_fallbacks(organization: Organization, steps: Iterable[Step]) -> None:
    """Link fallbacks, after all connectors are written: one may stand in for another that comes later in the file."""
    rows = {row.key: row for row in organization.connectors.all()}
    for step in steps:
        if step.section != "connector" or step.action is Action.DEACTIVATE:
            continue
        row, main = rows[step.name], rows.get(step.facts["fallback_for"])
        if row.fallback_for_id != (main.pk if main else None):
            row.fallback_for = main
            row.save()


def _write_twilio(organization: Organization, account_sid: str, facts: Facts) -> None:
    tokens: list[Secret] = facts["auth_tokens"]
    accounts = TwilioAccount.objects.filter(organization=organization, account_sid=account_sid)
    account = accounts.first() or TwilioAccount(organization=organization, account_sid=account_sid)
    account.auth_tokens = [token.value for token in tokens]
    account.auth_token_refs = [token.stored_reference for token in tokens]
    account.workspace_sid = facts["workspace_sid"]
    account.save()


def _free_worker_sids(organization: Organization, steps: Iterable[Step]) -> None:
    """Two people may swap their Flex workers; each must be free before it is taken."""
    names = [step.name for step in steps if step.section == "person" and step.action is Action.UPDATE]
    Person.objects.filter(organization=organization, user__username__in=names).update(worker_sid=None)


def _write_person(organization: Organization, username: str, facts: Facts) -> User | None:
    """Returns the user if it had to be made; it gets no password. A user of elsewhere is linked and left as it is."""
    user = User.objects.filter(username=username).first()
    is_new = user is None
    if user is None:
        user = User(username=username, password=make_password(None))
    if not belongs_elsewhere(user, organization):
        user.email, user.first_name, user.last_name = facts["email"], facts["first_name"], facts["last_name"]
        user.save()
    Person.objects.update_or_create(
        organization=organization,
        user=user,
        defaults={
            "role": facts["role"],
            "tier": organization.tiers.get(name=facts["tier"]),
            "team": facts["team"],
            "worker_sid": facts["worker_sid"] or None,
            "active": True,
        },
    )
    _set_staff(user)
    return user if is_new else None


def is_a_strangers(username: str, organization: Organization | None) -> bool:
    """Whether somebody has this user name who is not of ``organization``: an import must not take them for its own person."""
    user = User.objects.filter(username=username).first()
    return user is not None and not user.people.filter(organization=organization).exists()


def belongs_elsewhere(user: User, organization: Organization | None) -> bool:
    """Whether an import into ``organization`` must leave the user's own name, e-mail and password alone."""
    if user._state.adding:
        return False
    others = user.people.exclude(organization=organization) if organization else user.people
    return user.is_superuser or others.exists()


def _set_staff(user: User) -> None:
    """The admin is open to admins of any organisation, and to superusers."""
    is_staff = user.is_superuser or user.people.filter(role=Role.ADMIN, active=True).exists()
    if user.is_staff != is_staff:
        user.is_staff = is_staff
        user.save(update_fields=["is_staff"])


def _write_api_key(organization: Organization, name: str, facts: Facts) -> None:
    row = ApiKey.objects.filter(organization=organization, name=name).first() or ApiKey(organization=organization, name=name)
    secret: Secret = facts["key"]
    if not secret.unreferenced:
        row.set_key(secret.value)
    row.reference = secret.stored_reference
    row.tier = organization.tiers.get(name=facts["tier"])
    row.scopes = facts["scopes"]
    row.expires_at = datetime.fromisoformat(facts["expires"]) if facts["expires"] else None
    row.active = True
    row.save()


def _retire(organization: Organization, step: Step) -> None:
    if step.section == "tier":
        organization.tiers.filter(name=step.name).delete()
    elif step.section == "field":
        organization.custom_fields.filter(name=step.name).delete()
    elif step.section == "api_key":
        key = organization.api_keys.get(name=step.name)
        key.active = False
        key.save()
    elif step.section == "connector":
        row = organization.connectors.get(key=step.name)
        row.enabled = False
        row.save()
    else:
        person = organization.people.select_related("user").get(user__username=step.name)
        person.active = False
        person.save()
        if person.user:
            _set_staff(person.user)
