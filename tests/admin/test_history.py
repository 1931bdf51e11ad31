"""What was changed in the settings: who, when, from what to what; and never a secret."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import models
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from integrations import configuration
from integrations.configuration.history import recorded
from integrations.disclosure import audit
from integrations.errors import AuditUnavailable
from integrations.jobs import retention
from integrations.models import (
    ApiKey,
    ConfigurationChange,
    Connector,
    CustomField,
    MenuRule,
    Organization,
    Person,
    Tier,
    TierRule,
    TwilioAccount,
    User,
)
from integrations.models.people import Effect
from integrations.models.registry import REGISTRY
from tests.admin.conftest import AUTH_TOKEN, TOKEN, denials, page, registered, save
from tests.factories import World, make_connector

Filled = dict[type[models.Model], Any]
LogIn = Callable[[Person], Client]


def changes(organization: Organization) -> list[ConfigurationChange]:
    """Changes that a test caused, the first one first."""
    return list(organization.configuration_changes.exclude(who="Riverside Ann").order_by("pk"))


def history(client: Client, row: models.Model, **query: str) -> str:
    response = client.get(reverse(page(type(row), "history"), args=[row.pk]), query)
    assert response.status_code == 200
    return response.content.decode()


def test_another_organisations_admin_sees_and_reaches_no_history(world: World, filled: Filled, log_in: LogIn) -> None:
    connector = filled[Connector]
    save(log_in(world.ann), connector, name="Client records")
    (change,) = changes(world.riverside)
    cy = log_in(world.cy)
    answer = cy.get(reverse(page(Connector, "history"), args=[connector.pk]))
    assert answer.status_code == 302
    assert denials(world.harbor) == ["open connector in admin"]
    shown = cy.get(reverse(page(ConfigurationChange, "changelist"))).content.decode()
    assert "Client records" not in shown
    assert cy.get(reverse(page(ConfigurationChange, "change"), args=[change.pk])).status_code == 302
    assert "Client records" in log_in(world.ann).get(reverse(page(ConfigurationChange, "changelist"))).content.decode()


def test_agents_see_no_history(world: World, filled: Filled, log_in: LogIn) -> None:
    for name, args in (("changelist", []), ("change", [filled[ConfigurationChange].pk])):
        assert log_in(world.bea).get(reverse(page(ConfigurationChange, name), args=args)).status_code in (302, 403)
    assert log_in(world.bea).get(reverse(page(Connector, "history"), args=[filled[Connector].pk])).status_code in (302, 403)


def test_each_changed_field_is_told_from_what_to_what_by_whom(world: World, filled: Filled, log_in: LogIn) -> None:
    ann, connector = log_in(world.ann), filled[Connector]
    save(ann, connector, name="Client records", priority=50, enabled="", **{"option-api_version": "v3"})
    (change,) = changes(world.riverside)
    assert (change.who, change.by, change.what, change.label) == ("Ann", "admin", "changed", "Client records")
    assert change.changes == [
        ["Name", "Riverside CRM", "Client records"],
        ["Enabled", "yes", "no"],
        ["Priority", "100", "50"],
        ["API version", "", "v3"],
    ]
    shown = history(ann, connector)
    assert "Ann" in shown
    assert "Riverside CRM" in shown
    assert "nothing" in shown


def test_what_is_saved_unchanged_is_no_change(world: World, filled: Filled, log_in: LogIn) -> None:
    assert save(log_in(world.ann), filled[Connector]).status_code == 302
    assert changes(world.riverside) == []


def test_a_secret_is_changed_and_nothing_more(world: World, filled: Filled, log_in: LogIn) -> None:
    ann = log_in(world.ann)
    save(ann, filled[Connector], secret_token="pat-typed")
    account = filled[TwilioAccount]
    facts = {"account_sid": account.account_sid, "workspace_sid": "", "tokens": "typed-token"}
    ann.post(reverse(page(TwilioAccount, "change"), args=[account.pk]), facts)
    told = [change.changes for change in changes(world.riverside)]
    assert told == [[["Token", "changed"]], [["Auth tokens", "changed"]]]
    stored = str(list(ConfigurationChange.objects.values()))
    pages = history(ann, filled[Connector]) + history(ann, account)
    for secret in (TOKEN, AUTH_TOKEN, "pat-typed", "typed-token", world.riverside.audit_secret):
        assert secret not in stored
        assert secret not in pages


@pytest.mark.parametrize(
    ("options", "hidden"),
    [
        ({"headers": {"Authorization": "Basic c2VjcmV0"}}, "c2VjcmV0"),
        ({"steps": [{"query": {"api_key": "k-123456"}}]}, "k-123456"),
        ({"url": "mysql://reader:pw-123456@db.example/clients"}, "pw-123456"),
        ({"headers": {"Cookie": "sid=pw-123456"}}, "pw-123456"),
        ({"headers": {"Ocp-Apim-Subscription-Key": "pw-123456"}}, "pw-123456"),
        ({"base_url": "https://api.example.org/?v=1&api_key=pw-123456"}, "pw-123456"),
        ({"addresses": ["https://reader:pw-123456@api.example.org"]}, "pw-123456"),
    ],
)
def test_a_secret_that_was_written_where_none_belongs_is_not_repeated(
    world: World, options: dict[str, Any], hidden: str
) -> None:
    connector = make_connector(world.riverside, "odd", "rest")
    with recorded("Ann", ConfigurationChange.By.ADMIN):
        connector.options = options
        connector.save()
    (change,) = changes(world.riverside)
    assert change.changes
    assert hidden not in str(change.changes)


def test_a_tiers_rules_and_a_persons_user_are_part_of_them(world: World, filled: Filled, log_in: LogIn) -> None:
    tier = world.riverside.tiers.get(name="basic")
    with recorded("Ann", ConfigurationChange.By.ADMIN):
        tier.rules.filter(target="personal").delete()
        TierRule.objects.create(tier=tier, target="date_of_birth", effect=Effect.MASK)
        user = world.user(world.bea)
        user.last_name = "Ruiz"
        user.save()
    told = {change.model: change for change in changes(world.riverside)}
    assert told["tier"].changes == [
        ["Date of birth", "", "masked, cannot be revealed"],
        ["personal", "masked, cannot be revealed", ""],
    ]
    assert told["person"].changes == [["Last name", "", "Ruiz"]]
    assert "Ruiz" in history(log_in(world.ann), world.bea)


def test_a_users_page_tells_of_the_person(world: World, root: Client) -> None:
    user = world.user(world.bea)
    with recorded("Ann", ConfigurationChange.By.ADMIN):
        user.last_name = "Ruiz"
        user.save()
    assert "Ruiz" in history(root, user)


def test_every_model_of_the_configuration_is_remembered(world: World, filled: Filled) -> None:
    saved = (
        (world.riverside, {"region": "CA"}),
        (filled[TwilioAccount], {"workspace_sid": "WS" + "1" * 32}),
        (filled[Connector], {"priority": 1}),
        (filled[CustomField], {"label": "Animal"}),
        (filled[ApiKey], {"expires_at": timezone.now()}),
        (world.riverside.tiers.get(name="basic"), {"name": "plain"}),
        (filled[MenuRule], {"queue": "Care team"}),
        (world.bea, {"team": "night"}),
    )
    with recorded("Ann", ConfigurationChange.By.ADMIN):
        for row, facts in saved:
            for name, value in facts.items():
                setattr(row, name, value)
            row.save()
    told = {change.model for change in changes(world.riverside)}
    assert told == {str(row._meta.model_name) for row, _facts in saved}
    assert told == {str(entry.model._meta.model_name) for entry in REGISTRY if entry.remembered is True}


def test_what_was_made_and_what_is_gone_is_told_with_its_settings(world: World, filled: Filled, log_in: LogIn) -> None:
    ann = log_in(world.ann)
    ann.post(reverse(page(Connector, "add")), {"kind": "hubspot", "key": "second", "name": "Second CRM"})
    second = Connector.objects.get(key="second")
    second.fallback_for = filled[Connector]
    second.save()
    ann.post(reverse(page(Connector, "delete"), args=[filled[Connector].pk]), {"post": "yes"})
    told = {change.what: change for change in changes(world.riverside)}
    assert told["added"].label == "Second CRM"
    assert ["Key", "", "second"] in told["added"].changes
    assert told["deleted"].label == "Riverside CRM"
    assert ["Token", "removed"] in told["deleted"].changes
    assert told["changed"].changes == [["Stands in for", "Riverside CRM", ""]]
    assert "Riverside CRM" in ann.get(reverse(page(ConfigurationChange, "changelist"))).content.decode()


def test_actions_on_several_are_told_of_each(world: World, filled: Filled, log_in: LogIn) -> None:
    other = make_connector(world.riverside, "db", "database")
    data = {"action": "deactivate", "_selected_action": [filled[Connector].pk, other.pk]}
    log_in(world.ann).post(reverse(page(Connector, "changelist")), data)
    told = changes(world.riverside)
    assert {change.label for change in told} == {"Riverside CRM", "Db"}
    assert all(change.changes == [["Enabled", "yes", "no"]] for change in told)


def test_what_is_not_saved_is_not_told(world: World, filled: Filled, log_in: LogIn, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_entry: audit.Entry) -> None:
        raise AuditUnavailable("no disk")

    ann = log_in(world.ann)
    monkeypatch.setattr(audit, "record_anywhere", fail)
    with pytest.raises(AuditUnavailable):
        save(ann, filled[Connector], name="Client records")
    assert changes(world.riverside) == []
    assert Connector.objects.get(pk=filled[Connector].pk).name == "Riverside CRM"


def test_what_nobody_is_named_for_is_not_told(world: World, filled: Filled) -> None:
    with recorded("Ann", ConfigurationChange.By.ADMIN):
        pass
    filled[Connector].name = "Quietly"
    filled[Connector].save()
    assert changes(world.riverside) == []


def test_an_import_is_told_with_what_it_changed(world: World, filled: Filled, tmp_path: Any) -> None:
    text = configuration.export(world.riverside).replace('name = "Riverside CRM"', 'name = "Client records"')
    text = text.replace('region = "US"', 'region = "CA"')
    states = configuration.check(_source(tmp_path, text, world)).wanted
    configuration.apply(states, "carol")
    told = {change.model: change for change in changes(world.riverside)}
    assert {change.who for change in told.values()} == {"carol"}
    assert {change.by for change in told.values()} == {"file"}
    assert told["connector"].changes == [["Name", "Riverside CRM", "Client records"]]
    assert ["Country", "US", "CA"] in told["organization"].changes


def _source(folder: Any, text: str, world: World) -> Any:
    path = folder / "riverside.toml"
    path.write_text(text, encoding="utf-8")
    return configuration.read_source(path)


def test_long_histories_are_paged(world: World, filled: Filled, log_in: LogIn) -> None:
    connector, ann = filled[Connector], log_in(world.ann)
    for count in range(30):
        with recorded("Ann", ConfigurationChange.By.ADMIN):
            connector.name = f"CRM {count}."
            connector.save()
    first, second = history(ann, connector), history(ann, connector, p="2")
    assert "CRM 29." in first
    assert "Page 1 of 2" in first
    assert "CRM 0." not in first
    assert "CRM 0." in second


def test_every_page_has_a_history_that_opens(world: World, filled: Filled, log_in: LogIn, root: Client) -> None:
    for model in registered():
        assert "what was changed" in history(root if model is User else log_in(world.ann), filled[model]), model


def test_the_history_is_kept_as_long_as_the_audit_trail(world: World, filled: Filled) -> None:
    world.riverside.retention_days = {"audit": 400}
    world.riverside.save()
    row = filled[ConfigurationChange]
    for days, gone in ((399, False), (401, True)):
        ConfigurationChange.objects.filter(pk=row.pk).update(at=timezone.now() - timedelta(days=days))
        expired = [one for one in retention.expired(timezone.now()) if one.what == "changes of settings"]
        assert [one.rows.exists() for one in expired if one.whose == "riverside"] == [gone]


def test_tiers_can_be_deleted_with_their_rules(world: World, filled: Filled, log_in: LogIn) -> None:
    tier = Tier.objects.create(organization=world.riverside, name="night")
    TierRule.objects.create(tier=tier, target="basic", effect=Effect.CLEAR)
    log_in(world.ann).post(reverse(page(Tier, "delete"), args=[tier.pk]), {"post": "yes"})
    (change,) = changes(world.riverside)
    assert (change.what, change.label) == ("deleted", "night")
    assert ["basic", "shown", ""] in change.changes
