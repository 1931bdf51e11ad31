"""Twilio's webhooks: strangers are refused, on record; what is signed is stored before it is acknowledged, and applied once."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.db import OperationalError
from django.test import AsyncClient
from pytest_django.fixtures import Settings

from integrations.calls import holder_of
from integrations.disclosure.refusals import flush
from integrations.jobs import inbox
from integrations.models import AccessEntry, Call, Organization, Reservation, WebhookDelivery
from integrations.twilio.events import SLOWED, Form
from integrations.webhooks.handlers import HANDLERS
from integrations.webhooks.views import MAX_BODY
from tests.api.test_stack import ask
from tests.factories import World
from tests.twilio.told import ACCOUNT, BEGAN, Story, Told, body_of, sid, signed
from tests.webhooks.conftest import PUBLIC, path_of, send, send_body

FORMS = [Form.TASK_EVENTS, Form.EVENT_STREAMS, Form.VOICE_STATUS]
WORKER = sid("WK", 1)


def story() -> Story:
    made = Story()
    attributes = {"from": "+14155550123", "call_sid": sid("CA", 1)}
    made.task("task.created", sid("WT", 1), attributes, "pending")
    made.accepted(sid("WT", 1), attributes, WORKER, until="accepted")
    made.voice(sid("CA", 1), "completed", 2, From="+14155550123", Direction="inbound", CallDuration="61")
    return made


def of_form(form: Form) -> list[Told]:
    return [one for one in story().told if form in one.forms]


def refusals(organization: Organization | None = None) -> list[tuple[str, str]]:
    flush()
    rows = AccessEntry.objects.filter(event="denied")
    rows = rows.filter(organization=organization) if organization else rows.filter(organization__slug="system")
    return [(row.detail["what"], row.outcome) for row in rows]


def process_all() -> None:
    for pk in WebhookDelivery.objects.filter(state="waiting").values_list("pk", flat=True):
        inbox.process(pk, HANDLERS)


@pytest.mark.parametrize("form", FORMS)
async def test_an_unknown_key_leads_nowhere_and_is_on_record(riverside: World, form: Form) -> None:
    for key in ("0" * 32, riverside.riverside.slug, riverside.riverside.hook_key.upper()):
        answer = await send(key, form, of_form(form))
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")
    assert await sync_to_async(refusals)() == [("webhooks", "not identified"), ("webhooks", "not identified")]
    assert not await WebhookDelivery.objects.aexists()


@pytest.mark.parametrize("form", FORMS)
async def test_what_is_not_signed_or_not_by_this_organisation_is_refused_and_on_record(riverside: World, form: Form) -> None:
    key = riverside.riverside.hook_key
    for token in ("another", "an-auth-token-of-harbor"):
        answer = await send(key, form, of_form(form), token)
        assert (answer.status_code, answer.json()["error"]["code"]) == (401, "unauthenticated")
    body = body_of(form, of_form(form))
    unsigned = await send_body(key, form, body, **{"X-Twilio-Signature": ""})
    assert unsigned.status_code == 401
    assert {what for what, _why in await sync_to_async(refusals)(riverside.riverside)} == {"webhooks"}
    assert await sync_to_async(refusals)(riverside.harbor) == []
    assert not await WebhookDelivery.objects.aexists()


async def test_an_organisation_without_an_account_has_no_way_in(riverside: World) -> None:
    await riverside.riverside.twilio_accounts.all().adelete()
    for token in ("", "an-auth-token-of-riverside"):
        assert (await send(riverside.riverside.hook_key, Form.TASK_EVENTS, of_form(Form.TASK_EVENTS), token)).status_code == 401


@pytest.mark.parametrize("form", FORMS)
async def test_a_body_that_was_changed_is_refused(riverside: World, form: Form) -> None:
    key, body = riverside.riverside.hook_key, body_of(form, of_form(form))
    headers = signed(path_of(key, form), body, json_body=form is Form.EVENT_STREAMS, public=PUBLIC)
    path, kind = headers.pop("path"), headers.pop("Content-Type")
    changed = body.replace(b"14155550123", b"14155550199")
    assert changed != body
    answer = await AsyncClient().post(path, changed, content_type=kind, headers=headers)
    assert answer.status_code == 401


async def test_an_array_that_is_sent_again_as_an_empty_form_is_refused(riverside: World) -> None:
    key, form = riverside.riverside.hook_key, Form.EVENT_STREAMS
    headers = signed(path_of(key, form), body_of(form, of_form(form)), json_body=True, public=PUBLIC)
    path = headers.pop("path")
    headers.pop("Content-Type")
    answer = await AsyncClient().post(path, b"", content_type="application/x-www-form-urlencoded", headers=headers)
    assert answer.status_code == 401


async def test_without_a_public_address_nothing_can_be_verified(riverside: World, settings: Settings) -> None:
    settings.PUBLIC_URL = ""
    assert (await send(riverside.riverside.hook_key, Form.TASK_EVENTS, of_form(Form.TASK_EVENTS))).status_code == 401


async def test_the_log_names_what_came_and_holds_no_value(riverside: World, caplog: pytest.LogCaptureFixture) -> None:
    form = Form.VOICE_STATUS
    body = body_of(form, of_form(form)) + b"&Rosa%20Castillo=1"
    with caplog.at_level(logging.DEBUG):
        await send_body(riverside.riverside.hook_key, form, body, "another")
    assert "webhook.refused" in caplog.text
    assert "CallSid" in caplog.text
    for value in ("4155550123", sid("CA", 1), "Rosa"):
        assert value not in caplog.text


@pytest.mark.parametrize("length", ["told", "not told"])
async def test_a_large_body_is_refused_before_it_is_read(riverside: World, length: str) -> None:
    headers = {"X-Twilio-Signature": "x", "Content-Type": "application/json"}
    if length == "told":
        headers["Content-Length"] = str(MAX_BODY + 1)
    body = b"[" if length == "told" else b"[" * (MAX_BODY + 1)
    status, _sent, content = await ask(path_of(riverside.riverside.hook_key, Form.EVENT_STREAMS), body, headers)
    assert (status, json.loads(content)["error"]["code"]) == (413, "too_large")


async def test_a_stranger_is_refused_before_the_body_is_read(riverside: World) -> None:
    path = path_of(riverside.riverside.hook_key, Form.EVENT_STREAMS)
    status, _sent, _content = await ask(path, b"", {"Content-Length": str(MAX_BODY)})
    assert status == 401


async def test_other_methods_are_refused(riverside: World) -> None:
    answer = await AsyncClient().get(path_of(riverside.riverside.hook_key, Form.TASK_EVENTS))
    assert (answer.status_code, answer["Allow"]) == (405, "POST")


async def test_what_is_signed_and_cannot_be_read_is_told_so(riverside: World) -> None:
    answer = await send_body(riverside.riverside.hook_key, Form.EVENT_STREAMS, b'{"a":')
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_request")


async def test_a_database_that_cannot_store_it_has_it_sent_again(riverside: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: Any) -> None:
        raise OperationalError(1205)

    monkeypatch.setattr(inbox, "store", refuse)
    answer = await send(riverside.riverside.hook_key, Form.TASK_EVENTS, of_form(Form.TASK_EVENTS))
    assert answer.status_code == 503


@pytest.mark.parametrize("form", FORMS)
async def test_it_is_stored_acknowledged_and_put_on_the_queue(
    riverside: World, form: Form, monkeypatch: pytest.MonkeyPatch
) -> None:
    put: list[Any] = []
    monkeypatch.setattr("connie_portal.queue._put", lambda path, ids, after: put.append(ids))
    told = of_form(form)[:1] if form is not Form.EVENT_STREAMS else of_form(form)
    answer = await send(riverside.riverside.hook_key, form, told)
    assert (answer.status_code, answer.content, answer["Content-Type"]) == (204, b"", "application/json")
    rows = [row async for row in WebhookDelivery.objects.order_by("pk")]
    assert [row.organization_id for row in rows] == [riverside.riverside.pk] * len(told)
    assert put == [[row.pk] for row in rows]


async def test_on_the_thin_stack_too(riverside: World) -> None:
    form = Form.TASK_EVENTS
    body = body_of(form, of_form(form))
    headers = signed(path_of(riverside.riverside.hook_key, form), body, public=PUBLIC)
    status, sent, _content = await ask(headers.pop("path"), body, headers)
    assert (status, sent["content-type"], "set-cookie" in sent) == (204, "application/json", False)


async def test_from_twilio_to_who_holds_the_call(riverside: World) -> None:
    riverside.bea.worker_sid = WORKER
    await riverside.bea.asave()
    key = riverside.riverside.hook_key
    for one in reversed(story().told):  # the last first, and each in every form
        for form in (form for form in FORMS if form in one.forms):
            assert (await send(key, form, [one])).status_code == 204
    assert await WebhookDelivery.objects.acount() == len(story().told)
    await sync_to_async(process_all)()
    call = await Call.objects.aget()
    assert (call.number, call.status, call.duration_s) == ("+14155550123", "completed", 61)
    assert await sync_to_async(holder_of)(call) == riverside.bea
    assert not await WebhookDelivery.objects.exclude(state="done").aexists()


async def test_a_request_that_is_replayed_changes_nothing(riverside: World) -> None:
    key, told = riverside.riverside.hook_key, of_form(Form.EVENT_STREAMS)
    for _time in range(2):
        assert (await send(key, Form.EVENT_STREAMS, told)).status_code == 204
        await sync_to_async(process_all)()
    assert await WebhookDelivery.objects.acount() == len(told)
    assert (await Reservation.objects.aget()).state == "accepted"


async def test_events_of_no_use_are_accepted_and_counted_without_what_they_hold(riverside: World) -> None:
    told = [
        Told("worker.activity.update", BEGAN, 1, {"worker_sid": WORKER, "worker_name": "Bea Alvarez"}),
        Told("something.new", BEGAN, 2, {"task_sid": sid("WT", 1)}),
    ]
    raw = [one.raw(Form.EVENT_STREAMS) for one in told]
    limits = {
        "type": f"com.twilio.{SLOWED}",
        "id": "a-cloud-event",
        "time": BEGAN.isoformat(),
        "data": {"account_sid": ACCOUNT},
    }
    body = json.dumps([*raw, limits, {"type": 7}]).encode()
    assert (await send_body(riverside.riverside.hook_key, Form.EVENT_STREAMS, body)).status_code == 204
    rows = [row async for row in WebhookDelivery.objects.order_by("pk")]
    assert [row.kind for row in rows] == ["worker.activity.update", "something.new", SLOWED, "unreadable"]
    assert {(row.state, row.payload) for row in rows} == {("ignored", None)}


async def test_an_event_of_another_account_than_the_one_that_signed_is_not_applied(riverside: World) -> None:
    (one, *_rest) = of_form(Form.EVENT_STREAMS)
    raw = json.loads(json.dumps(one.raw(Form.EVENT_STREAMS)).replace(ACCOUNT, "AC" + "f" * 32))
    answer = await send_body(riverside.riverside.hook_key, Form.EVENT_STREAMS, json.dumps([raw]).encode())
    assert answer.status_code == 204
    assert (await WebhookDelivery.objects.aget()).state == "ignored"
