"""Stored secrets do not leave with a system that is aimed elsewhere: not with the test on saving either."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from integrations.lookup.probes import probe_one
from integrations.models import Connector, Person
from tests.admin.conftest import save
from tests.factories import World, make_connector

type LogIn = Callable[[Person], Client]
PLANTED = "planted-secret-0451"
HUBSPOT = {"base_url": "https://api.hubapi.com"}
REST = {
    "base_url": "https://api.example.org",
    "auth": {"type": "bearer"},
    "lookup": {"steps": [{"path": "/people", "query": {"phone": "{phone_e164}"}, "map": {"id": "id", "name": "name"}}]},
}
API_KEY = {**REST, "auth": {"type": "api_key"}}
OAUTH = {**REST, "auth": {"type": "oauth2_client_credentials", "token_url": "https://login.example.org/token"}}
CLIENT = {"client_id": PLANTED, "client_secret": PLANTED}


@pytest.fixture
def thief() -> Iterator[tuple[str, list[str]]]:
    """A server of somebody's own, and all that it was sent."""
    heard: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            heard.append(f"{self.path} {self.headers}{self.rfile.read(int(self.headers.get('content-length') or 0))!r}")
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"{}")

        do_POST = do_GET

        def log_message(self, *_: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", heard
    server.shutdown()
    server.server_close()


def errors_of(answer: Any) -> str:
    return " ".join(sentence for sentences in answer.context["errors"] for sentence in sentences) if answer.context else ""


def test_the_old_secret_is_not_sent_to_the_new_host(
    world: World, log_in: LogIn, thief: tuple[str, list[str]], settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.ALLOW_PRIVATE = True
    monkeypatch.setattr("integrations.admin.connectors.probe_one", probe_one)
    address, heard = thief
    row = make_connector(
        world.riverside, "crm", "hubspot", options=HUBSPOT, secrets={"token": PLANTED}, allow_private=["127.0.0.1"]
    )
    ann = log_in(world.ann)
    assert "Enter this again" in errors_of(save(ann, row, **{"option-base_url": address}))
    assert save(ann, row, **{"option-base_url": address, "secret_token": "another"}).status_code == 302
    assert heard
    assert not [request for request in heard if PLANTED in request]
    assert Connector.objects.get(pk=row.pk).secrets == {"token": "another"}


@pytest.mark.parametrize(
    ("kind", "before", "after", "secrets"),
    [
        ("rest", REST, {**REST, "base_url": "https://api.example.org:8443"}, {"token": PLANTED}),
        ("rest", REST, {**REST, "base_url": "https://api.example.com"}, {"token": PLANTED}),
        ("rest", REST, {**REST, "auth": {"type": "basic"}}, {"token": PLANTED, "username": PLANTED, "password": PLANTED}),
        ("rest", OAUTH, {**OAUTH, "auth": {**OAUTH["auth"], "token_url": "https://login.example.com/token"}}, CLIENT),
        ("rest", API_KEY, {**REST, "auth": {"type": "api_key", "in": "query"}}, {"api_key": PLANTED}),
        ("rest", API_KEY, {**REST, "auth": {"type": "api_key", "name": "X-A"}}, {"api_key": PLANTED}),
        ("rest", {"preset": "stripe"}, {"preset": "calendly"}, {"token": PLANTED}),
        ("hubspot", HUBSPOT, {**HUBSPOT, "base_url": "https://api-eu1.hubapi.com"}, {"token": PLANTED}),
        ("hubspot", HUBSPOT, {**HUBSPOT, "sign_in": "oauth"}, {"token": PLANTED, "refresh_token": PLANTED, **CLIENT}),
        ("salesforce", {"base_url": "https://a.my.salesforce.com"}, {"base_url": "https://b.my.salesforce.com"}, CLIENT),
        ("database", {"url": "mysql://a@db.example.org/x"}, {"url": "mysql://a@db.example.com/x"}, {"password": PLANTED}),
        ("database", {"url": "mysql://a@db.example.org/x"}, {"url": "mysql://b@db.example.org/x"}, {"password": PLANTED}),
        ("database", {"url": "mysql://a@db.example.org/x"}, {"url": "mysql://a@db.example.org:99/x"}, {"password": PLANTED}),
        ("database", {"url": "mysql://a@db.example.org/x?ssl=true"}, {"url": "mysql://a@db.example.org/x"}, {"password": "p"}),
    ],
)  # fmt: skip
def test_a_change_of_where_or_how_asks_for_every_secret_again(
    world: World, log_in: LogIn, kind: str, before: dict[str, Any], after: dict[str, Any], secrets: dict[str, str]
) -> None:
    row = make_connector(world.riverside, "one", kind, options=before, secrets=secrets)
    answer = save(log_in(world.ann), row, **as_posted(after))
    assert "Enter this again" in errors_of(answer)
    kept = Connector.objects.get(pk=row.pk)
    assert (kept.options, kept.secrets) == (before, secrets)


def test_a_change_of_anything_else_keeps_them(world: World, log_in: LogIn) -> None:
    row = make_connector(world.riverside, "one", "rest", options=REST, secrets={"token": PLANTED})
    after = {**REST, "base_url": "https://api.example.org/v2", "external_id": "ref"}
    assert save(log_in(world.ann), row, **as_posted(after)).status_code == 302
    assert Connector.objects.get(pk=row.pk).secrets == {"token": PLANTED}


def test_what_the_new_sign_in_has_no_use_for_is_forgotten(world: World, log_in: LogIn) -> None:
    row = make_connector(
        world.riverside, "one", "rest", options=REST, secrets={"token": PLANTED}, secret_refs={"token": "env:TOKEN"}
    )
    after = {**REST, "base_url": "https://api.example.com", "auth": {"type": "none"}}
    assert save(log_in(world.ann), row, **as_posted(after)).status_code == 302
    kept = Connector.objects.get(pk=row.pk)
    assert (kept.secrets, kept.secret_refs) == ({}, {})


@pytest.mark.parametrize(
    ("kind", "options", "secrets"),
    [
        ("hubspot", {"base_url": "https://crm.example.org"}, {"token": "x"}),
        (
            "salesforce",
            {"base_url": "https://riverside.my.salesforce.com.example.org"},
            {"client_id": "x", "client_secret": "x"},
        ),
        ("rest", {"preset": "stripe", "base_url": "https://stripe.example.org"}, {"token": "x"}),
        ("rest", {"preset": "stripe", "auth": OAUTH["auth"]}, {"client_id": "x", "client_secret": "x"}),
    ],
)
def test_a_vendors_kind_speaks_to_the_vendors_hosts_alone(
    world: World, log_in: LogIn, kind: str, options: dict[str, Any], secrets: dict[str, str]
) -> None:
    row = make_connector(world.riverside, "one", kind)
    facts = {**as_posted(options), **{f"secret_{name}": value for name, value in secrets.items()}}
    ann = log_in(world.ann)
    assert "is not one of this system&#x27;s hosts" in save(ann, row, **facts).content.decode()
    Connector.objects.filter(pk=row.pk).update(hosts=["*.example.org", "login.example.org"])
    assert save(ann, row, **facts).status_code == 302


def as_posted(options: dict[str, Any]) -> dict[str, Any]:
    """Options as the form has them: those that a line can hold, and all of them in brackets where it has such."""
    lines = {f"option-{name}": value for name, value in options.items() if isinstance(value, str)}
    return {**lines, "options": json.dumps(options)}
