from __future__ import annotations

import asyncio
import json
import threading
from typing import Any

import pytest
from asgiref.testing import ApplicationCommunicator

from connie_portal.asgi import application, full_application, thin_application
from integrations.models import AccessEntry, Connector
from tests.api.conftest import Api
from tests.lookup.fakes import FakeConnector


def post(path: str, headers: dict[str, str], method: str = "POST") -> ApplicationCommunicator:
    """A request to the whole application, as the server calls it."""
    scope: dict[str, Any] = {
        "type": "http", "method": method, "path": path, "raw_path": path.encode(), "query_string": b"", "http_version": "1.1",
        "scheme": "http", "client": ("127.0.0.1", 1), "server": ("localhost", 80), "asgi": {"version": "3.0"},
        "headers": [(name.lower().encode(), value.encode()) for name, value in {"host": "localhost", **headers}.items()],
    }  # fmt: skip
    return ApplicationCommunicator(application, scope)


async def ask(path: str, body: bytes, headers: dict[str, str], method: str = "POST") -> tuple[int, dict[str, str], bytes]:
    communicator = post(path, headers, method)
    await communicator.send_input({"type": "http.request", "body": body, "more_body": False})
    start = await communicator.receive_output(10)
    content = b""
    more = True
    while more:
        part = await communicator.receive_output(10)
        content += part.get("body", b"")
        more = part.get("more_body", False)
    await communicator.wait(10)
    return start["status"], {name.decode().lower(): value.decode() for name, value in start["headers"]}, content


async def test_a_lookup_runs_on_the_thin_stack_with_its_headers(api: Api) -> None:
    headers = {**api.headers, "Content-Type": "application/json"}
    status, sent, content = await ask("/api/v1/lookup", b'{"phone": "+14155550123"}', headers)
    assert (status, json.loads(content)["lookup_status"]) == (200, "ok")
    assert sent["x-content-type-options"] == "nosniff"
    assert sent["cache-control"] == "no-store"
    assert "set-cookie" not in sent


async def test_errors_have_the_headers_too(api: Api) -> None:
    for path in ("/api/v1/lookup", "/api/v1/nothing"):
        _status, sent, content = await ask(path, b"{", {"Content-Type": "application/json"})
        assert sent["x-content-type-options"] == "nosniff"
        assert set(json.loads(content)) == {"error"}


def test_only_the_thin_stack_is_thin() -> None:
    def depth(handler: Any) -> int:
        count, inner = 0, handler._middleware_chain
        while (inner := getattr(inner, "__wrapped__", None) or getattr(inner, "get_response", None)) is not None:
            count += 1
        return count

    assert depth(thin_application) < depth(full_application)


async def test_a_lookup_whose_client_leaves_ends_and_asks_no_further(api: Api) -> None:
    connector = await Connector.objects.aget(key="clients")
    connector.options, connector.timeout_ms = {"fails": "wait"}, 6_000
    await connector.asave()
    communicator = post("/api/v1/lookup", {**api.headers, "Content-Type": "application/json"})
    await communicator.send_input({"type": "http.request", "body": b'{"phone": "+14155550123"}', "more_body": False})
    await FakeConnector.asked_once.wait()
    await communicator.send_input({"type": "http.disconnect"})
    await communicator.wait(2)
    assert communicator.output_queue.empty()
    assert not await AccessEntry.objects.filter(event="lookup").aexists()


async def test_a_lookup_that_the_server_ends_is_not_taken_for_answered(api: Api) -> None:
    connector = await Connector.objects.aget(key="clients")
    connector.options, connector.timeout_ms = {"fails": "wait"}, 6_000
    await connector.asave()
    communicator = post("/api/v1/lookup", {**api.headers, "Content-Type": "application/json"})
    await communicator.send_input({"type": "http.request", "body": b'{"phone": "+14155550123"}', "more_body": False})
    await FakeConnector.asked_once.wait()
    communicator.future.cancel()
    with pytest.raises(asyncio.CancelledError):
        await communicator.future


async def test_a_request_takes_no_thread_of_its_own(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    headers = {**api.headers, "Content-Type": "application/json"}
    await ask("/api/v1/lookup", b'{"phone": "+14155550123"}', headers)  # the process's own threads are made
    started: list[str] = []
    start = threading.Thread.start
    monkeypatch.setattr(threading.Thread, "start", lambda thread: (started.append(thread.name), start(thread)))
    status, _sent, _content = await ask("/api/v1/lookup", b'{"phone": "+14155550123"}', headers)
    assert (status, started) == (200, [])


async def test_static_files_are_served_whole_with_their_type_and_without_the_portal(api: Api) -> None:
    status, sent, content = await ask("/static/css/base.css", b"", {}, "GET")
    assert (status, sent["content-type"], len(content)) == (200, 'text/css; charset="utf-8"', int(sent["content-length"]))
    assert sent["x-content-type-options"] == "nosniff"
    assert "set-cookie" not in sent


@pytest.mark.parametrize("path", ["/static/nothing.css", "/static/../manage.py", "/static/%2e%2e/manage.py"])
async def test_what_is_no_static_file_is_not_found(api: Api, path: str) -> None:
    status, _sent, content = await ask(path, b"", {}, "GET")
    assert status == 404
    assert b"DJANGO_SETTINGS_MODULE" not in content
