"""Signing in and out when somebody guesses, when something is ill, and when a session has ended."""

from __future__ import annotations

import re
import socket
from typing import Any

import pytest
from django.core import mail
from django.db import OperationalError
from django.test import Client
from pytest_django.fixtures import Settings

from integrations.dashboard import session_store
from integrations.dashboard.lockout import LIMITS
from integrations.models import AccessEntry, Person, User
from tests.factories import PASSWORD, World

WRONG = "not-the-password"


def attempt(username: str = "bea", password: str = WRONG, address: str = "127.0.0.1") -> int:
    form = {"username": username, "password": password}
    return Client().post("/login/", form, REMOTE_ADDR=address).status_code


# -- The lock-out ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["Bea", "BEA", " bea ", "ｂｅａ", "béa", "b e a"])
def test_every_spelling_of_a_name_counts_as_that_name(world: World, name: str) -> None:
    for _attempt in range(LIMITS[0]):
        attempt("bea")
    assert attempt(name) == 429
    assert attempt("bea", PASSWORD) == 429


def test_the_right_password_below_the_limit_begins_anew(world: World) -> None:
    for _attempt in range(LIMITS[0] - 1):
        attempt("bea")
    assert attempt("bea", PASSWORD) == 302
    assert attempt("bea") == 200


def test_three_hundred_others_do_not_wash_a_lock_out(world: World) -> None:
    for _attempt in range(LIMITS[0]):
        attempt("bea")
    for number in range(300):
        attempt(f"somebody-{number}", address=f"10.1.{number % 20}.{number // 20}")
    assert attempt("bea", PASSWORD) == 429


def test_one_name_is_locked_from_everywhere_after_many_addresses(world: World) -> None:
    for number in range(LIMITS[1]):
        attempt("bea", address=f"10.0.0.{number}")
    assert attempt("bea", PASSWORD, address="10.9.9.9") == 429
    assert attempt("cy", PASSWORD, address="10.9.9.9") == 302


def test_one_address_is_locked_after_many_names_and_others_are_not(world: World) -> None:
    for number in range(LIMITS[2]):
        attempt(f"somebody-{number}", address="10.0.0.1")
    assert attempt("bea", PASSWORD, address="10.0.0.1") == 429
    assert attempt("bea", PASSWORD, address="10.0.0.2") == 302


def test_failures_are_kept_without_the_name_that_was_typed(world: World) -> None:
    from axes.models import AccessAttempt

    attempt("my-secret-password", "another-secret")
    (row,) = AccessAttempt.objects.all()
    assert not re.search("secret", str(vars(row)))
    assert row.failures_since_start == 1


def test_a_wrong_password_is_a_wrong_password_while_redis_is_away(world: World, settings: Settings) -> None:
    with socket.socket() as nobody_listens:
        nobody_listens.bind(("127.0.0.1", 0))
        address = f"redis://127.0.0.1:{nobody_listens.getsockname()[1]}"
        options = {"SOCKET_CONNECT_TIMEOUT": 1, "IGNORE_EXCEPTIONS": True}
        settings.CACHES = {"default": {"BACKEND": "django_redis.cache.RedisCache", "LOCATION": address, "OPTIONS": options}}
        assert attempt("bea") == 200
        for _attempt in range(LIMITS[0] - 1):
            last = attempt("bea")
        assert last == 429


# -- A new password ----------------------------------------------------------------------------------------------


def ask_for_a_link(email: str = "bea@riverside.example", address: str = "127.0.0.1") -> int:
    return Client().post("/password-reset/", {"email": email}, REMOTE_ADDR=address).status_code


def test_the_mail_names_the_user(world: World) -> None:
    ask_for_a_link()
    assert "Your user name is: bea" in mail.outbox[0].body


def test_nobody_is_flooded_with_mails(world: World) -> None:
    assert [ask_for_a_link(address=f"10.0.0.{number}") for number in range(5)] == [302] * 5
    assert len(mail.outbox) == 1


def test_an_address_that_asks_again_and_again_is_told_to_wait(world: World) -> None:
    answers = [ask_for_a_link(f"somebody-{number}@example.org") for number in range(21)]
    assert (answers[0], answers[-1]) == (302, 429)


