"""A small interpreter of Twilio Studio flows: one call, from the ring to its task.

It takes a flow as Studio exports it, makes the flow's HTTP requests for real, and tells what the caller heard, for how long
there was silence, and what became a task. What Studio enforces is enforced: an answer has to come in time and be a JSON object,
Send to Flex takes 1,024 characters of attributes, and whoever has hung up hears nothing and can be sent nowhere.
https://www.twilio.com/docs/studio/widget-library
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from yarl import URL

from integrations.sandbox.liquid import render

PATIENCE_S = 10.0
MAX_ANSWER = 64 * 1024
MAX_ATTRIBUTES = 1_024
_MAX_STEPS = 100
_S_PER_WORD = 0.4
_FORM = "application/x-www-form-urlencoded"


class FlowError(ValueError):
    """``str()`` says what the flow holds that Studio, or this interpreter, cannot run."""


@dataclass(frozen=True)
class Caller:
    """The one who calls, and what they do: the keys they press, one for each menu, and whether they speak after the tone."""

    number: str
    to: str = "+14155550100"
    call_sid: str = field(default_factory=lambda: f"CA{uuid.uuid4().hex}")
    keys: tuple[str, ...] = ()
    speaks: bool = True
    hangs_up: bool = False


@dataclass(frozen=True)
class Moment:
    """Some seconds of the call: what was said; "" is silence."""

    said: str
    seconds: float


@dataclass(frozen=True)
class Account:
    """The Twilio account: its token signs requests. ``hosts``: where a host of Twilio's really is, by its name."""

    sid: str
    auth_token: str
    hosts: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Run:
    """What came of a call. ``queued``: the attributes that Send to Flex made a task of. ``visited``: the widgets."""

    moments: list[Moment] = field(default_factory=list)
    queued: list[dict[str, Any]] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    visited: list[str] = field(default_factory=list)

    @property
    def heard(self) -> list[str]:
        return [moment.said for moment in self.moments if moment.said]

    @property
    def silence_s(self) -> float:
        """The longest time for which the caller heard nothing."""
        longest = current = 0.0
        for moment in self.moments:
            current = 0.0 if moment.said else current + moment.seconds
            longest = max(longest, current)
        return longest


async def run_flow(flow: Mapping[str, Any], caller: Caller, account: Account, patience_s: float = PATIENCE_S) -> Run:
    """Take one call through the flow. Raises FlowError where the flow cannot be run."""
    # aiohttp would round up to the next full second of its clock.
    timeout = aiohttp.ClientTimeout(total=patience_s, ceil_threshold=patience_s + 1)
    async with aiohttp.ClientSession(timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()) as session:
        return await _Execution(flow, caller, account, session).run()


