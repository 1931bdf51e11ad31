"""Organisations, people and keys: who may make what, and what is on record of it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.core import mail
from django.db import models
from django.test import Client
from django.urls import reverse
from pytest_django.fixtures import Settings

from integrations.disclosure import audit
from integrations.models import AccessEntry, ApiKey, Organization, Person, Tier, TwilioAccount, User
from integrations.models.people import DEFAULT_TIERS, hash_api_key
from tests.admin.conftest import admin_changes
from tests.factories import World

Filled = dict[type[models.Model], Any]
LogIn = Callable[[Person], Client]


ORGANIZATION = {
    "name": "Riverside",
    "slug": "riverside",
    "timezone": "UTC",
    "region": "US",
    "languages": "en, es",
    "origins": "",
    "identity_check": "off",
    "keep_audit": "2190",
    "keep_calls": "365",
    "keep_attempts": "30",
    "keep_deliveries": "30",
}


def from_flex(*lines: tuple[str, str, str]) -> dict[str, str]:
    """The table of roles as the form sends it, with an empty line after it."""
    parts = ("name", "role", "tier")
    named = enumerate([*lines, ("", "", "")])
    return {f"flex_roles-{place}-{part}": value for place, line in named for part, value in zip(parts, line, strict=True)}


def invitation(world: World, **facts: Any) -> dict[str, Any]:
    tier = world.riverside.tiers.get(name="basic").pk
    return {"username": "dan", "email": "dan@riverside.example", "first_name": "Dan", "role": "agent", "tier": tier} | facts


@pytest.fixture
def mail_server(settings: Settings) -> None:
    settings.MAIL_IS_SENT = True


@pytest.mark.usefixtures("mail_server")
def test_an_invited_person_gets_a_log_in_without_a_password_and_a_mail(world: World, log_in: LogIn) -> None:
    answer = log_in(world.ann).post(reverse("admin:integrations_person_add"), invitation(world))
    assert answer.status_code == 302
    dan = Person.objects.get(user__username="dan")
    assert dan.user is not None
    assert (dan.organization, dan.role, dan.tier.name) == (world.riverside, "agent", "basic")
    assert not dan.user.has_usable_password()
    assert not dan.user.is_staff
    assert not dan.user.is_superuser
    assert [message.to for message in mail.outbox] == [["dan@riverside.example"]]
    assert reverse("password_reset_confirm", args=["x", "y"]).split("/x/")[0] in str(mail.outbox[0].body)


def test_without_a_mail_server_the_link_is_shown_once_to_whoever_invites(world: World, log_in: LogIn) -> None:
    ann = log_in(world.ann)
    page = ann.post(reverse("admin:integrations_person_add"), invitation(world))
    assert "no-store" in page["Cache-Control"]
    (link,) = re.findall(r"https?://[^<]+/password-reset/[^<\s]+", page.content.decode())
    assert link in str(mail.outbox[0].body)
    assert "password-reset" not in ann.get(reverse("admin:integrations_person_changelist")).content.decode()
    assert "Choose a password" in Client().get("/" + link.split("/", 3)[3], follow=True).content.decode()


def test_a_user_name_that_exists_is_not_taken_over(world: World, log_in: LogIn) -> None:
    answer = log_in(world.ann).post(reverse("admin:integrations_person_add"), invitation(world, username="CY"))
    assert "This user name is taken." in answer.content.decode()
    assert Person.objects.filter(user=world.cy.user).count() == 1
    assert mail.outbox == []


def test_only_those_without_a_password_are_invited_again(world: World, log_in: LogIn) -> None:
    ann = log_in(world.ann)
    ann.post(reverse("admin:integrations_person_add"), invitation(world))
    mail.outbox.clear()
    everybody = list(world.riverside.people.values_list("pk", flat=True))
    ann.post(reverse("admin:integrations_person_changelist"), {"action": "invite_again", "_selected_action": everybody})
    assert [message.to for message in mail.outbox] == [["dan@riverside.example"]]


def test_a_mail_that_cannot_be_sent_is_said_and_the_person_stays(
    world: World, log_in: LogIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_user: User, _organization: Organization) -> None:
        raise ConnectionRefusedError

    monkeypatch.setattr("integrations.admin.people.invite", fail)
    answer = log_in(world.ann).post(reverse("admin:integrations_person_add"), invitation(world), follow=True)
    assert "The mail to Dan could not be sent." in answer.content.decode()
    assert Person.objects.filter(user__username="dan").exists()


def test_what_makes_a_superuser_cannot_be_sent(world: World, log_in: LogIn) -> None:
    forged = {"is_superuser": "on", "is_staff": "on", "user-is_superuser": "on"}
    ann = log_in(world.ann)
    ann.post(reverse("admin:integrations_person_add"), invitation(world, **forged))
    ann.post(reverse("admin:integrations_user_change", args=[world.user(world.ann).pk]), {"username": "ann", **forged})
    assert not User.objects.filter(is_superuser=True).exists()
    assert not User.objects.get(username="dan").is_staff


def test_a_person_cannot_be_given_another_user(world: World, log_in: LogIn) -> None:
    facts = {"user": world.user(world.cy).pk, "role": "agent", "tier": world.bea.tier_id, "active": "on"}
    log_in(world.ann).post(reverse("admin:integrations_person_change", args=[world.bea.pk]), facts)
    world.bea.refresh_from_db()
    assert world.user(world.bea).username == "bea"


def test_a_change_is_on_record_by_the_names_of_its_fields(world: World, log_in: LogIn) -> None:
    facts = {"role": "supervisor", "team": "Night shift", "tier": world.bea.tier_id, "active": "on"}
    facts |= {"first_name": "Bea", "email": "bea@riverside.example"}
    log_in(world.ann).post(reverse("admin:integrations_person_change", args=[world.bea.pk]), facts)
    (change,) = admin_changes(world.riverside)
    assert change["model"] == "person"
    assert {"role", "team"} <= set(change["changed"])
    assert "Night shift" not in str(change)


def test_a_change_is_told_of_the_person_who_made_it(world: World, root: Client, log_in: LogIn) -> None:
    url = reverse("admin:integrations_organization_change", args=[world.riverside.pk])
    log_in(world.ann).post(url, ORGANIZATION)
    root.post(url, ORGANIZATION | {"name": "Riverside again"})
    by_ann, by_root = AccessEntry.objects.filter(organization=world.riverside, event="admin_change").order_by("seq")
    assert (by_ann.actor_kind, by_ann.person_id, by_ann.actor_label) == ("person", world.ann.pk, "Ann")
    assert (by_root.actor_kind, by_root.person_id, by_root.actor_label) == ("user", None, "root")
    assert audit.verify(world.riverside) >= 2


def test_changed_rules_are_on_record(world: World, log_in: LogIn) -> None:
    tier = world.riverside.tiers.get(name="basic")
    facts: dict[str, Any] = {"name": "basic", "rules-TOTAL_FORMS": 4, "rules-INITIAL_FORMS": 4}
    for index, rule in enumerate(tier.rules.all()):
        values = {"id": rule.pk, "tier": tier.pk, "target": rule.target, "effect": "clear"}
        facts |= {f"rules-{index}-{name}": value for name, value in values.items()}
    log_in(world.ann).post(reverse("admin:integrations_tier_change", args=[tier.pk]), facts)
    assert set(tier.rules.values_list("effect", flat=True)) == {"clear"}
    assert admin_changes(world.riverside) == [{"model": "tier", "object": str(tier.pk), "changed": ["rules"]}]


def test_people_are_deactivated_and_not_deleted(world: World, root: Client, log_in: LogIn) -> None:
    for client, url in (
        (log_in(world.ann), reverse("admin:integrations_person_delete", args=[world.bea.pk])),
        (root, reverse("admin:integrations_person_delete", args=[world.bea.pk])),
        (root, reverse("admin:integrations_user_delete", args=[world.user(world.bea).pk])),
    ):
        assert client.post(url, {"post": "yes"}).status_code == 403
    data = {"action": "deactivate", "_selected_action": [world.bea.pk]}
    log_in(world.ann).post(reverse("admin:integrations_person_changelist"), data)
    world.bea.refresh_from_db()
    assert not world.bea.active


def test_names_that_are_taken_within_the_organisation_are_refused(world: World, filled: Filled, log_in: LogIn) -> None:
    ann, tier = log_in(world.ann), world.riverside.tiers.get(name="basic").pk
    pet = {"name": "riverside_pet", "label": "Pet", "type": "text", "sensitivity": "basic", "section": "account"}
    for model, facts in (
        ("tier", {"name": "basic", "rules-TOTAL_FORMS": 0, "rules-INITIAL_FORMS": 0}),
        ("connector", {"kind": "hubspot", "key": "crm", "name": "Again"}),
        ("apikey", {"name": "riverside-studio", "tier": tier, "scopes": ["lookup"], "active": "on"}),
        ("customfield", pet),
        ("twilioaccount", {"account_sid": "AC" + "5" * 32, "tokens": "token"}),
    ):
        assert ann.post(reverse(f"admin:integrations_{model}_add"), facts).status_code == 200, model
    renamed = {"name": "basic", "rules-TOTAL_FORMS": 0, "rules-INITIAL_FORMS": 0}
    advanced = world.riverside.tiers.get(name="advanced").pk
    assert ann.post(reverse("admin:integrations_tier_change", args=[advanced]), renamed).status_code == 200


def test_only_a_superuser_makes_an_organisation(world: World, root: Client, log_in: LogIn) -> None:
    facts = ORGANIZATION | {"name": "Oak Street", "slug": "oak", "region": "MX"}
    url = reverse("admin:integrations_organization_add")
    assert log_in(world.ann).post(url, facts).status_code == 403
    shown = root.get(url).context["adminform"].form
    assert [shown[name].value() for name in ("languages", "keep_audit")] == ["en", 2190]
    assert root.post(url, facts).status_code == 302
    oak = Organization.objects.get(slug="oak")
    assert {tier.name: dict(tier.rules.values_list("target", "effect")) for tier in oak.tiers.all()} == DEFAULT_TIERS
    assert len(oak.hook_key) == 32
    assert oak.currency == "MXN"  # that of the country, where none is entered


def test_an_admin_cannot_change_the_short_name_of_their_organisation(world: World, log_in: LogIn) -> None:
    url = reverse("admin:integrations_organization_change", args=[world.riverside.pk])
    facts = ORGANIZATION | {"slug": "taken"}
    assert log_in(world.ann).post(url, facts).status_code == 302
    world.riverside.refresh_from_db()
    assert (world.riverside.name, world.riverside.slug) == ("Riverside", "riverside")


def test_what_an_organisation_cannot_have_is_refused(world: World, log_in: LogIn) -> None:
    ann = log_in(world.ann)
    url = reverse("admin:integrations_organization_change", args=[world.riverside.pk])
    for name, text in (
        ("timezone", "Mars/Olympus"),
        ("region", "XX"),
        ("languages", "7"),
        ("languages", "en, <b>"),
        ("languages", ""),
        ("origins", "http://flex.twilio.com"),
        ("origins", "https://flex.twilio.com; script-src *"),
        ("keep_audit", "0"),
        ("keep_calls", "for ever"),
    ):
        answer = ann.post(url, ORGANIZATION | {name: text})
        assert answer.status_code == 200, (name, text)
        assert name in answer.context["adminform"].form.errors, (name, text)


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        ([("agent", "god", "basic")], "'god' is not known here"),
        ([("agent", "agent", "missing")], "agent: there is no tier called missing"),
        ([("agent", "agent", "")], "Each line needs a role in Flex, a role here and a tier"),
        ([("agent", "agent", "basic"), ("agent", "admin", "admin")], "agent is there twice"),
    ],
)
def test_who_comes_from_flex_is_refused_a_role_that_does_not_exist(
    world: World, log_in: LogIn, lines: list[tuple[str, str, str]], sentence: str
) -> None:
    url = reverse("admin:integrations_organization_change", args=[world.riverside.pk])
    answer = log_in(world.ann).post(url, ORGANIZATION | from_flex(*lines))
    assert answer.status_code == 200
    (problem,) = answer.context["adminform"].form.errors["flex_roles"]
    assert sentence in problem
    assert f'value="{lines[-1][0]}"' in answer.content.decode(), "what was entered is still there"


def test_roles_from_flex_are_lines_of_a_table(world: World, log_in: LogIn) -> None:
    url = reverse("admin:integrations_organization_change", args=[world.riverside.pk])
    ann = log_in(world.ann)
    removed = ("", "agent", "basic")
    sent = from_flex(removed, ("lead", "supervisor", "advanced"), ("volunteer", "agent", "basic"))
    assert ann.post(url, ORGANIZATION | sent).status_code == 302
    world.riverside.refresh_from_db()
    kept = {"lead": {"role": "supervisor", "tier": "advanced"}, "volunteer": {"role": "agent", "tier": "basic"}}
    assert world.riverside.flex_roles == kept
    assert ann.post(url, ORGANIZATION).status_code == 302
    world.riverside.refresh_from_db()
    assert world.riverside.flex_roles == kept, "what is not sent stays"
    assert ann.post(url, ORGANIZATION | from_flex()).status_code == 302
    world.riverside.refresh_from_db()
    assert world.riverside.flex_roles == {}, "what is emptied goes"


def test_days_that_are_emptied_take_their_default(world: World, log_in: LogIn) -> None:
    url = reverse("admin:integrations_organization_change", args=[world.riverside.pk])
    assert log_in(world.ann).post(url, ORGANIZATION | {"keep_audit": "", "keep_calls": "7"}).status_code == 302
    world.riverside.refresh_from_db()
    assert world.riverside.retention_days == {"audit": 2190, "calls": 7, "attempts": 30, "deliveries": 30}
    assert world.riverside.origins == []
    assert world.riverside.languages == ["en", "es"]


def test_a_twilio_account_needs_a_token(world: World, log_in: LogIn) -> None:
    url = reverse("admin:integrations_twilioaccount_add")
    facts = {"account_sid": "AC" + "7" * 32, "tokens": ""}
    assert log_in(world.ann).post(url, facts).status_code == 200
    assert log_in(world.ann).post(url, facts | {"tokens": "new\nold"}).status_code == 302
    assert TwilioAccount.objects.get().auth_tokens == ["new", "old"]


def test_nobody_deletes_an_organisation(world: World, root: Client) -> None:
    url = reverse("admin:integrations_organization_delete", args=[world.harbor.pk])
    assert root.post(url, {"post": "yes"}).status_code == 403
    assert Organization.objects.filter(pk=world.harbor.pk).exists()


def test_an_api_key_is_shown_once_and_stored_as_a_hash(world: World, log_in: LogIn) -> None:
    ann = log_in(world.ann)
    tier = world.riverside.tiers.get(name="basic").pk
    facts = {"name": "studio", "tier": tier, "scopes": ["lookup"], "active": "on"}
    made = ann.post(reverse("admin:integrations_apikey_add"), facts)
    key = ApiKey.objects.get(name="studio")
    shown = made.context["key"]
    assert made.status_code == 200
    assert shown in made.content.decode()
    assert "no-store" in made["Cache-Control"]
    assert (key.hash, key.scopes, key.organization) == (hash_api_key(shown), ["lookup"], world.riverside)
    for url in (
        reverse("admin:integrations_apikey_changelist"),
        reverse("admin:integrations_apikey_change", args=[key.pk]),
        reverse("admin:integrations_apikey_history", args=[key.pk]),
    ):
        page = ann.get(url).content.decode()
        assert shown not in page
        assert key.hash not in page
    assert shown not in str(admin_changes(world.riverside))


def test_api_keys_are_deactivated_together_and_each_is_on_record(world: World, filled: Filled, log_in: LogIn) -> None:
    key = filled[ApiKey]
    data = {"action": "deactivate", "_selected_action": [key.pk]}
    log_in(world.ann).post(reverse("admin:integrations_apikey_changelist"), data)
    key.refresh_from_db()
    assert not key.active
    assert [change["model"] for change in admin_changes(world.riverside)] == ["apikey"]


def test_a_rule_takes_the_organisations_own_fields_and_none_that_is_never_shown(
    world: World, filled: Filled, log_in: LogIn
) -> None:
    url = reverse("admin:integrations_tier_change", args=[filled[Tier].pk])
    answer = log_in(world.ann).get(url)
    form = answer.content.decode()
    assert [len(formset.formset.extra_forms) for formset in answer.context["inline_admin_formsets"]] == [0]
    assert 'value="riverside_pet"' in form
    assert 'value="financial"' in form
    assert 'value="ssn"' not in form
    assert 'value="never"' not in form


def test_a_twilio_accounts_key_needs_its_secret_which_is_kept_until_another_is_entered(world: World, log_in: LogIn) -> None:
    ann, add = log_in(world.ann), reverse("admin:integrations_twilioaccount_add")
    facts = {"account_sid": "AC" + "7" * 32, "api_key_sid": "SK" + "7" * 32, "tokens": ""}
    assert "secret" in ann.post(add, facts).context["adminform"].form.errors
    assert ann.post(add, facts | {"secret": "one"}).status_code == 302
    account = TwilioAccount.objects.get()
    url = reverse("admin:integrations_twilioaccount_change", args=[account.pk])
    page = ann.get(url).content.decode()
    assert 'value="one"' not in page
    for sent, kept in (({}, "one"), ({"secret": "two"}, "two"), ({"api_key_sid": "", "tokens": "token"}, "")):
        assert ann.post(url, facts | sent).status_code == 302, sent
        account.refresh_from_db()
        assert account.api_secret == kept
    assert "secret" in ann.post(url, facts).context["adminform"].form.errors


def test_a_twilio_account_takes_no_tier_of_another_organisation(world: World, log_in: LogIn) -> None:
    facts = {"account_sid": "AC" + "7" * 32, "tokens": "token", "tier": world.harbor.tiers.get(name="admin").pk}
    answer = log_in(world.ann).post(reverse("admin:integrations_twilioaccount_add"), facts)
    assert "tier" in answer.context["adminform"].form.errors


def test_what_studio_is_sent_is_ticked_beside_a_warning(world: World, log_in: LogIn) -> None:
    ann = log_in(world.ann)
    url = reverse("admin:integrations_organization_change", args=[world.riverside.pk])
    assert "execution logs keep what is sent" in " ".join(ann.get(url).content.decode().split())
    for ticked in (["customer", "name"], []):
        assert ann.post(url, ORGANIZATION | {"studio_share": ticked}).status_code == 302
        world.riverside.refresh_from_db()
        assert set(world.riverside.studio_share) == set(ticked)
    assert "studio_share" in ann.post(url, ORGANIZATION | {"studio_share": ["phone"]}).context["adminform"].form.errors
