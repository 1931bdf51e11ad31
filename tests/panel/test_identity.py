"""An agent asks who is calling before payments and health are shown; the check is kept for the call and the person."""

from __future__ import annotations

import re
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from integrations.calls import CallFacts, identity
from integrations.errors import AuditUnavailable
from integrations.models import AccessEntry, IdentityCheck, IdentityTries
from integrations.phone import Number
from tests.api.conftest import Api
from tests.factories import World, make_api_key
from tests.known_callers import ROSA, Source
from tests.panel.conftest import NUMBER, address, content, logged_in

BORN = {**ROSA, "date_of_birth": "1941-05-02", "address": "1 Main St, San Francisco, CA 94110"}
LUIS = {
    **BORN,
    "id": "2",
    "name": "Luis Castillo",
    "email": "luis@mail.org",
    "account_id": "RS-2",
    "date_of_birth": "1939-01-01",
}


@pytest.fixture
def asking(world: World, source: Source) -> Source:
    world.riverside.identity_check = "birth_date"
    world.riverside.save()
    source.row.fields = {"date_of_birth": "date_of_birth", "address": "address"}
    source.answers(people=[BORN])
    return source


def step(client: Client, url: str, name: str, *, htmx: bool = True, **posted: str) -> Any:
    response = client.post(f"{url}identity/{name}", posted, headers={"HX-Request": "true"} if htmx else {})
    assert "no-store" in response["Cache-Control"]
    return response


def answer(client: Client, url: str, typed: str) -> str:
    html: str = step(client, url, "answer", answer=typed).content.decode()
    return html


def outcomes() -> list[str]:
    return list(AccessEntry.objects.filter(event="identity_check").order_by("seq").values_list("outcome", flat=True))


def test_before_the_check_payments_are_withheld_and_the_question_is_offered(world: World, bea: Client, asking: Source) -> None:
    html = content(bea, address(world))
    assert "Rosa Castillo" in html
    assert "after the check" in html
    assert "Ask for the date of birth" in html
    assert not re.search(r"42\.50|Reveal<|\b1941\b", html)  # as a word: a key may hold any four digits


def test_where_no_check_is_asked_for_there_is_none(world: World, bea: Client, source: Source) -> None:
    html = content(bea, address(world))
    assert "after the check" not in html
    assert "Ask for the" not in html
    assert step(bea, address(world), "ask").status_code == 200
    assert AccessEntry.objects.filter(event="denied").exists()


@pytest.mark.parametrize("name", ["ask", "answer", "skip"])
def test_cy_and_strangers_check_nobody(world: World, asking: Source, name: str) -> None:
    url = address(world)
    assert Client().post(f"{url}identity/{name}")["Location"].startswith("/login/?next=/panel/riverside/")
    assert logged_in(world, world.cy).post(f"{url}identity/{name}", {"answer": "1941-05-02"}).status_code == 404
    assert AccessEntry.objects.get().event == "denied"
    assert not IdentityCheck.objects.exists()


def test_the_right_answer_opens_what_the_tier_may_see_for_this_call(world: World, bea: Client, asking: Source) -> None:
    url = address(world)
    assert "What is your date of birth?" in step(bea, url, "ask").content.decode()
    assert step(bea, url, "answer", answer="1941-05-02")["HX-Redirect"] == url
    html = content(bea, url)
    assert "verified for this call" in html
    assert "after the check" not in html
    assert "Reveal" in html
    revealed = bea.post(f"{url}reveal", {"field": "outstanding_balance", "reason": "asked"}, headers={"HX-Request": "true"})
    assert "$42.50" in revealed.content.decode()
    assert outcomes() == ["asked", "passed"]
    assert "after the check" in content(bea, address(world, CallFacts(NUMBER, "CA2")))


def test_without_javascript_it_is_pages(world: World, bea: Client, asking: Source) -> None:
    url = address(world)
    html = step(bea, url, "ask", htmx=False).content.decode()
    assert "<html" in html
    assert f'href="{url}caller/"' in html
    response = step(bea, url, "answer", htmx=False, answer="1941-05-02")
    assert (response.status_code, response["Location"]) == (302, url)


