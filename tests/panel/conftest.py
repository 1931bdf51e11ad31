"""Bea at the panel of Riverside, which has one made-up source."""

from __future__ import annotations

import pytest
from django.test import Client

from integrations.calls import CallFacts, open_call
from integrations.models import AccessEntry, AuditHead, Person
from integrations.phone import classify
from tests.factories import World
from tests.known_callers import Source, install_fake_kind

NUMBER = classify("+14155550123", "US")


@pytest.fixture
def source(world: World, monkeypatch: pytest.MonkeyPatch) -> Source:
    install_fake_kind(monkeypatch)
    return Source(world)


def logged_in(world: World, person: Person) -> Client:
    client = Client()
    client.force_login(world.user(person))
    AccessEntry.objects.all().delete()  # of logging in
    AuditHead.objects.update(seq=0, hash="")
    return client


@pytest.fixture
def bea(world: World) -> Client:
    return logged_in(world, world.bea)


def address(world: World, facts: CallFacts | None = None) -> str:
    call = open_call(world.riverside.pk, facts or CallFacts(NUMBER, "CA1"), person_id=world.bea.pk)
    return f"/panel/riverside/{call.key}/"


def content(client: Client, url: str) -> str:
    response = client.get(f"{url}caller/", headers={"HX-Request": "true"})
    assert response.status_code == 200
    assert "no-store" in response["Cache-Control"]
    return response.content.decode()
