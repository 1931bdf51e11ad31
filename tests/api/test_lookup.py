from __future__ import annotations

import asyncio
import base64
from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.db import OperationalError
from django.utils import timezone

from integrations.disclosure import audit
from integrations.errors import AuditUnavailable
from integrations.models import AccessEntry, ApiKey, Call, Connector, Organization
from integrations.models.snapshots import _seen
from tests.api.conftest import Api
from tests.factories import World, make_api_key
from tests.lookup.fakes import FakeConnector

PHONE = {"phone": "+14155550123"}
KEYS = {"lookup_status", "phone_number", "match_count", "caller", "fields", "matches", "sources", "lookup_timestamp"}


async def error_of(response: Any, status: int) -> dict[str, Any]:
    assert response.status_code == status, response.content
    body = response.json()
    assert set(body) == {"error"}
    assert set(body["error"]) == {"code", "message", "fields"}
    assert body["error"]["message"].endswith(".")
    error: dict[str, Any] = body["error"]
    return error


async def test_one_caller_with_source_and_age_of_every_field(api: Api) -> None:
    response = await api.post(PHONE)
    assert response.status_code == 200
    assert response["Cache-Control"] == "no-store"
    body = response.json()
    assert set(body) == KEYS
    assert (body["lookup_status"], body["phone_number"], body["match_count"]) == ("ok", "+14155550123", 1)
    assert body["caller"] == {"name": "Rosa Castillo", "email": "r•••@mail.org", "notes": "•••"}
    balance = body["fields"]["outstanding_balance"]
    assert (balance["masked"], balance["revealable"], balance["source"], balance["conflicts"]) == (True, True, "clients", [])
    assert body["fields"]["email"]["masked"]
    assert not body["fields"]["email"]["revealable"]
    (source,) = body["sources"]
    assert (source["name"], source["label"], source["kind"], source["status"]) == ("clients", "Clients", "fake", "found")
    assert set(source) == {"name", "label", "kind", "status", "latency_ms", "cached", "age_s"}


async def test_two_who_share_a_lookup_each_see_what_their_own_tier_may_and_each_is_on_record(api: Api, world: World) -> None:
    connector = await Connector.objects.aget(key="clients")
    connector.options = {**connector.options, "delay_s": 0.05}
    await connector.asave()
    key, _row = await sync_to_async(make_api_key)(world.riverside, name="all", tier="admin")
    await api.post({"phone": "+14155550199"})  # the configuration is at hand from now on
    FakeConnector.asked.clear()
    basic, admin = await asyncio.gather(api.post(PHONE), Api(key).post(PHONE))
    assert FakeConnector.asked.count(("clients", "find")) == 1
    assert basic.json()["caller"]["email"] == "r•••@mail.org"
    assert "outstanding_balance" not in basic.json()["caller"]
    assert admin.json()["caller"]["email"] == "rosa@mail.org"
    assert "outstanding_balance" in admin.json()["caller"]
    entries = AccessEntry.objects.filter(event="lookup").order_by("-seq")[:2]
    effects = {entry.tier: {field["field"]: field["effect"] for field in entry.fields} async for entry in entries}
    assert (effects["basic"]["email"], effects["admin"]["email"]) == ("mask", "clear")


async def test_every_key_is_there_when_nobody_is_found(api: Api) -> None:
    await Connector.objects.all().adelete()
    body = (await api.post(PHONE)).json()
    assert set(body) == KEYS
    assert (body["lookup_status"], body["match_count"], body["caller"], body["fields"]) == ("not_found", 0, {}, {})
    assert (body["matches"], body["sources"]) == ([], [])


async def test_a_withheld_number_is_answered_and_not_looked_up(api: Api) -> None:
    body = (await api.post({"phone": "anonymous"})).json()
    assert (body["lookup_status"], body["phone_number"], body["sources"]) == ("withheld", None, [])


async def test_several_people_are_listed_and_none_is_shown(api: Api) -> None:
    people = [{"id": "1", "name": "Rosa"}, {"id": "2", "name": "Luis"}]
    await Connector.objects.all().aupdate(options={"people": people}, version=2)
    body = (await api.post(PHONE)).json()
    assert (body["lookup_status"], body["match_count"], body["caller"], body["fields"]) == ("ambiguous", 2, {}, {})
    assert {match["name"] for match in body["matches"]} == {"Rosa", "Luis"}
    assert all(set(m) == {"match_id", "name", "disambiguator", "why", "sources"} for m in body["matches"])


@pytest.mark.parametrize("phone", [None, 14155550123, "", "abc", "4" * 65, ["+14155550123"], "+1", "client:bob"])
async def test_an_unusable_phone_is_refused_with_a_sentence(api: Api, phone: object) -> None:
    error = await error_of(await api.post({"phone": phone}), 400)
    assert error["code"] == "invalid_phone"
    assert error["fields"]["phone"]


@pytest.mark.parametrize("phone", ["555-0123", "5550123", "+15550123", "867-5309"])
async def test_a_number_without_its_area_code_is_refused_with_what_it_needs(api: Api, phone: str) -> None:
    error = await error_of(await api.post({"phone": phone}), 400)
    assert error["code"] == "invalid_phone"
    assert "needs its area code" in error["fields"]["phone"][0]


