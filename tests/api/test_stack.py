from __future__ import annotations

import json
from typing import Any

from asgiref.testing import ApplicationCommunicator

from connie_portal.asgi import application, full_application, thin_application
from tests.api.conftest import Api


async def ask(path: str, body: bytes, headers: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
    """Through the whole application, as the server calls it."""
    scope: dict[str, Any] = {
        "type": "http", "method": "POST", "path": path, "raw_path": path.encode(), "query_string": b"", "http_version": "1.1",
        "scheme": "http", "client": ("127.0.0.1", 1), "server": ("localhost", 80), "asgi": {"version": "3.0"},
        "headers": [(name.lower().encode(), value.encode()) for name, value in {"host": "localhost", **headers}.items()],
    }  # fmt: skip
    communicator = ApplicationCommunicator(application, scope)
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
