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

from integrations.deadline import Deadline
from integrations.errors import AuthFailed, InvalidResponse, SourceError, SourceTimeout, SourceUnavailable
from tests.connectors.contract import NUMBER
from tests.connectors.rest.conftest import rest
from tests.http_stub import Stub, Write, current_request, hang, reply

KEY = rsa.generate_private_key(65537, 2048)
PEM = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
CLIENT = {"client_id": "portal", "client_secret": "s3cret"}
NOBODY = reply({"people": []})


def serving(*tokens: Write, people: Write = NOBODY) -> Write:
    """The token endpoint answers ``tokens`` one after the other; everything else answers ``people``."""
    left = list(tokens)

    async def write(writer: asyncio.StreamWriter) -> None:
        if current_request.get().path == "/token":
            await (left.pop(0) if len(left) > 1 else left[0])(writer)
        else:
            await people(writer)

    return write


def token(value: str = "t-1", **more: Any) -> Write:
    return reply({"access_token": value, "expires_in": 1800, **more})


def oauth(stub: Stub, kind: str = "oauth2_client_credentials", secrets: dict[str, str] | None = None) -> Any:
    auth = {"type": kind, "token_url": f"{stub.url}/token", "scopes": ["people.read"]}
    return rest(stub, auth=auth, secrets=secrets or CLIENT)


def asked(stub: Stub, path: str) -> list[Any]:
    return [request for request in stub.requests if request.path.partition("?")[0] == path]


@pytest.mark.parametrize(
    ("auth", "secrets", "header"),
    [
        ({"type": "bearer"}, {"token": "abc"}, ("authorization", "Bearer abc")),
        (
            {"type": "basic"},
            {"username": "u", "password": "p:w"},
            ("authorization", f"Basic {base64.b64encode(b'u:p:w').decode()}"),
        ),
        ({"type": "api_key", "name": "X-Key"}, {"api_key": "k"}, ("x-key", "k")),
    ],
)
async def test_what_a_header_carries(
    stub: Stub, auth: dict[str, Any], secrets: dict[str, str], header: tuple[str, str]
) -> None:
    stub.answer(NOBODY)
    await rest(stub, auth=auth, secrets=secrets).find(NUMBER, Deadline(5))
    assert stub.requests[0].headers[header[0]] == header[1]


async def test_a_key_in_the_query(stub: Stub) -> None:
    stub.answer(NOBODY)
    await rest(stub, auth={"type": "api_key", "in": "query", "name": "key"}, secrets={"api_key": "a&b"}).find(
        NUMBER, Deadline(5)
    )
    assert stub.requests[0].path == "/people?phone=%2B14155550123&key=a%26b"


async def test_client_credentials_are_exchanged_once_for_many_requests(stub: Stub) -> None:
    stub.answer(serving(token()))
    connector = oauth(stub)
    await asyncio.gather(*(connector.find(NUMBER, Deadline(5)) for _index in range(5)))
    (minted,) = asked(stub, "/token")
    form = {name: values[0] for name, values in parse_qs(minted.body.decode()).items()}
    assert form == {"grant_type": "client_credentials", **CLIENT, "scope": "people.read"}
    assert {request.headers["authorization"] for request in asked(stub, "/people")} == {"Bearer t-1"}


async def test_a_token_that_was_taken_back_is_minted_anew_once(stub: Stub) -> None:
    async def first_refused(writer: asyncio.StreamWriter) -> None:
        good = current_request.get().headers["authorization"] == "Bearer t-2"
        await (NOBODY if good else reply({}, 401))(writer)

    stub.answer(serving(token("t-1"), token("t-2"), people=first_refused))
    assert await oauth(stub).find(NUMBER, Deadline(5)) == []
    assert (len(asked(stub, "/token")), len(asked(stub, "/people"))) == (2, 2)


async def test_a_token_that_is_refused_again_is_a_failed_sign_in_and_no_loop(stub: Stub) -> None:
    stub.answer(serving(token(), people=reply({}, 401)))
    with pytest.raises(AuthFailed):
        await oauth(stub).find(NUMBER, Deadline(5))
    assert (len(asked(stub, "/token")), len(asked(stub, "/people"))) == (2, 2)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (reply({"error": "invalid_client"}, 400), AuthFailed),
        (reply({"error": "invalid_client"}, 401), AuthFailed),
        (reply({}, 500), SourceUnavailable),
        (reply({"token": "?"}), InvalidResponse),
        (reply({"access_token": "a\r\nX-Evil: 1"}), InvalidResponse),
        (reply(b"<html>"), InvalidResponse),
        (hang, SourceTimeout),
    ],
)
async def test_a_sign_in_that_fails_is_told_apart(stub: Stub, answer: Write, error: type[SourceError]) -> None:
    stub.answer(serving(answer))
    with pytest.raises(error):
        await oauth(stub).find(NUMBER, Deadline(0.3 if answer is hang else 5))
    assert asked(stub, "/people") == []


async def test_a_refresh_token_is_exchanged(stub: Stub) -> None:
    stub.answer(serving(token()))
    await oauth(stub, "oauth2_refresh", {**CLIENT, "refresh_token": "r-1"}).find(NUMBER, Deadline(5))
    form = parse_qs(asked(stub, "/token")[0].body.decode())
    assert (form["grant_type"], form["refresh_token"]) == (["refresh_token"], ["r-1"])


async def test_an_assertion_is_signed_with_the_private_key(stub: Stub) -> None:
    secrets = {"private_key": PEM, "issuer": "portal", "subject": "me@riverside.example", "audience": "https://login.example"}
    stub.answer(serving(token()))
    await oauth(stub, "jwt_bearer", secrets).find(NUMBER, Deadline(5))
    (sent,) = parse_qs(asked(stub, "/token")[0].body.decode())["assertion"]
    head, body, signature = sent.split(".")
    raw = base64.urlsafe_b64decode(f"{signature}==")
    KEY.public_key().verify(raw, f"{head}.{body}".encode(), padding.PKCS1v15(), hashes.SHA256())
    claims = orjson.loads(base64.urlsafe_b64decode(f"{body}=="))
    assert (claims["iss"], claims["sub"], claims["aud"]) == ("portal", "me@riverside.example", "https://login.example")
    assert 0 < claims["exp"] - claims["iat"] <= 300


async def test_one_waiter_who_gives_up_leaves_the_token_to_the_others(stub: Stub) -> None:
    stub.answer(serving(hang, token()))
    connector = oauth(stub)
    with pytest.raises(SourceTimeout):
        await connector.find(NUMBER, Deadline(0.2))
    assert await connector.find(NUMBER, Deadline(5)) == []


async def test_who_is_warmed_up_is_signed_in_when_somebody_calls(stub: Stub) -> None:
    stub.answer(serving(token()))
    connector = oauth(stub)
    await connector.warm_up(Deadline(5))
    assert len(asked(stub, "/token")) == len(stub.requests) == 1
    await connector.find(NUMBER, Deadline(5))
    assert len(asked(stub, "/token")) == 1
    await connector.close()


async def test_warming_up_asks_nothing_where_no_tokens_are_given_out(stub: Stub) -> None:
    connector = rest(stub)
    await connector.warm_up(Deadline(5))
    assert stub.requests == []
    await connector.close()
