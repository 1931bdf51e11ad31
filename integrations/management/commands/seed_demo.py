"""``manage.py seed_demo``: two organisations with people, connected systems and log-ins to try the portal with."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser
from django.db import models, transaction

from integrations.models import ApiKey, Connector, MenuRule, Organization, Person, Role, Tier, TierRule, TwilioAccount, User
from integrations.models.people import API_SCOPES, DEFAULT_TIERS
from integrations.sandbox import care, hubspot, people, salesforce, twilio
from integrations.sandbox import harbor as people_of_harbor
from integrations.sandbox.clients import FILE_NAME, write_client_database

ORGANIZATION, OTHER_ORGANIZATION = "riverside", "harbor"
DEFAULT_SANDBOX_PORT = 8001
# username, first and last name, role, tier
STAFF = (
    ("bea", "Bea", "Alvarez", Role.AGENT, "basic"),
    ("sam", "Sam", "Whitaker", Role.SUPERVISOR, "advanced"),
    ("ann", "Ann", "Lindgren", Role.ADMIN, "admin"),
)
# The simulators have no budget that a vendor's usual limits would keep to.
UNHURRIED = {"rps": 1_000, "concurrency": 500}
CARE_SYSTEMS = {"payments": "Payments", "appointments": "Appointments", "availability": "Services and places"}
OTHER_STAFF = (("cy", "Cy", "Marlowe", Role.ADMIN, "admin"),)


class Command(BaseCommand):
    help = "Make the demo organisations, their people, systems and log-ins. Running it again changes nothing."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="print log-ins and callers as JSON, for scripts")

    def handle(self, *args: Any, **options: Any) -> None:
        facts = seed()
        self.stdout.write(json.dumps(facts) if options["json"] else readable(facts))


def seed() -> dict[str, Any]:
    """Make what is missing and put right what differs; returns the seed's part of demo.json."""
    write_client_database(settings.SOURCES_DIR / ORGANIZATION, people.CUSTOMERS, people.ACCOUNTS)
    write_client_database(settings.SOURCES_DIR / OTHER_ORGANIZATION, people_of_harbor.CUSTOMERS, people_of_harbor.ACCOUNTS)
    with transaction.atomic():
        riverside = _organization(ORGANIZATION, "Riverside Senior Services", STAFF)
        _connect_crm(riverside)
        _connect_salesforce(riverside)
        _connect_clients(riverside)
        _connect_services(riverside)
        _menu(riverside)
        api_key = _api_key(riverside)
        _connect_twilio(riverside)
        harbor = _organization(OTHER_ORGANIZATION, "Harbor Food Pantry", OTHER_STAFF)
        _connect_clients(harbor)
    return {
        "api_key": api_key,
        "organization": ORGANIZATION,
        "hook_key": riverside.hook_key,
        "twilio": {"account_sid": twilio.ACCOUNT_SID, "auth_token": twilio.AUTH_TOKEN},
        "users": {role.value: {"username": name, "password": _password(name)} for name, _, _, role, _ in STAFF},
        "callers": [{"phone": caller.phone, "name": caller.name, "what": caller.what} for caller in people.CALLERS],
    }


def readable(facts: dict[str, Any]) -> str:
    """The log-ins and callers as lines for people."""
    lines = ["Log-ins (name, password, what they are):"]
    lines += [f"  {user['username']:4} {user['password']}  {role}" for role, user in facts["users"].items()]
    lines += [f"  {name:4} {_password(name)}  agent of another organisation" for name, *_ in OTHER_STAFF]
    lines += ["API key:", f"  {facts['api_key']}", "Callers:"]
    lines += [f"  {caller['phone']:14} {caller['name'] or '—'}: {caller['what']}" for caller in facts["callers"]]
    return "\n".join(lines)


def _derived(purpose: str, length: int) -> str:
    """The same secret each time for one installation, and not to be guessed for any other."""
    digest = hmac.new(settings.SECRET_KEY.encode(), f"demo:{purpose}".encode(), hashlib.sha256).digest()
    return base64.b32encode(digest).decode().lower()[:length]


def _password(username: str) -> str:
    text = _derived(f"password:{username}", 16)
    return "-".join(text[start : start + 4] for start in range(0, 16, 4))


def _ensure[M: models.Model](model: type[M], keys: dict[str, Any], values: dict[str, Any]) -> M:
    """The row of these keys with these values; saved only if something differs, so that versions do not grow."""
    row = model._default_manager.filter(**keys).first() or model(**keys)
    changed = {name: value for name, value in values.items() if row.pk is None or getattr(row, name) != value}
    for name, value in changed.items():
        setattr(row, name, value)
    if row.pk is None or changed:
        row.full_clean(exclude=["password"])
        row.save()
    return row


