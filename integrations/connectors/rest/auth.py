"""How a system is signed in to: headers or parameters that every request carries, or tokens that are minted for it."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field

from pydantic import Field, SecretStr

from integrations.connectors.base import ConnectorOptions, ConnectorSecrets
from integrations.connectors.rest.requests import Request
from integrations.connectors.rest.shape import Auth, RestOptions
from integrations.deadline import Deadline
from integrations.errors import ConfigurationError
from integrations.outbound.http import Answer, HttpDoor
from integrations.outbound.network import NetworkPolicy
from integrations.outbound.oauth import JWT_BEARER, AccessTokens, assertion, rsa_key
from integrations.profile import JSON

# Which secrets each kind of sign-in cannot do without.
NEEDED: dict[str, tuple[str, ...]] = {
    "none": (),
    "basic": ("username", "password"),
    "bearer": ("token",),
    "api_key": ("api_key",),
    "oauth2_client_credentials": ("client_id", "client_secret"),
    "oauth2_refresh": ("client_id", "client_secret", "refresh_token"),
    "jwt_bearer": ("private_key", "issuer", "subject", "audience"),
}


class RestSecrets(ConnectorSecrets):
    """Secrets, of which only those are entered that the kind of sign-in needs."""

    username: SecretStr = Field(SecretStr(""), description="For basic.")
    password: SecretStr = Field(SecretStr(""), description="For basic.")
    token: SecretStr = Field(SecretStr(""), description="For bearer.")
    api_key: SecretStr = Field(SecretStr(""), description="For api_key.")
    client_id: SecretStr = Field(SecretStr(""), description="For both kinds of oauth2.")
    client_secret: SecretStr = Field(SecretStr(""), description="For both kinds of oauth2.")
    refresh_token: SecretStr = Field(SecretStr(""), description="For oauth2_refresh.")
    private_key: SecretStr = Field(SecretStr(""), description="For jwt_bearer: an RSA key in PEM form.")
    issuer: SecretStr = Field(SecretStr(""), description="For jwt_bearer: who signs.")
    subject: SecretStr = Field(SecretStr(""), description="For jwt_bearer: on whose behalf.")
    audience: SecretStr = Field(SecretStr(""), description="For jwt_bearer: for whom.")

    @classmethod
    def in_use(cls, options: ConnectorOptions) -> frozenset[str]:
        return frozenset(NEEDED[options.auth.type]) if isinstance(options, RestOptions) else super().in_use(options)

    def value(self, name: str) -> str:
        secret: SecretStr = getattr(self, name)
        return secret.get_secret_value()


@dataclass(frozen=True)
class SignIn:
    """What each request carries; ``tokens`` mints what goes into its Authorization header, if anything does."""

    headers: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    tokens: AccessTokens | None = None


class SignedDoor:
    """The way to one system, signed in. Raises ConfigurationError for an address or header that can never work."""

    def __init__(self, source: str, base_url: str, network: NetworkPolicy, signing_in: SignIn) -> None:
        self.source = source
        self._door = HttpDoor(source, base_url, network, headers=signing_in.headers)
        self._query = signing_in.query
        self._tokens = signing_in.tokens

    async def sign_in(self, deadline: Deadline) -> None:
        """Get a token, where the system gives out tokens. Raises SourceError."""
        if self._tokens:
            await self._tokens.current(deadline)

    async def ask(self, request: Request, deadline: Deadline) -> Answer:
        """The answer, whatever its status. A token that was taken back before it expired is minted anew, once."""

        async def send(authorization: str = "") -> Answer:
            return await self._door.ask(
                request.method,
                request.path,
                deadline,
                query={**request.query, **self._query} or None,
                headers={**request.headers, **({"Authorization": authorization} if authorization else {})},
                json=request.json,
                form=request.form,
            )

        return await (self._tokens.authorized(send, deadline) if self._tokens else send())

    async def close(self) -> None:
        """End what renews tokens behind."""
        if self._tokens:
            await self._tokens.close()

    def checked(self, answer: Answer) -> JSON:
        """The decoded JSON of a good answer. Raises SourceError for any other."""
        return self._door.checked(answer)


def sign_in(source: str, auth: Auth, secrets: RestSecrets, network: NetworkPolicy) -> SignIn:
    """Raises ConfigurationError naming the secret that is missing or unusable."""
    for name in NEEDED[auth.type]:
        if not secrets.value(name):
            raise ConfigurationError(f"secrets.{name}: enter this; the sign-in {auth.type!r} cannot do without it.")
    if auth.type == "basic":
        pair = base64.b64encode(f"{secrets.value('username')}:{secrets.value('password')}".encode()).decode()
        return SignIn(headers={"Authorization": f"Basic {pair}"})
    if auth.type == "bearer":
        return SignIn(headers={"Authorization": f"Bearer {secrets.value('token')}"})
    if auth.type == "api_key":
        carried = {auth.name: secrets.value("api_key")}
        return SignIn(headers=carried) if auth.place == "header" else SignIn(query=carried)
    if auth.type == "none":
        return SignIn()
    if auth.type == "jwt_bearer":
        rsa_key(secrets.value("private_key"))
    tokens = AccessTokens(source, auth.token_url, network, lambda: _grant(auth, secrets))
    return SignIn(tokens=tokens)


def _grant(auth: Auth, secrets: RestSecrets) -> dict[str, str]:
    scope = {"scope": " ".join(auth.scopes)} if auth.scopes else {}
    if auth.type == "jwt_bearer":
        claims = {"iss": secrets.value("issuer"), "sub": secrets.value("subject"), "aud": secrets.value("audience"), **scope}
        return {"grant_type": JWT_BEARER, "assertion": assertion(secrets.value("private_key"), claims)}
    client = {name: secrets.value(name) for name in ("client_id", "client_secret")}
    if auth.type == "oauth2_refresh":
        return {"grant_type": "refresh_token", "refresh_token": secrets.value("refresh_token"), **client, **scope}
    return {"grant_type": "client_credentials", **client, **scope}
