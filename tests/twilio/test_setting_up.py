"""Setting up Twilio by the command and in the admin: shown first, done once, on record, taken away again."""

from __future__ import annotations

from time import sleep
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from integrations.calls.twilio import access_of, event_streams, task_router
from integrations.configuration import twilio_setup
from integrations.configuration.twilio_setup import set_up, shown_address, standing_of, take_away, wanted_for
from integrations.errors import AuditUnavailable, ConfigurationError
from integrations.models import AccessEntry, Organization, Person, TwilioAccount
from integrations.sandbox.twilio import ACCOUNT_SID, API_KEY, API_SECRET, AUTH_TOKEN, WORKSPACE_SID
from tests.factories import World
from tests.test_commands import run
from tests.twilio.conftest import Platform


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for an event that goes to an address that is nobody's."""
    monkeypatch.setattr(twilio_setup, "ARRIVAL_S", 0.0)


@pytest.fixture
def account(world: World, platform: Platform, settings: Any) -> TwilioAccount:
    settings.PUBLIC_URL = "https://portal.example.org"
    settings.TWILIO_EVENTS_URL = settings.TWILIO_TASKROUTER_URL = platform.url
    return TwilioAccount.objects.create(
        organization=world.riverside, account_sid=ACCOUNT_SID, auth_tokens=[AUTH_TOKEN], workspace_sid=WORKSPACE_SID
    )


def logged_in(person: Person) -> Client:
    client = Client()
    assert person.user is not None
    client.force_login(person.user)
    return client


def page(account: TwilioAccount) -> str:
    return reverse("admin:integrations_twilioaccount_events", args=[account.pk])


def changes(organization: Organization) -> list[tuple[str, str]]:
    rows = AccessEntry.objects.filter(organization=organization, event="admin_change").order_by("seq")
    return [(row.actor_kind, row.detail["changed"][0]) for row in rows]


# -- Who may ---------------------------------------------------------------------------------------------------------


def test_cy_and_agents_neither_see_it_nor_do_it(world: World, account: TwilioAccount, platform: Platform) -> None:
    for person in (world.cy, world.bea):
        client = logged_in(person)
        assert client.get(page(account)).status_code in {302, 403, 404}
        assert client.post(page(account), {"do": "set_up"}).status_code in {302, 403, 404}
    assert platform.twilio.streams.sinks == {}
    assert Client().post(page(account), {"do": "set_up"}).status_code == 302
    assert changes(world.riverside) == []


# -- The page --------------------------------------------------------------------------------------------------------


def test_an_admin_sees_it_first_does_it_and_takes_it_away(world: World, account: TwilioAccount, platform: Platform) -> None:
    ann = logged_in(world.ann)
    shown = ann.get(page(account)).content.decode()
    assert "Make a sink that sends to https://portal.example.org/hooks/" in shown
    assert world.riverside.hook_key not in shown
    assert AUTH_TOKEN not in shown
    assert platform.twilio.streams.sinks == {}, "looking changes nothing"

    done = ann.post(page(account), {"do": "set_up"}, follow=True).content.decode()
    assert "Done. The test event has not arrived yet." in done
    assert "Send a test event" in done
    assert "It is set up" in done
    assert "This would be done</h2>" not in done
    (sink,) = platform.twilio.streams.sinks.values()
    address = f"https://portal.example.org/hooks/{world.riverside.hook_key}/twilio/event-streams"
    assert sink["sink_configuration"]["destination"] == address

    assert "It is not set up" in ann.post(page(account), {"do": "take_away"}, follow=True).content.decode()
    assert platform.twilio.streams.sinks == {}
    assert changes(world.riverside) == [("person", "events, set up"), ("person", "events, taken away")]


@pytest.mark.parametrize("sent", [{}, {"do": "something"}])
def test_what_is_no_work_changes_nothing(
    world: World, account: TwilioAccount, platform: Platform, sent: dict[str, str]
) -> None:
    assert logged_in(world.ann).post(page(account), sent).status_code == 404
    assert platform.twilio.streams.sinks == {}


def test_the_account_leads_to_the_page(world: World, account: TwilioAccount) -> None:
    change = reverse("admin:integrations_twilioaccount_change", args=[account.pk])
    assert page(account) in logged_in(world.ann).get(change).content.decode()


def test_a_failure_is_told_and_nothing_is_claimed(world: World, account: TwilioAccount, platform: Platform) -> None:
    platform.sandbox.switches["twilio"].fault = "401"
    told = logged_in(world.ann).post(page(account), {"do": "set_up"}, follow=True).content.decode()
    assert "Twilio does not accept the key or token" in told
    assert "Done." not in told


