"""The slow and failing systems, as an organisation's admin reads it."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from django.utils.html import strip_tags

from integrations.models import Attempt, AttemptRollup, Connector, Person
from tests.factories import World, make_connector

LogIn = Callable[[Person], Client]
SYSTEMS = reverse("admin:integrations_slowsystem_changelist")
QUESTIONS = reverse("admin:integrations_attempt_changelist")


def noted(
    connector: Connector, number: int = 1, *, ms: int = 80, outcome: str = "found", ago_h: float = 1, **facts: Any
) -> None:
    more = {"question": "find", "retries": 0, "cached": False, **facts}
    at = timezone.now() - timedelta(hours=ago_h)
    for _index in range(number):
        Attempt.objects.create(organization=connector.organization, connector=connector, at=at, ms=ms, outcome=outcome, **more)


@pytest.fixture
def crm(world: World) -> Connector:
    return make_connector(world.riverside, "crm", "hubspot", name="Our CRM", timeout_ms=1_000)


def systems(client: Client, query: str = "") -> dict[str, list[str]]:
    """Name → what the list says of it, top to bottom."""
    answer = client.get(SYSTEMS + query)
    assert answer.status_code == 200
    rows = re.findall(r"<tr[^>]*>(.*?)</tr>", answer.content.decode(), re.DOTALL)
    cells = [
        [" ".join(strip_tags(cell).split()) for cell in re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", row, re.DOTALL)]
        for row in rows
    ]
    return {row[0]: row[1:] for row in cells if len(row) > 5 and row[0] != "Name"}


def test_the_failing_stand_above_the_slow_and_the_slow_above_the_rest(world: World, crm: Connector, log_in: LogIn) -> None:
    well = make_connector(world.riverside, "well", "hubspot", name="A well one")
    slow = make_connector(world.riverside, "slow", "hubspot", name="Benefits", timeout_ms=1_000)
    noted(crm, 9)
    noted(crm, 1, ms=1_000, outcome="timeout")
    noted(slow, 10, ms=700)
    noted(well, 10)
    assert list(systems(log_in(world.ann))) == ["Our CRM", "Benefits", "A well one"]


def test_figures_are_of_questions_that_were_really_sent(world: World, crm: Connector, log_in: LogIn) -> None:
    noted(crm, 18, ms=80)
    noted(crm, 1, ms=2_500)
    noted(crm, 1, ms=3_000, outcome="timeout")
    noted(crm, 30, ms=0, cached=True)
    noted(crm, 5, ms=0, outcome="circuit_open", breaker="circuit_open")
    asked, failed, last, usual, slowest, kept = systems(log_in(world.ann))["Our CRM"]
    assert (asked, failed, usual, slowest, kept) == ("20", "1 (5%)", "80 ms", "2.5 s", "30")
    assert last.startswith("did not answer in time, ")


def test_more_systems_cost_no_more_queries(world: World, crm: Connector, log_in: LogIn) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            systems(ann)
        return len(captured)

    ann = log_in(world.ann)
    noted(crm, 2, outcome="timeout")
    few = queries()
    for number in range(4):
        noted(make_connector(world.riverside, f"more-{number}", "hubspot"), 3, outcome="timeout")
    assert queries() == few


def test_the_last_day_is_shown_unless_the_last_week_is_asked_for(world: World, crm: Connector, log_in: LogIn) -> None:
    noted(crm, 3, ago_h=30, outcome="auth")
    noted(crm, 2)
    noted(crm, 9, ago_h=8 * 24)
    ann = log_in(world.ann)
    assert systems(ann)["Our CRM"][:2] == ["2", "0"]
    assert systems(ann, "?within=7d")["Our CRM"][:2] == ["5", "3 (60%)"]


@pytest.mark.parametrize(("trouble", "shown"), [("failing", ["Our CRM"]), ("slow", ["Benefits"])])
def test_the_list_can_be_narrowed_to_what_is_wrong(
    world: World, crm: Connector, log_in: LogIn, trouble: str, shown: list[str]
) -> None:
    slow = make_connector(world.riverside, "slow", "hubspot", name="Benefits", timeout_ms=1_000)
    noted(crm, outcome="auth")
    noted(slow, ms=600)
    assert list(systems(log_in(world.ann), f"?trouble={trouble}")) == shown


def test_another_organisations_systems_and_questions_are_not_there(world: World, crm: Connector, log_in: LogIn) -> None:
    noted(crm, outcome="timeout")
    cy = log_in(world.cy)
    assert systems(cy) == {}
    for url in (SYSTEMS, QUESTIONS, f"{QUESTIONS}?connector__id__exact={crm.pk}"):
        assert "Our CRM" not in cy.get(url).content.decode()
    assert cy.get(reverse("admin:integrations_slowsystem_change", args=[crm.pk])).status_code == 302


def test_before_the_first_question_a_sentence_says_so(world: World, crm: Connector, log_in: LogIn) -> None:
    ann = log_in(world.ann)
    assert "No system was asked in this time" in ann.get(SYSTEMS).content.decode()
    assert "No system was asked in this time" in ann.get(QUESTIONS).content.decode()
    noted(crm)
    assert "No system was asked in this time" not in ann.get(SYSTEMS).content.decode()


def test_single_questions_are_told_in_plain_words_and_can_be_narrowed(world: World, crm: Connector, log_in: LogIn) -> None:
    noted(crm, outcome="invalid_response")
    noted(crm)
    ann = log_in(world.ann)
    assert "answer not readable" in strip_tags(ann.get(f"{QUESTIONS}?outcome=found").content.decode())  # the filter
    assert ann.get(QUESTIONS).context["cl"].result_count == 2
    assert ann.get(f"{QUESTIONS}?outcome=failed").context["cl"].result_count == 1
    assert ann.get(f"{QUESTIONS}?outcome=found").context["cl"].result_count == 1


def test_a_systems_settings_say_how_it_does(world: World, crm: Connector, log_in: LogIn) -> None:
    url, ann = reverse("admin:integrations_connector_change", args=[crm.pk]), log_in(world.ann)
    assert "Not asked in the last 24 hours." in ann.get(url).content.decode()
    noted(crm, 3)
    noted(crm, 1, ms=1_000, outcome="timeout")
    noted(crm, 2, cached=True)
    html = ann.get(url).content.decode()
    assert "Asked 4 times in the last 24 hours, failed: 1 (25%)." in html
    assert "It usually answers in 80 ms; one in twenty takes longer than 1.0 s. 2 answers came from what was kept." in html


def test_a_systems_days_are_told_from_its_hours(world: World, crm: Connector, log_in: LogIn) -> None:
    url, ann = reverse("admin:integrations_slowsystem_change", args=[crm.pk]), log_in(world.ann)
    assert "Nothing has been summed up yet" in ann.get(url).content.decode()
    hour = timezone.now().replace(hour=20, minute=0, second=0, microsecond=0) - timedelta(days=2)
    for number in range(2):
        AttemptRollup.objects.create(
            organization=world.riverside, connector=crm, hour=hour + number * timedelta(hours=1), p50_ms=50,
            outcomes={"found": 10, "timeout": 5}, p95_ms=900 + number,
        )  # fmt: skip
    text = " ".join(strip_tags(ann.get(url).content.decode().replace("<", " <")).split())
    assert "30 10 (33%) 901 ms" in text
    assert "secret" not in text.lower()
