"""Every address outside of the admin: what strangers, people of other organisations and keys without a scope get there."""

from __future__ import annotations

import re

import pytest
from django.http import HttpResponse
from django.test import Client
from django.urls import URLPattern, reverse

from integrations.api.urls import urlpatterns as api
from integrations.api.views import ApiView
from integrations.dashboard.urls import urlpatterns as dashboard
from integrations.panel.urls import urlpatterns as panel
from tests.factories import World, make_api_key

KNOWN = {"org": "riverside", "key": "0" * 32, "uidb64": "MQ", "token": "no-token"}
# They hold nothing of anybody. A page that is not named here asks for a log-in.
FOR_EVERYBODY = frozenset(["login", "logout", "panel-shell"])
PAGES = [
    page for page in [*dashboard, *panel] if page.name not in FOR_EVERYBODY and not str(page.name).startswith("password_reset")
]


def address(page: URLPattern) -> str:
    return reverse(str(page.name), kwargs={name: KNOWN[name] for name in page.pattern.regex.groupindex})


def answers(client: Client, page: URLPattern) -> list[HttpResponse]:
    """What the page answers to each method that it takes."""
    both = [client.get(address(page)), client.post(address(page))]
    return [one for one in both if one.status_code != 405]


def signed_in(world: World, who: str) -> Client:
    client = Client()
    client.force_login(world.user(getattr(world, who)))
    return client


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.name))
def test_strangers_get_no_further_than_the_log_in(world: World, page: URLPattern) -> None:
    for answer in answers(Client(), page):
        # Whoever follows the address of a search, which can only be sent, is led to the page that has it.
        assert answer.status_code == 401 or answer["Location"] == "/" or answer["Location"].startswith("/login/?next=/")


@pytest.mark.parametrize("page", [page for page in PAGES if page in panel], ids=lambda page: str(page.name))
def test_a_panel_of_another_organisation_is_not_there(world: World, page: URLPattern) -> None:
    assert {answer.status_code for answer in answers(signed_in(world, "cy"), page)} == {404}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.name))
def test_what_is_behind_the_log_in_is_kept_nowhere_and_has_no_inline_code(world: World, page: URLPattern) -> None:
    for answer in answers(signed_in(world, "bea"), page):
        html = answer.content.decode()
        assert answer.status_code == 302 or "no-store" in answer["Cache-Control"]
        assert "unsafe" not in answer["Content-Security-Policy"]
        assert not re.search(r"\son\w+=|<style|\sstyle=|javascript:", html)
        assert all("src=" in script for script in re.findall(r"<script\b[^>]*>", html))


ENDPOINTS = [page for page in api if issubclass(getattr(page.callback, "view_class", object), ApiView)]


@pytest.mark.parametrize("page", ENDPOINTS, ids=lambda page: str(page.name))
def test_an_endpoint_answers_nobody_without_a_key_of_its_scope(world: World, page: URLPattern) -> None:
    others = {"lookup", "enrich"} - {page.callback.view_class.scope}
    key, _row = make_api_key(world.riverside, scopes=sorted(others)[:1])
    keyed = Client(headers={"Authorization": f"Bearer {key}"})
    assert {answer.status_code for answer in answers(Client(), page)} == {401}
    assert {answer.status_code for answer in answers(keyed, page)} == {403}
