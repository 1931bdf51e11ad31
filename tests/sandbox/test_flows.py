"""The example flows, run as Studio runs them: whatever becomes of the portal, the call reaches its queue and has a panel."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, cast
from urllib.parse import parse_qsl, urlsplit

import jsonschema
import pytest
from asgiref.sync import sync_to_async
from django.conf import settings
from django.test import Client

from integrations.models import AccessEntry, Call, TwilioAccount
from integrations.routing.attributes import task_attributes
from integrations.sandbox import twilio
from integrations.sandbox.server import Sandbox, serving
from integrations.sandbox.studio import Account, Caller, Run, run_flow
from tests.certificates import self_signed
from tests.factories import World
from tests.known_callers import Source, install_fake_kind
from tests.served import black_hole, other_server, portal_served

FLOWS = Path(__file__).resolve().parents[2] / "docs" / "flows"
SCHEMA = json.loads(Path(__file__).with_name("flow_schema.json").read_text())
NAMES = ["direct", "direct-options", "voicemail"]
PHONE, SID = "+14155550123", f"CA{'4' * 32}"
PATIENCE_S = 0.6


def flow_of(name: str, portal: str, lookup: str = "on") -> dict[str, Any]:
    """The example with what its reader is told to change."""
    text = (FLOWS / f"{name}.json").read_text()
    assert text.count("https://portal.example.org") == text.count('"ORG"') == 1
    text = text.replace("https://portal.example.org", portal).replace('"ORG"', '"riverside"')
    text = text.replace(f"WS{'0' * 32}", twilio.WORKSPACE_SID).replace(f"WW{'0' * 32}", twilio.WORKFLOW_SID)
    flow: dict[str, Any] = json.loads(text)
    (settings_widget,) = [state for state in flow["states"] if state["name"] == "settings"]
    (switch,) = [one for one in settings_widget["properties"]["variables"] if one["key"] == "lookup"]
    assert switch["value"] == "on"
    switch["value"] = lookup
    return flow


class Calls:
    """Calls to Riverside's Twilio account. ``tasks``: what the flow made through TaskRouter, Send to Flex apart."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox

    async def take(self, name: str, portal: str, lookup: str = "on", patience_s: float = PATIENCE_S, **facts: Any) -> Run:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            taskrouter = f"http://127.0.0.1:{listener.getsockname()[1]}"
            account = Account(twilio.ACCOUNT_SID, twilio.AUTH_TOKEN, {"taskrouter.twilio.com": taskrouter})
            async with serving(self.sandbox, listener):
                return await run_flow(flow_of(name, portal, lookup), Caller(PHONE, **facts), account, patience_s)

    def task(self, run: Run) -> dict[str, Any]:
        """The attributes of the one task that came of the call."""
        made = [json.loads(task.attributes) for task in self.sandbox.twilio.tasks.values()]
        (task,) = [*run.queued, *made]
        return task


@pytest.fixture
def calls() -> Calls:
    return Calls(Sandbox())


