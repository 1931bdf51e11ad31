"""Trying a mapping with a pasted record or answer: nobody is asked, and nothing of it is kept."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.serializers import serialize
from django.db import models
from django.test import Client
from django.urls import reverse

from integrations.admin.trial import MAX_SAMPLE
from integrations.disclosure import audit
from integrations.errors import AuditUnavailable
from integrations.models import AccessEntry, Connector, Person, TierRule
from integrations.models.people import Effect
from tests.factories import World, make_connector
from tests.known_callers import ROSA, Source, install_fake_kind
from tests.lookup.fakes import FakeConnector

LogIn = Callable[[Person], Client]
FIXTURES = Path(__file__).resolve().parents[1] / "connectors"


@pytest.fixture
def source(world: World, monkeypatch: pytest.MonkeyPatch) -> Source:
    install_fake_kind(monkeypatch)
    monkeypatch.setattr("integrations.admin.connector_form.kinds", lambda: {"fake": FakeConnector})
    return Source(world)


def read(client: Client, connector: Connector, sample: Any) -> str:
    text = sample if isinstance(sample, str) else json.dumps(sample)
    response = client.post(reverse("admin:integrations_connector_try_it", args=[connector.pk]), {"sample": text})
    assert response.status_code == 200
    assert "no-store" in response["Cache-Control"]
    return str(response.context.get("problem") or "") + _tables(response.content.decode())


def _tables(html: str) -> str:
    """The page without the input, which repeats what was pasted."""
    head, _textarea, rest = html.partition("<textarea")
    return head + rest.partition("</textarea>")[2]


def test_nobody_else_can_read_a_sample(world: World, log_in: LogIn, root: Client, source: Source) -> None:
    for person in (world.bea, world.cy):
        url = reverse("admin:integrations_connector_try_it", args=[source.row.pk])
        assert log_in(person).post(url, {"sample": json.dumps(ROSA)}).status_code in (302, 403, 404)
    assert "Only people of this organisation" in read(root, source.row, ROSA)
    assert not AccessEntry.objects.filter(event="lookup").exists()


def test_a_pasted_record_is_read_without_asking_anyone_and_on_record_once(world: World, log_in: LogIn, source: Source) -> None:
    html = read(log_in(world.ann), source.row, ROSA)
    assert "Read without asking anyone: 7 of 7 fields have something there." in html
    assert "Rosa Castillo" in html
    assert "What was sent" not in html
    assert FakeConnector.asked == []
    entry = AccessEntry.objects.get(event="lookup")
    assert (entry.actor_label, entry.channel, entry.purpose) == ("Ann", "admin", "Trying the system Clients")
    assert entry.subject_key == ""
    assert {shown["field"] for shown in entry.fields} == set(FakeConnector.field_table)


def test_what_is_read_is_masked_by_the_testers_tier(world: World, log_in: LogIn, source: Source) -> None:
    TierRule.objects.create(tier=world.ann.tier, target="email", effect=Effect.MASK)
    TierRule.objects.create(tier=world.ann.tier, target="notes", effect=Effect.HIDE)
    html = read(log_in(world.ann), source.row, ROSA)
    assert "rosa@mail.org" not in html
    assert "Prefers mornings" not in html
    assert "found, not shown to you" in html


def test_what_is_never_shown_is_dropped_and_said_so(world: World, log_in: LogIn, source: Source) -> None:
    html = read(log_in(world.ann), source.row, {**ROSA, "ssn": "078051120", "card": {"creditCardNumber": "4242424242424242"}})
    assert html.count("nobody may ever see this") == 2
    assert "dropped: named like a social security number; nobody may ever see this" in html
    assert "<td>ssn</td>" in html
    assert "078051120" not in html
    assert "4242424242424242" not in html


def test_what_a_live_answer_holds_of_it_is_named_too(world: World, log_in: LogIn, source: Source) -> None:
    source.answers(people=[{**ROSA, "ssn": "078051120"}])
    url = reverse("admin:integrations_connector_try_it", args=[source.row.pk])
    html = log_in(world.ann).post(url, {"number": "(415) 555-0123"}).content.decode()
    assert "dropped: named like a social security number" in html
    assert "078051120" not in html


def test_fields_without_a_value_are_folded_away(world: World, log_in: LogIn, source: Source) -> None:
    html = read(log_in(world.ann), source.row, {"id": "1", "name": "Rosa Castillo"})
    assert "6 fields have nothing there" in html
    shown, _folded, rest = html.partition("6 fields have nothing there")
    assert "Rosa Castillo" in shown
    assert "nothing there" not in shown.partition("What was read")[2]
    assert rest.count("<td>nothing there</td>") == 6


def test_of_several_records_the_first_is_read(world: World, log_in: LogIn, source: Source) -> None:
    html = read(log_in(world.ann), source.row, [ROSA, {**ROSA, "id": "2", "name": "Luis Castillo"}])
    assert "The sample holds 2 records; this is the first." in html
    assert "Luis" not in html


@pytest.mark.parametrize(
    ("sample", "says"),
    [
        ("", "Paste a record or an answer first"),
        ("{'id': 1}", "This is not JSON: look at line 1, column 2."),
        ('{"id":\n nonsense}', "This is not JSON: look at line 2, column 2."),
        ("[" * 5_000, "This is not JSON"),
        ("[" * 900 + "]" * 900, "no record in the sample"),
        ("17", "This is not what the system would send: no record in the sample."),
        ("[]", "no record in the sample"),
        ('{"results": [1]}', "no record in the sample"),
        ('"' + "x" * MAX_SAMPLE + '"', "The sample is larger than 64 KB."),
    ],
)
def test_what_cannot_be_read_is_refused_in_a_sentence(
    world: World, log_in: LogIn, source: Source, sample: str, says: str
) -> None:
    assert says in read(log_in(world.ann), source.row, sample)
    assert not AccessEntry.objects.filter(event="lookup").exists()


def test_nothing_of_a_sample_is_stored_or_logged(
    world: World, log_in: LogIn, source: Source, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    ann = log_in(world.ann)
    read(ann, source.row, {**ROSA, "name": "Zebedee Quill", "outstanding_balance": "lots-of-quills"})
    read(ann, source.row, '{"name": "Zebedee Quill"')
    rows = [row for model in _models() for row in model._base_manager.all()]
    assert rows
    assert "Quill" not in serialize("json", [row for row in rows if not _is_encrypted(row)])
    assert "uill" not in caplog.text + "".join(capsys.readouterr())


def _models() -> list[type[models.Model]]:
    from django.apps import apps

    return list(apps.get_app_config("integrations").get_models())


def _is_encrypted(row: models.Model) -> bool:
    return any("Encrypted" in type(column).__name__ for column in row._meta.concrete_fields)


def test_what_cannot_be_put_on_record_is_not_shown(
    world: World, log_in: LogIn, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann = log_in(world.ann)

    async def unavailable(*_: object) -> None:
        raise AuditUnavailable("the database is gone")

    monkeypatch.setattr(audit, "record", unavailable)
    html = read(ann, source.row, ROSA)
    assert AuditUnavailable.public_message in html
    assert "Rosa" not in html


REST = {
    "base_url": "https://clients.example",
    "lookup": {
        "steps": [
            {"path": "/clients", "query": {"phone": "{phone}"}, "records": "clients", "map": {"id": "id", "name": "who"}},
            {"path": "/cases/{record_id}", "records": "cases", "map": {"status": "state"}},
        ]
    },
}


@pytest.mark.parametrize(
    ("kind", "facts", "sample", "shows"),
    [
        ("database", {"options": {"url": "sqlite:///c.sqlite3"}}, {"id": 7, "name": "Rosa", "mobile": "4155550123"}, "Rosa"),
        ("hubspot", {"secrets": {"token": "t"}}, "hubspot/fixtures/found.json", "Rosa Castillo"),
        ("hubspot", {"secrets": {"token": "t"}}, {"id": "1", "properties": {"firstname": "Rosa", "vip": True}}, "Rosa"),
        ("rest", {"options": REST}, {"clients": [{"id": 7, "who": "Rosa"}]}, "Rosa"),
        ("rest", {"options": REST}, {"id": 7, "who": "Rosa"}, "Rosa"),
        ("rest", {"options": REST}, {"cases": [{"state": "on hold"}]}, "on hold"),
        (
            "directory",
            {"options": {"phone_columns": ["mobile"], "id_column": "client_id"}, "fields": {"programs": "program"}},
            {"Client ID": 17, "Name": "Rosa", "Mobile": "(415) 555-0123", "Program": "Lunch", "SSN": "078-05-1120"},
            "Lunch",
        ),
    ],
)
def test_each_kind_reads_what_it_would_be_sent(
    world: World, log_in: LogIn, kind: str, facts: dict[str, Any], sample: Any, shows: str
) -> None:
    connector = make_connector(world.riverside, "clients", kind, **facts)
    text = (FIXTURES / sample).read_text(encoding="utf-8") if isinstance(sample, str) else sample
    html = read(log_in(world.ann), connector, text)
    assert "Read without asking anyone" in html
    assert shows in html
    assert "078-05-1120" not in html


def test_salesforce_reads_each_object_by_its_own_map(world: World, log_in: LogIn) -> None:
    facts = {
        "options": {"base_url": "https://riverside.my.salesforce.com"},
        "secrets": {"client_id": "c", "client_secret": "s"},
    }
    connector = make_connector(world.riverside, "sf", "salesforce", **facts)
    ann = log_in(world.ann)
    found = (FIXTURES / "salesforce/fixtures/found.json").read_text(encoding="utf-8")
    assert "Rosa Castillo" in read(ann, connector, found)
    assert "Rosa" in read(ann, connector, {"Id": "003Hs00004aRosaIAI", "FirstName": "Rosa", "Name": "Rosa"})
    unknown = {"Id": "003Hs00004aRosaIAI", "attributes": {"type": "Opportunity"}}
    assert "Nothing in the sample is a record that this system looks for." in read(ann, connector, unknown)


def test_what_a_row_of_a_list_lacks_is_said(world: World, log_in: LogIn) -> None:
    facts = {"phone_columns": ["mobile"], "id_column": "client_id"}
    connector = make_connector(world.riverside, "clients", "directory", options=facts)
    ann = log_in(world.ann)
    assert "the list has no column" in read(ann, connector, {"Name": "Rosa"})
    assert "not a phone number" in read(ann, connector, {"Client ID": "1", "Mobile": "call her son"})


def test_a_system_that_is_not_set_up_says_so(world: World, log_in: LogIn) -> None:
    connector = make_connector(world.riverside, "crm", "hubspot")
    assert "Something is missing or wrong in the settings" in read(log_in(world.ann), connector, ROSA)


def test_a_sample_is_no_number_that_was_tried(world: World, log_in: LogIn, source: Source) -> None:
    ann = log_in(world.ann)
    read(ann, source.row, ROSA)
    steps = ann.get(reverse("admin:index")).context["overviews"][0].steps
    assert [step.done for step in steps][1] is False
