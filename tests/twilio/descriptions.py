"""Twilio's published descriptions: what a request may look like, and what an answer has to."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest

# They lie beside a checkout and are never copied into it.
FOLDER = Path(__file__).resolve().parents[3] / "shared" / "specs"
TASKROUTER, EVENTS = "twilio-taskrouter-v1", "twilio-events-v1"
# Sent as text, like everything in a form or an address.
_NUMBERS = {"integer": r"-?\d+", "number": r"-?\d+(\.\d+)?", "boolean": "true|false"}


def description(name: str) -> Any:
    path = FOLDER / f"{name}.json"
    if not path.exists():
        pytest.skip(f"Twilio's OpenAPI description {path.name} is not beside this checkout (../shared/specs)")
    return _standard(json.loads(path.read_text(encoding="utf-8")))


def _standard(schema: Any) -> Any:
    """OpenAPI's ``nullable`` as JSON Schema says it."""
    if isinstance(schema, list):
        return [_standard(inner) for inner in schema]
    if not isinstance(schema, dict):
        return schema
    changed = {key: _standard(inner) for key, inner in schema.items()}
    if changed.pop("nullable", False) is True and isinstance(changed.get("type"), str):
        changed["type"] = [changed["type"], "null"]
    return changed


def check(described: Any, request: httpx.Request, response: httpx.Response) -> str:
    """Hold one exchange against the description; returns its operation, like ``FetchTask``."""
    told, path_values = _operation(described, request)
    _check_parameters(told, path_values, dict(request.url.params), request)
    _check_form(told, described, request)
    _check_answer(told, described, response)
    name: str = told["operationId"]
    return name


def _operation(described: Any, request: httpx.Request) -> tuple[Any, dict[str, str]]:
    for template, operations in described["paths"].items():
        found = re.fullmatch(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", template), request.url.path)
        if found and request.method.lower() in operations:
            return operations[request.method.lower()], found.groupdict()
    raise AssertionError(f"not described: {request.method} {request.url.path}")


def _check_parameters(told: Any, in_path: dict[str, str], in_query: dict[str, str], request: httpx.Request) -> None:
    schemas = {(one["in"], one["name"]): one["schema"] for one in told.get("parameters", [])}
    values = {("path", name): value for name, value in in_path.items()}
    values |= {("query", name): value for name, value in in_query.items()}
    if "if-match" in request.headers:
        values["header", "If-Match"] = request.headers["if-match"]
    for place, value in values.items():
        assert place in schemas, f"{told['operationId']} has no {place}"
        _check_text(value, schemas[place])


def _check_form(told: Any, described: Any, request: httpx.Request) -> None:
    form = httpx.QueryParams(request.content.decode())
    content = told.get("requestBody", {}).get("content", {})
    if not content:
        assert not form
        return
    assert request.headers["content-type"] in content
    schema = content["application/x-www-form-urlencoded"]["schema"]
    assert set(schema.get("required", [])) <= set(form)
    for name in form:
        assert name in schema["properties"], f"{told['operationId']} takes no {name}"
        expected = schema["properties"][name]
        if expected.get("type") == "array":
            assert all(isinstance(json.loads(text), dict) for text in form.get_list(name))
        else:
            assert len(form.get_list(name)) == 1
            _check_text(form[name], {**expected, "components": described["components"]})


def _check_text(value: str, schema: Any) -> None:
    if pattern := _NUMBERS.get(str(schema.get("type"))):
        assert re.fullmatch(pattern, value)
    elif schema:
        jsonschema.validate(value, schema, format_checker=jsonschema.FormatChecker())


def _check_answer(told: Any, described: Any, response: httpx.Response) -> None:
    assert str(response.status_code) in told["responses"]
    content = told["responses"][str(response.status_code)].get("content")
    if not content:
        assert not response.content
        return
    body = response.json()
    schema = content["application/json"]["schema"]
    jsonschema.validate(body, {**schema, "components": described["components"]})
    for row, name in _described_rows(body, schema):
        # Nothing is told that Twilio does not tell; what it tells besides may be left out.
        assert set(row) <= set(described["components"]["schemas"][name]["properties"]), name


def _described_rows(body: Any, schema: Any) -> list[tuple[dict[str, Any], str]]:
    if "$ref" in schema:
        return [(body, schema["$ref"].rpartition("/")[2])]
    lists = [(name, inner) for name, inner in schema.get("properties", {}).items() if "items" in inner]
    return [(row, inner["items"]["$ref"].rpartition("/")[2]) for name, inner in lists for row in body[name]]
