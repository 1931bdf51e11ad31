from __future__ import annotations

import asyncio
from typing import Any

import pytest
from pydantic import ValidationError

from integrations.connectors.base import DetailKeys
from integrations.connectors.hubspot.connector import HubSpotConnector
from integrations.deadline import Deadline
from integrations.errors import ConfigurationError, SourceError
from integrations.search_query import By, SearchQuery
from tests.connectors.contract import NUMBER, ConnectorContract
from tests.connectors.hubspot.conftest import by_path, hubspot, recorded
from tests.http_stub import Stub, Write, hang, reply

FAILURE = reply({}, 500)
NO_DEALS_NOR_COMPANY = {"company_id": "", "deals": "none"}


async def find(stub: Stub, name: str, mapping: dict[str, str | bool] | None = None) -> Any:
    stub.answer(recorded(name))
    return await hubspot(stub, mapping).find(NUMBER, Deadline(5))


class TestContract(ConnectorContract):
    empty_answer = {"total": 0, "results": []}
    wrong_types = (
        {"results": "none"},
        {"results": [{"id": None, "properties": {}}]},
        {"results": [{"id": "1", "properties": []}]},
        {"results": [{"id": "1", "properties": {"phone": {"number": 5}}}]},
        {"results": ["x"]},
    )

    def connector(self, stub: Stub) -> HubSpotConnector:
        return hubspot(stub)


async def test_found_maps_the_contact(stub: Stub) -> None:
    (record,) = await find(stub, "found")
    assert record.record_id == "101"
    assert (record.matched[0].field, record.matched[0].stored) == ("phone", "(415) 555-0123")
    assert record.fields == {
        "name": "Rosa Castillo",
        "first_name": "Rosa",
        "last_name": "Castillo",
        "email": "rosa.castillo@example.org",
        "phone": "(415) 555-0123",
        "language": "es",
        "vip_status": True,
        "member_since": "2019-03-12",
        "last_contact": "2026-11-18T16:20:00+00:00",
        "lifecycle_stage": "customer",
        "address": "12 Harbour View, San Francisco, CA, 94111",
        "date_of_birth": "1941-05-02",
    }


async def test_numbers_and_flags_in_place_of_text_are_taken(stub: Stub) -> None:
    properties = {"firstname": "Rosa", "phone": 4155550123, "vip": True, "num_associated_deals": 0}
    stub.answer(reply({"results": [{"id": 7, "properties": properties}]}))
    (record,) = await hubspot(stub).find(NUMBER, Deadline(5))
    assert (record.record_id, record.fields["vip_status"], record.hints["deals"]) == ("7", True, "none")


async def test_not_found_is_empty(stub: Stub) -> None:
    assert await find(stub, "not_found") == []


async def test_two_matches_are_both_returned(stub: Stub) -> None:
    records = await find(stub, "two_matches")
    assert [record.fields["name"] for record in records] == ["Harold Lindqvist", "Edith"]
    assert [record.matched[0].field for record in records] == ["phone", "mobile phone"]


async def test_who_was_deleted_or_merged_into_another_contact_is_not_found(stub: Stub) -> None:
    held = {"phone": "(415) 555-0123"}
    stub.answer(
        reply(
            {
                "results": [
                    {"id": "7", "properties": held, "archived": True},
                    {"id": "8", "properties": held},
                    {"id": "9", "properties": {**held, "hs_merged_object_ids": "5;8"}, "archived": False},
                ]
            }
        )
    )
    assert [record.record_id for record in await hubspot(stub).find(NUMBER, Deadline(5))] == ["9"]
    assert [record.record_id for record in await hubspot(stub).search(SearchQuery(By.NAME, "Rosa"), Deadline(5))] == ["9"]


@pytest.mark.parametrize("answer", [{"id": "9", "properties": {}}, {"id": "8", "properties": {}, "archived": True}])
async def test_who_was_picked_and_is_merged_or_deleted_since_is_not_shown(stub: Stub, answer: dict[str, Any]) -> None:
    stub.answer(reply(answer))
    assert await hubspot(stub).fetch("8", SearchQuery(By.NAME, "Rosa"), Deadline(5)) == []


async def test_a_match_from_another_country_is_refused(stub: Stub) -> None:
    assert await find(stub, "wrong_country_match") == []


