from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from asgiref.sync import sync_to_async

from integrations import connectors
from integrations.disclosure import audit
from integrations.errors import AuditUnavailable
from integrations.models import AccessEntry, Connector, Organization
from tests.api.conftest import Api
from tests.api.test_lookup import error_of
from tests.factories import World, make_api_key, make_connector
from tests.lookup.fakes import FakeConnector
from tests.lookup.service_fakes import ServiceConnector

PATH = "/api/v1/availability"
MEALS = {"service_type": "meals", "location": "94110"}
PLACE = {"service": "Meals", "location": "Mission kitchen", "next_at": "2026-05-04", "note": "Bring an ID"}
Connect = Callable[..., Any]


@pytest.fixture
def connect(api: Api, world: World, monkeypatch: pytest.MonkeyPatch) -> Connect:
    """Connect systems that know services, beside the one that knows Rosa."""
    known = {"fake": FakeConnector, "services": ServiceConnector}
    monkeypatch.setattr("integrations.lookup.sources.kinds", lambda: known)
    monkeypatch.setattr(connectors, "kinds", lambda: known)
    ServiceConnector.asked.clear()

    async def system(key: str = "care", **options: Any) -> Connector:
        return await sync_to_async(make_connector)(world.riverside, key, "services", timeout_ms=200, options=options)

    return system


async def test_what_is_free_comes_with_places_source_and_time(api: Api, connect: Connect) -> None:
    await connect(places=[PLACE])
    response = await api.post({**MEALS, "date": "2026-05-04"}, PATH)
    assert (response.status_code, response["Cache-Control"]) == (200, "no-store")
    body = response.json()
    assert datetime.fromisoformat(body.pop("as_of")).tzinfo is not None
    assert body == {"status": "available", "available": True, "options": [PLACE], "source": "care"}
    ((_key, question),) = ServiceConnector.asked
    assert (question.service_type, question.location, question.day) == ("meals", "94110", "2026-05-04")


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ([True], "available"),
        ([False], "unavailable"),
        ([None], "unknown"),
        ([], "unknown"),
        ([False, True, None], "available"),
        ([False, None], "unknown"),
        ([False, False], "unavailable"),
    ],
)
async def test_what_several_systems_say_becomes_one_answer(
    api: Api, connect: Connect, said: list[bool | None], status: str
) -> None:
    for number, available in enumerate(said):
        await connect(f"care-{number}", available=available)
    body = (await api.post(MEALS, PATH)).json()
    assert body["status"] == status
    assert body.get("available") == {"available": True, "unavailable": False}.get(status)
    assert ("available" in body) == (status != "unknown")
    assert body["source"] == ", ".join(f"care-{number}" for number in range(len(said)))


@pytest.mark.parametrize("fails", ["timeout", "unavailable", "auth", "rate_limited", "invalid_response", "crash", "hang"])
async def test_a_system_that_fails_takes_nothing_from_the_others(api: Api, connect: Connect, fails: str) -> None:
    await connect("broken", fails=fails)
    body = (await api.post(MEALS, PATH)).json()
    assert (body["status"], body["options"], body["source"]) == ("unknown", [], "")
    await connect("care", places=[PLACE])
    body = (await api.post(MEALS, PATH)).json()
    assert (body["status"], body["options"], body["source"]) == ("available", [PLACE], "care")


async def test_the_same_question_is_asked_once_in_a_minute(api: Api, connect: Connect, world: World) -> None:
    await connect(places=[PLACE])
    first = (await api.post(MEALS, PATH)).json()
    assert (await api.post({**MEALS, "service_type": " Meals"}, PATH)).json() == first
    assert len(ServiceConnector.asked) == 1
    await api.post({**MEALS, "location": "94111"}, PATH)
    await api.post({**MEALS, "date": "2026-05-04"}, PATH)
    assert len(ServiceConnector.asked) == 3
    key, _row = await sync_to_async(make_api_key)(world.harbor)
    assert (await Api(key).post(MEALS, PATH)).json()["status"] == "unknown"


