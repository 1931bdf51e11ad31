"""What is asked of Salesforce, who is found, and what is shown of them."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from pydantic import ValidationError

from integrations.connectors.salesforce.connector import SalesforceConnector
from integrations.connectors.salesforce.search import escaped, query, terms
from integrations.deadline import Deadline
from integrations.errors import ConfigurationError, MissingScope
from integrations.phone import Number
from tests.connectors.contract import NUMBER, ConnectorContract
from tests.connectors.salesforce.conftest import asked, recorded, salesforce, signed_in
from tests.http_stub import Stub, current_request, reply

ROSA = "Contact/003Hs00004aRosaIAI"
HOUSEHOLD: dict[str, Any] = {
    "name": "Household__c",
    "phone_fields": ["Main_Phone__c"],
    "fields": {"name": "Name", "preferred_agent": "Case_Worker__r.Name"},
}


async def find(stub: Stub, name: str, mapping: dict[str, str | bool] | None = None, **options: Any) -> Any:
    stub.answer(signed_in(recorded(name)))
    return await salesforce(stub, mapping, **options).find(NUMBER, Deadline(5))


def row(**fields: Any) -> dict[str, Any]:
    return {"searchRecords": [{"attributes": {"type": "Contact"}, "Id": "003Hs00004aRosaIAI", **fields}]}


class TestContract(ConnectorContract):
    empty_answer = {"searchRecords": []}
    wrong_types = (
        {"searchRecords": "none"},
        {"searchRecords": ["x"]},
        {"searchRecords": [{"Id": "003Hs00004aRosaIAI"}]},
        row(Id=None),
        row(Id="../../evil"),
        row(Phone={"number": 5}),
        {"totalSize": 0, "records": []},
    )

    def connector(self, stub: Stub) -> SalesforceConnector:
        stub.answers = [signed_in(answer) for answer in stub.answers]
        return salesforce(stub)


class TestContractOfQueries(ConnectorContract):
    @staticmethod
    def composite(*bodies: Any) -> dict[str, Any]:
        return {"compositeResponse": [{"httpStatusCode": 200, "referenceId": "any", "body": body} for body in bodies]}

    nobody = {"totalSize": 0, "done": True, "records": []}
    empty_answer = composite(nobody, nobody, nobody)
    wrong_types = (
        {"compositeResponse": {}},
        composite(nobody),
        composite(nobody, nobody, "text"),
        composite(nobody, nobody, {"records": [{"Id": 5}]}),
        {"compositeResponse": [{"httpStatusCode": 500, "body": []}] * 3},
    )

    def connector(self, stub: Stub) -> SalesforceConnector:
        stub.answers = [signed_in(answer) for answer in stub.answers]
        return salesforce(stub, search="soql")


# -- Who is found ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("recording", "search"), [("found", "parameterized"), ("composite", "soql")])
async def test_a_contact_is_mapped(stub: Stub, recording: str, search: str) -> None:
    (record,) = await find(stub, recording, search=search)
    assert record.record_id == ROSA
    assert record.url == f"{stub.url}/lightning/r/Contact/003Hs00004aRosaIAI/view"
    assert [(match.field, match.stored) for match in record.matched] == [("phone", "(415) 555-0123")]
    assert record.unreadable == ()
    assert record.fields == {
        "name": "Rosa Castillo",
        "first_name": "Rosa",
        "last_name": "Castillo",
        "email": "rosa.castillo@example.org",
        "phone": "(415) 555-0123",
        "phones": ["415-555-0177"],
        "company": "Riverside Volunteers",
        "owner": "Bea Alvarez",
        "member_since": "2019-03-12",
        "last_contact": "2026-11-18",
        "address": "12 Harbour View, San Francisco, CA, 94111",
        "date_of_birth": "1941-05-02",
    }


async def test_nobody_is_an_empty_list(stub: Stub) -> None:
    assert await find(stub, "not_found") == []


async def test_a_household_is_its_people_and_not_one_more(stub: Stub) -> None:
    records = await find(stub, "household")
    assert [record.fields["name"] for record in records] == ["Harold Lindqvist", "Edith Lindqvist"]
    assert [record.matched[0].field for record in records] == ["home phone", "mobile phone"]


async def test_a_lead_beside_a_contact_is_another_record_but_a_converted_lead_is_none(stub: Stub) -> None:
    contact, lead = await find(stub, "lead_and_contact")
    assert (contact.record_id, lead.record_id) == (ROSA, "Lead/00QHs00000LeadAIAQ")
    assert (lead.fields["company"], lead.fields["lifecycle_stage"]) == ("Mill Street Café", "Working - Contacted")
    assert (lead.fields["owner"], lead.fields["address"]) == ("New enquiries", "Oakland")
    assert lead.matched[0].field == "phone (lead)"


async def test_an_account_is_found_where_no_contact_of_it_is(stub: Stub) -> None:
    (record,) = await find(stub, "account")
    assert (record.record_id, record.fields["name"]) == ("Account/001Hs00003OaksAIAQ", "Golden Oaks Residence")
    assert record.fields["address"] == "1 Oak Lane, Oakland, CA, 94601"


async def test_fax_numbers_and_numbers_of_other_countries_find_nobody(stub: Stub) -> None:
    assert await find(stub, "fax_and_foreign_matches") == []


async def test_an_object_of_the_organisation_is_searched_and_mapped_as_configured(stub: Stub) -> None:
    (record,) = await find(stub, "own_object", objects=[HOUSEHOLD])
    assert record.record_id == "Household__c/a00Hs00000HomeAIAQ"
    assert record.fields == {"name": "Castillo family", "preferred_agent": "Sam Whitaker"}
    assert record.matched[0].field == "main phone (household)"


async def test_what_was_not_asked_for_is_ignored(stub: Stub) -> None:
    assert await find(stub, "own_object") == []


async def test_planted_values_never_come_out(stub: Stub) -> None:
    (record,) = await find(stub, "planted", {"notes": "Description"})
    assert record.fields["notes"].count("[removed]") == 2


# -- What is asked --------------------------------------------------------------------------------------------------


async def test_the_index_is_asked_for_the_number_and_for_mapped_fields_only(stub: Stub) -> None:
    await find(stub, "not_found", {"preferred_agent": "Volunteer__r.Name", "owner": False, "address": False})
    (request,) = asked(stub)
    assert (request.method, request.path) == ("POST", "/services/data/v67.0/parameterizedSearch")
    assert request.headers["authorization"] == "Bearer 00DHs!AQ.first"
    body = request.json
    asked_of = {entry["name"]: entry.pop("fields") for entry in body["sobjects"]}
    assert body == {
        "q": "4155550123 OR 14155550123",
        "in": "PHONE",
        "sobjects": [{"name": name, "limit": 100} for name in ("Contact", "Lead", "Account")],
        "overallLimit": 300,
    }
    assert asked_of == {
        "Contact": [
            *("Account.Name", "AccountId", "Birthdate", "CreatedDate", "Email", "FirstName", "HomePhone", "Id"),
            *("LastActivityDate", "LastName", "MobilePhone", "Name", "OtherPhone", "Phone", "Volunteer__r.Name"),
        ],
        "Lead": [
            *("Company", "CreatedDate", "Email", "FirstName", "Id", "IsConverted"),
            *("LastActivityDate", "LastName", "MobilePhone", "Name", "Phone", "Status"),
        ],
        "Account": ["CreatedDate", "Id", "LastActivityDate", "Name", "Phone"],
    }


async def test_queries_compare_every_notation_in_one_request(stub: Stub) -> None:
    everything_else: dict[str, str | bool] = dict.fromkeys(("owner", "member_since", "last_contact", "address"), False)
    await find(stub, "composite", everything_else, search="soql", version="v60.0")
    (request,) = asked(stub)
    assert (request.method, request.path) == ("POST", "/services/data/v60.0/composite")
    assert request.json["allOrNone"] is False
    parts = request.json["compositeRequest"]
    assert [(part["method"], part["referenceId"]) for part in parts] == [
        ("GET", "Contact"),
        ("GET", "Lead"),
        ("GET", "Account"),
    ]
    address = urlsplit(parts[2]["url"])
    assert address.path == "/services/data/v60.0/query"
    assert parse_qs(address.query)["q"] == [
        "SELECT Id, Name, Phone FROM Account WHERE Phone IN ('+14155550123', '14155550123', '4155550123', "
        "'(415) 555-0123', '415-555-0123', '415.555.0123', '415 555 0123', '+1 415-555-0123', '1-415-555-0123', "
        "'+1 (415) 555-0123') LIMIT 100"
    ]


async def test_more_objects_than_one_request_takes_are_asked_in_two(stub: Stub) -> None:
    async def nobody(writer: Any) -> None:
        queries = current_request.get().json["compositeRequest"]
        await reply({"compositeResponse": [{"httpStatusCode": 200, "body": {"records": []}} for _query in queries]})(writer)

    extra = [{"name": f"Extra{number}__c", "phone_fields": ["Phone__c"]} for number in range(3)]
    stub.answer(signed_in(nobody))
    assert await salesforce(stub, search="soql", objects=extra).find(NUMBER, Deadline(5)) == []
    assert sorted(len(request.json["compositeRequest"]) for request in asked(stub)) == [1, 5]


async def test_an_object_that_may_not_be_queried_is_told_apart(stub: Stub) -> None:
    refused = {"httpStatusCode": 400, "body": [{"errorCode": "INVALID_TYPE", "message": "sObject type 'Lead'"}]}
    fine = {"httpStatusCode": 200, "body": {"records": []}}
    stub.answer(signed_in(reply({"compositeResponse": [fine, refused, fine]})))
    with pytest.raises(MissingScope):
        await salesforce(stub, search="soql").find(NUMBER, Deadline(5))


def test_a_number_from_abroad_is_also_searched_as_it_is_dialled_at_home() -> None:
    assert terms(Number("+442079460018", "GB")) == ["2079460018", "442079460018", "02079460018"]


# -- Objects --------------------------------------------------------------------------------------------------------


async def test_a_standard_object_can_be_left_out_or_given_other_fields(stub: Stub) -> None:
    person_account = {"name": "account", "phone_fields": ["Phone", "PersonMobilePhone"], "fields": {"email": "PersonEmail"}}
    await find(stub, "not_found", objects=[{"name": "Lead", "phone_fields": []}, person_account])
    sobjects = {entry["name"]: entry["fields"] for entry in asked(stub)[0].json["sobjects"]}
    assert set(sobjects) == {"Contact", "Account"}
    assert {"PersonMobilePhone", "PersonEmail", "Name"} <= set(sobjects["Account"])


async def test_an_external_id_is_asked_for_and_read(stub: Stub) -> None:
    stub.answer(signed_in(reply(row(Phone="4155550123", Client_Number__c="RS-20010"))))
    (record,) = await salesforce(stub, external_id="Client_Number__c").find(NUMBER, Deadline(5))
    assert record.external_id == "RS-20010"
    sobjects = asked(stub)[0].json["sobjects"]
    assert ["Client_Number__c" in entry["fields"] for entry in sobjects] == [True, False, False]


@pytest.mark.parametrize(
    "objects",
    [
        [{"name": "Household__c"}],
        [{"name": "Household__c", "phone_fields": []}],
        [HOUSEHOLD, HOUSEHOLD],
        [{"name": "Lead"}, {"name": "LEAD"}],
        [{"name": name, "phone_fields": []} for name in ("Contact", "Lead", "Account")],
        [{**HOUSEHOLD, "fields": {"no_such_field": "Name"}}],
        [{**HOUSEHOLD, "fields": {"ssn": "Name"}}],
        [{**HOUSEHOLD, "fields": {"name": "Name["}}],
    ],
)
def test_objects_that_cannot_be_searched_are_refused_before_anyone_calls(stub: Stub, objects: list[dict[str, Any]]) -> None:
    with pytest.raises(ConfigurationError, match=r"^(objects|fields)"):
        _ = salesforce(stub, objects=objects).mapping


def test_what_is_read_is_told_with_its_object_where_objects_differ(stub: Stub) -> None:
    field_expressions = salesforce(stub, {"email": False}, objects=[HOUSEHOLD]).field_expressions
    assert (field_expressions["name"], field_expressions["preferred_agent"]) == ("Name", "Case_Worker__r.Name")
    assert field_expressions["company"] == "Contact: Account.Name; Lead: Company"
    assert "email" not in field_expressions


# -- Injection ------------------------------------------------------------------------------------------------------

EVIL = ("Name FROM User WHERE Id != '' LIMIT 1", "Id, (SELECT Id FROM Cases)", "x' OR Name LIKE '%", "Ünicode", "a.b.c.d.e.f.g")


@pytest.mark.parametrize("evil", EVIL)
def test_a_mapping_cannot_say_anything_but_a_field(stub: Stub, evil: str) -> None:
    quoted = ".".join(f'"{part}"' for part in evil.split(".")) if "." in evil else f'"{evil}"'
    with pytest.raises(ConfigurationError, match=r"^fields\.notes: .*API names"):
        _ = salesforce(stub, {"notes": quoted}).mapping
    with pytest.raises(ConfigurationError, match=r"^external_id: "):
        _ = salesforce(stub, external_id=f"{quoted} || Name").mapping


@pytest.mark.parametrize("evil", [*EVIL[:4], "Contact\n", "", "1Contact"])
def test_names_of_objects_and_of_their_phone_fields_are_names(stub: Stub, evil: str) -> None:
    for entry in ({"name": evil, "phone_fields": ["Phone"]}, {"name": "Contact", "phone_fields": [evil]}):
        with pytest.raises(ValidationError):
            _ = salesforce(stub, objects=[entry]).options


@pytest.mark.parametrize("path", ["SSN__c", "Card_Number__c", "Account.Bank_Account__c", "Portal_Password__c"])
def test_what_is_never_shown_cannot_be_asked_for_under_another_name(stub: Stub, path: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^fields\.notes: .* never shown"):
        _ = salesforce(stub, {"notes": path}).mapping


@pytest.mark.parametrize(
    ("value", "inside"), [("') OR Id != ('", r"\') OR Id != (\'"), ("\\", r"\\"), (r"\' OR 1=1", r"\\\' OR 1=1")]
)
def test_a_value_cannot_leave_its_quotes(stub: Stub, value: str, inside: str) -> None:
    assert escaped(value) == inside
    account = salesforce(stub).objects["account"]
    assert query(account, [value]).endswith(f" WHERE Phone IN ('{inside}') LIMIT 100")


@pytest.mark.parametrize("region_code", ["+14155550123", "+442079460018", "+41446681800"])
def test_what_is_searched_holds_digits_only(region_code: str) -> None:
    assert all(term.isdigit() for term in terms(Number(region_code, "US")))


@pytest.mark.parametrize("version", ["67.0", "v67", "v67.0/../..", "v67.0\n"])
def test_the_version_is_a_version(stub: Stub, version: str) -> None:
    with pytest.raises(ValidationError):
        _ = salesforce(stub, version=version).options