async def test_a_match_that_cannot_be_verified_is_refused(stub: Stub) -> None:
    assert await find(stub, "missing_phone_fields") == []


async def test_planted_values_never_come_out(stub: Stub) -> None:
    (record,) = await find(stub, "planted", {"notes": "properties.notes"})
    assert "078-05-1120" not in str(record)
    assert "4111" not in str(record)
    assert record.fields["notes"].count("[removed]") == 2


@pytest.mark.parametrize("field", ["ssn", "credit_card", "password_hash", "bank_account", "no_such_field"])
def test_what_may_never_be_shown_cannot_be_mapped(stub: Stub, field: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"^fields\.{field}: "):
        _ = hubspot(stub, {field: f"properties.{field}"}).mapping


async def test_the_search_asks_by_number_in_the_places_hubspot_searches(stub: Stub) -> None:
    await find(stub, "not_found", {"preferred_agent": "properties.agent", "language": False, "company": False})
    (request,) = stub.requests
    assert (request.method, request.path) == ("POST", "/crm/objects/2026-09/contacts/search")
    assert request.headers["authorization"] == "Bearer pat-na1-secret"
    filters = [group["filters"][0] for group in request.json["filterGroups"]]
    assert [(one["propertyName"], one["operator"]) for one in filters] == [
        ("hs_searchable_calculated_phone_number", "EQ"),
        ("hs_searchable_calculated_mobile_number", "EQ"),
        ("phone", "IN"),
        ("mobilephone", "IN"),
    ]
    assert filters[0]["value"] == "4155550123"  # without country code
    assert "+14155550123" in filters[2]["values"]
    assert "agent" in request.json["properties"]
    assert {"hs_language", "company"}.isdisjoint(request.json["properties"])
    assert len(request.body) < 3_000


@pytest.mark.parametrize(
    ("version", "contacts", "account"),
    [
        ("2026-09", "/crm/objects/2026-09/contacts", "/account-info/2026-09/details"),
        ("2027-03", "/crm/objects/2027-03/contacts", "/account-info/2027-03/details"),
        ("v3", "/crm/v3/objects/contacts", "/account-info/v3/details"),
        ("v4", "/crm/v3/objects/contacts", "/account-info/v3/details"),
    ],
)
async def test_each_version_has_its_own_paths(stub: Stub, version: str, contacts: str, account: str) -> None:
    stub.answer(by_path({"/contacts/search": recorded("not_found")}))
    connector = hubspot(stub, api_version=version)
    await connector.find(NUMBER, Deadline(5))
    await connector.health(Deadline(5))
    paths = [request.path for request in stub.requests]
    assert paths[:3] == [f"{contacts}/search", account, f"{contacts}/batch/read"]


@pytest.mark.parametrize("version", ["v1", "v5", "2026", "2026-13", "2026-9", "latest", "2026-09/../x", ""])
def test_what_is_no_version_is_refused(stub: Stub, version: str) -> None:
    with pytest.raises(ValidationError):
        _ = hubspot(stub, api_version=version).options


async def keys_of(stub: Stub, name: str) -> DetailKeys:
    record = (await find(stub, name))[0]
    return DetailKeys(record_ids={"crm": record.record_id}, hints=record.hints)


PARTS = {
    "company": ("/companies/", {"company"}),
    "deals": ("/deals/search", {"open_deals", "deal_stage"}),
    "tickets": ("/tickets/batch/read", {"open_cases"}),
    "the contact's tickets": ("/contacts/101", {"open_cases"}),
}
ALL_FIELDS = {"company", "open_deals", "deal_stage", "open_cases"}


async def details(stub: Stub, keys: DetailKeys, mapping: dict[str, str | bool] | None = None) -> Any:
    stub.requests.clear()
    (record,) = await hubspot(stub, mapping).details(keys, Deadline(5))
    return record


async def asked_for(stub: Stub, mapping: dict[str, str | bool]) -> set[str]:
    """The paths of stage 2."""
    keys = await keys_of(stub, "found")
    stub.answer(by_path())
    await details(stub, keys, mapping)
    return {request.path.partition("?")[0] for request in stub.requests}