async def test_two_who_ask_at_once_are_one_question(api: Api, connect: Connect) -> None:
    await connect(places=[PLACE])
    answers = await asyncio.gather(*(api.post(MEALS, PATH) for _ in range(3)))
    assert {answer.json()["status"] for answer in answers} == {"available"}
    assert len(ServiceConnector.asked) == 1


async def test_a_failure_is_not_kept(api: Api, connect: Connect) -> None:
    await connect(fails="unavailable")
    for _attempt in range(2):
        await api.post(MEALS, PATH)
    assert len(ServiceConnector.asked) == 2


async def test_a_changed_system_is_asked_anew(api: Api, connect: Connect) -> None:
    row = await connect(available=False)
    assert (await api.post(MEALS, PATH)).json()["status"] == "unavailable"
    row.options = {"available": True}
    await row.asave()
    assert (await api.post(MEALS, PATH)).json()["status"] == "available"


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Pacific/Pago_Pago"])
async def test_without_a_date_it_is_today_where_the_organisation_is(api: Api, connect: Connect, zone: str) -> None:
    await Organization.objects.filter(slug="riverside").aupdate(timezone=zone)
    await connect()
    await api.post({**MEALS, "date": None}, PATH)
    ((_key, question),) = ServiceConnector.asked
    assert question.day == datetime.now(ZoneInfo(zone)).date().isoformat()


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"location": "94110"}, "service_type"),
        ({"service_type": "meals"}, "location"),
        ({**MEALS, "service_type": ""}, "service_type"),
        ({**MEALS, "service_type": "m" * 201}, "service_type"),
        ({**MEALS, "location": ["94110"]}, "location"),
        ({**MEALS, "date": "tomorrow"}, "date"),
        ({**MEALS, "date": "2026-02-30"}, "date"),
        ({**MEALS, "date": "04/05/2026"}, "date"),
        ({**MEALS, "date": 20260504}, "date"),
        ({**MEALS, "date": ""}, "date"),
        ({**MEALS, "date": "2026-05-04T10:00:00Z"}, "date"),
    ],
)
async def test_what_cannot_be_asked_is_refused_by_name(api: Api, connect: Connect, body: Any, field: str) -> None:
    await connect()
    error = await error_of(await api.post(body, PATH), 400)
    assert (error["code"], list(error["fields"])) == ("invalid_request", [field])
    assert ServiceConnector.asked == []


async def test_a_key_without_the_scope_is_refused_and_on_record(api: Api, world: World) -> None:
    key, _row = await sync_to_async(make_api_key)(world.riverside, name="look", scopes=["lookup"])
    assert (await error_of(await Api(key).post(MEALS, PATH), 403))["code"] == "forbidden"
    assert (await AccessEntry.objects.aget()).event == "denied"


async def test_a_body_that_names_another_organisation_is_refused_and_on_record(api: Api, connect: Connect) -> None:
    assert (await error_of(await api.post({**MEALS, "org": "harbor"}, PATH), 403))["code"] == "forbidden"
    entry = await AccessEntry.objects.aget()
    assert (entry.event, entry.detail) == ("denied", {"what": "availability"})


async def test_each_question_is_on_record_without_what_was_typed(api: Api, connect: Connect) -> None:
    await connect()
    await api.post(MEALS, PATH)
    entry = await AccessEntry.objects.aget()
    assert (entry.event, entry.outcome, entry.sources, entry.channel) == ("availability", "available", ["care"], "api")
    assert "meals" not in str(entry.__dict__)


async def test_without_audit_there_is_no_answer(api: Api, connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse(*_entry: object) -> None:
        raise AuditUnavailable

    monkeypatch.setattr(audit, "record", refuse)
    assert (await error_of(await api.post(MEALS, PATH), 503))["code"] == "audit_unavailable"


async def test_the_schema_describes_it(api: Api) -> None:
    assert PATH in (await api.client.get("/api/schema")).content.decode()
