"""What identifies is told apart by every character, on SQLite and on MariaDB; names that people type have one spelling."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth import authenticate
from django.contrib.sessions.models import Session
from django.db import IntegrityError, connection, models, transaction
from django.db.migrations.executor import MigrationExecutor
from pytest_django.fixtures import Settings

from integrations.models import ApiKey, AuditHead, Connector, Organization, Person, Tier, User
from integrations.models.keys import KeyField, NameField, folded
from tests.factories import PASSWORD, World, make_api_key, make_organization

OURS = [model for model in apps.get_app_config("integrations").get_models() if not model._meta.proxy]
KEYS = [(model, field.name) for model in OURS for field in model._meta.local_concrete_fields if isinstance(field, KeyField)]
# Text by which nothing is told apart from anything else. A new column that identifies is a KeyField or a NameField; any other
# text gets a line here, with the reason.
SHOWN = "shown to people and compared with nothing"
OUR_WORD = "a word of the portal's own, in small letters"
CAPITALS = "capitals that its validator admits; compared in Python"
IDENTIFIES_NOTHING = {
    "AccessEntry.actor_label": SHOWN,
    "AccessEntry.outcome": OUR_WORD,
    "AccessEntry.purpose": SHOWN,
    "ApiKey.hint": SHOWN,
    "ApiKey.reference": "says where the key came from; compared in Python",
    "TwilioAccount.api_secret_ref": "says where the key came from; compared in Python",
    "Attempt.breaker": OUR_WORD,
    "Attempt.outcome": OUR_WORD,
    "Attempt.question": OUR_WORD,
    "ConfigurationChange.label": SHOWN,
    "ConfigurationChange.who": SHOWN,
    "Connector.currency": CAPITALS,
    "Connector.name": SHOWN,
    "Connector.region": CAPITALS,
    "CustomField.label": SHOWN,
    "DirectoryList.origin": SHOWN,
    "DirectoryList.problem": SHOWN,
    "DirectoryList.read_by": SHOWN,
    "DirectoryUpload.file_name": SHOWN,
    "DirectoryUpload.uploaded_by": SHOWN,
    "MenuRule.greeting": SHOWN,
    "MenuRule.language": "sent as it is, and compared with nothing",
    "MenuRule.preferred_agent": "sent as it is, and compared with nothing",
    "MenuRule.queue": "sent as it is, and compared with nothing",
    "Organization.currency": CAPITALS,
    "Organization.name": SHOWN,
    "Organization.region": CAPITALS,
    "Organization.timezone": "one of the names that its validator admits; compared in Python",
    "Call.status": "a word of Twilio's",
    "CallTask.state": "a word of Twilio's",
    "Reservation.state": "a word of Twilio's",
    "WebhookDelivery.error": "a sentence",
    "RestrictedRecord.added_by": SHOWN,
    "User.email": "nobody logs in with it; who asks for a new password is compared in Python as well",
    "User.first_name": SHOWN,
    "User.last_name": SHOWN,
    "User.password": "a hash that is compared in Python",
}
# Another capital, another accent, another width, a trailing blank.
KEPT, OTHERS = "kX1é", ("Kx1é", "kX1e", "ｋX1é", "kX1é ")


def test_every_text_of_the_models_identifies_or_says_why_it_does_not() -> None:
    texts = [
        f"{model.__name__}.{field.name}"
        for model in OURS
        for field in model._meta.local_concrete_fields
        if isinstance(field, models.CharField) and not isinstance(field, KeyField) and not field.choices
    ]
    assert sorted(set(texts) - IDENTIFIES_NOTHING.keys()) == []
    assert sorted(IDENTIFIES_NOTHING.keys() - set(texts)) == []  # what is no longer there


def made(model: type[models.Model], /, **facts: Any) -> Any:
    """A row with what the database wants of it, and rows for whatever it belongs to."""
    numbers = made.__dict__.setdefault("numbers", itertools.count(1))
    for field in model._meta.local_concrete_fields:
        if field.name in facts or field.attname in facts or field.null or field.has_default() or field.primary_key:
            continue
        if isinstance(field, models.ForeignKey):
            assert isinstance(field.related_model, type)
            facts[field.name] = made(field.related_model)
        elif isinstance(field, models.CharField) and (field.unique or not field.blank):
            facts[field.name] = f"x{next(numbers)}"[: field.max_length]
        elif isinstance(field, models.DateTimeField):
            facts[field.name] = datetime.now(UTC)
        elif isinstance(field, models.BooleanField):
            facts[field.name] = False
        elif isinstance(field, models.IntegerField):
            facts[field.name] = next(numbers)
    if model is AuditHead:  # each organisation has its own from the start
        AuditHead.objects.filter(organization=facts["organization"]).delete()
    return model._default_manager.create(**facts)


@pytest.mark.django_db
@pytest.mark.parametrize(("model", "name"), KEYS, ids=[f"{model.__name__}.{name}" for model, name in KEYS])
def test_a_row_is_found_by_its_key_and_by_no_other_that_looks_like_it(model: type[models.Model], name: str) -> None:
    row = made(model, **{name: KEPT})
    rows = model._default_manager.all()
    assert rows.get(**{name: KEPT}) == row
    told_apart = ("kX1e",) if isinstance(model._meta.get_field(name), NameField) else OTHERS
    for other in told_apart:
        assert not rows.filter(**{name: other}).exists(), other
        assert not rows.filter(**{f"{name}__in": [other]}).exists(), other
    for same in set(OTHERS) - set(told_apart):
        assert rows.get(**{name: same}) == row, same
    # Pages that search go on to find what is typed in other letters.
    assert rows.filter(**{f"{name}__icontains": "KX1"}).exists()


@pytest.mark.django_db
def test_rows_whose_unique_keys_look_alike_live_side_by_side() -> None:
    for model, name in KEYS:
        field = model._meta.get_field(name)
        if field.unique and not isinstance(field, NameField):
            for key in (KEPT, *OTHERS):
                made(model, **{name: key})
            assert model._default_manager.filter(**{f"{name}__in": [KEPT, *OTHERS]}).count() == 5


@pytest.mark.django_db
def test_names_that_differ_in_their_spelling_alone_are_one_name() -> None:
    made(User, username="elm")
    for same in ("Elm", "elm ", "ｅlm", "ELM"):
        with pytest.raises(IntegrityError), transaction.atomic():
            made(User, username=same)
    made(User, username="élm")


@pytest.mark.django_db
def test_a_session_is_found_by_its_own_key_alone() -> None:
    Session.objects.create(session_key="abcé", session_data="", expire_date=datetime.now(UTC))
    for other in ("ABCé", "abce", "ａbcé", "abcé "):
        assert not Session.objects.filter(session_key=other).exists(), other
    assert Session.objects.filter(session_key="abcé").exists()


@pytest.mark.django_db
def test_the_database_compares_each_key_and_all_that_logs_people_in_by_code_point() -> None:
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("SELECT name FROM sqlite_master WHERE sql LIKE '%%COLLATE%%'")
            assert cursor.fetchall() == []  # a column's own is BINARY
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT table_name, column_name, collation_name FROM information_schema.columns "
            "WHERE table_schema = DATABASE() AND collation_name IS NOT NULL"
        )
        found = {(table, column): collation for table, column, collation in cursor.fetchall()}
    wanted = {(model._meta.db_table, model._meta.get_field(name).column) for model, name in KEYS}
    theirs = [
        one for app in ("admin", "auth", "axes", "contenttypes", "sessions") for one in apps.get_app_config(app).get_models()
    ]
    wanted |= {place for place in found if place[0] in {model._meta.db_table for model in theirs}}
    assert {place: found[place] for place in wanted if found[place] != "utf8mb4_nopad_bin"} == {}
    # The test's database has the default that ignores most: what is declared does not come from it.
    assert "utf8mb4_general_ci" in found.values()


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("José", "josé"),
        ("  Ann  Lee ", "ann lee"),
        ("ａｎｎ", "ann"),
        ("JOSE\u0301", "josé"),
        ("an\u200bn", "ann"),
        ("Straße", "strasse"),
        ("", ""),
    ],
)
def test_a_name_has_one_spelling(typed: str, kept: str) -> None:
    assert folded(typed) == kept
    assert folded(kept) == kept


def test_text_that_is_no_name_is_not_worked_on() -> None:
    assert folded("É" * 100_000) == "É" * 100_000


@pytest.mark.django_db
def test_people_log_in_with_their_name_as_they_happen_to_type_it(world: World) -> None:
    user = world.user(world.bea)
    for typed in ("bea", "Bea", "BEA ", "ｂｅａ"):
        assert User.objects.get_by_natural_key(typed) == user
    assert not User.objects.filter(username="béa").exists()


@pytest.mark.django_db
def test_a_password_opens_no_account_of_a_name_that_looks_like_it(world: World, rf: Any) -> None:
    User.objects.create_user("José", password=PASSWORD)
    assert authenticate(rf.post("/log-in/"), username="JOSÉ", password=PASSWORD) is not None
    assert authenticate(rf.post("/log-in/"), username="jose", password=PASSWORD) is None


@pytest.mark.django_db
def test_tiers_and_api_keys_are_one_per_name(world: World) -> None:
    make_api_key(world.riverside, name="Studio")
    assert ApiKey.objects.get(organization=world.riverside, name="STUDIO ").name == "studio"
    with pytest.raises(IntegrityError), transaction.atomic():
        Tier.objects.create(organization=world.riverside, name="Basic")
    assert Organization.objects.get(slug="Riverside") == world.riverside


@pytest.mark.django_db(transaction=True)
def test_names_of_before_get_their_one_spelling_and_none_is_lost(capsys: pytest.CaptureFixture[str]) -> None:
    """The row is as a database of an earlier version has it, written past the field."""
    leaves = MigrationExecutor(connection).loader.graph.leaf_nodes()
    before = [("integrations", "0015_currencies")]
    organization = make_organization("oak", flex_roles={"lead": {"role": "admin", "tier": "Front-Desk"}})
    tier = Tier.objects.create(organization=organization, name="front-desk")
    for username in ("josé", "other"):
        Person.objects.create(organization=organization, user=User.objects.create_user(username), tier=tier)
    try:
        MigrationExecutor(connection).migrate(before)
        _write_past_the_field(User, "username", {"josé": "José", "other": "Other "})
        _write_past_the_field(Tier, "name", {"front-desk": "Front-Desk"})
        MigrationExecutor(connection).migrate(leaves)
        assert sorted(User.objects.values_list("username", flat=True)) == ["josé", "other"]
        assert Tier.objects.get(pk=tier.pk).name == "front-desk"
        organization.refresh_from_db()
        assert organization.flex_roles["lead"]["tier"] == "front-desk"
    finally:
        MigrationExecutor(connection).migrate(leaves)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("everywhere", "options", "allowed"),
    [
        (False, {"url": "mysql://a@10.0.0.5/x"}, ["10.0.0.5"]),
        (
            False,
            {"base_url": "https://a.internal", "auth": {"token_url": "https://b.internal/t"}},
            ["a.internal", "b.internal"],
        ),
        (True, {"base_url": "http://127.0.0.1:8001"}, True),
    ],
)
def test_who_was_allowed_any_private_address_keeps_the_one_that_is_used(
    settings: Settings, everywhere: bool, options: dict[str, object], allowed: object
) -> None:
    settings.ALLOW_PRIVATE = everywhere
    leaves = MigrationExecutor(connection).loader.graph.leaf_nodes()
    organization = make_organization("oak")
    try:
        executor = MigrationExecutor(connection)
        executor.migrate([("integrations", "0016_columns_that_identify")])
        apps = executor.loader.project_state([("integrations", "0016_columns_that_identify")]).apps
        rows = apps.get_model("integrations", "Connector").objects
        for key, private in (("in", True), ("out", False)):
            rows.create(organization_id=organization.pk, key=key, kind="rest", name=key, options=options, allow_private=private)
        MigrationExecutor(connection).migrate(leaves)
        found = dict(Connector.objects.filter(organization=organization).values_list("key", "allow_private"))
        assert found == {"in": allowed, "out": []}
    finally:
        MigrationExecutor(connection).migrate(leaves)


def _write_past_the_field(model: type[models.Model], column: str, names: dict[str, str]) -> None:
    with connection.cursor() as cursor:
        for name, spelling in names.items():
            table = model._meta.db_table
            cursor.execute(f"UPDATE {table} SET {column} = %s WHERE {column} = %s", [spelling, name])