async def test_what_belongs_to_the_contact_comes_with_the_names_of_its_stages(stub: Stub) -> None:
    keys = await keys_of(stub, "found")
    stub.answer(by_path())
    record = await details(stub, keys)
    assert record.fields == {
        "company": "Riverside Volunteers",
        "open_deals": ["Winter meals grant (Agreement)", "Van for outings"],
        "deal_stage": "Agreement",
        "open_cases": ["Ticket 1003", "Walking frame to be repaired (New)", "Ramp for the front door (Waiting on us)"],
    }
    assert record.unreadable == ()
    assert {request.path.partition("?")[0] for request in stub.requests} == {
        "/crm/objects/2026-09/companies/9001",
        "/crm/objects/2026-09/deals/search",
        "/crm/pipelines/2026-09/deals",
        "/crm/objects/2026-09/contacts/101",
        "/crm/objects/2026-09/tickets/batch/read",
        "/crm/pipelines/2026-09/tickets",
    }


async def test_tickets_are_read_all_at_once_and_each_one_once(stub: Stub) -> None:
    await asked_for(stub, {})
    (read,) = [request for request in stub.requests if request.path.endswith("/tickets/batch/read")]
    assert [one["id"] for one in read.json["inputs"]] == ["1003", "1002", "1001", "998"]
    assert read.json["properties"] == ["subject", "hs_pipeline_stage", "closed_date"]


async def test_somebody_without_tickets_has_none_read(stub: Stub) -> None:
    stub.answer(by_path({"/contacts/101": recorded("contact_without_tickets")}))
    keys = DetailKeys(record_ids={"crm": "101"}, hints=NO_DEALS_NOR_COMPANY)
    assert (await details(stub, keys)).fields == {}
    assert not [request for request in stub.requests if "batch" in request.path]


async def test_a_contact_that_is_gone_has_no_tickets(stub: Stub) -> None:
    stub.answer(by_path({"/contacts/101": reply({"category": "OBJECT_NOT_FOUND"}, 404)}))
    keys = DetailKeys(record_ids={"crm": "101"}, hints=NO_DEALS_NOR_COMPANY)
    record = await details(stub, keys)
    assert (record.fields, record.unreadable) == ({}, ())


async def test_a_ticket_whose_stage_cannot_be_told_is_open_until_it_has_an_end(stub: Stub) -> None:
    stub.answer(by_path({"/pipelines/": FAILURE}))
    keys = DetailKeys(record_ids={"crm": "101"}, hints=NO_DEALS_NOR_COMPANY)
    shown = (await details(stub, keys)).fields["open_cases"]
    assert shown == ["Ticket 1003", "Walking frame to be repaired", "Ramp for the front door"]


async def test_of_many_tickets_the_newest_are_looked_through(stub: Stub) -> None:
    refs = [{"id": str(number), "type": "contact_to_ticket"} for number in range(1, 151)]
    contact = {"id": "101", "properties": {}, "associations": {"tickets": {"results": refs}}}
    rows = [{"id": ref["id"], "properties": {"subject": f"No. {ref['id']}"}} for ref in refs[50:]]
    stub.answer(by_path({"/contacts/101": reply(contact), "/tickets/batch/read": reply({"results": rows})}))
    keys = DetailKeys(record_ids={"crm": "101"}, hints=NO_DEALS_NOR_COMPANY)
    shown = (await details(stub, keys)).fields["open_cases"]
    (read,) = [request for request in stub.requests if "batch" in request.path]
    assert [one["id"] for one in read.json["inputs"]] == [str(number) for number in range(150, 50, -1)]
    assert shown == [f"No. {number}" for number in range(150, 140, -1)]


@pytest.mark.parametrize(
    ("mapping", "paths"),
    [
        ({"open_deals": False, "deal_stage": False, "open_cases": False}, {"/crm/objects/2026-09/companies/9001"}),
        (
            {"open_deals": False, "company": False, "open_cases": False},
            {"/crm/objects/2026-09/deals/search", "/crm/pipelines/2026-09/deals"},
        ),
        (
            {"open_deals": False, "deal_stage": False, "company": False},
            {"/crm/objects/2026-09/contacts/101", "/crm/objects/2026-09/tickets/batch/read", "/crm/pipelines/2026-09/tickets"},
        ),
    ],
)
async def test_only_what_a_mapped_field_needs_is_asked(stub: Stub, mapping: dict[str, str | bool], paths: set[str]) -> None:
    assert await asked_for(stub, mapping) == paths


