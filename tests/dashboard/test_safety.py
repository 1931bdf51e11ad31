"""What the log-in pages and the dashboard keep to, whoever asks and whatever fails."""

from __future__ import annotations

import re

import pytest
from django.conf import settings
from django.core import mail
from django.test import Client

from integrations.calls import CallFacts, open_call
from integrations.disclosure import audit
from integrations.errors import AuditUnavailable
from integrations.models import AccessEntry, Call, Organization, PanelOpening, User
from integrations.phone import classify
from tests.factories import PASSWORD, World

NUMBER = classify("+14155550123", "US")
PUBLIC = ["/login/", "/password-reset/", "/password-reset/sent/", "/password-reset/MQ/no-token/", "/password-reset/done/"]


@pytest.fixture
def bea(world: World) -> Client:
    client = Client()
    client.force_login(world.user(world.bea))
    return client


@pytest.fixture
def no_audit(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_entry: audit.Entry) -> None:
        raise AuditUnavailable("the disk is full")

    monkeypatch.setattr(audit, "record_anywhere", fail)


@pytest.mark.parametrize("path", ["/search/", "/organization/"])
def test_strangers_do_nothing_but_log_in(world: World, path: str) -> None:
    response = Client().post(path, {"phone": "+14155550123", "organization": "riverside"})
    assert response["Location"] == "/login/?next=/"
    assert not Call.objects.exists()


def test_cy_sees_no_call_of_riverside(world: World) -> None:
    open_call(world.riverside.pk, CallFacts(NUMBER, "CA1"), person_id=world.bea.pk)
    named = open_call(world.riverside.pk, CallFacts(classify("+14155550199", "US"), "CA2"))
    Call.objects.filter(pk=named.pk).update(named_by_api=True)
    client = Client()
    client.force_login(world.user(world.cy))
    page = client.get("/").content.decode()
    assert "0123" not in page
    assert "0199" not in page


def test_calls_of_an_organisation_that_somebody_has_left_for_another_are_not_listed(world: World) -> None:
    call = open_call(world.riverside.pk, CallFacts(NUMBER, "CA1"), person_id=world.bea.pk)
    PanelOpening.objects.create(call=call, person=world.cy)
    client = Client()
    client.force_login(world.user(world.cy))
    assert "0123" not in client.get("/").content.decode()


def test_reaching_for_another_organisation_changes_nothing_and_is_on_record(bea: Client, world: World) -> None:
    bea.post("/organization/", {"organization": "harbor"})
    entry = AccessEntry.objects.get(organization=world.riverside, event="denied")
    assert (entry.actor_label, entry.channel) == ("bea", "dashboard")
    assert not AccessEntry.objects.filter(organization=world.harbor).exists()
    assert "Riverside" in bea.get("/").content.decode()


def test_somebody_who_was_deactivated_sees_nothing(bea: Client, world: World) -> None:
    world.bea.active = False
    world.bea.save()
    assert bea.get("/").status_code == 403


@pytest.mark.parametrize("path", PUBLIC)
def test_pages_without_log_in_forbid_inline_code_and_have_none(world: World, path: str) -> None:
    assert_no_inline_code(Client(), path)


@pytest.mark.parametrize("path", ["/", "/nothing/"])
def test_pages_behind_the_log_in_forbid_inline_code_and_have_none(bea: Client, path: str) -> None:
    assert_no_inline_code(bea, path)


def assert_no_inline_code(client: Client, path: str) -> None:
    response = client.get(path)
    policy = response["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert response["X-Frame-Options"] == "DENY"
    html = response.content.decode()
    assert not re.search(r"\son\w+=|<style|\sstyle=|javascript:", html)
    assert all("src=" in script for script in re.findall(r"<script\b[^>]*>", html))


@pytest.mark.parametrize("path", ["/", "/search/"])
def test_nothing_that_names_a_caller_is_kept_by_the_browser(bea: Client, path: str) -> None:
    response = bea.post(path, {"phone": "12"}) if path == "/search/" else bea.get(path)
    assert "no-store" in response["Cache-Control"]


def test_the_log_in_leads_to_no_other_site(world: World) -> None:
    response = Client().post("/login/?next=https://evil.example/", {"username": "bea", "password": PASSWORD})
    assert response["Location"] == "/"


def test_a_link_logs_nobody_out(bea: Client) -> None:
    assert bea.get("/logout/").status_code == 405
    assert bea.get("/").status_code == 200


def test_a_user_without_an_organisation_is_on_record_with_the_system(world: World) -> None:
    User.objects.create_user("new", password=PASSWORD)
    Client().post("/login/", {"username": "new", "password": PASSWORD})
    entry = AccessEntry.objects.get(organization=Organization.objects.system())
    assert (entry.event, entry.actor_kind, entry.actor_label) == ("log_in", "user", "new")


def test_nobody_gets_in_without_an_entry(world: World, no_audit: None) -> None:
    client = Client(raise_request_exception=False)
    assert client.post("/login/", {"username": "bea", "password": PASSWORD}).status_code >= 500
    assert client.get("/").status_code == 302


def test_everybody_gets_out_even_without_an_entry(bea: Client, no_audit: None) -> None:
    bea.raise_request_exception = False
    assert bea.post("/logout/").status_code == 302
    assert bea.get("/").status_code == 302


def test_the_mail_for_a_new_password_is_the_portals_own(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "PUBLIC_URL", "https://portal.riverside.example")
    Client().post("/password-reset/", {"email": "bea@riverside.example"})
    (message,) = mail.outbox
    assert message.subject == "Your new password for the Connie portal"
    assert "If it was not you, do nothing" in message.body
    assert "\nhttps://portal.riverside.example/password-reset/" in message.body


def test_a_link_for_a_new_password_works_once(world: World) -> None:
    client = Client()
    client.post("/password-reset/", {"email": "bea@riverside.example"})
    link = re.search(r"https?://[^/]+(/password-reset/\S+)", mail.outbox[0].body)
    assert link
    form = client.get(link[1], follow=True).redirect_chain[-1][0]
    new = "another-long-test-password"
    client.post(form, {"new_password1": new, "new_password2": new})
    assert "no longer works" in Client().get(link[1], follow=True).content.decode()
