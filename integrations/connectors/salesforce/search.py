"""Two ways to search Salesforce, by number, name or e-mail address: its search index, and queries that compare what is stored.

https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/resources_search_parameterized_post.htm
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import batched
from typing import Any
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, Field

from integrations.connectors.base import MAX_ASKED, parsed, records_within
from integrations.connectors.salesforce.objects import Searched
from integrations.connectors.salesforce.session import Session, explain
from integrations.deadline import Deadline
from integrations.errors import InvalidResponse
from integrations.phone import Number
from integrations.profile import JSON
from integrations.search_query import MAX_HITS, By, SearchQuery

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


@dataclass(frozen=True)
class Search:
    """All objects of one Salesforce. ``indexed``: by its search index, else by queries that compare what is stored."""

    session: Session
    base: str
    objects: Sequence[Searched]
    indexed: bool

    async def by_number(self, number: Number, deadline: Deadline) -> list[Row]:
        """Find a number wherever it stands; the index knows it however it is written."""
        if self.indexed:
            return await self._indexed(" OR ".join(terms(number)), "PHONE", MAX_ASKED, deadline)
        return await self._queried({one.name: query(one, number.variants()) for one in self.objects}, deadline)

    async def by_text(self, search_query: SearchQuery, deadline: Deadline) -> list[Row]:
        """Find by the beginnings of a name's words, or by an e-mail address."""
        if not self.indexed:
            texts = {one.name: text for one in self.objects if (text := query_by_text(one, search_query))}
            return await self._queried(texts, deadline)
        place = "EMAIL" if search_query.by is By.EMAIL else "NAME"
        wanted = terms_of_text(search_query)
        return await self._indexed(wanted, place, MAX_HITS, deadline) if wanted else []

    async def by_id(self, one: Searched, record_id: str, deadline: Deadline) -> list[Row]:
        text = f"SELECT {', '.join(one.fields)} FROM {one.name} WHERE Id = '{escaped(record_id)}' LIMIT 1"  # noqa: S608
        return await self._queried({one.name: text}, deadline)

    async def _indexed(self, wanted: str, place: str, limit: int, deadline: Deadline) -> list[Row]:
        body = {
            "q": wanted,
            "in": place,
            "sobjects": [{"name": one.name, "fields": one.fields, "limit": limit} for one in self.objects],
            "overallLimit": limit * len(self.objects),
        }
        answer = await self.session.ask("POST", f"{self.base}/parameterizedSearch", deadline, json=body)
        return parsed(Found, answer, self.session.connector).searchRecords

    async def _queried(self, texts: Mapping[str, str], deadline: Deadline) -> list[Row]:
        """One query for each object, several in a request: that counts once, and keeps what is asked out of addresses."""
        groups = [dict(group) for group in batched(texts.items(), QUERIES_AT_ONCE)]
        answers = await asyncio.gather(*(self._composite(group, deadline) for group in groups))
        return [row for rows in answers for row in rows]

    async def _composite(self, texts: Mapping[str, str], deadline: Deadline) -> list[Row]:
        requests = [
            {"method": "GET", "url": f"{self.base}/query?q={quote(text, safe='')}", "referenceId": name}
            for name, text in texts.items()
        ]
        body = {"allOrNone": False, "compositeRequest": requests}
        answer = await self.session.ask("POST", f"{self.base}/composite", deadline, json=body)
        parts = parsed(Composite, answer, self.session.connector).compositeResponse
        if len(parts) != len(requests):
            raise InvalidResponse(self.session.connector, "not every query was answered")
        rows: list[Row] = []
        for part in parts:
            if part.httpStatusCode != 200:
                explain(self.session.connector, part.body)
                raise InvalidResponse(self.session.connector, f"a query ended with status {part.httpStatusCode}")
            rows += parsed(Page, part.body, self.session.connector).records
        return rows


def terms(number: Number) -> list[str]:
    """What the index may hold of this number: without country code, with it, and as it is dialled at home. Digits only,
    so nothing in them can be an operator."""
    written = (number.nsn, number.digits, number.national, *number.forms[1:], *number.nsns[1:])
    return list(dict.fromkeys(re.sub(r"\D", "", text) for text in written))


def terms_of_text(search_query: SearchQuery) -> str:
    """What the index is asked for; ``""`` where it would not take it. Words are letters, digits and apostrophes, and with
    the asterisk behind them none is an operator; of a single letter it makes nothing."""
    if search_query.by is By.EMAIL:
        return '"' + re.sub(r'(["\\])', r"\\\1", search_query.text) + '"'
    return " AND ".join(word.replace("'", "\\'") + "*" for word in search_query.words if len(word) > 1)


def query_by_text(one: Searched, search_query: SearchQuery) -> str:
    """The SOQL of one object; ``""`` for one without e-mail addresses where such a one is looked for."""
    if search_query.by is By.EMAIL:
        conditions = [f"{field} = '{escaped(search_query.text)}'" for field in one.emails]
    else:
        conditions = [" AND ".join(f"Name LIKE '%{escaped_pattern(word)}%'" for word in search_query.words)]
    condition = " OR ".join(filter(None, conditions))
    # Names were held against what Salesforce allows as one; values are escaped.
    return f"SELECT {', '.join(one.fields)} FROM {one.name} WHERE {condition} LIMIT {MAX_HITS}" if condition else ""  # noqa: S608


def query(one: Searched, variants: Iterable[str]) -> str:
    """The SOQL that compares every field with numbers to every notation."""
    values = ", ".join(f"'{escaped(variant)}'" for variant in variants)
    condition = " OR ".join(f"{field} IN ({values})" for field in one.phones)
    # Names were held against what Salesforce allows as one; values are escaped.
    return f"SELECT {', '.join(one.fields)} FROM {one.name} WHERE {condition} LIMIT {MAX_ASKED}"  # noqa: S608


def escaped(value: str) -> str:
    """The text as the inside of a quoted SOQL text."""
    return value.replace("\\", "\\\\").replace("'", "\\'")


def escaped_pattern(value: str) -> str:
    """The same within LIKE, where two more characters stand for others."""
    return re.sub(r"([%_])", r"\\\1", escaped(value))


def sampled_rows(sample: JSON, connector: str) -> list[Row]:
    """Pasted records: of contacts, unless they say of what. Raises InvalidResponse."""
    raws = records_within(connector, sample)
    return [parsed(Row, {"attributes": {"type": "Contact"}, **raw}, connector) for raw in raws]
