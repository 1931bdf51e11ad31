"""Signing in at Salesforce, staying signed in, and what its refusals mean."""

from __future__ import annotations

import asyncio
import base64
from typing import Any
from urllib.parse import parse_qs

import orjson
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from pydantic import SecretStr

from integrations.connectors.salesforce.session import SalesforceSecrets, Session, _grant
from integrations.deadline import Deadline
from integrations.errors import (
    AuthFailed,
    ConfigurationError,
    InvalidResponse,
    MissingScope,
    RateLimited,
    SourceError,
    SourceTimeout,
    SourceUnavailable,
)
from integrations.outbound.network import NetworkPolicy
from tests.connectors.contract import NUMBER, fixture
from tests.connectors.salesforce.conftest import CLIENT, HERE, TOKEN_PATH, asked, minted, recorded, salesforce, signed_in
from tests.http_stub import Stub, Write, current_request, reply

KEY = rsa.generate_private_key(65537, 2048)
PEM = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
BY_KEY = {"client_id": "3MVG9.portal", "private_key": PEM, "username": "portal@riverside.example"}
NOBODY = recorded("not_found")


def token(value: str, **more: Any) -> Write:
    return reply({**fixture(HERE, "token"), "access_token": value, **more})


def accepting(good: str) -> Write:
    """Answers who carries the good token; to others the session has expired."""

    async def write(writer: Any) -> None:
        carried = current_request.get().headers["authorization"]
        await (NOBODY if carried == f"Bearer {good}" else recorded("expired_session", 401))(writer)

    return write


# -- Signing in -----------------------------------------------------------------------------------------------------


async def test_one_token_serves_many_requests(stub: Stub) -> None:
    stub.answer(signed_in(NOBODY))
    connector = salesforce(stub)
    await asyncio.gather(*(connector.find(NUMBER, Deadline(5)) for _index in range(5)))
    (request,) = minted(stub)
    assert (request.method, request.path) == ("POST", TOKEN_PATH)
    form = {name: values[0] for name, values in parse_qs(request.body.decode()).items()}
    assert form == {"grant_type": "client_credentials", **CLIENT}
    # Also where the answer names another host: that one never sees the token.
    assert len(asked(stub)) == 5


async def test_a_key_signs_for_its_user(stub: Stub) -> None:
    stub.answer(signed_in(NOBODY))
    await salesforce(stub, secrets=BY_KEY).find(NUMBER, Deadline(5))
    form = {name: values[0] for name, values in parse_qs(minted(stub)[0].body.decode()).items()}
    assert set(form) == {"grant_type", "assertion"}
    assert form["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
    head, body, signature = form["assertion"].split(".")
    raw = base64.urlsafe_b64decode(f"{signature}==")
    KEY.public_key().verify(raw, f"{head}.{body}".encode(), padding.PKCS1v15(), hashes.SHA256())
    claims = orjson.loads(base64.urlsafe_b64decode(f"{body}=="))
    assert (claims["iss"], claims["sub"]) == ("3MVG9.portal", "portal@riverside.example")
    assert claims["aud"] == "https://login.salesforce.com"
    assert 0 < claims["exp"] - claims["iat"] <= 180


def test_a_sandbox_of_salesforce_is_signed_in_to_at_its_test_system() -> None:
    secrets = SalesforceSecrets.model_validate(BY_KEY)
    form = _grant(secrets, "riverside--uat.sandbox.my.salesforce.com")
    body = form["assertion"].split(".")[1]
    assert orjson.loads(base64.urlsafe_b64decode(f"{body}=="))["aud"] == "https://test.salesforce.com"


@pytest.mark.parametrize(
    ("secrets", "named"),
    [
        ({"client_id": "a"}, "client_secret"),
        ({"client_id": "a", "private_key": PEM}, "username"),
        ({"client_id": "a", "private_key": "not a key", "username": "u"}, "private_key"),
    ],
)
def test_secrets_that_cannot_work_are_refused_before_anyone_calls(stub: Stub, secrets: dict[str, str], named: str) -> None:
    with pytest.raises(ConfigurationError, match=named) as raised:
        _ = salesforce(stub, secrets=secrets).mapping
    assert "not a key" not in str(raised.value)


@pytest.mark.parametrize("url", ["https://riverside.lightning.force.com", "http://riverside.my.salesforce.com", "riverside"])
def test_an_address_that_cannot_work_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^base_url: "):
        Session("crm", url, NetworkPolicy(), SalesforceSecrets.model_validate(CLIENT))


async def test_a_wrong_secret_is_a_failed_sign_in(stub: Stub) -> None:
    stub.answer(signed_in(NOBODY, recorded("wrong_secret", 400)))
    with pytest.raises(AuthFailed):
        await salesforce(stub).find(NUMBER, Deadline(5))
    assert asked(stub) == []


def test_secrets_are_in_no_representation(stub: Stub) -> None:
    shown = repr(salesforce(stub, secrets={**BY_KEY, "client_secret": "s3cret"}).secrets)
    assert "s3cret" not in shown
    assert "PRIVATE" not in shown
    assert SecretStr.__name__ in shown


# -- Staying signed in ----------------------------------------------------------------------------------------------


async def test_a_session_that_expired_is_begun_anew_once(stub: Stub) -> None:
    stub.answer(signed_in(accepting("t-2"), token("t-1"), token("t-2")))
    assert await salesforce(stub).find(NUMBER, Deadline(5)) == []
    assert (len(minted(stub)), len(asked(stub))) == (2, 2)


async def test_a_session_that_is_refused_again_is_a_failed_sign_in_and_no_loop(stub: Stub) -> None:
    stub.answer(signed_in(accepting("never")))
    with pytest.raises(AuthFailed) as raised:
        await salesforce(stub).find(NUMBER, Deadline(5))
    assert type(raised.value) is AuthFailed
    assert (len(minted(stub)), len(asked(stub))) == (2, 2)


async def test_who_is_warmed_up_is_signed_in_when_somebody_calls(stub: Stub) -> None:
    stub.answer(signed_in(NOBODY))
    connector = salesforce(stub)
    await connector.warm_up(Deadline(5))
    assert (len(minted(stub)), len(asked(stub))) == (1, 0)
    await connector.find(NUMBER, Deadline(5))
    assert (len(minted(stub)), len(asked(stub))) == (1, 1)
    await connector.close()


# -- Refusals -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "status", "error"),
    [
        ("day_used_up", 403, RateLimited),
        ("insufficient_access", 403, MissingScope),
        ("expired_session", 401, AuthFailed),
        ("no_such_field", 400, MissingScope),
        ("malformed_query", 400, InvalidResponse),
        ("version_gone", 410, InvalidResponse),
    ],
)
async def test_recorded_refusals_have_their_error(stub: Stub, name: str, status: int, error: type[SourceError]) -> None:
    stub.answer(signed_in(recorded(name, status)))
    with pytest.raises(error) as raised:
        await salesforce(stub).find(NUMBER, Deadline(5))
    assert type(raised.value) is error
    assert "5550123" not in str(raised.value), "what was asked is not repeated"


