"""Two ways to search Salesforce by number: its search index, and queries that compare what is stored.

https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/resources_search_parameterized_post.htm
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Sequence
from itertools import batched
from typing import Any
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from integrations.connectors.base import MAX_RECORDS, Deadline
from integrations.connectors.salesforce.objects import Searched
from integrations.connectors.salesforce.session import Session, explain
from integrations.errors import InvalidResponse
from integrations.phone import Number
from integrations.profile import JSON

# How many queries Salesforce takes in one request.
QUERIES_AT_ONCE = 5


class Attributes(BaseModel):
    type: str


class Row(BaseModel):
    """A record: its id, what it is one of, and the fields that were asked for, with parents nested."""

    model_config = ConfigDict(extra="allow")

    attributes: Attributes
    Id: str = Field(pattern=r"^[A-Za-z0-9]{15}([A-Za-z0-9]{3})?$")

    def get(self, name: str) -> Any:
        return (self.model_extra or {}).get(name)


class Found(BaseModel):
    searchRecords: list[Row]


class Page(BaseModel):
    records: list[Row]


class Part(BaseModel):
    """One query's part of a composite answer; a list of errors where its status is not 200."""

    httpStatusCode: int
    body: Any


class Composite(BaseModel):
    compositeResponse: list[Part]


async def by_index(session: Session, base: str, objects: Sequence[Searched], number: Number, deadline: Deadline) -> list[Row]:
    """One search over all objects, wherever a number stands and however it is written."""
    body = {
        "q": " OR ".join(terms(number)),
        "in": "PHONE",
        "sobjects": [{"name": one.name, "fields": one.fields, "limit": MAX_RECORDS} for one in objects],
        "overallLimit": MAX_RECORDS * len(objects),
    }
    answer = await session.ask("POST", f"{base}/parameterizedSearch", deadline, json=body)
    return _parsed(Found, answer, session.connector).searchRecords


async def by_query(session: Session, base: str, objects: Sequence[Searched], number: Number, deadline: Deadline) -> list[Row]:
    """One query for each object, several in a request: that counts once, and keeps the number out of addresses."""
    groups = [list(group) for group in batched(objects, QUERIES_AT_ONCE)]
    answers = await asyncio.gather(*(_composite(session, base, group, number, deadline) for group in groups))
    return [row for rows in answers for row in rows]


async def _composite(session: Session, base: str, objects: Iterable[Searched], number: Number, deadline: Deadline) -> list[Row]:
    queries = {one.name: query(one, number.variants()) for one in objects}
    requests = [
        {"method": "GET", "url": f"{base}/query?q={quote(text, safe='')}", "referenceId": name}
        for name, text in queries.items()
    ]
    body = {"allOrNone": False, "compositeRequest": requests}
    answer = await session.ask("POST", f"{base}/composite", deadline, json=body)
    parts = _parsed(Composite, answer, session.connector).compositeResponse
    if len(parts) != len(requests):
        raise InvalidResponse(session.connector, "not every query was answered")
    rows: list[Row] = []
    for part in parts:
        if part.httpStatusCode != 200:
            explain(session.connector, part.body)
            raise InvalidResponse(session.connector, f"a query ended with status {part.httpStatusCode}")
        rows += _parsed(Page, part.body, session.connector).records
    return rows


def terms(number: Number) -> list[str]:
    """What the index may hold of this number: without country code, with it, and as it is dialled at home. Digits only,
    so nothing in them can be an operator."""
    written = (number.nsn, number.digits, number.national)
    return list(dict.fromkeys(re.sub(r"\D", "", text) for text in written))


def query(one: Searched, variants: Iterable[str]) -> str:
    """The SOQL that compares every field with numbers to every notation."""
    values = ", ".join(f"'{escaped(variant)}'" for variant in variants)
    condition = " OR ".join(f"{field} IN ({values})" for field in one.phones)
    # Names were held against what Salesforce allows as one; values are escaped.
    return f"SELECT {', '.join(one.fields)} FROM {one.name} WHERE {condition} LIMIT {MAX_RECORDS}"  # noqa: S608


def escaped(value: str) -> str:
    """As the inside of a quoted SOQL text."""
    return value.replace("\\", "\\\\").replace("'", "\\'")


def _parsed[Model: BaseModel](model: type[Model], body: JSON, connector: str) -> Model:
    """Raises InvalidResponse naming the place and never the value."""
    try:
        return model.model_validate(body)
    except ValidationError as error:
        place = ".".join(str(part) for part in error.errors(include_input=False, include_url=False)[0]["loc"])
        raise InvalidResponse(connector, f"unexpected shape at {place or 'the top'}") from None
