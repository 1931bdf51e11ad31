"""OAuth 2 as a client: access tokens, renewed and shared, and the signed assertions (JWT) that are exchanged for them."""

from __future__ import annotations

import asyncio
import base64
import contextvars
import time
from collections.abc import Awaitable, Callable, Mapping
from urllib.parse import urlsplit

import orjson
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from integrations.deadline import Deadline
from integrations.errors import AuthFailed, ConfigurationError, InvalidResponse, SourceError, SourceTimeout
from integrations.figures import seconds
from integrations.outbound.http import Answer, HttpDoor
from integrations.outbound.network import NetworkPolicy

# A token is renewed this long before it expires, so that none expires on its way.
MAX_LIFE_S = 30 * 24 * 3_600.0
MARGIN_S = 60.0
DEFAULT_LIFE_S = 1_800.0
ASSERTION_LIFE_S = 180
# From this share of its life on, a token is renewed behind whoever uses it, so that no caller waits for one.
RENEWED_FROM = 0.75
RENEWAL_S = 10.0
RENEWED_AGAIN_S = 60.0
# Tokens of half an hour outlast a silent weekend. After that, a vendor is not asked for what nobody uses.
MAX_UNUSED = 200
JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"

Grant = Callable[[], Mapping[str, str]]


class AccessTokens:
    """The access tokens of one source, shared by all its requests: minted when needed, from then on renewed in time.

    ``grant()`` gives the form that is posted for one. Of several requests without a token one mints it and the others
    wait, each no longer than its own deadline. Raises ConfigurationError for an address that can never work.
    """

    def __init__(self, source: str, token_url: str, network: NetworkPolicy, grant: Grant) -> None:
        parts = urlsplit(token_url)
        self.source = source
        self._path = parts.path or "/"
        self._door = HttpDoor(source, f"{parts.scheme}://{parts.netloc}", network, option="token_url")
        self._grant = grant
        self._token = ""
        self._expires_at = float("-inf")
        self._renew_at = float("inf")
        self._unused = 0  # tokens since the last that somebody used
        self._closed = False
        self._renewal: asyncio.Task[None] | None = None  # the loop itself holds tasks only weakly
        self._minting = asyncio.Lock()

    async def current(self, deadline: Deadline) -> str:
        """A token that is good for now. Raises AuthFailed where the vendor refuses to give one, other SourceErrors."""
        self._unused = 0
        if time.monotonic() >= self._expires_at:
            try:
                async with asyncio.timeout(deadline.left()), self._minting:
                    if time.monotonic() >= self._expires_at:
                        await self._mint(deadline)
            except TimeoutError:
                raise SourceTimeout(self.source, "no token in time") from None
        self._renew_from_now_on()
        return self._token

    async def authorized(self, send: Callable[[str], Awaitable[Answer]], deadline: Deadline) -> Answer:
        """The answer, whatever its status, to what ``send`` asks with the ``Authorization`` that it is given.

        A token that was taken back before it expired is minted anew, once.
        """
        token = await self.current(deadline)
        answer = await send(f"Bearer {token}")
        if answer.status != 401:
            return answer
        self.forget(token)
        return await send(f"Bearer {await self.current(deadline)}")

    def forget(self, token: str) -> None:
        """The vendor no longer accepts ``token``: the next request mints another, unless one has already."""
        if token == self._token:
            self._expires_at = float("-inf")

    async def close(self) -> None:
        """End the renewing for good. That of another loop ended with that loop."""
        self._closed = True
        renewal, self._renewal = self._renewal, None
        if renewal and not renewal.done() and renewal.get_loop() is asyncio.get_running_loop():
            renewal.cancel()
            await asyncio.wait([renewal])

    def _renew_from_now_on(self) -> None:
        renewal = self._renewal
        renewing = renewal and not renewal.done() and renewal.get_loop() is asyncio.get_running_loop()
        if not renewing and not self._closed:
            self._renewal = asyncio.create_task(self._renew(), context=contextvars.Context())

    async def _renew(self) -> None:
        """Renew the token. While that fails, it stays good until it expires, and whoever needs one then hears why."""
        while time.monotonic() < self._expires_at and self._unused < MAX_UNUSED:
            await asyncio.sleep(self._renew_at - time.monotonic())
            if time.monotonic() < self._renew_at:
                continue  # one was minted meanwhile
            deadline = Deadline(RENEWAL_S)
            try:
                async with asyncio.timeout(deadline.left()), self._minting:
                    await self._mint(deadline)
                self._unused += 1
            except (SourceError, TimeoutError):
                self._renew_at = time.monotonic() + RENEWED_AGAIN_S

    async def _mint(self, deadline: Deadline) -> None:
        answer = await self._door.ask("POST", self._path, deadline, form=dict(self._grant()))
        if answer.status in (400, 401, 403):
            raise AuthFailed(self.source, f"no token, status {answer.status}")
        body = self._door.checked(answer)
        token = body.get("access_token") if isinstance(body, dict) else None
        if not isinstance(token, str) or not token or not token.isascii() or not token.isprintable():
            raise InvalidResponse(self.source, "the answer to the sign-in holds no token")
        self._token = token
        told = seconds(body.get("expires_in"), MAX_LIFE_S)
        life = max((DEFAULT_LIFE_S if told is None else told) - MARGIN_S, MARGIN_S)
        self._expires_at = time.monotonic() + life
        self._renew_at = time.monotonic() + life * RENEWED_FROM


def assertion(private_key: str, claims: Mapping[str, str]) -> str:
    """A JSON Web Token over ``claims``, good for some minutes, signed RS256. Raises ConfigurationError for a bad key."""
    now = int(time.time())
    head = _encoded(orjson.dumps({"alg": "RS256", "typ": "JWT"}))
    body = _encoded(orjson.dumps({**claims, "iat": now, "exp": now + ASSERTION_LIFE_S}))
    signature = rsa_key(private_key).sign(f"{head}.{body}".encode(), padding.PKCS1v15(), hashes.SHA256())
    return f"{head}.{body}.{_encoded(signature)}"


def rsa_key(pem: str) -> RSAPrivateKey:
    """Raises ConfigurationError without repeating anything of the key."""
    try:
        key = load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, RSAPrivateKey):
        raise ConfigurationError("private_key: give an RSA private key in PEM form, without a passphrase.")
    return key


def _encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