@pytest.mark.parametrize("phone", ["999-999-9999", "+10000000000", "1234567890", "Private Number", "Anonymous <sip:x@y>"])
async def test_fillers_and_hidden_callers_are_withheld(api: Api, phone: str) -> None:
    body = (await api.post({"phone": phone})).json()
    assert (body["lookup_status"], body["phone_number"], body["sources"]) == ("withheld", None, [])


async def test_a_shared_number_is_not_found_and_nobody_is_asked(api: Api) -> None:
    await Organization.objects.aupdate(shared_numbers=[PHONE["phone"]])
    _seen.forget()
    body = (await api.post(PHONE)).json()
    assert (body["lookup_status"], body["match_count"], body["caller"], body["matches"], body["sources"]) == (
        "not_found", 0, {}, [], [],
    )  # fmt: skip
    assert body["phone_number"] == PHONE["phone"]


async def test_an_absent_phone_is_refused(api: Api) -> None:
    assert (await error_of(await api.post({}), 400))["code"] == "invalid_phone"


@pytest.mark.parametrize(
    ("extra", "field"),
    [
        ({"deadline_ms": 99}, "deadline_ms"),
        ({"deadline_ms": 6001}, "deadline_ms"),
        ({"deadline_ms": "soon"}, "deadline_ms"),
        ({"call_sid": "C" * 65}, "call_sid"),
        ({"call_sid": {"a": 1}}, "call_sid"),
        ({"refresh": "perhaps"}, "refresh"),
        ({"reason": "x" * 501}, "reason"),
        ({"reason": ""}, "reason"),
        ({"call_sid": " "}, "call_sid"),
        ({"task_sid": ""}, "task_sid"),
    ],
)
async def test_other_fields_that_cannot_be_used_are_named(api: Api, extra: dict[str, Any], field: str) -> None:
    error = await error_of(await api.post({**PHONE, **extra}), 400)
    assert error["code"] == "invalid_request"
    assert list(error["fields"]) == [field]


async def test_unknown_fields_are_ignored(api: Api) -> None:
    assert (await api.post({**PHONE, "colour": "blue", "call_sid": None, "reason": None})).status_code == 200


@pytest.mark.parametrize("body", [b"{", b" ", b"\xff\xfe", b"nan", b"[" * 5_000])
async def test_broken_json_is_refused(api: Api, body: bytes) -> None:
    assert (await error_of(await api.post(body), 400))["code"] == "invalid_json"


@pytest.mark.parametrize("body", [b"[]", b'"+14155550123"', b"null", b"7"])
async def test_json_that_is_no_object_is_refused(api: Api, body: bytes) -> None:
    assert (await error_of(await api.post(body), 400))["code"] == "invalid_request"


@pytest.mark.parametrize("length", [70_000, 1_000_000, 3_000_000])
async def test_a_body_that_is_too_large_is_refused(api: Api, length: int) -> None:
    assert (await error_of(await api.post({"phone": "4" * length}), 413))["code"] == "too_large"


async def test_another_content_type_is_refused(api: Api) -> None:
    response = await api.post(b"phone=1", content_type="text/plain")
    assert (await error_of(response, 415))["code"] == "unsupported_media_type"


async def test_another_method_is_refused(api: Api) -> None:
    response = await api.client.get("/api/v1/lookup", headers=api.headers)
    assert (await error_of(response, 405))["code"] == "method_not_allowed"
    assert response["Allow"] == "POST"


async def test_an_unknown_address_is_refused_in_json(api: Api) -> None:
    assert (await error_of(await api.client.get("/api/v1/nothing", headers=api.headers), 404))["code"] == "not_found"


@pytest.mark.parametrize(
    "header", ["", "Bearer wrong", "Bearer", "Basic !!!", "Digest x", "Basic " + base64.b64encode(b"a:b").decode()]
)
async def test_without_a_good_key_nothing_is_answered(api: Api, header: str) -> None:
    api.headers = {"Authorization": header} if header else {}
    assert (await error_of(await api.post(PHONE), 401))["code"] == "unauthenticated"
    assert not await AccessEntry.objects.exclude(organization__slug="system").aexists()


async def test_the_key_may_come_as_a_basic_password(api: Api) -> None:
    key = api.headers["Authorization"].removeprefix("Bearer ")
    api.headers = {"Authorization": "Basic " + base64.b64encode(f"studio:{key}".encode()).decode()}
    assert (await api.post(PHONE)).status_code == 200


@pytest.mark.parametrize("change", [{"active": False}, {"expires_at": timezone.now() - timedelta(seconds=1)}])
async def test_an_expired_or_deactivated_key_is_refused_and_on_record(api: Api, change: dict[str, Any]) -> None:
    await ApiKey.objects.all().aupdate(**change)
    assert (await error_of(await api.post(PHONE), 401))["code"] == "unauthenticated"
    entry = await AccessEntry.objects.select_related("organization").aget()
    assert (entry.event, entry.organization.slug, entry.actor_label) == ("denied", "riverside", "studio")


