"""Our keys get into a task's attributes without anybody else's being lost, and only while there is a call."""

from __future__ import annotations

import asyncio
import json
import random
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
import structlog

from integrations.errors import SourceUnavailable
from integrations.sandbox.twilio import Task
from integrations.twilio.client import TwilioClient
from integrations.twilio.taskrouter import MAX_ATTRIBUTES, MAX_WRITES, Merged, Outcome, TaskRouter, merged, size_of
from tests.twilio.conftest import ACCESS, Platform
from tests.twilio.test_client import Waited

TASK = f"WT{'1' * 32}"
OWN = {"portal": {"found": True, "name": "Margaret"}, "crmid": "1001"}


# -- Merging -------------------------------------------------------------------------------------------------------


def test_others_keys_stay_as_they_are() -> None:
    theirs = {"type": "inbound", "conference": {"sid": None, "participants": {"a": 1}}, "n": None}
    assert merged(theirs, {"portal": {"v": 1}}) == {**theirs, "portal": {"v": 1}}


def test_our_objects_are_merged_key_by_key_and_anything_else_replaced() -> None:
    theirs = {"portal": {"v": 1, "kept": [1], "list": [1, 2]}, "name": {"x": 1}}
    own = {"portal": {"v": 2, "list": [3]}, "name": "Margaret"}
    assert merged(theirs, own) == {"portal": {"v": 2, "kept": [1], "list": [3]}, "name": "Margaret"}


def test_nothing_of_ours_is_null() -> None:
    own = {"a": None, "b": {"c": None, "d": [None, {"e": None}]}}
    assert merged({"b": {"kept": None}}, own) == {"b": {"kept": None, "c": "", "d": ["", {"e": ""}]}, "a": ""}


def test_what_is_merged_into_is_not_changed() -> None:
    theirs: dict[str, Any] = {"portal": {"v": 1}}
    merged(theirs, {"portal": {"v": 2}})
    assert theirs == {"portal": {"v": 1}}


@pytest.mark.parametrize(
    ("theirs", "own", "there"),
    [
        ({"a": 1, "b": {"c": 2, "d": 3}}, {"b": {"c": 2}}, True),
        ({"a": 1}, {"a": True}, False),
        ({"a": "1"}, {"a": 1}, False),
        ({"a": ""}, {"a": None}, True),
        ({}, {"a": None}, False),
        ({"a": [1, 2]}, {"a": [1]}, False),
    ],
)
async def test_an_echo_of_our_own_write_is_recognised(theirs: dict[str, Any], own: dict[str, Any], there: bool) -> None:
    router, requests, _waited = scripted(task_answer(theirs), task_answer({}))
    assert ((await router.merge_attributes(TASK, own)).outcome is Outcome.UNCHANGED) is there
    assert (len(requests) == 1) is there


# -- What Twilio answers -------------------------------------------------------------------------------------------


def task_answer(attributes: Any = None, version: str = '"1"', status: str = "pending") -> httpx.Response:
    text = attributes if isinstance(attributes, str) else json.dumps(attributes or {})
    headers = {"ETag": version} if version else {}
    return httpx.Response(200, json={"sid": TASK, "attributes": text, "assignment_status": status}, headers=headers)


def refusal(status: int, code: int) -> httpx.Response:
    return httpx.Response(status, json={"code": code, "message": "Margaret +14155550100", "status": status})


