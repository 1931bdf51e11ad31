"""What every connector that speaks HTTP must do with a server that misbehaves. Each kind's tests inherit this."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import AsyncIterator
from pathlib import Path

import orjson
import pytest

from integrations.connectors.base import Connector
from integrations.deadline import Deadline
from integrations.errors import SourceError
from integrations.outbound.http import close_clients
from integrations.phone import Number
from integrations.profile import JSON
from tests import http_stub
from tests.http_stub import Stub, reply, stub_server

NUMBER = Number("+14155550123", "US")
MISSING, EMPTY, NULL, NO_ITEMS = reply({}, 404), reply(b""), reply(None), reply([])


class ConnectorContract:
    """Sub-classes say how to build the connector against a stub, and what an empty answer looks like."""

    empty_answer: JSON
    # What a kind may take for nobody, because systems of its sort say it so.
    nobody: tuple[http_stub.Write, ...] = ()
    wrong_types: tuple[JSON, ...]

    @abstractmethod
    def connector(self, stub: Stub) -> Connector: ...

    @pytest.fixture
    async def stub(self) -> AsyncIterator[Stub]:
        async with stub_server() as server:
            yield server
            await close_clients()

    @pytest.mark.parametrize(
        ("behaviour", "status"),
        [
            (http_stub.hang, "timeout"),
            (http_stub.hang_in_body, "timeout"),
            (http_stub.trickle, "timeout"),
            (http_stub.reset, "unavailable"),
            (http_stub.truncated, "invalid_response"),
            (http_stub.huge, "invalid_response"),
            (http_stub.gzip_bomb, "invalid_response"),
            (reply({}, 401), "auth"),
            (reply({}, 403), "auth"),
            (MISSING, "invalid_response"),
            (reply({}, 429), "rate_limited"),
            (reply({}, 429, Retry_After="2"), "rate_limited"),
            (reply({}, 500), "unavailable"),
            (reply({}, 503, Retry_After="2"), "unavailable"),
            (reply({}, 302, Location="http://127.0.0.1:9/"), "invalid_response"),
            (reply(b"<html>"), "invalid_response"),
            (EMPTY, "invalid_response"),
            (NULL, "invalid_response"),
            (NO_ITEMS, "invalid_response"),
            (reply("text"), "invalid_response"),
        ],
    )
    async def test_each_misbehaviour_is_a_typed_error(self, stub: Stub, behaviour: http_stub.Write, status: str) -> None:
        stub.answer(behaviour)
        if behaviour in self.nobody:
            assert await self.connector(stub).find(NUMBER, Deadline(10)) == []
            return
        with pytest.raises(SourceError) as raised:
            await self.connector(stub).find(NUMBER, Deadline(0.3 if status == "timeout" else 10))
        assert raised.value.status == status
        assert raised.value.source == self.connector(stub).key

    async def test_answers_of_wrong_types_are_invalid(self, stub: Stub) -> None:
        for answer in self.wrong_types:
            stub.answer(reply(answer))
            with pytest.raises(SourceError) as raised:
                await self.connector(stub).find(NUMBER, Deadline(5))
            assert raised.value.status == "invalid_response"

    async def test_none_found_is_an_empty_list(self, stub: Stub) -> None:
        stub.answer(reply(self.empty_answer))
        assert await self.connector(stub).find(NUMBER, Deadline(5)) == []


def fixture(folder: Path, name: str) -> JSON:
    """A recorded payload; the file's name is the case."""
    return orjson.loads((folder / "fixtures" / f"{name}.json").read_bytes())
