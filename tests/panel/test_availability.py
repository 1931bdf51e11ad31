from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from integrations import connectors
from integrations.disclosure import audit
from integrations.errors import AuditUnavailable
from integrations.models import AccessEntry
from tests.factories import World, make_connector
from tests.known_callers import Source
from tests.lookup.fakes import FakeConnector
from tests.lookup.service_fakes import ServiceConnector
from tests.panel.conftest import address, logged_in

ASKED = {"service_type": "meals", "location": "94110", "date": ""}
PLACE = {"service": "Meals", "location": "Mission kitchen", "next_at": "2026-05-04", "note": "Bring <an> ID"}


@pytest.fixture
def services(world: World, source: Source, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A system of Riverside that knows services, beside the one that knows Rosa."""
    known = {"fake": FakeConnector, "services": ServiceConnector}
    monkeypatch.setattr("integrations.lookup.sources.kinds", lambda: known)
    monkeypatch.setattr(connectors, "kinds", lambda: known)
    ServiceConnector.asked.clear()
    return make_connector(world.riverside, "care", "services", name="Care places", options={"places": [PLACE]})


def ask(client: Client, url: str, *, htmx: bool = True, **changes: str) -> str:
    headers = {"HX-Request": "true"} if htmx else {}
    response = client.post(f"{url}free", {**ASKED, **changes}, headers=headers)
    assert response.status_code == 200
    assert "no-store" in response["Cache-Control"]
    return response.content.decode()


def test_the_form_is_there_only_where_a_system_knows_services(
    bea: Client, world: World, source: Source, request: pytest.FixtureRequest
) -> None:
    url = address(world)
    assert "What is free?" not in bea.get(url).content.decode()
    request.getfixturevalue("services")
    for path in (url, f"{url}caller/"):
        assert "What is free?" in bea.get(path).content.decode()


def test_the_answer_is_shown_in_plain_words_with_source_and_time(bea: Client, world: World, services: Any) -> None:
    html = ask(bea, address(world))
    for words in (
        "Something is free: meals",
        "Mission kitchen",
        "May 4, 2026",
        "Bring &lt;an&gt; ID",
        "Care places",
        "asked at",
    ):
        assert words in html
    assert "<html" not in html
    ((_key, question),) = ServiceConnector.asked
    assert (question.service_type, question.location) == ("meals", "94110")


def test_without_javascript_it_is_a_page_with_the_form_and_a_way_back(bea: Client, world: World, services: Any) -> None:
    url = address(world)
    html = ask(bea, url, htmx=False)
    assert 'value="94110"' in html
    assert "Mission kitchen" in html
    assert f'href="{url}caller/"' in html


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"available": False}, "Nothing is free: meals"),
        ({"available": None}, "It is not known whether anything is free: meals"),
        ({"fails": "unavailable"}, "No system answered, so it is not known."),
        ({"fails": "crash"}, "no answer from Care places"),
        ({"places": [{**PLACE, "next_at": "ask at the desk"}]}, "ask at the desk"),
        ({"places": [{**PLACE, "next_at": "2026-05-04T10:00"}]}, "2026-05-04T10:00"),
        ({"places": [{**PLACE, "next_at": "2026-05-04T10:00:00Z"}]}, "May 4, 2026, "),
    ],
)
def test_what_the_system_says_is_worded(bea: Client, world: World, services: Any, options: Any, words: str) -> None:
    services.options = options
    services.save()
    assert words in ask(bea, address(world))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"service_type": " "}, "Say which service"),
        ({"location": ""}, "Say which service"),
        ({"location": "9" * 201}, "too long"),
        ({"date": "tomorrow"}, "This day cannot be read"),
    ],
)
def test_what_cannot_be_asked_is_said_and_not_asked(
    bea: Client, world: World, services: Any, changes: dict[str, str], words: str
) -> None:
    assert words in ask(bea, address(world), **changes)
    assert ServiceConnector.asked == []


def test_the_question_is_on_record_with_the_call(bea: Client, world: World, services: Any) -> None:
    url = address(world)
    ask(bea, url)
    entry = AccessEntry.objects.get()
    assert (entry.event, entry.outcome, entry.sources, entry.call_sid) == ("availability", "available", ["care"], "CA1")
    assert entry.panel_key == url.split("/")[3]


def test_what_cannot_be_put_on_record_is_not_shown(
    bea: Client, world: World, services: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(*_entry: object) -> None:
        raise AuditUnavailable

    monkeypatch.setattr(audit, "record", refuse)
    html = ask(bea, address(world))
    assert "could not be written" in html
    assert "Mission kitchen" not in html


def test_strangers_and_cy_ask_nothing(world: World, services: Any) -> None:
    url = address(world)
    assert Client().post(f"{url}free", ASKED)["Location"] == f"/login/?next={url}"
    assert Client().post(f"{url}free", ASKED, headers={"HX-Request": "true"})["HX-Redirect"] == f"/login/?next={url}"
    assert logged_in(world, world.cy).post(f"{url}free", ASKED).status_code == 404
    assert AccessEntry.objects.get(organization__slug="harbor").event == "denied"
    assert ServiceConnector.asked == []


def test_asking_needs_the_token_against_forged_requests(world: World, services: Any) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(world.user(world.bea))
    assert client.post(f"{address(world)}free", ASKED).status_code == 403