async def test_a_key_without_the_scope_is_refused_and_on_record(api: Api, world: World) -> None:
    key, _row = await sync_to_async(make_api_key)(world.riverside, name="health", scopes=["health"])
    assert (await error_of(await Api(key).post(PHONE), 403))["code"] == "forbidden"
    assert (await AccessEntry.objects.aget()).event == "denied"


async def test_another_organisations_key_finds_nothing_of_riverside(api: Api, world: World) -> None:
    key, _row = await sync_to_async(make_api_key)(world.harbor, "admin")
    body = (await Api(key).post(PHONE)).json()
    assert (body["lookup_status"], body["sources"]) == ("not_found", [])
    assert "Rosa" not in str(body)


async def test_without_audit_no_caller_data_leaves(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse(*_entry: object) -> None:
        raise AuditUnavailable

    monkeypatch.setattr(audit, "record", refuse)
    response = await api.post(PHONE)
    assert (await error_of(response, 503))["code"] == "audit_unavailable"
    assert "Rosa" not in response.content.decode()


async def test_each_lookup_has_its_entry_with_call_task_and_reason(api: Api) -> None:
    await api.post({**PHONE, "call_sid": "CA1", "task_sid": "WT1", "reason": "screen"})
    entry = await AccessEntry.objects.aget()
    assert (entry.event, entry.outcome, entry.actor_kind, entry.call_sid) == ("lookup", "ok", "api_key", "CA1")
    assert (entry.task_sid, entry.purpose, entry.channel, entry.sources) == ("WT1", "screen", "api", ["clients"])


async def test_a_reason_reveals_nothing(api: Api) -> None:
    assert "outstanding_balance" not in (await api.post({**PHONE, "reason": "bill"})).json()["caller"]


async def test_a_named_call_is_opened_once_with_its_number_encrypted(api: Api, world: World) -> None:
    for _attempt in range(2):
        await api.post({**PHONE, "call_sid": "CA1"})
    call = await Call.objects.aget()
    assert (call.organization_id, call.number, call.named_by_api) == (world.riverside.pk, "+14155550123", True)
    (stored,) = await sync_to_async(_raw_number)()
    assert "4155550123" not in stored


def _raw_number() -> tuple[str]:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT number FROM integrations_call")
        row: tuple[str] = cursor.fetchone()
        return row


async def test_a_deadline_is_kept(api: Api, world: World) -> None:
    await Connector.objects.all().aupdate(options={"fails": "hang"}, version=2)
    body = (await api.post({**PHONE, "deadline_ms": 100})).json()
    assert (body["lookup_status"], body["sources"][0]["status"]) == ("failed", "timeout")


@pytest.mark.parametrize("name", ["organization", "org"])
async def test_a_body_that_names_another_organisation_is_refused_and_on_record(api: Api, name: str) -> None:
    assert (await error_of(await api.post({**PHONE, name: "harbor"}), 403))["code"] == "forbidden"
    assert (await AccessEntry.objects.aget()).event == "denied"
    assert (await api.post({**PHONE, name: "riverside"})).status_code == 200


async def test_a_database_that_cannot_be_written_is_said_and_nothing_leaves(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    def locked(*_facts: Any, **_more: Any) -> None:
        raise OperationalError("database is locked")

    monkeypatch.setattr(audit, "extend", locked)
    error = await error_of(await api.post({**PHONE, "call_sid": "CA1"}), 503)
    assert error["code"] == "audit_unavailable"
    api.headers = {"Authorization": "Bearer wrong"}
    assert (await error_of(await api.post(PHONE), 401))["code"] == "unauthenticated"


async def test_the_key_is_stored_hashed_only(api: Api) -> None:
    key = api.headers["Authorization"].removeprefix("Bearer ")
    row = await ApiKey.objects.aget()
    assert key not in str(row.__dict__)
    assert row.hint == key[-4:]


async def test_the_schema_describes_the_lookup_and_the_docs_page_opens(api: Api) -> None:
    schema = await api.client.get("/api/schema")
    assert schema.status_code == 200
    assert "/api/v1/lookup" in schema.content.decode()
    assert (await api.client.get("/api/docs")).status_code == 200


async def test_organisations_differ_in_how_they_read_a_national_number(api: Api) -> None:
    await Organization.objects.filter(slug="riverside").aupdate(region="GB")
    assert (await api.post({"phone": "020 7946 0018"})).json()["phone_number"] == "+442079460018"


@pytest.mark.parametrize(
    ("asked", "status", "code"),
    [
        ({"query_params": {"format": "xml"}}, 404, "not_found"),
        ({"headers": {"Accept": "application/xml"}}, 406, "not_acceptable"),
        ({"method": "post"}, 405, "method_not_allowed"),
    ],
)
async def test_the_schema_is_refused_in_the_error_shape(api: Api, asked: dict[str, Any], status: int, code: str) -> None:
    ask = getattr(api.client, asked.pop("method", "get"))
    answer = await ask("/api/schema", **asked)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert answer.json()["error"]["message"]
