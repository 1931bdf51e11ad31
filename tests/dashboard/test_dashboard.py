from __future__ import annotations

import re

import pytest
from django.core import mail
from django.test import Client
from django.utils.html import strip_tags

from integrations.calls import CallFacts, open_call
from integrations.models import AccessEntry, Call, Person, User
from integrations.phone import Withheld, classify
from tests.factories import PASSWORD, World

NUMBER = classify("+14155550123", "US")


@pytest.fixture
def bea(world: World) -> Client:
    client = Client()
    client.force_login(world.user(world.bea))
    return client


def test_strangers_are_sent_to_log_in(world: World) -> None:
    assert Client().get("/")["Location"] == "/login/?next=/"


def test_logging_in_and_out_is_on_record(world: World) -> None:
    client = Client()
    response = client.post("/login/", {"username": "bea", "password": PASSWORD})
    assert response["Location"] == "/"
    assert client.post("/logout/").status_code == 302
    entries = AccessEntry.objects.filter(organization=world.riverside).order_by("seq")
    assert [(entry.event, entry.actor_label) for entry in entries] == [("log_in", "Bea"), ("log_out", "Bea")]
    assert client.get("/").status_code == 302


def test_a_failed_log_in_says_what_to_do_and_records_no_name(world: World) -> None:
    response = Client().post("/login/", {"username": "bea", "password": "my-other-password"})
    assert "user name or password is wrong" in response.content.decode()
    entry = AccessEntry.objects.get()
    assert (entry.event, entry.actor_kind, entry.detail["what"]) == ("denied", "anonymous", "log-in")
    assert "my-other-password" not in str(entry.__dict__)


def test_ten_failures_lock_the_name_from_this_address(world: World) -> None:
    client = Client()
    for _attempt in range(10):
        response = client.post("/login/", {"username": "bea", "password": "wrong"})
    assert response.status_code == 429
    assert client.post("/login/", {"username": "bea", "password": PASSWORD}).status_code == 429
    assert "Too many log-ins have failed" in response.content.decode()


def test_a_locked_name_is_locked_however_it_is_spelled(world: World) -> None:
    client = Client()
    for spelling in ("bea", "Bea", " BEA", "ｂｅａ", "be\u200ba") * 2:
        client.post("/login/", {"username": spelling, "password": "wrong"})
    for spelling in ("bea", "BEA ", "ｂea"):
        assert client.post("/login/", {"username": spelling, "password": PASSWORD}).status_code == 429, spelling


def test_a_forgotten_password_is_set_anew_by_mail(world: World) -> None:
    client = Client()
    client.post("/password-reset/", {"email": "bea@riverside.example"})
    (message,) = mail.outbox
    link = re.search(r"https?://[^/]+(/password-reset/\S+)", message.body)
    assert link
    page = client.get(link[1], follow=True)
    form = page.redirect_chain[-1][0]
    new = "another-long-test-password"
    assert client.post(form, {"new_password1": new, "new_password2": new}, follow=True).status_code == 200
    assert Client().post("/login/", {"username": "bea", "password": new})["Location"] == "/"


def test_an_unknown_address_is_answered_the_same_and_gets_no_mail(world: World) -> None:
    response = Client().post("/password-reset/", {"email": "nobody@x.example"}, follow=True)
    assert "a link is on its way" in response.content.decode()
    assert mail.outbox == []


def test_the_search_opens_a_panel_without_the_number_in_the_address(bea: Client, world: World) -> None:
    response = bea.post("/search/", {"phone": "(415) 555-0123"})
    call = Call.objects.get()
    assert response["Location"] == f"/panel/riverside/{call.key}/"
    assert call.number == "+14155550123"


@pytest.mark.parametrize("phone", ["", "abc", "12", "<script>"])
def test_a_number_that_cannot_be_used_keeps_what_was_typed(bea: Client, phone: str) -> None:
    response = bea.post("/search/", {"phone": phone})
    assert response.status_code == 400
    html = response.content.decode()
    assert 'role="alert"' in html
    assert "<script>" not in html
    assert not Call.objects.exists()


def test_recent_calls_show_no_more_than_four_digits(bea: Client, world: World) -> None:
    open_call(world.riverside.pk, CallFacts(NUMBER, "CA1"), person_id=world.bea.pk)
    open_call(world.riverside.pk, CallFacts(Withheld(), "CA2"), person_id=world.bea.pk)
    open_call(world.riverside.pk, CallFacts(classify("+14155550188", "US"), "CA3"), person_id=world.ann.pk)
    # What is read: keys, tokens and nonces are random and hold any three digits now and then.
    text = strip_tags(bea.get("/").content.decode())
    assert "Caller ending 0123" in text
    assert "Number withheld" in text
    assert "555" not in text
    assert "0188" not in text


def test_an_empty_dashboard_says_what_will_be_there(bea: Client) -> None:
    assert "No calls yet" in bea.get("/").content.decode()


def test_a_user_without_an_organisation_is_told_whom_to_ask(world: World) -> None:
    client = Client()
    client.force_login(User.objects.create_user("new", password=PASSWORD))
    response = client.get("/")
    assert response.status_code == 403
    assert "Ask your administrator" in response.content.decode()
    assert client.post("/search/", {"phone": "+14155550123"}).status_code == 403


def test_the_organisation_can_only_be_switched_to_ones_own(bea: Client, world: World) -> None:
    bea.post("/organization/", {"organization": "harbor"})
    assert "Harbor" not in bea.get("/").content.decode()
    Person.objects.create(organization=world.harbor, user=world.bea.user, tier=world.harbor.tiers.get(name="basic"))
    bea.post("/organization/", {"organization": "harbor"})
    assert "Harbor Food Pantry" in bea.get("/").content.decode()
    bea.post("/search/", {"phone": "+14155550123"})
    assert Call.objects.get().organization == world.harbor


def test_pages_with_data_are_kept_nowhere(bea: Client) -> None:
    assert "no-store" in bea.get("/")["Cache-Control"]


def test_an_address_that_does_not_exist_has_a_plain_page(bea: Client) -> None:
    response = bea.get("/nothing/")
    assert response.status_code == 404
    assert "Go to your calls" in response.content.decode()