@pytest.mark.parametrize(
    ("code", "status", "error"),
    [
        ("QUERY_TIMEOUT", 400, SourceTimeout),
        ("UNABLE_TO_LOCK_ROW", 400, SourceUnavailable),
        ("SERVER_UNAVAILABLE", 503, SourceUnavailable),
        ("API_DISABLED_FOR_ORG", 403, MissingScope),
        ("INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY", 400, MissingScope),
        ("SOMETHING_NEW", 400, InvalidResponse),
        ({"no": "text"}, 403, MissingScope),
    ],
)
async def test_other_codes_have_their_error(stub: Stub, code: Any, status: int, error: type[SourceError]) -> None:
    stub.answer(signed_in(reply([{"errorCode": code, "message": "m"}], status)))
    with pytest.raises(error):
        await salesforce(stub).find(NUMBER, Deadline(5))


async def test_a_day_that_is_used_up_asks_for_a_long_pause_and_a_crowded_moment_does_not(stub: Stub) -> None:
    pauses = []
    for name in ("day_used_up", "too_many_at_once"):
        stub.answer(signed_in(recorded(name, 403)))
        with pytest.raises(RateLimited) as raised:
            await salesforce(stub).find(NUMBER, Deadline(5))
        pauses.append(raised.value.retry_after)
    assert pauses == [300.0, None]


# -- Usage and health -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "usage"),
    [
        ("api-usage=10018/100000", (10_018, 100_000)),
        ("api-usage=25/5000; per-app-api-usage=17/250(appName=portal)", (25, 5_000)),
        ("per-app-api-usage=17/250(appName=portal)", None),
        ("api-usage=many", None),
    ],
)
async def test_usage_is_read_from_every_answer(stub: Stub, header: str, usage: tuple[int, int] | None) -> None:
    stub.answer(signed_in(recorded("not_found", Sforce_Limit_Info=header)))
    connector = salesforce(stub)
    assert connector.usage is None
    await connector.find(NUMBER, Deadline(5))
    assert (connector.usage and (connector.usage.used, connector.usage.allowed)) == usage


@pytest.mark.parametrize(("used", "status"), [(7_999, "healthy"), (8_000, "degraded"), (10_000, "degraded")])
async def test_health_warns_from_four_fifths_of_the_days_requests(stub: Stub, used: int, status: str) -> None:
    stub.answer(signed_in(reply({"search": "/services/data/v67.0/search"}, Sforce_Limit_Info=f"api-usage={used}/10000")))
    health = await salesforce(stub).health(Deadline(5))
    assert health.status == status
    assert f"{used:,} of 10,000" in health.message
    assert ("Once all are used, it answers nobody" in health.message) == (status == "degraded")
    assert [(request.method, request.path) for request in asked(stub)] == [("GET", "/services/data/v67.0/")]


async def test_an_organisation_without_a_limit_is_healthy(stub: Stub) -> None:
    stub.answer(signed_in(reply({}, Sforce_Limit_Info="api-usage=5/0")))
    assert (await salesforce(stub).health(Deadline(5))).status == "healthy"
