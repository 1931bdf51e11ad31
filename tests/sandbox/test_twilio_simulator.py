"""The simulator of Twilio is driven as the page that plays Flex drives it, and refuses what Twilio refuses."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from integrations.sandbox.twilio import ACCOUNT_SID, AUTH_TOKEN, WORKSPACE_SID
from tests.twilio.conftest import Platform
from tests.twilio.conftest import platform as platform

WORKER = f"WK{'1' * 32}"


@pytest.fixture
def client(platform: Platform) -> httpx.Client:
    return httpx.Client(base_url=platform.url, auth=(ACCOUNT_SID, AUTH_TOKEN), trust_env=False)


def tasks(*more: str) -> str:
    return "/".join(["", "v1", "Workspaces", WORKSPACE_SID, "Tasks", *more])


def act(client: httpx.Client, task_sid: str, action: str) -> httpx.Response:
    return client.post("/_twilio/act", json={"task_sid": task_sid, "action": action, "worker_sid": WORKER})


def test_a_call_goes_its_way_and_each_step_is_told(client: httpx.Client, platform: Platform) -> None:
    with client:
        made = client.post(tasks(), data={"Attributes": json.dumps({"type": "inbound"}), "TaskChannel": "voice"}).json()
        states = [act(client, made["sid"], action).json()["status"] for action in ("reserve", "accept", "wrapup", "complete")]
        assert states == ["reserved", "assigned", "wrapping", "completed"]
        assert client.get(tasks(made["sid"])).json()["code"] == 20404
        listed = client.get(f"/v1/Workspaces/{WORKSPACE_SID}/Events", params={"TaskSid": made["sid"]}).json()["events"]
    assert [event["event_type"] for event in reversed(listed)] == [
        "task.created", "reservation.created", "reservation.accepted",
        "reservation.wrapup", "task.wrapup", "reservation.completed", "task.completed",
    ]  # fmt: skip
    assert {event["event_data"].get("worker_sid") for event in listed if event["resource_type"] == "reservation"} == {WORKER}


@pytest.mark.parametrize("sent", [b"{", b"[1]", b"5", b"{}", json.dumps({"task_sid": "WT1", "action": "accept"}).encode()])
def test_what_no_page_sends_is_refused_in_a_sentence(client: httpx.Client, sent: bytes) -> None:
    with client:
        answer = client.post("/_twilio/act", content=sent, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["error"][-1]) == (400, ".")


@pytest.mark.parametrize(
    "form",
    [
        {"Attributes": "[]"},
        {"Attributes": "{"},
        {"Attributes": json.dumps({"a": "x" * 4_096})},
        {"AssignmentStatus": "asleep"},
    ],
)
def test_what_twilio_refuses_of_a_task_is_refused(client: httpx.Client, platform: Platform, form: dict[str, Any]) -> None:
    task = platform.create({"kept": 1})
    with client:
        answer = client.post(tasks(task.sid), data=form)
    assert (answer.status_code, answer.json()["code"]) == (400, 20001)
    assert json.loads(task.attributes) == {"kept": 1}


def test_another_workspace_and_a_stranger_get_nothing(client: httpx.Client, platform: Platform) -> None:
    task = platform.create({})
    with client:
        assert client.get(tasks(task.sid).replace(WORKSPACE_SID, f"WS{'0' * 32}")).status_code == 404
        assert client.get(tasks(task.sid), auth=("AC", "x")).json()["code"] == 20003