def test_a_wrong_answer_shows_nothing_and_three_of_them_end_it(world: World, bea: Client, asking: Source) -> None:
    url = address(world)
    assert "2 tries are left" in answer(bea, url, "1941-05-03")
    assert "1 try is left" in answer(bea, url, "1940-05-02")
    assert "Go on without the check only with a reason" in answer(bea, url, "1940-05-02")
    html = answer(bea, url, "1941-05-02")
    assert "three answers already" in html
    assert 'name="answer"' not in html
    assert "after the check" in content(bea, url)
    assert outcomes() == ["failed"] * 3
    refused = bea.post(f"{url}reveal", {"field": "outstanding_balance", "reason": "asked"}, headers={"HX-Request": "true"})
    assert "42.50" not in refused.content.decode()


def test_opening_another_call_of_the_number_gives_no_new_tries(world: World, bea: Client, asking: Source) -> None:
    first, second, third = (address(world, CallFacts(NUMBER, sid)) for sid in ("CA1", "CA2", ""))
    assert len({first, second, third}) == 3
    assert "2 tries are left" in answer(bea, first, "1941-05-03")
    assert "1 try is left" in answer(bea, second, "1941-05-03")
    assert "Go on without the check only with a reason" in answer(bea, third, "1940-05-02")
    assert "three answers already" in answer(bea, address(world, CallFacts(NUMBER, "CA4")), "1941-05-02")


def test_a_check_that_was_passed_uses_up_none_of_the_next_calls_tries(world: World, bea: Client, asking: Source) -> None:
    for call in range(5):
        answer(bea, address(world, CallFacts(NUMBER, f"CA{call}")), "1941-05-02")
    assert outcomes() == ["passed"] * 5


@pytest.mark.parametrize("typed", ["", "1941", "May 2", "1941-13-40"])
def test_what_is_no_answer_costs_no_try(world: World, bea: Client, asking: Source, typed: str) -> None:
    assert "Type the whole date" in answer(bea, address(world), typed)
    assert not IdentityCheck.objects.exists()
    assert outcomes() == []


def test_the_zip_code_is_asked_for_where_it_is_chosen(world: World, bea: Client, asking: Source) -> None:
    world.riverside.identity_check = "zip"
    world.riverside.save()
    url = address(world)
    assert "Ask for the ZIP code" in content(bea, url)
    assert "Type the whole ZIP code" in answer(bea, url, "941")
    assert "2 tries are left" in answer(bea, url, "94111")
    assert step(bea, url, "answer", answer="94110")["HX-Redirect"] == url
    assert "verified for this call" in content(bea, url)


def test_it_is_skipped_only_with_a_reason_and_says_so(world: World, bea: Client, asking: Source) -> None:
    url = address(world)
    assert "Say why you go on" in step(bea, url, "skip", reason="").content.decode()
    assert "after the check" in content(bea, url)
    assert step(bea, url, "skip", reason="I know the caller", more="for years")["HX-Redirect"] == url
    html = content(bea, url)
    assert "not verified: the check was skipped" in html
    assert "Reveal" in html
    entry = AccessEntry.objects.get(event="identity_check")
    assert (entry.outcome, entry.purpose) == ("skipped", "I know the caller – for years")


def test_where_nothing_is_held_to_compare_with_it_says_so(world: World, bea: Client, asking: Source) -> None:
    asking.answers(people=[ROSA])
    assert "No system that answered holds" in answer(bea, address(world), "1941-05-02")
    assert outcomes() == ["unknown"]


def test_another_person_of_the_call_has_to_be_checked_anew(world: World, bea: Client, asking: Source) -> None:
    asking.answers(people=[BORN], others=[LUIS])
    url = address(world)
    assert step(bea, url, "answer", answer="1941-05-02")["HX-Redirect"] == url
    why = {"reason": "The caller said who they are", "text": "luis"}
    html = bea.post(f"{url}search", why, headers={"HX-Request": "true"}).content.decode()
    match_id = html.partition('name="match_id" value="')[2][:32]
    bea.post(f"{url}search/pick", {**why, "match_id": match_id})
    html = content(bea, url)
    assert "Luis Castillo" in html
    assert "after the check" in html
    assert "2 tries are left" in answer(bea, url, "1941-05-02")
    assert step(bea, url, "answer", answer="1939-01-01")["HX-Redirect"] == url
    assert "verified for this call" in content(bea, url)


def test_the_next_day_it_has_to_be_checked_anew(world: World, bea: Client, asking: Source) -> None:
    url = address(world)
    answer(bea, url, "1941-05-02")
    IdentityCheck.objects.update(settled_at=timezone.now() - timedelta(hours=13))
    assert "after the check" in content(bea, url)


