"""The page that checks a flow is the organisation's admins'; it keeps nothing, and shows nothing as markup."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from django.test import Client
from django.urls import reverse

from integrations.models import AccessEntry, ConfigurationChange, Organization, Person
from integrations.routing.flow_check import MAX_PASTED
from tests.factories import World
from tests.test_commands import run

LogIn = Callable[[Person], Client]
DIRECT = Path(__file__).resolve().parents[2] / "docs" / "flows" / "direct.json"


def page(organization: Organization) -> str:
    return reverse("admin:integrations_organization_check_flow", args=[organization.pk])


def test_cy_and_agents_have_no_such_page(world: World, log_in: LogIn) -> None:
    for person in (world.cy, world.bea):
        client = log_in(person)
        assert client.get(page(world.riverside)).status_code in {302, 403, 404}
        assert client.post(page(world.riverside), {"flow": "{}"}).status_code in {302, 403, 404}


def test_what_is_found_stands_there_and_nothing_is_kept(world: World, log_in: LogIn) -> None:
    client = log_in(world.ann)
    assert (
        page(world.riverside)
        in client.get(reverse("admin:integrations_organization_change", args=[world.riverside.pk])).content.decode()
    )
    assert "Check it" in client.get(page(world.riverside)).content.decode()
    before = AccessEntry.objects.count(), ConfigurationChange.objects.count()
    flow = DIRECT.read_text().replace("| to_json", "").replace('"ORG"', '"harbor"')
    answer = client.post(page(world.riverside), {"flow": flow})
    html = answer.content.decode()
    assert "no-store" in answer["Cache-Control"]
    for sentence in ("The value is not written as JSON", "another organisation than this one", "as in the example"):
        assert sentence in html
    assert (AccessEntry.objects.count(), ConfigurationChange.objects.count()) == before
    filled = (
        DIRECT.read_text().replace("portal.example.org", "x.org").replace('"ORG"', '"riverside"').replace("0" * 32, "1" * 32)
    )
    assert "No mistake was found." in client.post(page(world.riverside), {"flow": filled}).content.decode()


def test_what_is_pasted_is_shown_as_text(world: World, log_in: LogIn) -> None:
    bad = {"name": "<script>alert(1)</script>", "type": "make-http-request", "transitions": []}
    html = log_in(world.ann).post(page(world.riverside), {"flow": json.dumps({"states": [bad]})}).content.decode()
    assert "the flow ends" in html
    assert "<script>alert" not in html


@pytest.mark.parametrize("pasted", ["", "{", "[" * 200_000, "x" * (MAX_PASTED + 1)])
def test_what_cannot_be_read_is_answered_with_a_sentence(world: World, log_in: LogIn, pasted: str) -> None:
    answer = log_in(world.ann).post(page(world.riverside), {"flow": pasted})
    assert answer.status_code == 200
    assert 'role="alert"' in answer.content.decode()


def test_the_command_says_the_same(world: World, tmp_path: Path) -> None:
    code, out, _err = run("check_flow", "riverside", str(DIRECT))
    assert (code, "as in the example" in out) == (1, True)
    assert run("check_flow", "riverside", str(tmp_path / "none.json"))[0] == 2
    (tmp_path / "flex.json").write_text('{"call_recording_enabled": true}')
    code, out, _err = run("check_flow", "riverside", str(tmp_path / "flex.json"))
    assert (code, out.splitlines()[-1]) == (0, "No mistake was found.")
    assert "look this up: call_recording_enabled:" in out