def _organization(slug: str, name: str, staff: tuple[tuple[str, str, str, Role, str], ...]) -> Organization:
    organization = _ensure(Organization, {"slug": slug}, {"name": name, "timezone": "America/Los_Angeles"})
    for tier_name, rules in DEFAULT_TIERS.items():
        tier = _ensure(Tier, {"organization": organization, "name": tier_name}, {})
        for target, effect in rules.items():
            _ensure(TierRule, {"tier": tier, "target": target}, {"effect": effect})
    for username, first, last, role, tier_name in staff:
        user = _user(username, first, last, admin=role is Role.ADMIN, mail=f"{username}@{slug}.example")
        tier = organization.tiers.get(name=tier_name)
        _ensure(Person, {"organization": organization, "user": user}, {"role": role, "tier": tier, "active": True})
    return organization


def _user(username: str, first: str, last: str, *, admin: bool, mail: str) -> User:
    facts = {"first_name": first, "last_name": last, "email": mail, "is_active": True, "is_staff": admin}
    user = _ensure(User, {"username": username}, facts)
    password = _password(username)
    if not user.check_password(password):
        user.set_password(password)
        user.save(update_fields=["password"])
    return user


def _api_key(organization: Organization) -> str:
    key = f"connie_{_derived('api-key', 43)}"
    issued = ApiKey(organization=organization)
    issued.set_key(key)
    tier = organization.tiers.get(name="basic")
    values = {"hash": issued.hash, "hint": issued.hint, "tier": tier, "scopes": list(API_SCOPES), "active": True}
    _ensure(ApiKey, {"organization": organization, "name": "demo"}, values)
    return key


def _connect_twilio(organization: Organization) -> None:
    facts = {"organization": organization, "auth_tokens": [twilio.AUTH_TOKEN], "workspace_sid": twilio.WORKSPACE_SID}
    _ensure(TwilioAccount, {"account_sid": twilio.ACCOUNT_SID}, facts)


def _menu(organization: Organization) -> None:
    """Spanish first for whoever speaks it; who is important, or owes something, to a queue of their own."""
    important = [{"field": "vip_status", "is": True}, {"field": "outstanding_balance", "above": 0}]
    rules: dict[str, dict[str, Any]] = {
        "spanish first": {
            "position": 10,
            "conditions": {"all": [{"field": "language", "is": "es"}]},
            "greeting": "Bienvenidos a Riverside Senior Services.",
            "options": ["spanish", "appointments", "billing"],
            "language": "es",
        },
        "vip or balance due": {"position": 20, "conditions": {"any": important}, "queue": "Care team", "priority": 10},
    }
    for name, values in rules.items():
        _ensure(MenuRule, {"organization": organization, "name": name}, values)


def _sandbox() -> str:
    return f"http://127.0.0.1:{settings.SANDBOX_PORT or DEFAULT_SANDBOX_PORT}"


def _connect_services(organization: Organization) -> None:
    for priority, (system, name) in enumerate(CARE_SYSTEMS.items(), start=50):
        values = {
            "kind": "rest",
            "name": name,
            "priority": priority,
            "timeout_ms": 5_000,
            "allow_private": True,
            "options": {"preset": system, "base_url": f"{_sandbox()}/{system}", "health": {"path": "/ping"}},
            "secrets": {"token": care.TOKEN},
            "details_by": "" if system == "availability" else "clients",
            "enabled": True,
        }
        _ensure(Connector, {"organization": organization, "key": system}, values)


def _connect_crm(organization: Organization) -> None:
    values = {
        "kind": "hubspot",
        "name": "HubSpot",
        "priority": 10,
        "essential": True,
        "timeout_ms": 3_000,
        "allow_private": True,
        "options": {"base_url": _sandbox(), "api_version": "2026-09"},
        "secrets": {"token": hubspot.TOKEN},
        "limits": UNHURRIED,
        "enabled": True,
    }
    _ensure(Connector, {"organization": organization, "key": "crm"}, values)


def _connect_salesforce(organization: Organization) -> None:
    values = {
        "kind": "salesforce",
        "name": "Salesforce",
        "priority": 20,
        "timeout_ms": 3_000,
        "allow_private": True,
        "options": {"base_url": _sandbox(), "version": "v67.0", "search": "parameterized"},
        "secrets": {"client_id": salesforce.CLIENT_ID, "client_secret": salesforce.CLIENT_SECRET},
        "limits": UNHURRIED,
        "enabled": True,
    }
    _ensure(Connector, {"organization": organization, "key": "salesforce"}, values)


BEFORE_CALLING = {
    "voicemail_ok": "voicemail",
    "may_identify": "say_who",
    "do_not_call": "do_not_call",
    "consents": "agreed_to",
    "best_time": "best_time",
    "interpreter": "interpreter",
}


def _connect_clients(organization: Organization) -> None:
    join = {"table": "customer_accounts", "key": "customer_id", "columns": ["status", "last_visit"]}
    values = {
        "kind": "database",
        "name": "Client database",
        "priority": 5,
        "timeout_ms": 2_000,
        "options": {
            "url": f"sqlite:///{FILE_NAME}",
            "table": "customers",
            "id_column": "id",
            "phone_columns": ["phone", "mobile"],
            "join": join,
        },
        "fields": BEFORE_CALLING,
        "enabled": True,
    }
    _ensure(Connector, {"organization": organization, "key": "clients"}, values)