@pytest.fixture
def portal(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The portal's address; one source knows Rosa."""
    install_fake_kind(monkeypatch)
    Source(world)
    monkeypatch.setattr(settings, "ALLOWED_HOSTS", ["127.0.0.1", "testserver"])
    TwilioAccount.objects.create(organization=world.riverside, account_sid=twilio.ACCOUNT_SID, auth_tokens=[twilio.AUTH_TOKEN])
    with portal_served() as address:
        monkeypatch.setattr(settings, "PUBLIC_URL", address)
        yield address


def stopped() -> AbstractContextManager[str]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return nullcontext(f"http://127.0.0.1:{listener.getsockname()[1]}")


def opened(client: Client, profile_url: str) -> str:
    """The page of the call's panel, as the browser gets to it."""
    address = urlsplit(profile_url)
    path = address.path
    if address.fragment:
        facts = dict(parse_qsl(address.fragment))
        answer = client.post(f"{path}open", facts, content_type="application/json")
        path = urlsplit(answer.json()["url"]).path
    page = client.get(path)
    assert page.status_code == 200
    return page.content.decode()


@pytest.mark.parametrize("name", NAMES)
def test_a_flow_is_as_studio_exports_them(name: str) -> None:
    flow = json.loads((FLOWS / f"{name}.json").read_text())
    jsonschema.validate(flow, SCHEMA)
    names = [state["name"] for state in flow["states"]]
    targets = {way["next"] for state in flow["states"] for way in state["transitions"] if "next" in way}
    assert len(names) == len(set(names))
    assert targets == set(names) - {"Trigger"}


@pytest.mark.parametrize("name", ["direct", "direct-options"])
async def test_the_callers_name_is_in_the_task_before_the_call_is_taken(calls: Calls, portal: str, name: str) -> None:
    run = await calls.take(name, portal, patience_s=10)
    task = calls.task(run)
    assert (task["caller_name"], task["customer_found"]) == ("Rosa Castillo", True)
    assert task["profile_url"].startswith(f"{portal}/panel/riverside/")
    assert "#" not in task["profile_url"]
    assert run.heard[0].startswith("Thank you for calling.")
    assert run.visited.index("greeting") < run.visited.index("enrich")
    assert run.silence_s < 4.5


@pytest.mark.parametrize("hangs_up", [True, False])
async def test_a_message_becomes_a_task_and_of_the_recording_only_its_sid(calls: Calls, portal: str, hangs_up: bool) -> None:
    run = await calls.take("voicemail", portal, patience_s=10, hangs_up=hangs_up)
    task = calls.task(run)
    assert (task["taskType"], task["name"], task["callBackData"]["numberToCall"]) == ("voicemail", "Rosa Castillo", PHONE)
    assert task["callBackData"]["recordingSid"].startswith("RE")
    assert "/Recordings/" not in json.dumps(task)
    assert task["profile_url"].startswith(f"{portal}/panel/riverside/")
    assert "#" not in task["profile_url"]
    assert ("Thank you. Goodbye." in run.heard) is not hangs_up


async def test_whoever_says_nothing_leaves_no_task(calls: Calls) -> None:
    with stopped() as portal:
        run = await calls.take("voicemail", portal, speaks=False)
    assert (run.queued, calls.sandbox.twilio.tasks) == ([], {})
    assert run.heard[-1] == "We heard no message. Please call again."


async def test_whoever_presses_2_is_called_back(calls: Calls, portal: str) -> None:
    run = await calls.take("direct-options", portal, patience_s=10, keys=("2",))
    task = calls.task(run)
    assert (task["taskType"], task["name"], run.queued) == ("callback", "Rosa Castillo", [])
    assert run.heard[-1] == "We will call you back. Goodbye."


CASES = ["stopped", "black hole", "bad certificate", "a page", "a list", "an error", "too large"]


def met(case: str, folder: Path) -> AbstractContextManager[str]:
    """What the flow meets in the portal's place."""
    bodies = {"a page": b"<html>Sign in</html>", "a list": b'[{"profile_url": "/panel/x"}]', "an error": b"{}"}
    match case:
        case "stopped":
            return stopped()
        case "black hole":
            return black_hole()
        case "bad certificate":
            return other_server(b'{"profile_url": "/panel/x"}', tls=self_signed(folder))
        case "too large":
            return other_server(b'{"profile_url": "/panel/x", "more": "' + b"x" * 65_536 + b'"}')
        case _:
            return other_server(bodies[case], 500 if case == "an error" else 200)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("name", NAMES)
async def test_whatever_is_met_in_the_portals_place_the_call_reaches_its_queue(
    calls: Calls, tmp_path: Path, name: str, case: str
) -> None:
    with met(case, tmp_path) as portal:
        run = await calls.take(name, portal)
    task = calls.task(run)
    assert task["name"] == PHONE
    assert task["profile_url"].startswith(f"{portal}/panel/riverside/#phone={PHONE}")
    assert run.refused == []
    assert run.heard[0].startswith("Thank you for calling.")
    # The patience of Studio, which is 10 s; then the call goes on.
    assert (PATIENCE_S if case == "black hole" else 0) <= run.silence_s < PATIENCE_S + 1


@pytest.mark.parametrize("keys", [("1",), ("2",), ()])
async def test_the_menu_is_offered_without_the_portal_too(calls: Calls, keys: tuple[str, ...]) -> None:
    with stopped() as portal:
        run = await calls.take("direct-options", portal, keys=keys)
    assert calls.task(run)["profile_url"].startswith(f"{portal}/panel/riverside/#phone={PHONE}")
    assert bool(run.queued) is (keys != ("2",))


@pytest.mark.parametrize("name", NAMES)
async def test_one_variable_leaves_the_lookup_out(calls: Calls, portal: str, name: str) -> None:
    run = await calls.take(name, portal, lookup="off")
    assert calls.task(run)["profile_url"].startswith(f"{portal}/panel/riverside/#phone=")
    assert not {"enrich", "message"} & set(run.visited)
    assert run.silence_s < PATIENCE_S
    assert not await AccessEntry.objects.aexists()


@pytest.mark.parametrize("name", ["direct", "direct-options"])
async def test_the_same_calls_panel_works_once_the_portal_is_back(calls: Calls, portal: str, world: World, name: str) -> None:
    client = Client()
    await sync_to_async(client.force_login)(world.user(world.bea))
    with stopped() as gone:
        missed = calls.task(await calls.take(name, gone, call_sid=SID))
    assert not await Call.objects.aexists()
    assert "555-0123" in await sync_to_async(opened)(client, missed["profile_url"])
    run = await calls.take(name, portal, patience_s=10, call_sid=SID)
    await sync_to_async(opened)(client, run.queued[0]["profile_url"])
    assert (await Call.objects.aget()).call_sid == SID


async def test_attributes_that_flex_refuses_cost_the_call_nothing(calls: Calls, portal: str) -> None:
    long = json.dumps({"profile_url": "/panel/x", "attributes": {"profile_url": "x" * 1_100}}).encode()
    with other_server(long) as address:
        run = await calls.take("direct", address)
    assert len(run.refused) == 1
    assert calls.task(run)["profile_url"].startswith(f"{address}/panel/riverside/#phone=")


@pytest.mark.parametrize(
    ("widget", "problem"),
    [
        ({"type": "send-message", "properties": {}, "transitions": []}, "'send-message' are not known"),
        ({"type": "say-play", "properties": {"say": "{% if x %}"}, "transitions": []}, "Tags are not known"),
        ({"type": "say-play", "properties": {"say": "{{x | reverse}}"}, "transitions": []}, "'reverse' is not known"),
        ({"type": "say-play", "properties": {"say": "Hi"}, "transitions": []}, "no way for 'audioComplete'"),
        (
            {"type": "say-play", "properties": {"say": "Hi"}, "transitions": [{"event": "audioComplete", "next": "first"}]},
            "round in circles",
        ),
        (
            {"type": "say-play", "properties": {"say": "Hi"}, "transitions": [{"event": "audioComplete", "next": "gone"}]},
            "no widget called 'gone'",
        ),
    ],
)
async def test_what_the_interpreter_does_not_know_it_says(widget: dict[str, Any], problem: str) -> None:
    flow = {"states": [{"name": "first", **widget}], "initial_state": "first"}
    with pytest.raises(ValueError, match=problem):
        await run_flow(flow, Caller(PHONE), Account("AC1", "token"))


# -- docs/studio.md ------------------------------------------------------------------------------------------------


GUIDE = (FLOWS.parent / "studio.md").read_text()


def widget(name: str, flow: str = "direct") -> dict[str, Any]:
    states = json.loads((FLOWS / f"{flow}.json").read_text())["states"]
    (found,) = [state["properties"] for state in states if state["name"] == name]
    return cast("dict[str, Any]", found)


def values_of(section: str) -> dict[str, str]:
    """The table of a widget's fields, as the guide gives it."""
    table = GUIDE.partition(f"## {section}\n")[2].partition("\n## ")[0]
    return {
        name: value.replace("\\|", "|") for name, value in re.findall(r"^\| `?([^|`]+?)`? \| `([^`]+)`", table, re.MULTILINE)
    }


def test_the_guide_and_the_flows_say_the_same() -> None:
    told = values_of("Who is calling: Make HTTP Request")
    for one in widget("enrich")["parameters"]:
        assert told[one["key"]] == one["value"]
    sent = values_of("Into the task: Send to Flex")
    assert sent["Attributes"] == widget("send")["attributes"]
    static, shown = widget("send_without")["attributes"], json.loads(sent["Attributes, behind the *Failed* branch"])
    filled = static.replace("{{flow.variables.portal}}", "https://portal.example.org")
    assert json.loads(filled.replace("{{flow.variables.organization}}", "ORG")) == shown | {
        "call_sid": "{{trigger.call.CallSid}}"
    }
    message = values_of("Voicemail")
    for one in widget("message", "voicemail")["parameters"]:
        assert message[one["key"]] == one["value"]


@pytest.mark.parametrize("name", NAMES)
def test_the_guide_names_every_widget_of_a_flow(name: str) -> None:
    part = GUIDE.partition("## Flows to start from")[2].partition("\n## ")[0]
    for state in json.loads((FLOWS / f"{name}.json").read_text())["states"]:
        assert state["type"] == "trigger" or f"`{state['name']}`" in part


def test_the_workflow_to_paste_routes_by_what_a_task_holds() -> None:
    (text,) = re.findall(r"```json\n(\{\n  \"task_routing.+?)```", GUIDE, re.DOTALL)
    routing = json.loads(text)["task_routing"]
    for one in routing["filters"]:
        assert set(one) == {"filter_friendly_name", "expression", "targets"}
        # A task that runs out of steps is cancelled.
        assert not {"expression", "timeout", "skip_if"} & set(one["targets"][-1])
        for target in one["targets"]:
            assert set(target) <= {"queue", "expression", "priority", "timeout", "skip_if"}
        named = re.findall(r"(?:task\.)(\w+)", json.dumps(one)) + re.findall(r"(\w+) (?:>=|==|IN)", one["expression"])
        made = task_attributes(dict.fromkeys(named, "x"))
        assert set(named) <= set(made) | {"1"}
    assert routing["filters"][-1]["expression"] == "1==1"
    assert set(routing["default_filter"]) == {"queue"}
