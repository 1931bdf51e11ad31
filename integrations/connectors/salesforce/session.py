"""Signed in at one Salesforce: a token that all requests share, what its errors mean, and how much of the day is used up.

https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/errorcodes.htm
https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/headers_api_usage.htm
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import orjson
from pydantic import Field, SecretStr

from integrations.connectors.base import ConnectorSecrets, Health
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
from integrations.outbound.http import Answer, HttpDoor, retry_after
from integrations.outbound.network import NetworkPolicy
from integrations.outbound.oauth import JWT_BEARER, AccessTokens, assertion, rsa_key
from integrations.profile import JSON

TOKEN_PATH = "/services/oauth2/token"  # noqa: S105 -- an address
# The day's requests are used up: asking again within minutes only makes it worse.
LIMIT_PAUSE_S = 300.0
# From this share of the day's requests on, an admin is warned.
WARN_FROM = 0.8
# The total, and not an app's own share ("per-app-api-usage=…").
_USAGE = re.compile(r"(?<![\w-])api-usage=([0-9]{1,15})/([0-9]{1,15})(?![0-9])")
# What the code says better than the status. Salesforce's messages repeat what was asked, so they are never passed on.
_BY_CODE: Mapping[str, type[SourceError]] = {
    "INVALID_SESSION_ID": AuthFailed,
    "INVALID_AUTH_HEADER": AuthFailed,
    "REQUEST_LIMIT_EXCEEDED": RateLimited,
    # An object or field that the user may not read is told like one that does not exist.
    "INVALID_FIELD": MissingScope,
    "INVALID_TYPE": MissingScope,
    "API_DISABLED_FOR_ORG": MissingScope,
    "MALFORMED_QUERY": InvalidResponse,
    "MALFORMED_SEARCH": InvalidResponse,
    "QUERY_TIMEOUT": SourceTimeout,
    "REQUEST_RUNNING_TOO_LONG": SourceTimeout,
    "UNABLE_TO_LOCK_ROW": SourceUnavailable,
    "SERVER_UNAVAILABLE": SourceUnavailable,
}


class SalesforceSecrets(ConnectorSecrets):
    """``client_id`` with either ``client_secret``, or ``private_key`` and ``username``."""

    client_id: SecretStr = Field(description="The consumer key of the external client app.")
    client_secret: SecretStr = Field(SecretStr(""), description="Its consumer secret, unless it signs in with a key.")
    private_key: SecretStr = Field(SecretStr(""), description="To sign in with a key: the RSA key in PEM form.")
    username: SecretStr = Field(SecretStr(""), description="To sign in with a key: the user on whose behalf.")


@dataclass(frozen=True)
class Usage:
    """How many of the organisation's API requests of 24 hours are used, by all its programs together."""

    used: int
    allowed: int

    @property
    def share(self) -> float:
        return self.used / self.allowed if self.allowed else 0.0

    @property
    def last_known_health(self) -> Health:
        """What the admin reads: how much is used, and from WARN_FROM on what that means."""
        if not self.allowed:
            return Health("healthy")
        told = f"{self.used:,} of {self.allowed:,} requests of the last 24 hours are used, by all programs together."
        if self.share < WARN_FROM:
            return Health("healthy", told)
        return Health(
            "degraded", f"{told} Once all are used, it answers nobody: ask for fewer, or let Salesforce raise the limit."
        )


class Session:
    """The way to one Salesforce. Raises ConfigurationError for an address or secrets that can never work.

    Requests go to the My Domain address and never to one that an answer names: that one would be sent the token.
    """

    def __init__(self, connector: str, base_url: str, network: NetworkPolicy, secrets: SalesforceSecrets) -> None:
        self.connector = connector
        self.usage: Usage | None = None
        self._door = HttpDoor(connector, base_url, network)
        host = urlsplit(base_url).hostname or ""
        if host.endswith(".lightning.force.com"):
            raise ConfigurationError("base_url: give the My Domain address, which ends with .my.salesforce.com.")
        _check(secrets)
        token_url = f"{self._door.base_url}{TOKEN_PATH}"
        self._tokens = AccessTokens(connector, token_url, network, lambda: _grant(secrets, host))

    async def ask(self, method: str, path: str, deadline: Deadline, *, json: JSON = None) -> JSON:
        """The decoded JSON of a good answer. A token that is no longer accepted is minted anew, once.

        Raises SourceError.
        """

        async def send(authorization: str) -> Answer:
            answer = await self._door.ask(method, path, deadline, headers={"Authorization": authorization}, json=json)
            self._note_usage(answer)
            return answer

        answer = await self._tokens.authorized(send, deadline)
        if answer.status >= 400:
            explain(self.connector, _errors_of(answer), retry_after(answer.headers))
        return self._door.checked(answer)

    async def sign_in(self, deadline: Deadline) -> None:
        """Get a token. Raises SourceError."""
        await self._tokens.current(deadline)

    async def close(self) -> None:
        """End what renews tokens behind."""
        await self._tokens.close()

    def _note_usage(self, answer: Answer) -> None:
        if found := _USAGE.search(answer.headers.get("sforce-limit-info", "")):
            self.usage = Usage(int(found[1]), int(found[2]))


def explain(connector: str, errors: JSON, pause_s: float | None = None) -> None:
    """Raise what Salesforce's list of errors means, if it says more than the status does."""
    first = errors[0] if isinstance(errors, list) and errors else None
    code = first.get("errorCode") if isinstance(first, dict) else None
    if not isinstance(code, str) or not re.fullmatch(r"[A-Z_]{1,80}", code):
        return
    kind = MissingScope if code.startswith("INSUFFICIENT_ACCESS") else _BY_CODE.get(code)
    if kind is RateLimited:
        # Too many at the same moment passes by itself; too many in a day does not.
        passing = "Concurrent" in str(first)
        raise RateLimited(connector, code, retry_after=pause_s or (None if passing else LIMIT_PAUSE_S))
    if kind:
        raise kind(connector, code)


def _errors_of(answer: Answer) -> Any:
    try:
        return orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        return None  # the status has to say it all


def _check(secrets: SalesforceSecrets) -> None:
    if secrets.private_key.get_secret_value():
        rsa_key(secrets.private_key.get_secret_value())
        if not secrets.username.get_secret_value():
            raise ConfigurationError("secrets.username: enter the user on whose behalf the key signs in.")
    elif not secrets.client_secret.get_secret_value():
        raise ConfigurationError("secrets.client_secret: enter this, or a private_key and a username to sign in with a key.")


def _grant(secrets: SalesforceSecrets, host: str) -> dict[str, str]:
    client_id = secrets.client_id.get_secret_value()
    if not (key := secrets.private_key.get_secret_value()):
        secret = secrets.client_secret.get_secret_value()
        return {"grant_type": "client_credentials", "client_id": client_id, "client_secret": secret}
    # A sandbox of Salesforce's is a part of their test system, and its address says so.
    audience = "https://test.salesforce.com" if ".sandbox." in host else "https://login.salesforce.com"
    claims = {"iss": client_id, "sub": secrets.username.get_secret_value(), "aud": audience}
    return {"grant_type": JWT_BEARER, "assertion": assertion(key, claims)}
