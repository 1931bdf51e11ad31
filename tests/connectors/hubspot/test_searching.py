"""Contacts by name or e-mail address, and one contact by its id."""

from __future__ import annotations

import pytest

from integrations.deadline import Deadline
from integrations.errors import RateLimited
from integrations.search_query import SearchQuery, read
from tests.connectors.hubspot.conftest import hubspot, recorded
from tests.connectors.hubspot.descriptions import CONTACTS, check, description
from tests.http_stub import Stub, reply


def search_query(text: str) -> SearchQuery:
    found = read(text, "US")
    assert isinstance(found, SearchQuery)
    return found


def conditions(stub: Stub) -> list[list[tuple[str, str, str]]]:
    groups = stub.requests[-1].json["filterGroups"]
    return [[(one["propertyName"], one["operator"], one["value"]) for one in group["filters"]] for group in groups]


async def test_a_word_is_looked_for_in_either_name(stub: Stub) -> None:
    stub.answer(recorded("found"))
    (record,) = await hubspot(stub).search(search_query("Rosa"), Deadline(5))
    assert record.fields["name"] == "Rosa Castillo"
    assert (record.matched, record.hints["deals"]) == ((), "some")
    assert conditions(stub) == [[("firstname", "CONTAINS_TOKEN", "rosa*")], [("lastname", "CONTAINS_TOKEN", "rosa*")]]
    assert stub.requests[-1].json["limit"] == 25


async def test_of_a_long_name_the_two_longest_words_are_asked_for_in_every_way_to_divide_them(stub: Stub) -> None:
    stub.answer(recorded("not_found"))
    assert await hubspot(stub).search(search_query("Ana de la Cruz"), Deadline(5)) == []
    asked = conditions(stub)
    assert [[name for name, _operator, _value in group] for group in asked] == [
        ["firstname", "firstname"],
        ["firstname", "lastname"],
        ["lastname", "firstname"],
        ["lastname", "lastname"],
    ]
    assert {value for group in asked for _name, _operator, value in group} == {"cruz*", "ana*"}


async def test_an_address_is_compared_as_a_whole(stub: Stub) -> None:
    stub.answer(recorded("not_found"))
    await hubspot(stub).search(search_query("Rosa@Mail.org"), Deadline(5))
    assert conditions(stub) == [[("email", "EQ", "rosa@mail.org")]]


@pytest.mark.parametrize("text", ["rosa", "rosa castillo", "rosa@mail.org"])
async def test_the_search_is_what_hubspots_description_asks_for(stub: Stub, text: str) -> None:
    described = description(CONTACTS)
    stub.answer(recorded("not_found"))
    await hubspot(stub).search(search_query(text), Deadline(5))
    check(stub.requests[0].json, "PublicObjectSearchRequest", described)


async def test_a_contact_is_asked_for_by_its_id_and_not_searched(stub: Stub) -> None:
    contact = {"id": "101", "properties": {"firstname": "Rosa", "lastname": "Castillo", "phone": None}}
    stub.answer(reply(contact))
    (record,) = await hubspot(stub).fetch("101", search_query("rosa"), Deadline(5))
    assert (record.record_id, record.fields["name"]) == ("101", "Rosa Castillo")
    (request,) = stub.requests
    assert (request.method, request.path.partition("?")[0]) == ("GET", "/crm/objects/2026-09/contacts/101")
    assert "firstname" in request.path
    stub.answer(reply({"status": "error"}, 404))
    assert await hubspot(stub).fetch("../deals/1", search_query("rosa"), Deadline(5)) == []
    assert stub.requests[-1].path.startswith("/crm/objects/2026-09/contacts/..%2Fdeals%2F1?")


async def test_being_asked_too_often_is_told(stub: Stub) -> None:
    stub.answer(recorded("rate_limited", 429))
    with pytest.raises(RateLimited):
        await hubspot(stub).search(search_query("rosa"), Deadline(5))