def test_an_answer_that_cannot_be_recorded_opens_nothing(
    world: World, bea: Client, asking: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = address(world)

    async def unavailable(*_: object) -> None:
        raise AuditUnavailable("the database is gone")

    with monkeypatch.context() as patched:
        patched.setattr("integrations.disclosure.audit.record", unavailable)
        for name, posted in (("answer", {"answer": "1941-05-02"}), ("skip", {"reason": "I know the caller"})):
            assert "HX-Redirect" not in step(bea, url, name, **posted)
    assert "after the check" in content(bea, url)


def test_a_system_that_does_not_answer_leaves_nobody_to_check(world: World, bea: Client, asking: Source) -> None:
    asking.answers(fails="unavailable")
    assert "There is nobody to check now" in answer(bea, address(world), "1941-05-02")
    assert not IdentityCheck.objects.filter(outcome="passed").exists()


def test_the_answer_is_kept_nowhere(world: World, bea: Client, asking: Source, caplog: pytest.LogCaptureFixture) -> None:
    url = address(world)
    assert not re.search(r"\b1977\b", answer(bea, url, "1977-07-07"))
    stored = [repr(vars(row)) for model in (AccessEntry, IdentityCheck) for row in model.objects.all()]
    assert not re.search(r"\b1977\b", " ".join([*stored, caplog.text]))


def test_it_is_posted_with_a_token(world: World, asking: Source) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(world.user(world.bea))
    for name in ("ask", "answer", "skip"):
        assert client.post(f"{address(world)}identity/{name}", {"answer": "1941-05-02"}).status_code == 403


async def test_a_program_gets_no_payments_whatever_its_tier(world: World, asking: Source) -> None:
    from asgiref.sync import sync_to_async

    key, _row = await sync_to_async(make_api_key)(world.riverside, "admin", name="full")
    body = (await Api(key).post({"phone": "+14155550123"})).json()
    assert body["caller"]["name"] == "Rosa Castillo"
    assert "outstanding_balance" not in {**body["caller"], **body["fields"]}


# -- Tries count for the person -------------------------------------------------------------------------------------------


def test_by_another_number_of_theirs_and_by_a_search_there_are_no_new_tries(world: World, bea: Client, asking: Source) -> None:
    first, second = address(world), address(world, CallFacts(Number("+14155550199", "US"), "CA9"))
    assert "2 tries are left" in answer(bea, first, "1941-05-03")
    assert "1 try is left" in answer(bea, second, "1941-05-03")
    assert "only with a reason" in answer(logged_in(world, world.ann), second, "1941-05-03")
    assert "three answers already" in answer(bea, first, "1941-05-02")


def test_others_are_not_counted_with_them(world: World, bea: Client, asking: Source) -> None:
    for _time in range(3):
        answer(bea, address(world), "1941-05-03")
    asking.answers(people=[{**ROSA, "id": "2", "email": "other@mail.org", "date_of_birth": "1941-05-02"}])
    assert "three answers already" not in answer(bea, address(world), "1941-05-02")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("asked_as", ["the same", "with one record in common"])
def test_many_at_once_are_given_three_tries_between_them(world: World, asked_as: str) -> None:
    """Each on a thread and connection of its own, as in production."""
    own = [frozenset({("crm", "1"), ("list", str(n) if asked_as != "the same" else "9")}) for n in range(8)]
    begin = threading.Barrier(8)

    def take(refs: frozenset[tuple[str, str]]) -> bool:
        try:
            begin.wait(20)
            return identity.take_attempt(world.riverside.pk, refs)
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        taken = list(pool.map(take, own))
    assert sum(taken) == 3
    assert identity.attempts_left(world.riverside.pk, {("crm", "1")}) == 0
    assert identity.attempts_left(world.harbor.pk, {("crm", "1")}) == 3
    IdentityTries.objects.update(last_at=timezone.now() - timedelta(hours=13))
    assert identity.attempts_left(world.riverside.pk, {("crm", "1")}) == 3


def test_no_record_is_told_by_the_count(world: World, bea: Client, asking: Source) -> None:
    answer(bea, address(world), "1941-05-03")
    assert all(re.fullmatch("[0-9a-f]{64}", row.record) for row in IdentityTries.objects.all())
