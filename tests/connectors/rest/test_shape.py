"""A shape that cannot work is refused when it is saved, at its place and with a sentence."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
from pydantic import ValidationError

from integrations.connectors.rest.presets import names
from integrations.connectors.rest.shape import RestOptions
from integrations.errors import ConfigurationError
from tests.connectors.rest.conftest import BY_PHONE, rest
from tests.http_stub import Stub


def step(**changes: Any) -> dict[str, Any]:
    return {**deepcopy(BY_PHONE["steps"][0]), **changes}


def problem(**options: Any) -> tuple[str, str]:
    """The place, as its keys joined by dots, and the sentence."""
    with pytest.raises(ValidationError) as raised:
        RestOptions.model_validate({"base_url": "https://api.example.org", "lookup": BY_PHONE, **options})
    (found,) = raised.value.errors()
    return ".".join(str(part) for part in found["loc"]), found["msg"].removeprefix("Value error, ")


@pytest.mark.parametrize(
    ("changes", "place", "sentence"),
    [
        ({"map": {"id": "id", "name": "a..b"}}, "map.name.expr", "is not a valid JMESPath expression"),
        ({"records": "people["}, "records", "is not a valid JMESPath expression"),
        ({"map": {"id": "id", "ssn": "number"}}, "map.ssn.[key]", "never shown"),
        ({"map": {"id": "ssn", "name": "name"}}, "map.id.expr", "named like a social security number"),
        ({"records": "[].merge(@, {code: ssn})"}, "records", "named like a social security number"),
        ({"map": {"id": "id", "name": {"expr": "a", "typ": "text"}}}, "map.name.typ", "Extra inputs"),
        ({"path": "people"}, "path", "Begin the path with one '/'"),
        ({"path": "//evil.example"}, "path", "Begin the path with one '/'"),
        ({"path": "/people?x=1"}, "path", "Leave '?'"),
        ({"path": "/people/../admin"}, "path", "Leave '.' and '..' out"),
        ({"path": "/people/%2e%2e/admin"}, "path", "Leave '.' and '..' out"),
        ({"path": "/people/{phone"}, "path", "Write a placeholder as {name}"),
        ({"headers": {"Authorization": "x"}}, "headers.Authorization.[key]", "signing in belongs into auth"),
        ({"headers": {"X Y": "x"}}, "headers.X Y.[key]", "cannot be set here"),
        ({"json": {"a": "{"}}, "json", "Write a placeholder as {name}"),
        ({"method": "PUT"}, "method", "Input should be 'GET' or 'POST'"),
        ({"json": {"a": "b"}}, "", "A GET request has no body"),
        ({"method": "POST", "json": {}, "form": {}}, "", "Give json or form, not both."),
    ],
)
def test_a_step_is_refused_at_its_place(changes: dict[str, Any], place: str, sentence: str) -> None:
    found, said = problem(lookup={"steps": [step(**changes)]})
    assert found == ".".join(filter(None, ["lookup.steps.0", place]))
    assert sentence in said


@pytest.mark.parametrize(
    ("lookup", "sentence"),
    [
        ({"steps": [step(query={"p": "{fone}"})]}, "The first step: There is no input called 'fone'"),
        ({"steps": [step(requires=["fone"])]}, "The first step: There is no input called 'fone'"),
        ({"steps": [step(), step(path="/x/{owner}")]}, "The second step: There is no input called 'owner'"),
        ({"steps": [step(query={})]}, "The first step: It needs nothing of the caller"),
        ({"steps": [step(query={"since": "{date}"})]}, "The first step: It needs nothing of the caller"),
        ({"steps": [step(query={"e": "{email}"}, requires=["date"])]}, "The first step: It needs nothing of the caller"),
        ({"steps": [step(), step(path="/me", query={})]}, "The second step: It needs nothing of the caller"),
        ({"steps": [step(map={"name": "name"})]}, "The first step: say in map.id where a record's id is"),
    ],
)
def test_inputs_that_do_not_exist_are_named(lookup: dict[str, Any], sentence: str) -> None:
    assert sentence in problem(lookup=lookup)[1]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"preset": "nothing"}, "There is no preset called 'nothing'. Use one of: "),
        ({"auth": {"type": "oauth2_refresh"}}, "token_url: say where tokens are given out."),
        ({"auth": {"type": "oauth2_refresh", "token_url": "ftp://x/token"}}, "token_url: give a web address"),
        ({"auth": {"type": "oauth2_refresh", "token_url": "https://x.org/token?a=b"}}, "token_url: give a web address"),
        ({"auth": {"type": "oauth2_refresh", "token_url": "https://x.org/a b"}}, "token_url: Leave '?'"),
        ({"auth": {"type": "oauth2_refresh", "token_url": "https://[x/token"}}, "token_url: "),
        ({"auth": {"type": "api_key", "name": "Cookie"}}, "cannot be set here"),
        ({"errors": [{"as": "auth"}]}, "a rule without a condition"),
        ({"health": {"path": "/x/{record_id}"}}, "health: There is no input called 'record_id'"),
        ({"lookup": {"steps": []}}, "at least 1 item"),
        ({"lookup": {"steps": [step()] * 3}}, "at most 2 items"),
    ],
)
def test_the_rest_of_a_shape_is_checked_too(options: dict[str, Any], sentence: str) -> None:
    assert sentence in problem(**options)[1]


@pytest.mark.parametrize(
    ("auth", "missing"),
    [("bearer", "token"), ("basic", "username"), ("api_key", "api_key"), ("jwt_bearer", "private_key")],
)
def test_a_sign_in_without_its_secret_is_refused(auth: str, missing: str) -> None:
    connector = rest(Stub(port=1), auth={"type": auth, "token_url": "https://login.example.org/token"})
    with pytest.raises(ConfigurationError, match=rf"secrets\.{missing}: enter this"):
        _ = connector.mapping


def test_a_key_that_is_no_key_is_refused_without_being_repeated() -> None:
    secrets = {"private_key": "-----BEGIN hunter2", "issuer": "a", "subject": "b", "audience": "c"}
    connector = rest(Stub(port=1), auth={"type": "jwt_bearer", "token_url": "https://login.example.org/t"}, secrets=secrets)
    with pytest.raises(ConfigurationError, match="RSA private key") as raised:
        _ = connector.mapping
    assert "hunter2" not in str(raised.value)


def test_a_field_that_does_not_exist_is_refused() -> None:
    connector = rest(Stub(port=1), lookup={"steps": [step(map={"id": "id", "shoe_size": "shoe"})]})
    with pytest.raises(ConfigurationError, match=r"fields\.shoe_size: there is no field"):
        _ = connector.mapping


@pytest.mark.parametrize("name", names())
def test_every_preset_is_a_valid_shape(name: str) -> None:
    options = RestOptions.model_validate({"base_url": "https://api.example.org", "preset": name})
    assert options.lookup or options.availability
