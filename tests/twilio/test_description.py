"""Our requests, and the answers of the simulator, held against Twilio's published descriptions."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import httpx
import pytest

from integrations.twilio.taskrouter import TaskRouter
from tests.twilio.conftest import ACCESS, Platform
from tests.twilio.descriptions import TASKROUTER, check, description

OWN = {"portal": {"name": "Margaret"}}


async def test_tasks_are_read_and_written_as_described(platform: Platform) -> None:
    described = description(TASKROUTER)
    router = TaskRouter(platform.client(transport=platform.noted))
    task = platform.create({"type": "inbound"})
    await router.merge_attributes(task.sid, OWN)
    now = datetime.now(UTC)
    for number in range(120):
        platform.create({"number": number})
    platform.call(platform.twilio.act, task, "reserve", f"WK{'1' * 32}")
    await router.events(now - timedelta(minutes=1), now + timedelta(minutes=1))
    done = [check(described, *exchange) for exchange in platform.noted.exchanges]
    assert done == ["FetchTask", "UpdateTask", "ListEvent", "ListEvent"]


async def test_a_task_is_made_by_the_stand_in_as_described(platform: Platform) -> None:
    described = description(TASKROUTER)
    address = f"{platform.url}/v1/Workspaces/{ACCESS.workspace_sid}"
    async with httpx.AsyncClient(auth=(ACCESS.key, ACCESS.secret), transport=platform.noted) as client:
        await client.get(address)
        await client.post(f"{address}/Tasks", data={"Attributes": "{}", "TaskChannel": "voice", "Priority": "3"})
    done = [check(described, *exchange) for exchange in platform.noted.exchanges]
    assert done == ["FetchWorkspace", "CreateTask"]


async def test_what_is_not_described_is_noticed(platform: Platform) -> None:
    described = description(TASKROUTER)
    address = f"{platform.url}/v1/Workspaces/{ACCESS.workspace_sid}/Events"
    async with httpx.AsyncClient(auth=(ACCESS.key, ACCESS.secret), transport=platform.noted) as client:
        await client.get(address, params={"Since": "yesterday"})
        await client.get(address, params={"TaskSid": "WT1"})
    for exchange in platform.noted.exchanges:
        with pytest.raises(Exception, match=r"Since|WT1"):
            check(described, *exchange)
