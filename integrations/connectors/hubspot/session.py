"""Signed in at one HubSpot account: with a token that stays, or with tokens that are minted; and what its refusals mean.

https://developers.hubspot.com/docs/api-reference/error-handling
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from integrations.connectors.hubspot.answers import Problem
from integrations.connectors.hubspot.options import HubSpotOptions, HubSpotSecrets, carried_by
from integrations.deadline import Deadline
from integrations.errors import AuthFailed, MissingScope, RateLimited, SourceUnavailable
from integrations.outbound.http import Answer, HttpDoor, retry_after
from integrations.outbound.network import NetworkPolicy
from integrations.outbound.oauth import AccessTokens
from integrations.profile import JSON

# What the sign-in needs to read each sort of object.
SCOPES: Mapping[str, str] = {
    "contacts": "crm.objects.contacts.read",
    "companies": "crm.objects.companies.read",
    "deals": "crm.objects.deals.read",
    "tickets": "tickets",
}
# Locked for a moment, or an account being moved between data centres: nobody's mistake, and over soon.
_PASSING = {423, 477}
_DEAD = {"EXPIRED_AUTHENTICATION", "INVALID_AUTHENTICATION"}
# HubSpot sends no Retry-After with these; the budget of a second is over before a pause has begun.
_PAUSES_S = {"TEN_SECONDLY_ROLLING": 10.0, "DAILY": 300.0}
_SCOPE = re.compile(r"[a-z][a-z0-9._-]{0,79}")


class Session:
    """The way to one account. Raises ConfigurationError for an address or secrets that can never work."""

    def __init__(self, connector: str, options: HubSpotOptions, secrets: HubSpotSecrets, network: NetworkPolicy) -> None:
        self.connector = connector
        # The fourth version was never one of anything but associations, which are read with the object that has them.
        self.version = "v3" if options.api_version == "v4" else options.api_version
        carried = carried_by(options, secrets)
        oauth = options.sign_in == "oauth"
        headers = {} if oauth else {"Authorization": f"Bearer {carried['token']}"}
        self._door = HttpDoor(connector, options.base_url, network, headers=headers)
        token_url = f"{self._door.base_url}/oauth/{self.version}/token"
        grant = {"grant_type": "refresh_token", **carried}
        self._tokens = AccessTokens(connector, token_url, network, lambda: grant) if oauth else None

    def path(self, area: str, name: str) -> str:
        """``/crm/objects/2026-09/contacts``, or in the older way ``/crm/v3/objects/contacts``."""
        return f"/crm/v3/{area}/{name}" if self.version == "v3" else f"/crm/{area}/{self.version}/{name}"

    async def request(
        self,
        method: str,
        path: str,
        deadline: Deadline,
        *,
        query: Mapping[str, str] | None = None,
        json: JSON = None,
        missing_ok: bool = False,
    ) -> JSON:
        """The decoded JSON of a good answer; None for 404 if ``missing_ok``. Raises SourceError."""
        answer = await self._ask(method, path, deadline, query=query, json=json)
        if answer.status == 404 and missing_ok:
            return None
        explain(self.connector, answer, path)
        return self._door.checked(answer)

    async def try_scope(self, name: str, deadline: Deadline) -> None:
        """Raises MissingScope where this sort of object may not be read, other SourceErrors.

        What is asked for does not exist: HubSpot looks at the scopes first, and nobody's record is touched.
        """
        body = {"properties": [], "propertiesWithHistory": [], "inputs": [{"id": "0"}]}
        path = f"{self.path('objects', name)}/batch/read"
        answer = await self._ask("POST", path, deadline, json=body)
        explain(self.connector, answer, path)
        if answer.status not in (400, 404):
            self._door.checked(answer)

    async def sign_in(self, deadline: Deadline) -> None:
        """Get a token, where they are given out. Raises SourceError."""
        if self._tokens:
            await self._tokens.current(deadline)

    async def close(self) -> None:
        """End what renews tokens behind."""
        if self._tokens:
            await self._tokens.close()

    async def _ask(
        self, method: str, path: str, deadline: Deadline, *, query: Mapping[str, str] | None = None, json: JSON = None
    ) -> Answer:
        async def send(authorization: str) -> Answer:
            headers = {"Authorization": authorization}
            return await self._door.ask(method, path, deadline, query=query, headers=headers, json=json)

        if self._tokens:
            return await self._tokens.authorized(send, deadline)
        return await self._door.ask(method, path, deadline, query=query, json=json)


def explain(connector: str, answer: Answer, path: str) -> None:
    """Raise what HubSpot means by an answer, if it says more than the status does."""
    if answer.status < 400:
        return
    if answer.status in _PASSING:
        raise SourceUnavailable(connector, f"status {answer.status}")
    problem = Problem.of(answer.body)
    if problem.category in _DEAD:
        raise AuthFailed(connector, problem.category)
    if problem.category == "MISSING_SCOPES":
        raise MissingScope(connector, problem.category, scopes=_missing(problem, path))
    if answer.status == 429:
        pause_s = retry_after(answer.headers) or _PAUSES_S.get(problem.policy)
        raise RateLimited(connector, "status 429", retry_after=pause_s)


def _missing(problem: Problem, path: str) -> list[str]:
    """The scopes to name: the one that is known to do, unless HubSpot asks for others, any of which will do."""
    named = [scope for scope in problem.scopes if _SCOPE.fullmatch(scope)]
    known = next((SCOPES[part] for part in path.split("/") if part in SCOPES), None)
    return [known] if known and (not named or known in named) else named[:3]
