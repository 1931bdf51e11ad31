"""People by what an agent types, in a system whose description has a search."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from integrations.deadline import Deadline
from integrations.search_query import SearchQuery, read
from tests.connectors.rest.conftest import rest, stub
from tests.http_stub import Stub, reply

__all__ = ["stub"]

SEARCH: dict[str, Any] = {
    "path": "/people",
    "query": {"q": "{query}"},
    "records": "people",
    "map": {"id": "id", "name": "name", "email": "mail", "url": "page"},
}
ROSA = {"id": 7, "name": "Rosa Castillo", "mail": "rosa@mail.org", "page": "https://x.example/7", "ssn": "078-05-1120"}


def search_query(text: str) -> SearchQuery:
    found = read(text, "US")
    assert isinstance(found, SearchQuery)
    return found


async def test_the_described_step_is_asked_with_what_was_typed(stub: Stub) -> None:
    stub.answer(reply({"people": [ROSA]}))
    connector = rest(stub, search=SEARCH, mapping={"name": "upper_name || name", "phone": "tel"})
    (record,) = await connector.search(search_query("Rosa & Co"), Deadline(5))
    assert stub.requests[0].path == "/people?q=Rosa+%26+Co"
    assert (record.record_id, record.url) == ("7", "https://x.example/7")
    assert record.fields == {"name": "Rosa Castillo", "email": "rosa@mail.org"}
    assert connector.can("search")


async def test_it_is_found_again_by_searching_again(stub: Stub) -> None:
    stub.answer(reply({"people": [ROSA, {**ROSA, "id": 8}]}))
    connector = rest(stub, search=SEARCH)
    (record,) = await connector.fetch("8", search_query("rosa"), Deadline(5))
    assert record.record_id == "8"
    assert await connector.fetch("9", search_query("rosa"), Deadline(5)) == []


async def test_one_that_searches_by_address_alone_is_not_asked_for_a_name(stub: Stub) -> None:
    stub.answer(reply({"people": [ROSA]}))
    connector = rest(stub, search={**SEARCH, "query": {"mail": "{email}"}})
    assert await connector.search(search_query("rosa"), Deadline(5)) == []
    assert stub.requests == []
    assert len(await connector.search(search_query("rosa@mail.org"), Deadline(5))) == 1


async def test_without_a_description_it_cannot_be_searched(stub: Stub) -> None:
    assert not rest(stub).can("search")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"query": {"page": "1"}}, r"ask with \{query\}"),
        ({"map": {"name": "name"}}, "map.id"),
        ({"map": {"id": "id"}}, "map.name"),
    ],
)
def test_a_search_that_could_find_nobody_in_particular_is_refused(stub: Stub, change: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValidationError, match=sentence):
        _ = rest(stub, search={**SEARCH, **change}).options
