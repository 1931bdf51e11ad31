"""Each preset against an answer in its vendor's shape."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from integrations.connectors.base import AvailabilityQuestion, DetailKeys
from integrations.deadline import Deadline
from integrations.errors import InvalidResponse
from tests.connectors.contract import NUMBER
from tests.connectors.rest.conftest import rest
from tests.http_stub import Stub, reply

KEYS = DetailKeys(record_ids={"clients": "c-7"}, email="rosa@mail.org", phone=NUMBER.e164)
TOKEN = {"token": "t"}
QUESTION = AvailabilityQuestion("meals", "94110", "2026-11-23")


def query_of(path: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(path).query).items()}


async def test_appointments_of_the_next_thirty_days_scheduled_and_confirmed(stub: Stub) -> None:
    def at(day: str, status: str) -> dict[str, str]:
        return {"id": day, "start": f"2026-12-{day}T10:00:00-08:00", "title": "Visit", "status": status}

    stub.answer(reply({"data": [at("01", "scheduled"), at("02", "confirmed"), at("03", "cancelled")]}))
    (record,) = await rest(stub, preset="appointments", secrets=TOKEN, details_by="clients").details(KEYS, Deadline(5))
    assert [entry["id"] for entry in record.fields["appointments"]] == ["01", "02"]
    sent = stub.requests[0].json
    assert (sent["customer_id"], sent["status"]) == ("c-7", ["scheduled", "confirmed"])
    assert sent["date_range"]["start"] < sent["date_range"]["end"]


async def test_stripe_finds_by_phone_and_adds_up_open_invoices(stub: Stub) -> None:
    customer = {
        "id": "cus_1",
        "name": "Rosa Castillo",
        "email": "rosa@mail.org",
        "phone": "+14155550123",
        "created": 1700000000,
    }
    invoices = [
        {"amount_remaining": 4_250, "currency": "usd", "collection_method": "charge_automatically"},
        {"amount_remaining": 750, "currency": "usd", "collection_method": "charge_automatically"},
    ]
    stub.answer(
        reply({"object": "search_result", "data": [customer], "has_more": False}), reply({"object": "list", "data": invoices})
    )
    (record,) = await rest(stub, preset="stripe", secrets=TOKEN).find(NUMBER, Deadline(5))
    assert query_of(stub.requests[0].path)["query"] == 'phone:"+14155550123"'
    assert query_of(stub.requests[1].path)["customer"] == "cus_1"
    assert record.fields["outstanding_balance"] == {"amount_minor": 5_000, "currency": "USD"}
    assert (record.fields["auto_pay_enabled"], record.fields["member_since"][:10]) == (True, "2023-11-14")
    assert record.unreadable == ()


def open_invoice(amount: int, currency: str) -> dict[str, object]:
    return {"amount_remaining": amount, "currency": currency, "collection_method": "send_invoice"}


@pytest.mark.parametrize(
    ("invoices", "balance"),
    [
        ([], None),
        ([open_invoice(2_500, "usd"), open_invoice(1_000, "eur")], [("USD", 2_500), ("EUR", 1_000)]),
        # https://docs.stripe.com/currencies#special-cases: cents of krónur and shillings, and no iraimbilanja.
        ([open_invoice(2_500, "isk")], [("ISK", 25)]),
        ([open_invoice(2_500, "ugx")], [("UGX", 25)]),
        ([open_invoice(25, "mga")], [("MGA", 2_500)]),
        ([open_invoice(2_500, "jpy"), open_invoice(10, "jpy")], [("JPY", 2_510)]),
        ([open_invoice(12_500, "jod")], [("JOD", 12_500)]),
    ],
)
async def test_stripe_tells_what_is_open_in_each_currency(
    stub: Stub, invoices: list[dict[str, object]], balance: list[tuple[str, int]] | None
) -> None:
    stub.answer(reply({"data": [{"id": "cus_1", "phone": "+14155550123"}]}), reply({"data": invoices, "has_more": False}))
    (record,) = await rest(stub, preset="stripe", secrets=TOKEN).find(NUMBER, Deadline(5))
    amounts = [{"amount_minor": minor, "currency": currency} for currency, minor in balance or []]
    assert record.fields.get("outstanding_balance") == (None if not amounts else amounts[0] if len(amounts) == 1 else amounts)
    assert record.unreadable == ()


async def test_a_part_of_the_invoices_is_no_balance(stub: Stub) -> None:
    page = {"data": [open_invoice(2_500, "usd")], "has_more": True}
    stub.answer(reply({"data": [{"id": "cus_1", "phone": "+14155550123"}]}), reply(page))
    (record,) = await rest(stub, preset="stripe", secrets=TOKEN).find(NUMBER, Deadline(5))
    assert "outstanding_balance" not in record.fields
    assert record.unreadable == ("outstanding_balance",)


async def test_acuity_is_asked_by_email(stub: Stub) -> None:
    entry = {
        "id": 54, "datetime": "2026-12-01T10:00:00-0800", "type": "Benefits check", "location": "Main St", "canceled": False,
    }  # fmt: skip
    stub.answer(reply([entry, {**entry, "id": 55, "canceled": True}]))
    secrets = {"username": "1", "password": "k"}
    (record,) = await rest(stub, preset="acuity", secrets=secrets, details_by="field:email").details(KEYS, Deadline(5))
    (appointment,) = record.fields["appointments"]
    assert (appointment["id"], appointment["title"], appointment["start"]) == (
        "54",
        "Benefits check",
        "2026-12-01T10:00:00-08:00",
    )
    assert query_of(stub.requests[0].path)["email"] == "rosa@mail.org"


async def test_somebody_without_acuity_appointments_has_none(stub: Stub) -> None:
    stub.answer(reply([]))
    secrets = {"username": "1", "password": "k"}
    (record,) = await rest(stub, preset="acuity", secrets=secrets, details_by="field:email").details(KEYS, Deadline(5))
    assert record.fields == {}


async def test_calendly_is_asked_by_email(stub: Stub) -> None:
    event = {
        "uri": "https://api.calendly.com/scheduled_events/A1", "name": "Intake", "status": "active",
        "start_time": "2026-12-01T18:00:00Z", "end_time": "2026-12-01T18:30:00Z",
        "location": {"type": "physical", "location": "Room 2"},
    }  # fmt: skip
    stub.answer(reply({"collection": [event], "pagination": {"count": 1}}))
    (record,) = await rest(stub, preset="calendly", secrets=TOKEN, details_by="field:email").details(KEYS, Deadline(5))
    (appointment,) = record.fields["appointments"]
    assert (appointment["title"], appointment["location"]) == ("Intake", "Room 2")
    assert query_of(stub.requests[0].path)["invitee_email"] == "rosa@mail.org"


async def test_fhir_finds_a_patient_without_a_number_in_an_address_and_their_appointments(stub: Stub) -> None:
    patient = {
        "resourceType": "Patient", "id": "p-1", "birthDate": "1950-02-01", "name": [{"given": ["Rosa"], "family": "Castillo"}],
        "telecom": [{"system": "phone", "value": "(415) 555-0123"}, {"system": "email", "value": "rosa@mail.org"}],
    }  # fmt: skip
    visit = {"resourceType": "Appointment", "id": "a-1", "start": "2026-12-01T10:00:00Z", "description": "Check-up"}
    stub.answer(
        reply({"resourceType": "Bundle", "entry": [{"resource": patient}]}),
        reply({"resourceType": "Bundle", "entry": [{"resource": visit}]}),
    )
    (record,) = await rest(stub, preset="fhir-r4", secrets=TOKEN).find(NUMBER, Deadline(5))
    assert (record.fields["name"], record.fields["date_of_birth"]) == ("Rosa Castillo", "1950-02-01")
    assert record.fields["appointments"][0]["title"] == "Check-up"
    assert stub.requests[0].path == "/Patient/_search"
    assert parse_qs(stub.requests[0].body.decode())["phone"][0].startswith("+14155550123,14155550123,4155550123,")


def patient(**facts: Any) -> Any:
    return reply({"resourceType": "Bundle", "entry": [{"resource": {"resourceType": "Patient", "id": "p-1", **facts}}]})


NO_VISITS = reply({"resourceType": "Bundle"})
PHONE = {"system": "phone", "value": "415-555-0123"}


async def test_fhir_tells_who_died_is_inactive_or_has_but_a_code_for_a_language(stub: Stub) -> None:
    facts = {
        "telecom": [PHONE], "active": False, "deceasedDateTime": "2026-01-02", "birthDate": "1974-12",
        "name": [{"use": "old", "family": "Smith"}, {"use": "official", "given": ["Rosa"], "family": "Castillo"}],
        "communication": [{"language": {"coding": [{"code": "es"}]}}],
    }  # fmt: skip
    stub.answer(patient(**facts), NO_VISITS)
    (record,) = await rest(stub, preset="fhir-r4", secrets=TOKEN).find(NUMBER, Deadline(5))
    told = {name: record.fields[name] for name in ("name", "status", "deceased")}
    assert told == {"name": "Rosa Castillo", "status": "inactive", "deceased": "2026-01-02"}
    assert record.fields["language"]
    assert "date_of_birth" not in record.unreadable


@pytest.mark.parametrize(
    "facts",
    [
        {"telecom": [{**PHONE, "use": "old"}]},
        {"telecom": [{**PHONE, "period": {"end": "2020-05-01"}}]},
        {"telecom": [{**PHONE, "period": {"end": "2020"}}]},
        {"telecom": [PHONE], "link": [{"type": "replaced-by", "other": {"reference": "Patient/p-2"}}]},
        {"contact": [{"name": {"text": "Ann"}, "telecom": [PHONE]}]},
    ],
)
async def test_fhir_matches_nobody_by_an_old_number_or_anothers(stub: Stub, facts: dict[str, Any]) -> None:
    stub.answer(patient(**facts), NO_VISITS)
    assert await rest(stub, preset="fhir-r4", secrets=TOKEN).find(NUMBER, Deadline(5)) == []


@pytest.mark.parametrize(("said", "alive"), [({"deceasedBoolean": False}, True), ({"deceasedBoolean": True}, False)])
async def test_fhir_says_nothing_of_the_living(stub: Stub, said: dict[str, Any], alive: bool) -> None:
    stub.answer(patient(telecom=[{**PHONE, "period": {"end": "2999"}}], active=True, **said), NO_VISITS)
    (record,) = await rest(stub, preset="fhir-r4", secrets=TOKEN).find(NUMBER, Deadline(5))
    assert ("deceased" in record.fields, "status" in record.fields) == (not alive, False)


async def test_a_fhir_bundle_without_entries_is_nobody(stub: Stub) -> None:
    stub.answer(reply({"resourceType": "Bundle", "total": 0}))
    assert await rest(stub, preset="fhir-r4", secrets=TOKEN).find(NUMBER, Deadline(5)) == []


async def test_availability_is_what_the_system_says(stub: Stub) -> None:
    option = {"service": "Meals", "location": "Mission", "next_at": "2026-11-24", "note": "bring ID", "stock": 4}
    stub.answer(reply({"available": True, "options": [option]}))
    connector = rest(stub, preset="availability", secrets=TOKEN)
    found = await connector.availability(QUESTION, Deadline(5))
    assert (found.available, found.options[0].service, found.options[0].note) == (True, "Meals", "bring ID")
    assert stub.requests[0].json == {"service_type": "meals", "location": "94110", "date": "2026-11-23"}
    assert not connector.can("find")
    assert await connector.find(NUMBER, Deadline(5)) == []


@pytest.mark.parametrize(("body", "available"), [({"available": False}, False), ({}, None)])
async def test_unavailable_and_unknown_are_told_apart(stub: Stub, body: Any, available: bool | None) -> None:
    stub.answer(reply(body))
    assert (await rest(stub, preset="availability", secrets=TOKEN).availability(QUESTION, Deadline(5))).available is available


@pytest.mark.parametrize("body", [[], "text", {"options": 5}])
async def test_an_answer_about_services_that_is_none_is_invalid(stub: Stub, body: Any) -> None:
    stub.answer(reply(body))
    with pytest.raises(InvalidResponse):
        await rest(stub, preset="availability", secrets=TOKEN).availability(QUESTION, Deadline(5))


async def test_hsds_lists_active_services(stub: Stub) -> None:
    services = [{"name": "Food pantry", "status": "active", "alert": "Closed Friday"}, {"name": "Old", "status": "defunct"}]
    stub.answer(reply({"total_items": 2, "contents": [{"service": one} for one in services]}))
    found = await rest(stub, preset="hsds-3").availability(QUESTION, Deadline(5))
    assert (found.available, [(option.service, option.note) for option in found.options]) == (
        True,
        [("Food pantry", "Closed Friday")],
    )
    # The description allows a place there, and not at /services.
    assert stub.requests[0].path.startswith("/service_at_locations?")
    assert query_of(stub.requests[0].path)["postcode"] == "94110"


async def test_an_odd_value_costs_only_its_part_of_a_service(stub: Stub) -> None:
    odd = {"name": "Food pantry", "status": "active", "wait_time": 5, "organization": {"name": ["x"]}}
    stub.answer(reply({"contents": [{"service": odd}]}))
    found = await rest(stub, preset="hsds-3").availability(QUESTION, Deadline(5))
    assert [(option.service, option.location, option.note) for option in found.options] == [("Food pantry", "", "")]


async def test_payment_values_of_odd_types_cost_only_their_field(stub: Stub) -> None:
    stub.answer(
        reply({"balance": ["x"], "last_payment_date": "soon", "default_method": "Visa 4111 1111 1111 1111", "auto_pay": 1})
    )
    (record,) = await rest(stub, preset="payments", secrets=TOKEN, details_by="clients").details(KEYS, Deadline(5))
    assert set(record.unreadable) == {"outstanding_balance", "last_payment"}
    assert "4111" not in str(record.fields)
