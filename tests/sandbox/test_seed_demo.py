"""The demo data: complete, the same each time, and as the callers' descriptions promise."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from pytest_django.fixtures import Settings

from integrations.models import ApiKey, Connector, MenuRule, Organization, Person, User
from integrations.models.people import API_SCOPES, hash_api_key
from integrations.phone import Number, Withheld, classify
from integrations.redaction import scrub
from integrations.sandbox import people
from integrations.stored_numbers import holds

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def sources(settings: Settings, tmp_path: Path) -> Path:
    settings.SOURCES_DIR = tmp_path
    settings.SANDBOX_PORT = 8123
    return tmp_path


def seeded() -> dict[str, Any]:
    output = StringIO()
    call_command("seed_demo", "--json", stdout=output)
    facts: dict[str, Any] = json.loads(output.getvalue())
    return facts


def test_the_facts_have_the_shape_that_demo_json_promises() -> None:
    facts = seeded()
    assert set(facts) == {"api_key", "organization", "users", "callers", "hook_key", "twilio"}
    assert set(facts["users"]) == {"agent", "supervisor", "admin"}
    for user in facts["users"].values():
        assert User.objects.get(username=user["username"]).check_password(user["password"])
    for caller in facts["callers"]:
        assert isinstance(caller["name"], str)
        number = classify(caller["phone"], "US")
        assert isinstance(number, Withheld) or (isinstance(number, Number) and number.e164 == caller["phone"])


def test_the_api_key_has_all_scopes_and_the_basic_tier() -> None:
    key = ApiKey.objects.get(hash=hash_api_key(seeded()["api_key"]))
    assert (key.organization.slug, key.tier.name, key.scopes) == ("riverside", "basic", list(API_SCOPES))


def test_seeding_again_changes_nothing() -> None:
    first = seeded()
    before = [
        list(model.objects.order_by("pk").values()) for model in (Organization, Person, User, ApiKey, Connector, MenuRule)
    ]
    assert seeded() == first
    assert [
        list(model.objects.order_by("pk").values()) for model in (Organization, Person, User, ApiKey, Connector, MenuRule)
    ] == before


def test_what_someone_changed_is_put_right() -> None:
    facts = seeded()
    Connector.objects.filter(key="crm").update(enabled=False)
    User.objects.filter(username="bea").update(password="!")
    assert seeded() == facts
    crm = Connector.objects.get(key="crm")
    assert crm.enabled
    assert crm.options["base_url"] == "http://127.0.0.1:8123"
    assert User.objects.get(username="bea").check_password(facts["users"]["agent"]["password"])


def test_cy_belongs_to_the_other_organisation_only() -> None:
    seeded()
    assert list(Person.objects.filter(user__username="cy").values_list("organization__slug", flat=True)) == ["harbor"]


def test_the_demo_has_two_rules_of_the_menu_that_can_be_used() -> None:
    seeded()
    for rule in MenuRule.objects.all():
        rule.full_clean()
    assert list(MenuRule.objects.values_list("organization__slug", "name")) == [
        ("riverside", "spanish first"),
        ("riverside", "vip or balance due"),
    ]


def test_the_client_database_holds_planted_secrets_and_mixed_notations(sources: Path) -> None:
    seeded()
    path = sources / "riverside" / "clients.sqlite3"
    assert path.stat().st_mode & 0o777 == 0o600
    with closing(sqlite3.connect(path)) as database:
        row = database.execute(
            "SELECT ssn, credit_card, password_hash, bank_account, notes FROM customers WHERE id = 13"
        ).fetchone()
        phones = [phone for (phone,) in database.execute("SELECT phone FROM customers WHERE phone IS NOT NULL")]
    assert row[:4] == people.PLANTED
    assert all(planted in row[4] for planted in people.PLANTED)
    assert {phone[:1] for phone in phones} >= {"(", "4", "+", "1"}


def test_every_planted_secret_is_recognised_in_running_text() -> None:
    cleaned = scrub(next(row["notes"] for row in people.CUSTOMERS if row["id"] == 13))
    assert not any(planted in cleaned for planted in people.PLANTED)


@pytest.mark.parametrize(
    ("phone", "contacts", "customers"),
    [
        ("+14155550100", 1, 1),
        ("+14155550101", 1, 1),
        ("+14155550102", 0, 2),
        ("+14155550103", 1, 1),
        ("+14155550104", 1, 0),
        ("+14155550105", 0, 1),
        ("+14155550106", 0, 1),
        ("+14155550107", 1, 1),
        ("+14155550108", 0, 4),
        ("+14155550109", 1, 1),
        ("+14155550110", 0, 1),
        ("+442079460018", 1, 1),
        ("+14155550199", 0, 0),
    ],
)
def test_each_caller_is_in_the_systems_that_the_description_names(phone: str, contacts: int, customers: int) -> None:
    number = classify(phone, "US")
    assert isinstance(number, Number)

    def count(rows: tuple[people.Row, ...], columns: tuple[str, ...]) -> int:
        return sum(any(holds(row.get(column), number, "US") for column in columns) for row in rows)

    assert count(people.CONTACTS, ("phone", "mobilephone")) == contacts
    assert count(people.CUSTOMERS, ("phone", "mobile")) == customers
    stored = [row[c] for row in people.CUSTOMERS for c in ("phone", "mobile") if holds(row.get(c), number, "US")]
    assert set(stored) <= set(number.variants()), "stored in a notation that a lookup tries"
