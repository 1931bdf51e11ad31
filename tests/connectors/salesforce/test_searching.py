"""People by name or e-mail address, by the index and by queries, and one record by its id."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from integrations.connectors.salesforce.search import terms_of_text
from integrations.deadline import Deadline
from integrations.search_query import SearchQuery, read
from tests.connectors.salesforce.conftest import asked, salesforce, signed_in
from tests.http_stub import Stub, reply

ROSA: dict[str, Any] = {
    "attributes": {"type": "Contact"},
    "Id": "003Hs00004aRosaIAI",
    "Name": "Rosa Castillo",
    "Email": "rosa@mail.org",
    "Phone": None,
}
COMPANY_MAIL = {"name": "Account", "fields": {"email": "Mail__c || Owner.Email"}}


def search_query(text: str) -> SearchQuery:
    found = read(text, "US")
    assert isinstance(found, SearchQuery)
    return found


def composite(*rows: dict[str, Any]) -> Any:
    """Each query's part of the answer: the first has the rows."""
    bodies = [{"totalSize": len(rows), "done": True, "records": list(rows)}]
    return reply({"compositeResponse": [{"httpStatusCode": 200, "referenceId": "any", "body": body} for body in bodies]})


def queries(stub: Stub) -> dict[str, str]:
    parts = asked(stub)[-1].json["compositeRequest"]
    return {part["referenceId"]: parse_qs(urlsplit(part["url"]).query)["q"][0] for part in parts}


async def test_a_name_is_asked_of_the_index_by_the_beginnings_of_its_words(stub: Stub) -> None:
    stub.answer(signed_in(reply({"searchRecords": [ROSA]})))
    (record,) = await salesforce(stub).search(search_query("Cas Rosa J"), Deadline(5))
    assert (record.record_id, record.fields["name"], record.matched) == ("Contact/003Hs00004aRosaIAI", "Rosa Castillo", ())
    body = asked(stub)[0].json
    assert (body["q"], body["in"]) == ("rosa* AND cas*", "NAME")
    assert {one["name"] for one in body["sobjects"]} == {"Contact", "Lead", "Account"}


async def test_an_address_is_asked_of_the_index_as_a_phrase(stub: Stub) -> None:
    stub.answer(signed_in(reply({"searchRecords": []})))
    assert await salesforce(stub).search(search_query("Rosa-Maria@mail.org"), Deadline(5)) == []
    body = asked(stub)[0].json
    assert (body["q"], body["in"]) == ('"rosa-maria@mail.org"', "EMAIL")


@pytest.mark.parametrize(
    "typed", ['Ro"sa', "Ro{sa}", "rosa) OR (x", "rosa & castillo", "O'Brien", "ro*?sa", "rosa\\", "NOT ro"]
)
def test_nothing_that_is_typed_is_an_operator(typed: str) -> None:
    words = terms_of_text(search_query(typed)).split(" AND ")
    assert all(word.replace("\\'", "").removesuffix("*").isalnum() and word.endswith("*") for word in words)


async def test_queries_compare_names_and_the_fields_that_hold_addresses(stub: Stub) -> None:
    stub.answer(signed_in(reply({"compositeResponse": []})))
    for typed in ("O'Brien 100%", "rosa@mail.org"):
        with pytest.raises(Exception, match="not every query"):
            await salesforce(stub, search="soql", objects=[COMPANY_MAIL]).search(search_query(typed), Deadline(5))
        if typed.startswith("O"):
            assert "WHERE Name LIKE '%o\\'brien%' AND Name LIKE '%100%' LIMIT 25" in queries(stub)["Contact"]
    assert "WHERE Email = 'rosa@mail.org' LIMIT 25" in queries(stub)["Lead"]
    assert "WHERE Mail__c = 'rosa@mail.org' OR Owner.Email = 'rosa@mail.org' LIMIT 25" in queries(stub)["Account"]


async def test_objects_without_addresses_are_not_asked_for_one(stub: Stub) -> None:
    stub.answer(signed_in(composite(ROSA)))
    lead = {"name": "Lead", "phone_fields": []}
    (record,) = await salesforce(stub, search="soql", objects=[lead]).search(search_query("rosa@mail.org"), Deadline(5))
    assert list(queries(stub)) == ["Contact"]
    assert record.fields["email"] == "rosa@mail.org"


async def test_a_record_is_asked_for_by_its_id(stub: Stub) -> None:
    stub.answer(signed_in(composite(ROSA)))
    (record,) = await salesforce(stub).fetch("Contact/003Hs00004aRosaIAI", search_query("rosa"), Deadline(5))
    assert record.fields["name"] == "Rosa Castillo"
    assert queries(stub)["Contact"].endswith("FROM Contact WHERE Id = '003Hs00004aRosaIAI' LIMIT 1")
    assert await salesforce(stub).fetch("Household__c/a01", search_query("rosa"), Deadline(5)) == []
    await salesforce(stub).fetch("Contact/x' OR Name != '", search_query("rosa"), Deadline(5))
    assert "WHERE Id = 'x\\' OR Name != \\'' LIMIT 1" in queries(stub)["Contact"]