def scripted(*answers: httpx.Response) -> tuple[TaskRouter, list[httpx.Request], Waited]:
    requests: list[httpx.Request] = []
    left = list(answers)

    def handler(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        answer = left.pop(0) if len(left) > 1 else left[0]
        return httpx.Response(answer.status_code, headers=answer.headers, content=answer.content)

    waited = Waited()
    client = TwilioClient(ACCESS, "https://taskrouter.example.com", httpx.MockTransport(handler), waited)
    return TaskRouter(client), requests, waited


def sent(request: httpx.Request) -> dict[str, Any]:
    form = dict(httpx.QueryParams(request.content.decode()))
    attributes: dict[str, Any] = json.loads(form["Attributes"])
    return attributes


async def test_what_is_read_goes_back_with_its_version() -> None:
    router, requests, _waited = scripted(task_answer({"type": "inbound"}, '"7"'), task_answer({}))
    assert (await router.merge_attributes(TASK, OWN)).outcome is Outcome.MERGED
    read, written = requests
    assert (read.method, written.method) == ("GET", "POST")
    assert written.headers["if-match"] == '"7"'
    assert read.url == written.url
    assert sent(written) == {"type": "inbound", **OWN}


async def test_keys_that_are_there_already_are_not_sent_again() -> None:
    router, requests, _waited = scripted(task_answer({"x": 1, **OWN}))
    assert (await router.merge_attributes(TASK, OWN)).outcome is Outcome.UNCHANGED
    assert [request.method for request in requests] == ["GET"]


async def test_a_task_that_is_gone_is_a_call_that_is_over() -> None:
    for answers in ([refusal(404, 20404)], [task_answer({}), refusal(404, 20404)]):
        router, _requests, _waited = scripted(*answers)
        assert await router.merge_attributes(TASK, OWN) == Merged(Outcome.OVER)


@pytest.mark.parametrize(
    "after", [refusal(404, 20404), task_answer({}, status="completed"), task_answer({}, status="canceled")]
)
async def test_a_refusal_is_the_end_of_the_call_if_the_task_says_so(after: httpx.Response) -> None:
    router, requests, _waited = scripted(task_answer({}), refusal(400, 20001), after)
    assert await router.merge_attributes(TASK, OWN) == Merged(Outcome.OVER)
    assert [request.method for request in requests] == ["GET", "POST", "GET"]


@pytest.mark.parametrize("status", ["pending", "reserved", "assigned", "wrapping"])
async def test_a_refusal_while_the_call_goes_on_is_told(status: str) -> None:
    router, _requests, _waited = scripted(task_answer({}), refusal(400, 20001), task_answer({}, status=status))
    assert await router.merge_attributes(TASK, OWN) == Merged(Outcome.UNAVAILABLE, "invalid_response")


async def test_who_was_slower_begins_anew_a_while_later() -> None:
    router, requests, waited = scripted(
        task_answer({}), refusal(412, 20412), task_answer({"theirs": 1}, '"2"'), task_answer({})
    )
    assert (await router.merge_attributes(TASK, OWN)).outcome is Outcome.MERGED
    assert sent(requests[3]) == {"theirs": 1, **OWN}
    assert requests[3].headers["if-match"] == '"2"'
    assert len(waited.seconds) == 1


async def test_where_others_write_all_the_time_it_ends() -> None:
    router, requests, _waited = scripted(*[task_answer({}), refusal(412, 20412)] * (MAX_WRITES + 1))
    assert await router.merge_attributes(TASK, OWN) == Merged(Outcome.UNAVAILABLE, "conflict")
    assert len(requests) == 2 * MAX_WRITES


async def test_an_answer_that_was_lost_is_found_done() -> None:
    """The write arrived, its answer did not; sent again it is refused, and what is read then holds our keys."""
    router, _requests, _waited = scripted(task_answer({}), refusal(503, 0), refusal(412, 20412), task_answer(OWN))
    assert (await router.merge_attributes(TASK, OWN)).outcome is Outcome.UNCHANGED


@pytest.mark.parametrize("attributes", ["[]", '"x"', "5", "{", "[" * 5_000, '{"a": NaN}'])
async def test_attributes_that_cannot_be_read_are_not_written_over(attributes: str) -> None:
    router, requests, _waited = scripted(task_answer(attributes))
    assert (await router.merge_attributes(TASK, OWN)).outcome is Outcome.UNAVAILABLE
    assert len(requests) == 1


async def test_without_a_version_nothing_is_written() -> None:
    router, requests, _waited = scripted(task_answer({}, ""))
    assert (await router.merge_attributes(TASK, OWN)).outcome is Outcome.UNAVAILABLE
    assert len(requests) == 1


@pytest.mark.parametrize("attributes", ["", "{}"])
async def test_a_task_without_attributes_gets_ours(attributes: str) -> None:
    router, requests, _waited = scripted(task_answer(attributes), task_answer({}))
    assert (await router.merge_attributes(TASK, OWN)).outcome is Outcome.MERGED
    assert sent(requests[1]) == OWN


@pytest.mark.parametrize("task_sid", ["", "WT1", f"CA{'1' * 32}", f"WT{'1' * 31}/", f"WT{'1' * 32}\n"])
async def test_what_is_no_task_is_not_asked_for(task_sid: str) -> None:
    router, requests, _waited = scripted(task_answer({}))
    assert (await router.merge_attributes(task_sid, OWN)).outcome is Outcome.OVER
    assert requests == []


@pytest.mark.parametrize("letter", ["a", "é", "漢", "😀"])
async def test_the_limit_is_kept_to_the_character(letter: str) -> None:
    units = size_of(letter)
    room = (MAX_ATTRIBUTES - len('{"a":""}')) // units
    router, _requests, _waited = scripted(task_answer({}), task_answer({}))
    assert (await router.merge_attributes(TASK, {"a": letter * room})).outcome is Outcome.MERGED
    router, requests, _waited = scripted(task_answer({}))
    assert (await router.merge_attributes(TASK, {"a": letter * (room + 1)})).outcome is Outcome.TOO_LARGE
    assert len(requests) == 1


async def test_half_a_character_of_somebody_else_stays() -> None:
    router, requests, _waited = scripted(task_answer('{"theirs": "\\ud83d"}'), task_answer({}))
    assert (await router.merge_attributes(TASK, OWN)).outcome is Outcome.MERGED
    assert sent(requests[1])["theirs"] == "\ud83d"


async def test_the_log_names_why_and_nothing_of_the_caller() -> None:
    for answers in ([refusal(500, 0)], [refusal(401, 20003)], [task_answer({}), refusal(400, 20001), task_answer({})]):
        router, _requests, _waited = scripted(*answers)
        with structlog.testing.capture_logs() as logged:
            await router.merge_attributes(TASK, OWN)
        (line,) = logged
        assert line["event"] == "taskrouter.not_written"
        text = json.dumps(line)
        assert not any(secret in text for secret in ("Margaret", "555", "1001", ACCESS.secret, TASK))


# -- Against the simulator, at real sockets -------------------------------------------------------------------------


async def test_our_keys_reach_the_task(platform: Platform) -> None:
    task = platform.create({"type": "inbound", "from": "+14155550100"})
    assert (await platform.router.merge_attributes(task.sid, OWN)).outcome is Outcome.MERGED
    assert json.loads(task.attributes) == {"type": "inbound", "from": "+14155550100", **OWN}
    assert (await platform.router.merge_attributes(task.sid, OWN)).outcome is Outcome.UNCHANGED
    assert task.version == 1


async def test_a_task_that_has_ended_is_over_while_it_lingers_and_after(platform: Platform) -> None:
    platform.twilio.lingers_s = 30
    task = platform.create({})
    for action in ("reserve", "accept", "wrapup", "complete"):
        platform.call(platform.twilio.act, task, action, f"WK{'1' * 32}")
    assert (await platform.router.merge_attributes(task.sid, OWN)).outcome is Outcome.OVER
    platform.twilio.lingers_s = 0
    assert (await platform.router.merge_attributes(task.sid, OWN)).outcome is Outcome.OVER
    assert (await platform.router.merge_attributes(TASK, OWN)).outcome is Outcome.OVER


async def test_a_task_that_is_full_keeps_what_it_has(platform: Platform) -> None:
    task = platform.create({"theirs": "x" * 4_000})
    before = task.attributes
    result = await platform.router.merge_attributes(task.sid, {"portal": {"v": "y" * 100}})
    assert (result.outcome, task.attributes) == (Outcome.TOO_LARGE, before)
    assert result.size > MAX_ATTRIBUTES


async def test_who_asks_too_often_waits_and_gets_through(platform: Platform) -> None:
    task = platform.create({})
    platform.twilio.budget = 0
    given = asyncio.get_running_loop().call_later(0.12, lambda: setattr(platform.twilio, "budget", None))
    assert (await platform.router.merge_attributes(task.sid, OWN)).outcome is Outcome.MERGED
    given.cancel()


@pytest.mark.parametrize(
    "fault", ["refuse", "reset", "hang", "500", "503", "429", "401", "403", "garbage", "truncated", "huge"]
)
async def test_a_twilio_that_fails_costs_an_outcome_and_no_more(platform: Platform, fault: str) -> None:
    task = platform.create({"theirs": 1})
    platform.sandbox.switches["twilio"].fault = fault
    began = asyncio.get_running_loop().time()
    result = await platform.router.merge_attributes(task.sid, OWN, 1.0)
    assert result.outcome is Outcome.UNAVAILABLE
    assert result.why
    assert asyncio.get_running_loop().time() - began < 3
    assert json.loads(task.attributes) == {"theirs": 1}


def some_attributes(chance: random.Random, depth: int = 0) -> dict[str, Any]:
    values: list[Any] = ["", "x", "é😀", 0, 1.5, True, [], [1, "a"]]
    inner = [] if depth > 1 else [some_attributes(chance, depth + 1)]
    return {f"k{chance.randrange(6)}": chance.choice([*values, *inner]) for _key in range(chance.randrange(4))}


@pytest.mark.parametrize("seed", range(6))
def test_writers_at_once_lose_nobodys_key(platform: Platform, seed: int) -> None:
    """Two of ours and somebody else's program write to one task at the same time; in the end everything is there."""
    chance = random.Random(seed)
    theirs = some_attributes(chance)
    task = platform.create({"theirs": theirs})
    rounds = [
        [{f"w{writer}_{number}": some_attributes(chance), "portal": {f"w{writer}": number}} for number in range(5)]
        for writer in range(2)
    ]

    def write(own: list[dict[str, Any]]) -> list[Outcome]:
        return [platform.router.merge_attributes_in_sync(task.sid, keys).outcome for keys in own]

    def elsewhere() -> None:
        for number in range(10):
            platform.call(put, task, f"else_{number}", number)

    with ThreadPoolExecutor(3) as pool:
        ours = [pool.submit(write, own) for own in rounds]
        pool.submit(elsewhere).result()
        outcomes = [outcome for one in ours for outcome in one.result()]
    assert set(outcomes) == {Outcome.MERGED}
    expected: dict[str, Any] = {"theirs": theirs, **{f"else_{number}": number for number in range(10)}}
    for own in rounds:
        for keys in own:
            expected |= keys
    expected["portal"] = {"w0": 4, "w1": 4}  # one object, in which each has a key of its own
    assert json.loads(task.attributes) == expected


def put(task: Task, key: str, value: int) -> None:
    """What another program writes, with a new version, as a whole."""
    task.attributes = json.dumps({**json.loads(task.attributes), key: value})
    task.version += 1


def test_a_writer_without_versions_would_lose_keys(platform: Platform) -> None:
    """Holds the test above to its word: the simulator refuses the write of an older version, and only that saves the key."""
    task = platform.create({})
    path = f"{platform.url}/v1/Workspaces/{ACCESS.workspace_sid}/Tasks/{task.sid}"
    with httpx.Client(auth=(ACCESS.key, ACCESS.secret), trust_env=False) as client:
        version = client.get(path).headers["etag"]
        platform.call(put, task, "theirs", 1)
        form = {"Attributes": json.dumps({"ours": 1})}
        assert client.post(path, data=form, headers={"If-Match": version}).status_code == 412
        assert client.post(path, data=form).status_code == 200
    assert json.loads(task.attributes) == {"ours": 1}


# -- What happened -------------------------------------------------------------------------------------------------


def test_what_happened_is_read_over_all_pages(platform: Platform) -> None:
    for number in range(130):
        platform.create({"number": number})
    now = datetime.now(UTC)
    events = platform.router.events_in_sync(now - timedelta(minutes=5), now + timedelta(minutes=1))
    assert len({event["sid"] for event in events}) == 130
    assert {event["event_type"] for event in events} == {"task.created"}
    assert platform.router.events_in_sync(now - timedelta(minutes=5), now - timedelta(minutes=4)) == []


def test_a_list_that_cannot_be_read_is_an_error(platform: Platform) -> None:
    platform.sandbox.switches["twilio"].fault = "500"
    with pytest.raises(SourceUnavailable):
        platform.router.events_in_sync(datetime.now(UTC), datetime.now(UTC), 1.0)
