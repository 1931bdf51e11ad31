"""Secrets that were stored without a reference: what an export shows for them, and what an import makes of that."""

from __future__ import annotations

import pytest

from integrations.models import ApiKey, Connector, TwilioAccount
from tests.configuration.conftest import Command, Write
from tests.factories import World

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def typed(world: World) -> ApiKey:
    """Riverside with secrets that were typed in the admin, and so have no reference."""
    Connector.objects.create(organization=world.riverside, key="crm", kind="hubspot", name="CRM", secrets={"token": "typed"})
    TwilioAccount.objects.create(organization=world.riverside, account_sid="AC" + "1" * 32, auth_tokens=["new", "old"])
    key = ApiKey(organization=world.riverside, name="my key", tier=world.bea.tier, scopes=["lookup"])
    key.set_key("typed-key")
    key.save()
    return key


def test_an_unedited_export_of_what_was_typed_shows_no_difference(typed: ApiKey, run: Command, write: Write) -> None:
    exported = write(run("config", "export", "riverside").out)
    for leave in ((), ("--yes",)):
        done = run("config", "import", str(exported), *leave)
        assert (done.code, "Nothing to change" in done.out) == (0, True), done.out + done.err
    assert (Connector.objects.get().secrets, ApiKey.objects.get().hash) == ({"token": "typed"}, typed.hash)
    assert TwilioAccount.objects.get().auth_tokens == ["new", "old"]


def test_a_condition_on_an_empty_column_has_a_word_in_the_file(world: World, run: Command, write: Write) -> None:
    options = {"url": "mysql://a@b/c", "where": {"left_at": None, "kind": ["client", None], "hidden": 0}}
    Connector.objects.create(organization=world.riverside, key="clients", kind="database", name="Clients", options=options)
    exported = run("config", "export", "riverside").out
    assert 'where = {left_at = "null", kind = ["client", "null"], hidden = 0}' in exported
    done = run("config", "import", str(write(exported)))
    assert (done.code, "Nothing to change" in done.out) == (0, True), done.out + done.err


def test_what_was_typed_survives_a_change_beside_it(typed: ApiKey, run: Command, write: Write) -> None:
    exported = run("config", "export", "riverside").out
    changed = exported.replace('name = "CRM"', 'name = "Our CRM"').replace('scopes = ["lookup"]', 'scopes = ["enrich"]')
    done = run("config", "import", str(write(changed)), "--yes")
    assert done.code == 0, done.err
    connector, key, account = Connector.objects.get(), ApiKey.objects.get(), TwilioAccount.objects.get()
    assert (connector.name, connector.secrets, connector.secret_refs) == ("Our CRM", {"token": "typed"}, {"token": ""})
    assert (key.scopes, key.hash, key.hint, key.reference) == (["enrich"], typed.hash, typed.hint, "")
    assert account.auth_tokens == ["new", "old"]
    assert run("config", "export", "riverside").out == changed


def test_a_placeholder_is_no_secret_for_anything_else(typed: ApiKey, run: Command, write: Write) -> None:
    exported = run("config", "export", "riverside").out
    done = run("config", "import", str(write(exported.replace('key = "crm"', 'key = "copy"'))), "--yes")
    assert done.code == 2
    assert "CHANGE_ME_CRM_TOKEN is not set" in done.err


def test_names_that_share_a_placeholder_keep_a_secret_each(typed: ApiKey, run: Command, write: Write) -> None:
    riverside = typed.organization
    for key in ("crm-a", "crm--a"):
        secrets = {"token": f"of {key}"}
        Connector.objects.create(organization=riverside, key=key, kind="hubspot", name="CRM", secrets=secrets)
    TwilioAccount.objects.create(organization=riverside, account_sid="AC" + "2" * 26 + "1" * 6, auth_tokens=["other", "older"])
    other = ApiKey(organization=riverside, name="my-key", tier=typed.tier, scopes=["lookup"])
    other.set_key("other-key")
    other.save()
    exported = write(run("config", "export", "riverside").out)
    done = run("config", "import", str(exported), "--yes")
    assert (done.code, "Nothing to change" in done.out) == (0, True), done.out + done.err
    assert Connector.objects.get(key="crm--a").secrets == {"token": "of crm--a"}
    assert Connector.objects.get(key="crm-a").secrets == {"token": "of crm-a"}
    assert [key.hash for key in ApiKey.objects.order_by("pk")] == [typed.hash, other.hash]


def test_a_new_name_does_not_take_the_secret_of_one_that_shares_its_placeholder(
    typed: ApiKey, run: Command, write: Write
) -> None:
    Connector.objects.create(
        organization=typed.organization, key="crm-a", kind="hubspot", name="CRM", secrets={"token": "typed"}
    )
    exported = run("config", "export", "riverside").out
    done = run("config", "import", str(write(exported.replace('"crm-a"', '"crm--a"'))), "--yes")
    assert (done.code, "CHANGE_ME_CRM_A_TOKEN is not set" in done.err) == (2, True), done.out + done.err


def test_a_reference_that_looks_like_a_placeholder_is_one_and_has_to_be_set(typed: ApiKey, run: Command, write: Write) -> None:
    Connector.objects.update(secret_refs={"token": "env:CHANGE_ME_CRM_TOKEN"})
    done = run("config", "import", str(write(run("config", "export", "riverside").out)))
    assert (done.code, "CHANGE_ME_CRM_TOKEN is not set" in done.err) == (2, True), done.out + done.err


def test_what_was_typed_does_not_go_to_another_server(
    typed: ApiKey, run: Command, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    Connector.objects.update(options={"base_url": "https://api.hubapi.com"})
    exported = run("config", "export", "riverside").out
    elsewhere = write(exported.replace("https://api.hubapi.com", "https://eu.hubapi.com"))
    done = run("config", "import", str(elsewhere), "--yes")
    assert (done.code, "was entered for another address" in done.err) == (2, True), done.out + done.err
    assert Connector.objects.get().options == {"base_url": "https://api.hubapi.com"}
    monkeypatch.setenv("CHANGE_ME_CRM_TOKEN", "for the new one")
    assert run("config", "import", str(elsewhere), "--yes").code == 0
    assert Connector.objects.get().secrets == {"token": "for the new one"}


def test_what_is_opened_to_a_system_survives_an_export(typed: ApiKey, run: Command, write: Write) -> None:
    Connector.objects.update(allow_private=["10.0.0.5"], hosts=["crm.example.org"])
    exported = run("config", "export", "riverside").out
    assert 'allow_private = ["10.0.0.5"]\nhosts = ["crm.example.org"]' in exported
    done = run("config", "import", str(write(exported)), "--yes")
    assert (done.code, "Nothing to change" in done.out) == (0, True), done.out + done.err
    assert "8.8.8.8" in run("config", "import", str(write(exported.replace("10.0.0.5", "8.8.8.8"))), "--yes").err