def test_an_invited_person_who_asks_for_a_new_link_gets_one(world: World) -> None:
    user = User.objects.create_user("dan", email="dan@riverside.example")
    Person.objects.create(organization=world.riverside, user=user, tier=world.riverside.tiers.get(name="basic"))
    assert not user.has_usable_password()
    ask_for_a_link("dan@riverside.example")
    link = re.search(r"https?://[^/]+(/password-reset/\S+)", mail.outbox[0].body)
    assert link
    client = Client()
    form = client.get(link[1], follow=True).redirect_chain[-1][0]
    client.post(form, {"new_password1": PASSWORD, "new_password2": PASSWORD})
    assert attempt("dan", PASSWORD) == 302


def test_somebody_who_was_deactivated_gets_none(world: World) -> None:
    User.objects.filter(username="bea").update(is_active=False)
    ask_for_a_link()
    assert mail.outbox == []


# -- Leaving -----------------------------------------------------------------------------------------------------


@pytest.fixture
def unwritable(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Sessions cannot be deleted from the database."""

    def fail(*_args: Any, **_facts: Any) -> None:
        raise OperationalError("database is locked")

    monkeypatch.setattr(session_store, "ended", session_store.EndedSessions())
    monkeypatch.setattr("integrations.dashboard.sessions.ended", session_store.ended)
    monkeypatch.setattr(session_store, "RETRY_EVERY_S", 3_600.0)
    monkeypatch.setattr(session_store.db.SessionStore, "delete", fail)
    return monkeypatch


def test_a_session_that_cannot_be_deleted_is_over_all_the_same(world: World, unwritable: pytest.MonkeyPatch) -> None:
    client = Client()
    client.force_login(world.user(world.bea))
    cookie = client.cookies["sessionid"].value
    answer = client.post("/logout/")
    assert answer.status_code == 503
    assert "could not store it yet" in answer.content.decode()
    thief = Client()
    thief.cookies["sessionid"] = cookie
    assert thief.get("/").status_code == 302
    unwritable.undo()
    session_store.db.SessionStore.get_model_class().objects.get(session_key=cookie)


def test_it_is_deleted_as_soon_as_that_works(world: World, unwritable: pytest.MonkeyPatch) -> None:
    client = Client()
    client.force_login(world.user(world.bea))
    client.post("/logout/")
    ended = session_store.ended
    unwritable.undo()
    ended.delete_all()
    assert not session_store.db.SessionStore.get_model_class().objects.exists()
    assert len(ended._ended) == 0


# -- Pages whose session has ended -------------------------------------------------------------------------------


def test_a_number_that_was_typed_after_the_session_ended_is_there_after_the_log_in(world: World) -> None:
    client = Client()
    answer = client.post("/search/", {"phone": "(415) 555-0123"})
    assert answer["Location"] == "/login/?next=/"
    answer = client.post(answer["Location"], {"username": "bea", "password": PASSWORD}, follow=True)
    assert answer.status_code == 200
    assert 'value="(415) 555-0123"' in answer.content.decode()
    assert "555-0123" not in client.get("/").content.decode()
    assert not AccessEntry.objects.filter(event="open").exists()


def test_a_typed_number_is_not_readable_in_the_session(world: World) -> None:
    client = Client()
    client.post("/search/", {"phone": "(415) 555-0123"})
    assert "555" not in str(dict(client.session))


def test_a_typed_number_does_not_wait_for_long(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    client = Client()
    client.post("/search/", {"phone": "(415) 555-0123"})
    monkeypatch.setattr("integrations.dashboard.agents.TYPED_FOR_S", -1)
    client.force_login(world.user(world.bea))
    assert "555-0123" not in client.get("/").content.decode()


def test_the_address_of_a_search_opens_the_dashboard(world: World) -> None:
    client = Client()
    client.force_login(world.user(world.bea))
    assert client.get("/search/")["Location"] == "/"


@pytest.mark.parametrize("path", ["/organization/", "/logout/"])
def test_what_can_only_be_sent_has_a_page_that_says_so(world: World, path: str) -> None:
    client = Client()
    client.force_login(world.user(world.bea))
    answer = client.get(path)
    assert answer.status_code == 405
    assert answer["Allow"]
    assert "Go to your calls" in answer.content.decode()
