"""The API's description of itself, and that what it says of bodies, errors and ids is so."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from django.core.management import call_command
from django.test import Client
from drf_spectacular.validation import validate_schema
from jsonschema import Draft202012Validator

from connie_portal.logs import redact
from integrations.api.errors import STATUS_OF, error_response
from integrations.api.schema import WHEN
from integrations.sandbox.people import CALLERS
from tests.api.conftest import Api
from tests.api.test_stack import ask

FORM = "application/x-www-form-urlencoded"
PHONE = b'{"phone": "+14155550123"}'
LOOKUP, AVAILABILITY, HEALTH = "/api/v1/lookup", "/api/v1/availability", "/api/v1/health"
PATHS = {
    LOOKUP: "post",
    AVAILABILITY: "post",
    HEALTH: "get",
    "/api/v1/studio/{org}/enrich": "post",
    "/api/v1/studio/{org}/voicemail": "post",
}


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    described: dict[str, Any] = Client().get("/api/schema", headers={"Accept": "application/vnd.oai.openapi+json"}).json()
    return described


def operations(schema: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in schema["paths"].items():
        for operation in methods.values():
            yield path, operation


def validator(schema: dict[str, Any], part: dict[str, Any]) -> Draft202012Validator:
    return Draft202012Validator({**part, "components": with_null(schema["components"])})


def with_null(part: Any) -> Any:
    """OpenAPI 3.0 writes ``nullable`` where JSON Schema names null among the types."""
    if isinstance(part, list):
        return [with_null(one) for one in part]
    if not isinstance(part, dict):
        return part
    told = {name: with_null(one) for name, one in part.items()}
    return {**told, "type": [told["type"], "null"]} if told.get("nullable") is True and "type" in told else told


# -- The schema ----------------------------------------------------------------------------------------------------
def test_it_is_valid_and_made_without_guesses(schema: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    validate_schema(schema)
    call_command("spectacular", "--fail-on-warn", "--format", "openapi-json")
    assert json.loads(capsys.readouterr().out)["paths"].keys() == PATHS.keys()


def test_it_has_every_endpoint_and_a_version(schema: dict[str, Any]) -> None:
    assert {path: next(iter(methods)) for path, methods in schema["paths"].items()} == PATHS
    assert schema["info"]["version"].startswith("1.")


def test_every_error_has_the_one_shape_with_an_example_of_each_code(schema: dict[str, Any]) -> None:
    for path, operation in operations(schema):
        errors = {status: told for status, told in operation["responses"].items() if status != "200"}
        assert {"400", "401", "403", "405", "408", "414", "431", "500", "503"} <= set(errors), path
        assert ("413" in errors, "415" in errors) == ("requestBody" in operation,) * 2
        for status, told in errors.items():
            content = told["content"]["application/json"]
            assert content["schema"] == {"$ref": "#/components/schemas/Error"}
            codes = [example["value"]["error"]["code"] for example in content["examples"].values()]
            assert {STATUS_OF[code] for code in codes} == {int(status)}
    assert set(schema["components"]["schemas"]["ErrorCode"]["enum"]) == set(STATUS_OF) == set(WHEN)


def test_every_error_that_is_sent_is_as_described(schema: dict[str, Any]) -> None:
    check = validator(schema, schema["components"]["schemas"]["Error"])
    for code in STATUS_OF:
        check.validate(json.loads(error_response(code, "A sentence.", {"phone": ["A sentence."]}).content))


def test_keys_come_as_bearer_or_basic_and_twilio_signs_for_studio_only(schema: dict[str, Any]) -> None:
    schemes = schema["components"]["securitySchemes"]
    assert (schemes["bearer"]["scheme"], schemes["basic"]["scheme"]) == ("bearer", "basic")
    assert schemes["twilio"]["name"] == "X-Twilio-Signature"
    for path, operation in operations(schema):
        named = {name for way in operation["security"] for name in way}
        assert named == ({"bearer", "basic", "twilio"} if "studio" in path else {"bearer", "basic"})


def test_bodies_are_json_or_a_form_and_examples_are_as_described(schema: dict[str, Any]) -> None:
    for path, operation in operations(schema):
        bodies = [("200", operation["responses"]["200"]["content"])]
        if "requestBody" in operation:
            bodies.append(("request", operation["requestBody"]["content"]))
            assert set(operation["requestBody"]["content"]) == {"application/json", FORM}
        for where, content in bodies:
            for said in content.values():
                assert said["examples"], (path, where)
                for example in said["examples"].values():
                    validator(schema, said["schema"]).validate(example["value"])


def test_examples_are_about_the_demos_callers(schema: dict[str, Any]) -> None:
    known = {caller.phone for caller in CALLERS}
    for _path, operation in operations(schema):
        for said in operation.get("requestBody", {}).get("content", {}).values():
            asked = [example["value"] for example in said["examples"].values()]
            assert all("phone" not in body or body["phone"] in known for body in asked)


# -- Bodies --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("sent", "kind"), [(PHONE, "application/json"), (b"phone=%2B14155550123", FORM)])
async def test_a_byte_order_mark_is_read_over(api: Api, sent: bytes, kind: str) -> None:
    for charset in ("", "; charset=utf-8", '; charset="UTF-8"'):
        answer = await api.post(b"\xef\xbb\xbf" + sent, content_type=kind + charset)
        assert (answer.status_code, answer.json()["lookup_status"]) == (200, "ok")


@pytest.mark.parametrize("path", [LOOKUP, AVAILABILITY])
@pytest.mark.parametrize("charset", ["iso-8859-1", "utf-16", "utf-7", "nonsense"])
async def test_another_character_set_is_refused(api: Api, path: str, charset: str) -> None:
    headers = {**api.headers, "Content-Type": f"application/json; charset={charset}"}
    status, _sent, content = await ask(path, PHONE, headers)
    error = json.loads(content)["error"]
    assert (status, error["code"]) == (415, "unsupported_media_type")
    assert "UTF-8" in error["message"]


@pytest.mark.parametrize("path", [LOOKUP, AVAILABILITY])
@pytest.mark.parametrize("kind", ["application/json", FORM])
async def test_a_compressed_body_is_refused(api: Api, path: str, kind: str) -> None:
    headers = {**api.headers, "Content-Type": kind, "Content-Encoding": "gzip"}
    status, _sent, content = await ask(path, gzip.compress(PHONE), headers)
    assert (status, json.loads(content)["error"]["code"]) == (415, "unsupported_media_type")


async def test_a_compressed_or_foreign_body_costs_a_flow_what_is_known_and_not_its_way(api: Api) -> None:
    for headers in ({"Content-Encoding": "gzip"}, {"Content-Type": f"{FORM}; charset=utf-16"}):
        sent = {**api.headers, "Content-Type": FORM, **headers}
        status, _sent, content = await ask("/api/v1/studio/riverside/enrich", b"phone=%2B14155550123", sent)
        answer = json.loads(content)
        assert (status, answer["lookup_status"], answer["caller_name"]) == (200, "failed", "Unknown")


async def test_availability_may_be_asked_with_a_form(api: Api) -> None:
    answer = await api.post(b"service_type=meals&location=94110&date=", AVAILABILITY, content_type=FORM)
    assert (answer.status_code, answer.json()["status"]) == (200, "unknown")
    assert "available" not in answer.json()


async def test_whoever_is_refused_is_told_both_ways_to_sign_in(api: Api) -> None:
    answer = await api.client.get(HEALTH)
    assert answer.status_code == 401
    assert {way.split()[0] for way in answer["WWW-Authenticate"].split(", ")} == {"Basic", "Bearer"}


# -- Request ids ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("path", [LOOKUP, "/api/v1/nothing", "/hooks/x/twilio/task-events", "/livez", "/nowhere", "/static/x"])
@pytest.mark.parametrize("sent", ["a", "7f3c-1.B_2", "x" * 64])
async def test_an_id_that_comes_is_told_in_every_answer(api: Api, path: str, sent: str) -> None:
    _status, headers, _content = await ask(path, b"", {"X-Request-Id": sent})
    assert headers["x-request-id"] == sent


@pytest.mark.parametrize("sent", ["", "x" * 65, "a b", "a\tb", "é", "a,b", '"><script>'])
async def test_an_id_in_another_form_is_replaced(api: Api, sent: str) -> None:
    ids = [(await ask(LOOKUP, PHONE, {"X-Request-Id": sent}))[1]["x-request-id"] for _ in range(2)]
    assert sent not in ids
    assert len(set(ids)) == 2
    assert all(len(made) == 32 for made in ids)


async def test_what_is_logged_for_a_request_tells_its_id(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []

    async def crash(*_args: object) -> None:
        seen.append(structlog.contextvars.get_contextvars())
        raise RuntimeError

    monkeypatch.setattr("integrations.api.lookup.look_up", crash)
    status, headers, content = await ask(
        LOOKUP, PHONE, {**api.headers, "Content-Type": "application/json", "X-Request-Id": "flow-1"}
    )
    assert (status, json.loads(content)["error"]["code"], headers["x-request-id"]) == (500, "internal", "flow-1")
    assert seen == [{"request_id": "flow-1"}]
    assert structlog.contextvars.get_contextvars() == {}


def test_a_number_that_is_sent_as_an_id_is_in_no_log() -> None:
    assert redact(None, "", {"request_id": "4155550123"}) == {"request_id": "[number]"}