def test_nothing_is_done_that_cannot_be_put_on_record(
    world: World, account: TwilioAccount, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unavailable(*_: object) -> None:
        raise AuditUnavailable("down")

    monkeypatch.setattr("integrations.management.commands.twilio_setup.audit.record_now", unavailable)
    code, _out, err = run("twilio_setup", "riverside", "--apply")
    assert (code, "nothing was done" in err) == (1, True)
    assert platform.twilio.streams.sinks == {}


# -- The command -----------------------------------------------------------------------------------------------------


def test_the_command_shows_and_does_and_undoes(world: World, account: TwilioAccount, platform: Platform) -> None:
    code, out, _err = run("twilio_setup", "riverside")
    assert code == 0
    assert "  - Subscribe it to" in out
    assert "--apply" in out
    assert platform.twilio.streams.sinks == {}

    code, out, _err = run("twilio_setup", "riverside", "--apply")
    assert (code, "It is set up" in out) == (0, True)
    assert len(platform.twilio.streams.sinks) == 1
    assert run("twilio_setup", "riverside", "--apply")[0] == 0
    assert len(platform.twilio.streams.sinks) == 1

    code, out, _err = run("twilio_setup", "riverside", "--undo")
    assert (code, "  - Remove the sink ending" in out) == (0, True)
    assert len(platform.twilio.streams.sinks) == 1
    assert run("twilio_setup", "riverside", "--undo", "--apply")[0] == 0
    assert platform.twilio.streams.sinks == {}
    made, gone = ("operator", "events, set up"), ("operator", "events, taken away")
    assert changes(world.riverside) == [made, made, gone]
    for text in (out, _err):
        assert AUTH_TOKEN not in text
        assert world.riverside.hook_key not in text


def test_without_an_account_or_an_address_it_says_what_to_set(world: World, platform: Platform, settings: Any) -> None:
    assert run("twilio_setup", "nobody")[0] == 2
    code, _out, err = run("twilio_setup", "riverside")
    assert (code, "has no Twilio account" in err) == (2, True)
    TwilioAccount.objects.create(organization=world.riverside, account_sid=ACCOUNT_SID, auth_tokens=[AUTH_TOKEN])
    code, _out, err = run("twilio_setup", "riverside")
    assert (code, "CONNIE_PUBLIC_URL" in err) == (2, True)


def test_a_twilio_that_is_down_ends_it_with_one(account: TwilioAccount, platform: Platform) -> None:
    platform.sandbox.switches["twilio"].fault = "500"
    code, out, _err = run("twilio_setup", "riverside", "--apply")
    assert (code, "no usable answer" in out) == (1, True)
    assert platform.twilio.streams.sinks == {}


# -- What stands -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("address", ["http://portal.example.org", "https://localhost", "http://127.0.0.1:8000"])
def test_an_address_that_twilio_cannot_reach_is_refused(world: World, settings: Any, address: str) -> None:
    settings.PUBLIC_URL = address
    with pytest.raises(ConfigurationError, match=r"https addresses of the internet"):
        wanted_for(world.riverside)
    settings.ALLOW_PRIVATE = True
    assert wanted_for(world.riverside).destination.startswith(address)


def test_the_key_of_the_address_is_not_shown(world: World, settings: Any) -> None:
    settings.PUBLIC_URL = "https://portal.example.org"
    wanted = wanted_for(world.riverside)
    assert world.riverside.hook_key in wanted.destination
    assert shown_address(wanted) == f"https://portal.example.org/hooks/{world.riverside.hook_key[:4]}…/twilio/event-streams"


def test_a_missing_or_wrong_workspace_is_told_and_stops_nothing(account: TwilioAccount, platform: Platform) -> None:
    account.workspace_sid = ""
    assert any("Enter the workspace SID" in sentence for sentence in standing_of(account).told)
    account.workspace_sid = f"WS{'9' * 32}"
    standing = set_up(account)
    assert any("no workspace with the SID" in sentence for sentence in standing.told)
    assert standing.is_set_up
    assert not take_away(account).is_set_up


def test_what_others_have_and_what_cannot_be_had_is_told(account: TwilioAccount, platform: Platform) -> None:
    platform.twilio.streams.types.remove("com.twilio.apiusage.taskrouter.ratelimits")
    row = {"sid": f"DG{'1' * 32}", "sink_type": "kinesis", "sink_configuration": {"arn": "x"}, "status": "active"}
    platform.twilio.streams.sinks[row["sid"]] = row
    told = " ".join(standing_of(account).told)
    assert "1 other sink of this account stays as it is." in told
    assert "This account cannot have: com.twilio.apiusage.taskrouter.ratelimits." in told


def test_a_key_that_may_not_set_up_is_told(account: TwilioAccount, platform: Platform) -> None:
    platform.sandbox.switches["twilio"].fault = "403"
    assert "Make a standard key" in standing_of(account).problem


def test_what_is_missing_of_an_account_is_said(account: TwilioAccount) -> None:
    assert task_router(account).client.access == access_of(account)
    assert event_streams(account).access == access_of(account)
    account.workspace_sid = ""
    with pytest.raises(ConfigurationError, match="workspace"):
        task_router(account)
    account.api_key_sid, account.api_secret = API_KEY, API_SECRET
    assert access_of(account).key == API_KEY
    account.api_secret = ""
    assert access_of(account).key == ACCOUNT_SID, "a key without its secret is of no use"
    account.auth_tokens = []
    with pytest.raises(ConfigurationError, match="auth token"):
        access_of(account)


# -- From the simulator to the portal --------------------------------------------------------------------------------


def told_of(organization: Organization, kind: str) -> int:
    for _turn in range(100):
        if found := organization.deliveries.filter(kind=kind).count():
            return found
        sleep(0.05)
    return 0


def test_what_twilio_is_set_up_to_tell_arrives(
    account: TwilioAccount, platform: Platform, live_server: Any, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two real sockets: the sink is made, the simulator signs what it delivers, and the portal takes it."""
    monkeypatch.setattr(twilio_setup, "ARRIVAL_S", 10.0)
    settings.PUBLIC_URL, settings.ALLOW_PRIVATE = live_server.url, True
    assert set_up(account).told[-1] == "The test event arrived."
    assert set_up(account).told[-1] == "The test event arrived.", "each test event is one of its own"
    platform.create({"type": "inbound", "from": "+14155550100"})
    assert told_of(account.organization, "task.created") == 1
    assert {status for _destination, status in platform.twilio.streams.deliveries} == {204}

    account.auth_tokens = ["another"]
    account.api_key_sid, account.api_secret = API_KEY, API_SECRET
    account.save()
    monkeypatch.setattr(twilio_setup, "ARRIVAL_S", 1.0)
    assert "has not arrived yet" in set_up(account).told[-1], "it is signed with a token that is not entered"
