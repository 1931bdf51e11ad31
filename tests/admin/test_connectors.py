"""Connected systems: what is refused when it is saved, and what is never shown."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.messages import get_messages
from django.db import OperationalError, models
from django.http import HttpRequest
from django.test import Client
from django.urls import reverse
from pytest_django.fixtures import Settings

from integrations.disclosure import audit
from integrations.errors import AuditUnavailable
from integrations.lookup.probes import Probe, probe_one
from integrations.lookup.sources import plan_with
from integrations.models import AccessEntry, Call, CallRecord, ConfigurationChange, Connector, Person, TwilioAccount
from tests.admin.conftest import AUTH_TOKEN, NUMBER, TOKEN, admin_changes, denials, facts_of, page, registered, save
from tests.factories import World, make_connector

Filled = dict[type[models.Model], Any]
LogIn = Callable[[Person], Client]


def test_a_saved_connector_is_a_new_version_and_on_record(world: World, filled: Filled, log_in: LogIn) -> None:
    connector = filled[Connector]
    assert save(log_in(world.ann), connector, name="Client records").status_code == 302
    stored = Connector.objects.get(pk=connector.pk)
    assert (stored.name, stored.version) == ("Client records", connector.version + 1)
    (change,) = admin_changes(world.riverside)
    assert (change["model"], change["changed"]) == ("connector", ["name"])


def test_options_that_the_kind_does_not_know_are_refused(world: World, log_in: LogIn) -> None:
    row = make_connector(world.riverside, "members", "database", enabled=False)
    sent = {"option-url": "sqlite:///members.sqlite3", "options": '{"colour": "blue"}'}
    answer = save(log_in(world.ann), row, **sent)
    assert answer.status_code == 200
    assert "colour" in " ".join(answer.context["adminform"].form.errors["options"])
    assert Connector.objects.get(pk=row.pk).options == {}


def test_a_mapping_that_cannot_work_is_refused(world: World, filled: Filled, log_in: LogIn) -> None:
    connector, ann = filled[Connector], log_in(world.ann)
    for name, expression in (("email", "properties.["), ("notes", "properties.ssn")):
        answer = save(ann, connector, **{f"fields-{name}": expression})
        assert answer.status_code == 200, name
        assert name in " ".join(answer.context["adminform"].form.errors["fields"])
        assert f'value="{expression}"' in answer.content.decode()
    connector.fields = {"nickname": "properties.nick"}
    connector.save()
    answer = save(ann, connector)
    assert "nickname" in " ".join(answer.context["adminform"].form.errors["fields"])


def test_a_field_is_read_from_elsewhere_left_out_or_as_usual(world: World, filled: Filled, log_in: LogIn) -> None:
    connector, ann = filled[Connector], log_in(world.ann)
    html = ann.get(reverse("admin:integrations_connector_change", args=[connector.pk])).content.decode()
    assert "<code>properties.email</code>" in html
    sent = {"fields-riverside_pet": " properties.pet ", "fields-notes-left-out": "on", "fields-email": ""}
    assert save(ann, connector, **sent).status_code == 302
    assert Connector.objects.get(pk=connector.pk).fields == {"riverside_pet": "properties.pet", "notes": False}
    assert admin_changes(world.riverside)[-1]["changed"] == ["fields"]
    html = ann.get(reverse("admin:integrations_connector_change", args=[connector.pk])).content.decode()
    assert 'name="fields-riverside_pet" value="properties.pet"' in html
    assert re.search(r'name="fields-notes-left-out"[^>]* checked', html)


def test_what_a_program_does_not_send_stays_as_it_is(world: World, filled: Filled, log_in: LogIn) -> None:
    connector = filled[Connector]
    Connector.objects.filter(pk=connector.pk).update(fields={"notes": False}, cache={"fresh_s": 60}, limits={"rps": 2})
    facts = facts_of(connector, name="Renamed")
    sent = {name: value for name, value in facts.items() if not name.startswith(("fields-", "cache-", "limits-"))}
    url = reverse("admin:integrations_connector_change", args=[connector.pk])
    assert log_in(world.ann).post(url, sent).status_code == 302
    stored = Connector.objects.get(pk=connector.pk)
    assert (stored.name, stored.fields, stored.cache, stored.limits) == (
        "Renamed", {"notes": False}, {"fresh_s": 60}, {"rps": 2},
    )  # fmt: skip


def test_what_would_break_a_lookup_is_refused(world: World, filled: Filled, log_in: LogIn) -> None:
    ann = log_in(world.ann)
    for sent, place in (
        ({"limits-rps": "-1"}, "limits-rps"),
        ({"limits-rps": "nan"}, "limits-rps"),
        ({"limits-concurrency": "1.5"}, "limits-concurrency"),
        ({"cache-fresh_s": "soon"}, "cache-fresh_s"),
        ({"cache-fresh_s": "-1"}, "cache-fresh_s"),
        ({"cache-fresh_s": "60", "cache-stale_s": "30"}, "cache-fresh_s"),
        ({"details_by": "nobody"}, "details_by"),
        ({"region": "XX"}, "region"),
    ):
        answer = save(ann, filled[Connector], **sent)
        assert answer.status_code == 200, sent
        assert place in answer.context["adminform"].form.errors, sent
    row = make_connector(world.riverside, "members", "database", enabled=False)
    for text in ("[1]", "7", '"url"'):
        answer = save(ann, row, options=text)
        assert "options" in answer.context["adminform"].form.errors, text


def test_the_country_of_a_systems_numbers_is_chosen_and_on_record(world: World, filled: Filled, log_in: LogIn) -> None:
    connector = filled[Connector]
    ann = log_in(world.ann)
    assert save(ann, connector, region="MX").status_code == 302
    _plan, source = plan_with(world.riverside.pk, connector.pk)
    assert source.connector is not None
    assert (source.connector.settings.region, source.connector.settings.home) == ("MX", "US")
    (change,) = [
        change for change in ConfigurationChange.objects.all() if "country of its numbers" in str(change.changes).lower()
    ]
    assert "MX" in str(change.changes)


def test_emptied_inputs_are_stored_as_nothing(world: World, filled: Filled, log_in: LogIn) -> None:
    connector = filled[Connector]
    connector.fields, connector.cache, connector.limits = {"notes": False}, {"fresh_s": 60}, {"rps": 2, "concurrency": 3}
    connector.save()
    sent = {"fields-notes-left-out": "", "cache-fresh_s": "", "limits-rps": "", "limits-concurrency": ""}
    facts = facts_of(connector, **sent)
    del facts["fields-notes-left-out"]  # as a browser sends a box without its mark
    url = reverse("admin:integrations_connector_change", args=[connector.pk])
    assert log_in(world.ann).post(url, facts).status_code == 302
    stored = Connector.objects.get(pk=connector.pk)
    assert (stored.options, stored.limits, stored.cache, stored.fields) == ({}, {}, {}, {})


def test_a_limit_that_is_null_is_none_and_breaks_no_lookup(world: World, filled: Filled, log_in: LogIn) -> None:
    """The limit is as an earlier version stored it."""
    connector = filled[Connector]
    Connector.objects.filter(pk=connector.pk).update(limits={"rps": 2, "concurrency": None}, cache={"fresh_s": None})
    assert plan_with(world.riverside.pk, connector.pk)[1].connector is not None
    connector.refresh_from_db()
    assert save(log_in(world.ann), connector).status_code == 302
    stored = Connector.objects.get(pk=connector.pk)
    assert (stored.limits, stored.cache) == ({"rps": 2}, {})


def test_a_system_without_the_secret_that_it_needs_is_refused(world: World, log_in: LogIn) -> None:
    bare = make_connector(world.riverside, "crm", "hubspot")
    errors = save(log_in(world.ann), bare).context["adminform"].form.errors
    assert errors == {"secret_token": ["Enter this; the sign-in with a token cannot do without it."]}
    errors = save(log_in(world.ann), bare, **{"option-sign_in": "oauth"}).context["adminform"].form.errors
    assert errors == {"secret_client_id": ["Enter this; the sign-in with OAuth cannot do without it."]}


def test_systems_do_not_refer_to_each_other_in_a_circle(world: World, filled: Filled, log_in: LogIn) -> None:
    connector, ann = filled[Connector], log_in(world.ann)
    other = make_connector(world.riverside, "db", "hubspot", fallback_for=connector, details_by="crm")
    assert save(ann, connector, fallback_for=other.pk).status_code == 200
    assert save(ann, connector, fallback_for=connector.pk).status_code == 200
    assert save(ann, connector, details_by="db").status_code == 200
    assert save(ann, connector, details_by="crm").status_code == 200
    assert save(ann, connector, details_by="field:email").status_code == 302


def test_the_time_to_wait_is_bounded(world: World, filled: Filled, log_in: LogIn) -> None:
    for timeout in ("49", "6001"):
        assert save(log_in(world.ann), filled[Connector], timeout_ms=timeout).status_code == 200, timeout


def test_a_connector_stands_in_only_for_one_of_its_own_organisation(world: World, filled: Filled, log_in: LogIn) -> None:
    theirs = make_connector(world.harbor, "crm", "hubspot")
    assert save(log_in(world.ann), filled[Connector], fallback_for=theirs.pk).status_code == 200
    assert save(log_in(world.ann), filled[Connector], details_by="nobody").status_code == 200


def test_private_addresses_are_opened_by_superusers_alone(world: World, filled: Filled, root: Client, log_in: LogIn) -> None:
    connector = filled[Connector]
    save(log_in(world.ann), connector, allow_private="10.0.0.5", hosts="crm.example.org")
    kept = Connector.objects.get(pk=connector.pk)
    assert (kept.allow_private, kept.hosts) == ([], [])
    assert denials(world.riverside) == ["allow private addresses", "allow other hosts"]
    assert save(root, connector, allow_private="10.0.0.5, db.internal", hosts="crm.example.org").status_code == 302
    kept = Connector.objects.get(pk=connector.pk)
    assert (kept.allow_private, kept.hosts) == (["10.0.0.5", "db.internal"], ["crm.example.org"])


@pytest.mark.parametrize(
    ("entered", "said"),
    [("true", "CONNIE_ALLOW_PRIVATE=1"), ("8.8.8.8", "is not private"), ("0.0.0.0/0", "is not private"),
     ("10.0.0.5/8", "is no network"), ("127.0.0.1", "is not private"), ("a b", "no host name"), ("https://x", "no network")],
)  # fmt: skip
def test_what_is_opened_is_named_and_private(filled: Filled, root: Client, entered: str, said: str) -> None:
    answer = save(root, filled[Connector], allow_private=entered)
    assert said in answer.context["errors"][0][0]
    assert not Connector.objects.get(pk=filled[Connector].pk).allow_private


def test_any_private_address_is_open_where_the_installation_says_so(filled: Filled, root: Client, settings: Settings) -> None:
    settings.ALLOW_PRIVATE = True
    assert save(root, filled[Connector], allow_private="true").status_code == 302
    assert Connector.objects.get(pk=filled[Connector].pk).allow_private is True


def test_an_empty_secret_keeps_what_is_stored_and_a_new_one_replaces_it(world: World, filled: Filled, log_in: LogIn) -> None:
    connector = filled[Connector]
    connector.secret_refs = {"token": "env:HUBSPOT_TOKEN"}
    connector.save()
    ann = log_in(world.ann)
    save(ann, connector, secret_token="")
    assert Connector.objects.get(pk=connector.pk).secrets == {"token": TOKEN}
    save(ann, connector, secret_token="pat-new")
    stored = Connector.objects.get(pk=connector.pk)
    assert stored.secrets == {"token": "pat-new"}
    assert stored.secret_refs == {}  # the file's reference no longer names this value


def test_no_page_holds_a_secret_or_a_number(world: World, filled: Filled, log_in: LogIn) -> None:
    ann = log_in(world.ann)
    hidden = (TOKEN, AUTH_TOKEN, world.riverside.audit_secret, NUMBER, NUMBER[2:], "gAAAA")
    for model in registered():
        for action, args in (("changelist", []), ("change", [filled[model].pk]), ("history", [filled[model].pk])):
            shown = ann.get(reverse(page(model, action), args=args)).content.decode()
            assert not [secret for secret in hidden if secret in shown], (model, action)


def test_a_refused_form_does_not_send_the_secret_back(world: World, filled: Filled, log_in: LogIn) -> None:
    answer = save(log_in(world.ann), filled[Connector], secret_token="pat-typed", timeout_ms="1")
    assert answer.status_code == 200
    assert "pat-typed" not in answer.content.decode()


def test_secrets_are_in_no_log_of_changes(world: World, filled: Filled, log_in: LogIn) -> None:
    ann = log_in(world.ann)
    save(ann, filled[Connector], secret_token="pat-typed")
    account = filled[TwilioAccount]
    ann.post(
        reverse("admin:integrations_twilioaccount_change", args=[account.pk]),
        {"account_sid": account.account_sid, "workspace_sid": "", "tokens": "typed-token", "new_auth_token": "typed-token"},
    )
    stored = str(list(LogEntry.objects.values())) + str(list(AccessEntry.objects.values()))
    assert "pat-typed" not in stored
    assert "typed-token" not in stored
    assert "typed-token" in TwilioAccount.objects.get(pk=account.pk).auth_tokens


def test_connectors_are_deactivated_together(world: World, filled: Filled, log_in: LogIn) -> None:
    data = {"action": "deactivate", "_selected_action": [filled[Connector].pk]}
    log_in(world.ann).post(reverse("admin:integrations_connector_changelist"), data)
    assert not Connector.objects.get(pk=filled[Connector].pk).enabled
    assert [change["changed"] for change in admin_changes(world.riverside)] == [["enabled"]]


def test_a_deleted_connector_is_on_record(world: World, filled: Filled, log_in: LogIn) -> None:
    ann = log_in(world.ann)
    for connector, url, data in (
        (filled[Connector], reverse("admin:integrations_connector_delete", args=[filled[Connector].pk]), {"post": "yes"}),
        (
            other := make_connector(world.riverside, "db", "database"),
            reverse("admin:integrations_connector_changelist"),
            {"action": "delete_selected", "_selected_action": [other.pk], "post": "yes"},
        ),
    ):
        ann.post(url, data)
        assert not Connector.objects.filter(pk=connector.pk).exists()
    assert [change["model"] for change in admin_changes(world.riverside)] == ["connector", "connector"]


def test_deleting_counts_callers_records_and_does_not_name_them(world: World, filled: Filled, log_in: LogIn) -> None:
    CallRecord.objects.create(call=filled[Call], connector=filled[Connector], record_id="contact-778")
    answer = log_in(world.ann).get(reverse("admin:integrations_connector_delete", args=[filled[Connector].pk]))
    assert "Riverside CRM" in answer.content.decode()
    assert "contact-778" not in answer.content.decode()


def test_what_cannot_be_put_on_record_is_not_deleted(
    world: World, filled: Filled, log_in: LogIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_entry: audit.Entry) -> None:
        raise AuditUnavailable("no disk")

    ann = log_in(world.ann)
    monkeypatch.setattr(audit, "record_anywhere", fail)
    for action in ("delete_selected", "deactivate"):
        data = {"action": action, "_selected_action": [filled[Connector].pk], "post": "yes"}
        with pytest.raises(AuditUnavailable):
            ann.post(reverse("admin:integrations_connector_changelist"), data)
        assert Connector.objects.get(pk=filled[Connector].pk).enabled


def test_what_could_not_be_deleted_is_not_on_record_as_deleted(
    world: World, filled: Filled, log_in: LogIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_request: HttpRequest, _rows: object) -> None:
        raise OperationalError("the database is gone")

    monkeypatch.setattr(admin.site.get_model_admin(Connector), "delete_queryset", fail)
    data = {"action": "delete_selected", "_selected_action": [filled[Connector].pk], "post": "yes"}
    with pytest.raises(OperationalError):
        log_in(world.ann).post(reverse("admin:integrations_connector_changelist"), data)
    assert admin_changes(world.riverside) == []


def test_a_connector_of_a_kind_that_is_gone_can_still_be_opened(world: World, log_in: LogIn) -> None:
    gone = make_connector(world.riverside, "old", "telex")
    assert log_in(world.ann).get(reverse("admin:integrations_connector_change", args=[gone.pk])).status_code == 200
    answer = save(log_in(world.ann), gone)
    assert answer.status_code == 200
    assert "telex" in answer.content.decode()


def test_an_empty_list_says_what_to_do_next(world: World, log_in: LogIn) -> None:
    shown = log_in(world.cy).get(reverse("admin:integrations_connector_changelist")).content.decode()
    assert "No system connected yet" in shown


def test_calls_are_named_by_the_end_of_their_number(world: World, filled: Filled, log_in: LogIn) -> None:
    shown = log_in(world.ann).get(reverse("admin:integrations_call_changelist")).content.decode()
    assert "caller ending 0142" in shown


def test_what_the_portal_writes_itself_cannot_be_written_here(world: World, filled: Filled, root: Client) -> None:
    for name in ("accessentry", "call", "calltask", "reservation", "panelopening"):
        row = next(row for model, row in filled.items() if model._meta.model_name == name)
        assert root.get(reverse(f"admin:integrations_{name}_add")).status_code == 403, name
        for action in ("change", "delete"):
            url = reverse(f"admin:integrations_{name}_{action}", args=[row.pk])
            assert root.post(url, {"post": "yes"}).status_code == 403, (name, action)


def test_saving_says_whether_the_system_answers(
    world: World, filled: Filled, log_in: LogIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann, connector = log_in(world.ann), make_connector(world.riverside, "members", "database")
    connector.options = {"url": "sqlite:///members.sqlite3"}
    connector.save()

    def said() -> str:
        response = save(ann, connector)
        assert response.status_code == 302
        return " ".join(str(message) for message in get_messages(response.wsgi_request))

    monkeypatch.setattr("integrations.admin.connectors.probe_one", probe_one)
    assert "Saved, but Members cannot be used as it is." in said()

    async def degraded(*_: object) -> Probe:
        return Probe("members", "members", False, "degraded", "Most of the day's requests are used.")

    monkeypatch.setattr("integrations.admin.connectors.probe_one", degraded)
    assert "Saved. Members can be used, but: Most of the day's requests are used." in said()

    async def healthy(*_: object) -> Probe:
        return Probe("members", "members", False, "healthy", "")

    monkeypatch.setattr("integrations.admin.connectors.probe_one", healthy)
    assert "Members answers and accepts the sign-in." in said()


def test_the_form_says_which_limits_hold_where_none_are_entered(world: World, log_in: LogIn) -> None:
    ann = log_in(world.ann)
    for kind, said in (
        ("hubspot", "Empty: 5. HubSpot answers five searches a second"),
        ("salesforce", "Empty: 20."),
        ("rest", "Empty: without a limit."),
    ):
        row = make_connector(world.riverside, f"the-{kind}", kind)
        page = ann.get(reverse("admin:integrations_connector_change", args=[row.pk])).content.decode()
        assert said in page, kind
