"""Signing in at HubSpot, staying signed in, and what its refusals mean."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import parse_qs

import pytest

from integrations.deadline import Deadline
from integrations.errors import (
    AuthFailed,
    ConfigurationError,
    MissingScope,
    RateLimited,
    SourceError,
    SourceUnavailable,
)
from tests.connectors.contract import NUMBER, fixture
from tests.connectors.hubspot.conftest import HERE, OAUTH, by_path, hubspot, recorded
from tests.http_stub import Request, Stub, Write, current_request, reply

NOBODY = recorded("not_found")
DEAD = recorded("expired_token", 401)
NO_SUCH_OBJECTS = recorded("no_such_objects", 207)


def minted(stub: Stub) -> list[Request]:
    return [request for request in stub.requests if request.path.startswith("/oauth/")]


def accepting(good: str) -> Write:
    """Answers who carries the good token; others carry a dead one."""

    async def write(writer: Any) -> None:
        carried = current_request.get().headers["authorization"]
        await (NOBODY if carried == f"Bearer {good}" else DEAD)(writer)

    return write


def tokens(*values: str) -> Write:
    """One after the other; the last one stays."""
    left = list(values)

    async def write(writer: Any) -> None:
        value = left.pop(0) if len(left) > 1 else left[0]
        await reply({**fixture(HERE, "token"), "access_token": value})(writer)

    return write


# -- Signing in -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("version", "path"), [("v3", "/oauth/v3/token"), ("v4", "/oauth/v3/token"), ("2026-09", "/oauth/2026-09/token")]
)
async def test_a_refresh_token_mints_one_access_token_for_many_requests(stub: Stub, version: str, path: str) -> None:
    stub.answer(by_path({"/contacts/search": NOBODY, "/contacts/": NOBODY}))
    connector = hubspot(stub, secrets=OAUTH, sign_in="oauth", api_version=version)
    await asyncio.gather(*(connector.find(NUMBER, Deadline(5)) for _index in range(5)))
    (request,) = minted(stub)
    assert (request.method, request.path) == ("POST", path)
    form = {name: values[0] for name, values in parse_qs(request.body.decode()).items()}
    assert form == {"grant_type": "refresh_token", **OAUTH}
    carried = {request.headers.get("authorization") for request in stub.requests if request not in minted(stub)}
    assert carried == {"Bearer CN3j-access-1"}


async def test_a_token_that_was_taken_back_is_minted_anew_once(stub: Stub) -> None:
    stub.answer(by_path({"/oauth/": tokens("t-1", "t-2"), "/contacts/search": accepting("t-2")}))
    assert await hubspot(stub, secrets=OAUTH, sign_in="oauth").find(NUMBER, Deadline(5)) == []
    assert len(minted(stub)) == 2


async def test_a_token_that_is_refused_again_is_a_failed_sign_in_and_no_loop(stub: Stub) -> None:
    stub.answer(by_path({"/contacts/search": DEAD}))
    with pytest.raises(AuthFailed) as raised:
        await hubspot(stub, secrets=OAUTH, sign_in="oauth").find(NUMBER, Deadline(5))
    assert type(raised.value) is AuthFailed
    assert len(minted(stub)) == 2


async def test_a_revoked_refresh_token_is_a_failed_sign_in(stub: Stub) -> None:
    stub.answer(by_path({"/oauth/": recorded("revoked_refresh_token", 400)}))
    with pytest.raises(AuthFailed) as raised:
        await hubspot(stub, secrets=OAUTH, sign_in="oauth").find(NUMBER, Deadline(5))
    assert type(raised.value) is AuthFailed
    assert len(stub.requests) == 1


async def test_a_static_token_that_is_dead_is_not_tried_twice(stub: Stub) -> None:
    stub.answer(DEAD)
    with pytest.raises(AuthFailed):
        await hubspot(stub).find(NUMBER, Deadline(5))
    assert len(stub.requests) == 1


async def test_who_is_warmed_up_is_signed_in_when_somebody_calls(stub: Stub) -> None:
    stub.answer(by_path({"/contacts/search": NOBODY}))
    connector = hubspot(stub, secrets=OAUTH, sign_in="oauth")
    await connector.warm_up(Deadline(5))
    assert len(minted(stub)) == len(stub.requests) == 1
    await connector.find(NUMBER, Deadline(5))
    assert len(minted(stub)) == 1
    await connector.close()


async def test_warming_up_with_a_static_token_asks_nothing(stub: Stub) -> None:
    await hubspot(stub).warm_up(Deadline(5))
    assert stub.requests == []


async def test_what_renews_tokens_ends_with_the_connector(stub: Stub) -> None:
    stub.answer(by_path({"/contacts/search": NOBODY}))
    connector = hubspot(stub, secrets=OAUTH, sign_in="oauth")
    await connector.find(NUMBER, Deadline(5))
    await connector.close()
    await hubspot(stub).close()


@pytest.mark.parametrize("missing", ["client_id", "client_secret", "refresh_token"])
def test_oauth_without_one_of_its_secrets_is_refused_before_anyone_calls(stub: Stub, missing: str) -> None:
    secrets = {name: value for name, value in OAUTH.items() if name != missing}
    with pytest.raises(ConfigurationError, match=rf"^secrets\.{missing}: "):
        _ = hubspot(stub, secrets={**secrets, "token": "pat"}, sign_in="oauth").mapping


def test_a_sign_in_by_token_needs_the_token(stub: Stub) -> None:
    with pytest.raises(ConfigurationError, match=r"^secrets\.token: "):
        _ = hubspot(stub, secrets=OAUTH).mapping


def test_secrets_are_in_no_representation(stub: Stub) -> None:
    shown = repr(hubspot(stub, secrets={**OAUTH, "token": "pat-na1-secret"}).secrets)
    assert not [value for value in (*OAUTH.values(), "pat-na1-secret") if value in shown]


# -- Refusals -------------------------------------------------------------------------------------------------------


async def refused(stub: Stub, answer: Write) -> SourceError:
    stub.answer(answer)
    with pytest.raises(SourceError) as raised:
        await hubspot(stub).find(NUMBER, Deadline(5))
    return raised.value


@pytest.mark.parametrize(
    ("name", "status", "error"),
    [
        ("rate_limited", 429, RateLimited),
        ("missing_scope", 403, MissingScope),
        ("expired_token", 401, AuthFailed),
        ("expired_token", 403, AuthFailed),
    ],
)
async def test_recorded_refusals_have_their_error(stub: Stub, name: str, status: int, error: type[SourceError]) -> None:
    assert type(await refused(stub, recorded(name, status))) is error


@pytest.mark.parametrize("status", [423, 477])
async def test_a_locked_or_moving_account_is_unavailable_for_a_while(stub: Stub, status: int) -> None:
    assert type(await refused(stub, reply({}, status))) is SourceUnavailable


@pytest.mark.parametrize(
    ("context", "named"),
    [
        ({"requiredGranularScopes": ["crm.objects.contacts.read"]}, "add the scope crm.objects.contacts.read to it."),
        ({"requiredGranularScopes": ["crm.lists.read", "crm.objects.contacts.read"]}, "the scope crm.objects.contacts.read to"),
        ({"missingScopes": ["crm.objects.contacts.sensitive.read.v2"]}, "scope crm.objects.contacts.sensitive.read.v2 to"),
        ({"requiredScopes": ["a", "b", "c", "d"]}, "add the scope a or b or c to it."),
        ({}, "add the scope crm.objects.contacts.read to it."),
        ({"requiredScopes": ["<b>Ask Rosa, 415 555 0123</b>"]}, "add the scope crm.objects.contacts.read to it."),
        ({"requiredScopes": "contacts"}, "widen its permissions."),
    ],
)
async def test_a_missing_scope_is_named(stub: Stub, context: Any, named: str) -> None:
    body = {"category": "MISSING_SCOPES", "errors": [{"message": "One or more …", "context": context}]}
    error = await refused(stub, reply(body, 403))
    assert isinstance(error, MissingScope)
    assert named in error.public_message
    assert "Rosa" not in error.public_message


async def test_another_403_names_no_scope(stub: Stub) -> None:
    error = await refused(stub, reply({"category": "BANNED"}, 403))
    assert isinstance(error, MissingScope)
    assert error.scopes == ()


@pytest.mark.parametrize(
    ("answer", "pause_s"),
    [
        (recorded("rate_limited", 429), None),  # a second's budget is there again before a pause has begun
        (recorded("daily_limit", 429), 300.0),
        (recorded("daily_limit", 429, Retry_After="7"), 7.0),
        (reply({"policyName": "TEN_SECONDLY_ROLLING"}, 429), 10.0),
    ],
)
async def test_a_limit_asks_for_as_long_a_pause_as_it_lasts(stub: Stub, answer: Write, pause_s: float | None) -> None:
    error = await refused(stub, answer)
    assert isinstance(error, RateLimited)
    assert error.retry_after == pause_s


# -- Health ---------------------------------------------------------------------------------------------------------

ALL_THERE = {"/batch/read": NO_SUCH_OBJECTS}


async def test_health_touches_no_persons_record(stub: Stub) -> None:
    stub.answer(by_path(ALL_THERE))
    assert (await hubspot(stub).health(Deadline(5))).status == "healthy"
    first, *others = stub.requests
    assert first.path == "/account-info/2026-09/details"
    assert {request.path.split("/")[-3] for request in others} == {"contacts", "companies", "deals", "tickets"}
    assert [request.json["inputs"] for request in others] == [[{"id": "0"}]] * 4


async def test_health_tries_the_scopes_of_mapped_fields_only(stub: Stub) -> None:
    stub.answer(by_path(ALL_THERE))
    await hubspot(stub, {"open_cases": False, "company": False}).health(Deadline(5))
    assert {request.path.split("/")[-3] for request in stub.requests[1:]} == {"contacts", "deals"}


@pytest.mark.parametrize("answer", [reply({"category": "VALIDATION_ERROR"}, 400), reply({}, 404)])
async def test_an_object_that_does_not_exist_is_not_a_trouble(stub: Stub, answer: Write) -> None:
    stub.answer(by_path({"/batch/read": answer}))
    assert (await hubspot(stub).health(Deadline(5))).status == "healthy"


async def test_health_names_the_scope_without_which_fields_stay_empty(stub: Stub) -> None:
    stub.answer(by_path({"/tickets/": recorded("missing_tickets_scope", 403), **ALL_THERE}))
    health = await hubspot(stub).health(Deadline(5))
    assert (health.status, health.message) == (
        "degraded",
        "Callers are found, but these fields stay empty: open_cases. At HubSpot, add to the app the scope tickets; "
        "or leave the fields out.",
    )


async def test_without_the_scope_for_contacts_nobody_is_found(stub: Stub) -> None:
    stub.answer(by_path({"/contacts/batch/read": recorded("missing_scope", 403), **ALL_THERE}))
    with pytest.raises(MissingScope) as raised:
        await hubspot(stub).health(Deadline(5))
    assert "crm.objects.contacts.read" in raised.value.public_message


async def test_a_dead_token_is_told_apart_from_a_missing_scope(stub: Stub) -> None:
    stub.answer(DEAD)
    with pytest.raises(AuthFailed) as raised:
        await hubspot(stub).health(Deadline(5))
    assert type(raised.value) is AuthFailed
    assert "renew" in raised.value.public_message


async def test_what_fails_while_scopes_are_tried_is_not_taken_for_a_scope(stub: Stub) -> None:
    stub.answer(by_path({"/tickets/": reply({}, 500), **ALL_THERE}))
    with pytest.raises(SourceUnavailable):
        await hubspot(stub).health(Deadline(5))