async def test_stages_are_asked_for_once_and_not_for_every_caller(stub: Stub) -> None:
    keys = await keys_of(stub, "found")
    stub.answer(by_path())
    connector = hubspot(stub)
    for _caller in range(2):
        await connector.details(keys, Deadline(5))
    assert sorted(request.path for request in stub.requests if "/pipelines/" in request.path) == [
        "/crm/pipelines/2026-09/deals",
        "/crm/pipelines/2026-09/tickets",
    ]


@pytest.mark.parametrize("behaviour", [FAILURE, recorded("missing_scope", 403), reply({"results": 5})])
@pytest.mark.parametrize("part", PARTS)
async def test_one_failing_part_costs_only_itself_and_is_told(stub: Stub, part: str, behaviour: Write) -> None:
    path, lost = PARTS[part]
    keys = await keys_of(stub, "found")
    stub.answer(by_path({path: behaviour}))
    record = await details(stub, keys)
    assert (set(record.fields), set(record.unreadable)) == (ALL_FIELDS - lost, lost)


@pytest.mark.parametrize("part", PARTS)
async def test_one_hanging_part_costs_only_itself(stub: Stub, part: str) -> None:
    path, lost = PARTS[part]
    keys = await keys_of(stub, "found")
    stub.answer(by_path({path: hang}))
    deadline = Deadline(1)
    async with asyncio.timeout(deadline.left()):
        (record,) = await hubspot(stub).details(keys, deadline)
    assert set(record.fields) == ALL_FIELDS - lost


@pytest.mark.parametrize("behaviour", [FAILURE, recorded("missing_scope", 403), reply({"results": 5}), hang])
async def test_stages_that_do_not_come_cost_their_names_alone(stub: Stub, behaviour: Write) -> None:
    keys = await keys_of(stub, "found")
    stub.answer(by_path({"/pipelines/": behaviour}))
    (record,) = await hubspot(stub).details(keys, Deadline(1))
    assert record.fields["open_deals"] == ["Winter meals grant", "Van for outings"]
    assert (set(record.fields), record.unreadable) == (ALL_FIELDS - {"deal_stage"}, ())


async def test_if_nothing_comes_the_details_have_failed(stub: Stub) -> None:
    keys = await keys_of(stub, "found")
    stub.answer(FAILURE)
    with pytest.raises(SourceError):
        await hubspot(stub).details(keys, Deadline(5))


async def test_a_missing_scope_for_all_that_belongs_to_the_contact_does_not_pause_the_search_for_callers(stub: Stub) -> None:
    keys = await keys_of(stub, "found")
    stub.answer(recorded("missing_tickets_scope", 403))
    record = await details(stub, keys)
    assert (record.fields, set(record.unreadable)) == ({}, ALL_FIELDS)


async def test_nothing_is_asked_when_the_search_told_that_there_is_nothing(stub: Stub) -> None:
    keys = await keys_of(stub, "two_matches")
    assert not hubspot(stub, {"open_cases": False}).has_details_for(keys)
    assert hubspot(stub).has_details_for(keys), "the search tells nothing of tickets"


async def test_what_the_search_did_not_tell_is_asked(stub: Stub) -> None:
    keys = DetailKeys(record_ids={"crm": "1"}, hints={"company_id": "", "deals": "some"})
    assert hubspot(stub, {"open_cases": False}).has_details_for(keys)


async def test_searches_count_against_the_budget_and_readings_do_not(stub: Stub) -> None:
    connector = hubspot(stub)
    some, none = DetailKeys(hints={"deals": "some"}), DetailKeys(hints=NO_DEALS_NOR_COMPANY)
    assert connector.counts_against_limit("find", none)
    assert connector.counts_against_limit("search", none)
    assert connector.counts_against_limit("details", some), "open deals are searched for"
    assert not connector.counts_against_limit("details", none)
    assert not hubspot(stub, {"open_deals": False, "deal_stage": False}).counts_against_limit("details", some)
    assert not connector.counts_against_limit("fetch", none)