class _Execution:
    """Takes a single call through a flow."""

    def __init__(self, flow: Mapping[str, Any], caller: Caller, account: Account, session: aiohttp.ClientSession) -> None:
        self.states = {state["name"]: state for state in flow["states"]}
        self.first: str = flow["initial_state"]
        self.caller, self.account, self.session = caller, account, session
        self.keys = iter(caller.keys)
        self.on_the_line = True
        self.result = Run()
        self.widgets: dict[str, Any] = {}
        self.variables: dict[str, str] = {}
        call = {"From": caller.number, "To": caller.to, "CallSid": caller.call_sid}
        facts = {"flow_sid": f"FW{'6' * 32}", "sid": f"FN{uuid.uuid4().hex}", "variables": self.variables}
        self.values = {"trigger": {"call": call}, "flow": facts, "widgets": self.widgets}
        self.ways: dict[str, Callable[[str, Mapping[str, Any]], Awaitable[str]]] = {
            "trigger": self._trigger,
            "set-variables": self._set_variables,
            "split-based-on": self._split,
            "say-play": self._say,
            "gather-input-on-call": self._gather,
            "record-voicemail": self._record,
            "make-http-request": self._request,
            "send-to-flex": self._send_to_flex,
        }

    async def run(self) -> Run:
        name: str | None = self.first
        for _step in range(_MAX_STEPS):
            if name is None:
                return self.result
            if name not in self.states:
                raise FlowError(f"There is no widget called {name!r}.")
            state = self.states[name]
            if state["type"] not in self.ways:
                raise FlowError(f"Widgets of the type {state['type']!r} are not known here.")
            self.result.visited.append(name)
            event = await self.ways[state["type"]](name, state["properties"])
            name = self._next(state, event)
        raise FlowError("The flow goes round in circles.")

    def _next(self, state: Mapping[str, Any], event: str) -> str | None:
        """Follow the event; of a Split's matches, the first whose conditions hold."""
        for way in state["transitions"]:
            if way["event"] == event and self._hold(way.get("conditions", [])):
                target: str | None = way.get("next")
                return target
        raise FlowError(f"{state['name']!r} has no way for {event!r}.")

    def _filled(self, template: str) -> str:
        return render(template, self.values)

    # -- Without a sound ----------------------------------------------------------------------------------------------

    async def _trigger(self, _name: str, _properties: Mapping[str, Any]) -> str:
        return "incomingCall"

    async def _set_variables(self, _name: str, properties: Mapping[str, Any]) -> str:
        for variable in properties["variables"]:
            self.variables[variable["key"]] = self._filled(variable["value"])
        return "next"

    async def _split(self, name: str, _properties: Mapping[str, Any]) -> str:
        conditions = [way["conditions"] for way in self.states[name]["transitions"] if way["event"] == "match"]
        return "match" if any(map(self._hold, conditions)) else "noMatch"

    def _hold(self, conditions: Sequence[Mapping[str, Any]]) -> bool:
        return all(_holds(self._filled(one["arguments"][0]), one) for one in conditions)

    # -- What the caller hears ----------------------------------------------------------------------------------------

    def _speak(self, properties: Mapping[str, Any]) -> None:
        text = self._filled(properties["say"]).strip()
        if self.on_the_line:
            self.result.moments.append(Moment(text, _S_PER_WORD * len(text.split())))

    async def _say(self, _name: str, properties: Mapping[str, Any]) -> str:
        self._speak(properties)
        return "audioComplete"

    async def _gather(self, name: str, properties: Mapping[str, Any]) -> str:
        self._speak(properties)
        digits = next(self.keys, "")
        self.widgets[name] = {"Digits": digits}
        return "keypress" if digits else "timeout"

    async def _record(self, name: str, _properties: Mapping[str, Any]) -> str:
        if not self.caller.speaks:
            return "noAudio"
        sid = f"RE{uuid.uuid4().hex}"
        # Whoever has this address can listen, unless the account asks for a log-in.
        address = f"https://api.twilio.com/2010-04-01/Accounts/{self.account.sid}/Recordings/{sid}"
        self.widgets[name] = {"RecordingSid": sid, "RecordingUrl": address, "RecordingDuration": "7"}
        self.on_the_line = not self.caller.hangs_up
        return "hangup" if self.caller.hangs_up else "recordingComplete"

    # -- What leaves the flow -----------------------------------------------------------------------------------------

    async def _request(self, name: str, properties: Mapping[str, Any]) -> str:
        started = time.monotonic()
        status, body = await self._answer(properties)
        if self.on_the_line:
            self.result.moments.append(Moment("", time.monotonic() - started))
        self.widgets[name] = {"status_code": status, "body": body.decode(errors="replace")}
        if not 200 <= status < 300 or len(body) > MAX_ANSWER:
            return "failed"
        if (parsed := _object(body)) is not None:
            self.widgets[name]["parsed"] = parsed
        return "success"

    async def _answer(self, properties: Mapping[str, Any]) -> tuple[int, bytes]:
        """The status, and as much of the body as tells whether it is too large; 0 where there was no answer."""
        address = self._filled(properties["url"])
        fields = {one["key"]: self._filled(one["value"]) for one in properties.get("parameters", [])}
        if not properties["content_type"].startswith(_FORM) or properties["method"] != "POST":
            raise FlowError("Only forms that are posted are known here.")
        headers = {"X-Twilio-Signature": signature(address, fields, self.account.auth_token)}
        if properties.get("add_twilio_auth"):
            headers["Authorization"] = aiohttp.encode_basic_auth(self.account.sid, self.account.auth_token)
        try:
            async with self.session.post(self._where(address), data=fields, headers=headers) as response:
                return response.status, await response.content.read(MAX_ANSWER + 1)
        except (aiohttp.ClientError, TimeoutError):
            return 0, b""

    def _where(self, address: str) -> str:
        host = URL(address).host or ""
        if host not in self.account.hosts:
            return address
        return f"{self.account.hosts[host]}{URL(address).raw_path_qs}"

    async def _send_to_flex(self, _name: str, properties: Mapping[str, Any]) -> str:
        if not self.on_the_line:
            return "callFailure"
        attributes = self._filled(properties["attributes"])
        values = _object(attributes.encode())
        priority = self._filled(properties["priority"])
        if len(attributes) > MAX_ATTRIBUTES or values is None or not priority.isdigit():
            self.result.refused.append(attributes)
            return "failedToEnqueue"
        self.result.queued.append(values)
        return "callComplete"


def _holds(value: str, condition: Mapping[str, Any]) -> bool:
    wanted = condition["value"]
    if condition["type"] == "equal_to":
        return bool(value.casefold() == wanted.casefold())
    if condition["type"] == "contains":
        return wanted in value
    raise FlowError(f"Conditions of the type {condition['type']!r} are not known here.")


def _object(body: bytes) -> dict[str, Any] | None:
    """Studio parses objects alone: a list, a text or a page is none."""
    try:
        parsed = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return parsed if isinstance(parsed, dict) else None


def signature(address: str, fields: Mapping[str, str], auth_token: str) -> str:
    """X-Twilio-Signature of a form."""
    text = address + "".join(f"{name}{fields[name]}" for name in sorted(fields))
    return base64.b64encode(hmac.new(auth_token.encode(), text.encode(), hashlib.sha1).digest()).decode()
