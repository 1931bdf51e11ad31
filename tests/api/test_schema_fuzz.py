"""The whole schema, asked by schemathesis over real sockets: what it allows and what it does not, with and without a key.

Whatever comes, the answer is one that the schema tells of, and never a mistake of ours. The same is asked each time.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any

import pytest
import pytest_asyncio
import requests
import schemathesis
from django.test import AsyncClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    allow_header_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from connie_portal import server
from connie_portal.process import Port, listen
from integrations.models import AccessEntry
from tests.api.conftest import Api
from tests.test_serve_without_delay import portal

AS_DESCRIBED = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    unsupported_method,
    allow_header_conformance,
]
# Operation → what else than 200 a program with a key hears when it asks for what makes no sense.
OPERATIONS = {
    "POST /api/v1/lookup": {400},
    "POST /api/v1/studio/{org}/enrich": {404},
    "POST /api/v1/studio/{org}/voicemail": {404},
    "POST /api/v1/availability": {400},
    "GET /api/v1/health": set(),
}
MODES = [GenerationMode.POSITIVE, GenerationMode.NEGATIVE]
BOUNDED = settings(
    max_examples=30, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck), print_blob=False
)
KNOWN_CALLER, KNOWN_ORGANIZATION = "+14155550123", "riverside"


@pytest_asyncio.fixture
async def served(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[str]:
    """The address at which the portal answers."""
    monkeypatch.setattr(server, "warm_up_sources", lambda: None)
    listener = listen(Port("CONNIE_PORT", None, 18_700), "127.0.0.1")
    async with portal(listener):
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


async def described() -> Any:
    answer = await AsyncClient().get("/api/schema", headers={"Accept": "application/vnd.oai.openapi+json"})
    return schemathesis.openapi.from_dict(answer.json())


async def statuses_of(served: str, headers: dict[str, str], walk: Callable[[Callable[[Any], None]], None]) -> set[int]:
    """The statuses of what ``walk`` asks, each answer held against the schema."""
    statuses: set[int] = set()

    def walking() -> None:
        with requests.Session() as session:

            def ask(case: Any) -> None:
                answer = case.call_and_validate(served, session, headers=headers, checks=AS_DESCRIBED, timeout=20)
                statuses.add(answer.status_code)

            walk(ask)

    await asyncio.to_thread(walking)
    return statuses


def about_the_known(case: Any) -> None:
    if case.path_parameters:
        case.path_parameters["org"] = KNOWN_ORGANIZATION
    if isinstance(case.body, dict) and "phone" in case.body:
        case.body["phone"] = KNOWN_CALLER


def random_cases(operation: Any, mode: GenerationMode) -> Callable[[Callable[[Any], None]], None]:
    def walk(ask: Callable[[Any], None]) -> None:
        @BOUNDED
        @given(case=operation.as_strategy(generation_mode=mode), known=st.booleans())
        def asked(case: Any, known: bool) -> None:
            """Half of them about somebody, and for somebody, whom the portal knows."""
            if known:
                about_the_known(case)
            ask(case)

        asked()

    return walk


def edges(operation: Any) -> Callable[[Callable[[Any], None]], None]:
    """Each limit that the schema tells of, on both sides; each part left out; methods that it does not tell of."""

    def walk(ask: Callable[[Any], None]) -> None:
        cases: Iterable[Any] = operation.schema.iter_coverage_cases(
            operation, generation_modes=MODES, generation_config=operation.schema.config.generation_for(operation=operation)
        )
        for number, case in enumerate(cases):
            if number % 2:
                about_the_known(case)
            ask(case)

    return walk


async def test_every_endpoint_is_asked() -> None:
    assert {found.ok().label for found in (await described()).get_all_operations()} == set(OPERATIONS)


@pytest.mark.parametrize("mode", MODES, ids=lambda mode: mode.value)
@pytest.mark.parametrize("label", OPERATIONS)
async def test_whatever_is_asked_is_answered_as_described(api: Api, served: str, label: str, mode: GenerationMode) -> None:
    operation = (await described()).find_operation_by_label(label)
    statuses = await statuses_of(served, api.headers, random_cases(operation, mode))
    assert 200 in statuses
    assert statuses <= {200} | OPERATIONS[label]


@pytest.mark.parametrize("label", OPERATIONS)
async def test_what_is_at_the_edge_is_answered_as_described(api: Api, served: str, label: str) -> None:
    operation = (await described()).find_operation_by_label(label)
    statuses = await statuses_of(served, api.headers, edges(operation))
    assert 200 in statuses
    assert statuses <= {200, 405, 415} | OPERATIONS[label]


@pytest.mark.parametrize("label", OPERATIONS)
async def test_without_a_key_whatever_is_asked_is_refused_as_described(api: Api, served: str, label: str) -> None:
    operation = (await described()).find_operation_by_label(label)
    for mode in MODES:
        statuses = await statuses_of(served, {"Authorization": "Bearer nobody"}, random_cases(operation, mode))
        assert 401 in statuses
        assert statuses <= {401, 404}
    assert not await AccessEntry.objects.exclude(event="denied").aexists()
