"""A pasted flow: each usual mistake is found, planted one at a time in flows that have none."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from integrations.errors import ConfigurationError
from integrations.routing.flow_check import MAX_FINDINGS, MAX_PASTED, Finding, Owner, check

FLOWS = Path(__file__).resolve().parents[2] / "docs" / "flows"
OWNER = Owner("riverside", "https://portal.riverside.org")
Flow = dict[str, Any]


def example(name: str = "direct") -> Flow:
    text = (FLOWS / f"{name}.json").read_text().replace("https://portal.example.org", OWNER.portal)
    flow: Flow = json.loads(text.replace('"ORG"', '"riverside"').replace("0" * 32, "1" * 32))
    return flow


def widget(flow: Flow, name: str) -> Flow:
    (found,) = [state for state in flow["states"] if state["name"] == name]
    return cast("Flow", found)


def checked(pasted: Any) -> list[Finding]:
    return check(json.dumps(pasted), OWNER)


def wrong(pasted: Any) -> list[tuple[str, str]]:
    """The first words of what is certainly wrong, and where."""
    return [(finding.what, finding.where) for finding in checked(pasted) if finding.sure]


@pytest.mark.parametrize("name", ["direct", "direct-options", "voicemail"])
def test_the_examples_have_none_once_they_are_filled_in(name: str) -> None:
    found = checked(example(name))
    assert [finding.what[:30] for finding in found] == (["Whoever has a recording's addr"] if name == "voicemail" else [])
    as_they_are = check((FLOWS / f"{name}.json").read_text(), OWNER)
    assert {finding.what for finding in as_they_are if finding.sure} >= {"This still stands there as in the example: ORG"}


def leads(flow: Flow, name: str, event: str, target: str | None) -> None:
    for way in widget(flow, name)["transitions"]:
        if way["event"] == event:
            way.pop("next", None)
            way.update({"next": target} if target else {})


def put(name: str, key: str, value: str) -> Callable[[Flow], None]:
    return lambda flow: widget(flow, name)["properties"].update({key: value})


SEND_WITH_NAME = '{"name": "{{widgets.enrich.parsed.caller_name}}", "profile_url": "{{widgets.enrich.parsed.profile_url}}"}'
SHELL = '"profile_url": "https://x/panel/riverside/#phone={{trigger.call.From}}"'
MISTAKES: dict[str, tuple[Callable[[Flow], None], str, str]] = {
    "task.attributes": (
        put("send", "note", "{{task.attributes.profile_url}}"),
        "Flex looks for the attribute",
        "widget send, note",
    ),
    "no to_json": (
        put("send", "attributes", "{{widgets.enrich.parsed.attributes}}"),
        "The value is not written as JSON",
        "widget send",
    ),
    "no to_json within": (
        put("send", "attributes", '{"a": {{widgets.enrich.parsed.customer}}, ' + SHELL + "}"),
        "The value is not written as JSON",
        "widget send",
    ),
    "too long": (
        put("send_without", "attributes", '{"a": "' + "x" * 1_000 + '", ' + SHELL + "}"),
        "The attributes can have 1,0",
        "widget send_without",
    ),
    "too long with the portal's": (
        put("send", "attributes", '{"a": "' + "x" * 400 + '", "b": {{widgets.enrich.parsed.attributes | to_json}}}'),
        "The attributes can have 1,1",
        "widget send",
    ),
    "all of it": (put("send", "attributes", "{{widgets.enrich.parsed | to_json}}"), "The whole answer is sent", "widget send"),
    "a name": (put("send", "attributes", SEND_WITH_NAME), "A name with a quotation mark", "widget send"),
    "no profile_url": (
        put("send_without", "attributes", '{"name": "{{trigger.call.From}}"}'),
        "The task has no profile_url",
        "widget send_without",
    ),
    "no attributes": (put("send_without", "attributes", ""), "The task has no profile_url", "widget send_without"),
    "no JSON": (put("send_without", "attributes", "{" + SHELL), "The attributes are not a JSON object", "widget send_without"),
    "failed to nowhere": (
        lambda flow: leads(flow, "enrich", "failed", None),
        "When this fails, the flow ends",
        "widget enrich",
    ),
    "failed to the answer": (
        lambda flow: leads(flow, "enrich", "failed", "send"),
        "Behind the Failed branch of enrich",
        "widget send",
    ),
    "an array": (
        put("greeting", "say", "recorded {{widgets.enrich.parsed[0].name}}"),
        "The answer is read as a list",
        "widget greeting, say",
    ),
    "an array in a loop": (
        put("greeting", "say", "recorded {% for one in widgets.enrich.parsed %}{% endfor %}"),
        "The answer is read as a list",
        "widget greeting, say",
    ),
    "asks first": (lambda flow: leads(flow, "settings", "next", "enrich"), "The flow asks before it speaks", "widget enrich"),
    "the recording's address": (
        put("send_without", "attributes", '{"r": "{{widgets.record.RecordingUrl}}", ' + SHELL + "}"),
        "The recording's address leaves",
        "widget send_without, attributes",
    ),
    "another organisation": (
        put("enrich", "url", "https://x/api/v1/studio/harbor/enrich"),
        "The portal is asked for another",
        "widget enrich",
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_each_mistake_is_found_where_it_is(name: str) -> None:
    plant, what, where = MISTAKES[name]
    flow = example()
    plant(flow)
    found = wrong(flow)
    assert where in [place for sentence, place in found if sentence.startswith(what)]
    assert all(finding.instead for finding in checked(flow))
    if name not in {"all of it", "failed to the answer", "asks first"}:
        assert len({sentence for sentence, _place in found}) == 1


def test_whoever_is_recorded_is_told_before() -> None:
    flow = example("voicemail")
    widget(flow, "greeting")["properties"]["say"] = "Please speak after the tone."
    assert wrong(flow) == [("The caller is recorded without being told before.", "widget record")]
    widget(flow, "greeting")["properties"]["say"] = "Su mensaje será grabado."
    assert wrong(flow) == []
    widget(flow, "greeting")["properties"].update(say="", play="https://x.org/greeting.mp3")
    assert wrong(flow) == []
    assert any(finding.what.startswith("The caller is recorded") for finding in checked(flow))
    flow = example()
    widget(flow, "greeting")["properties"]["say"] = "Hello."
    assert [(finding.sure, finding.where) for finding in checked(flow)] == [(False, "the greeting")]


def test_a_flow_as_the_interface_of_twilio_gives_it_is_read_too() -> None:
    assert checked({"sid": "FW1", "definition": example()}) == []


@pytest.mark.parametrize(
    ("configuration", "what", "where"),
    [
        (
            {
                "custom_data": {
                    "features": {"enhanced_crm_container": {"enabled": True, "url": "{{task.attributes.profile_url}}"}}
                }
            },
            "Flex looks for the attribute",
            "custom_data.features.enhanced_crm_container.url",
        ),
        (
            {"enhanced_crm_container": {"enabled": True, "url": "https://crm.example.org"}},
            "No tab opens the address",
            "enhanced_crm_container.url",
        ),
        (
            {"ui_attributes": {"unified_profiles": {"enabled": True}}},
            "Unified Profiles is on",
            "ui_attributes.unified_profiles",
        ),
        ({"features": {"customerProfiles": True}}, "Unified Profiles is on", "features.customerProfiles"),
    ],
)
def test_a_flex_configuration_is_checked_too(configuration: Flow, what: str, where: str) -> None:
    assert where in [place for sentence, place in wrong(configuration) if sentence.startswith(what)]


def test_what_flex_is_set_to_is_no_mistake_by_itself() -> None:
    tab = {"enhanced_crm_container": {"enabled": True, "url": "{{task.profile_url}}"}, "unified_profiles": {"enabled": False}}
    assert checked({"custom_data": {"features": tab}}) == []
    found = checked({"call_recording_enabled": True})
    assert [(finding.sure, finding.where) for finding in found] == [(False, "call_recording_enabled")] * 2


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "Paste a flow"),
        ("  \n", "Paste a flow"),
        ("{", "not JSON: look at line 1"),
        ("[]", "neither a flow"),
        ('"states"', "neither a flow"),
        ("[" * 100_000, "not JSON"),
        ('{"a":' * 40_000, "not JSON"),
        (" " + "x" * MAX_PASTED, "larger than 256 KB"),
        ('{"states": []}', "No widget could be read"),
        ('{"states": [1, null, {"name": 1, "type": 2}, {"name": "a"}]}', "No widget could be read"),
        ("\ud800", "not JSON"),
    ],
)
def test_what_is_neither_is_said_in_a_sentence(text: str, problem: str) -> None:
    with pytest.raises(ConfigurationError, match=problem):
        check(text, OWNER)


def test_flows_of_any_form_are_read_and_never_break_the_page() -> None:
    """Values of the wrong type wherever there is one, for any of the examples."""
    chosen = random.Random(4)
    odd: list[Any] = [None, True, 0, -1.5, "", "{{", "{{}}", "{{|}}", '"', [], {}, [[]], {"a": 1}, "{{widgets.enrich.parsed}}"]

    def spoiled(value: Any) -> Any:
        if chosen.random() < 0.03:
            return chosen.choice(odd)
        if isinstance(value, dict):
            return {name: spoiled(inner) for name, inner in value.items()}
        return [spoiled(inner) for inner in value] if isinstance(value, list) else value

    for _turn in range(300):
        flow = spoiled(example(chosen.choice(["direct", "direct-options", "voicemail"])))
        try:
            found = checked(flow)
        except ConfigurationError:
            continue
        assert all(finding.what and finding.instead for finding in found)


ASKS = [
    {
        "name": f"w{one}",
        "type": "make-http-request",
        "transitions": [{"event": "failed", "next": f"w{(one * 7 + n) % 300}"} for n in range(20)],
    }
    for one in range(300)
]
LONG = "{{" + "a" * 250_000
SENDS = [{"name": "a", "type": "send-to-flex", "properties": {"attributes": LONG, "more": "{{a}}" * 100}}]
QUOTES = [{"name": "a", "type": "send-to-flex", "properties": {"attributes": '{{a}}\\"' * 25_000}}]


@pytest.mark.parametrize("states", [ASKS, SENDS, QUOTES], ids=["asks", "sends", "quotes"])
def test_a_hostile_flow_is_looked_through_in_seconds(states: list[Flow]) -> None:
    text = json.dumps({"states": states, "initial_state": states[0]["name"]})
    assert len(text) < MAX_PASTED
    started = time.monotonic()
    assert 0 < len(check(text, OWNER)) <= MAX_FINDINGS
    assert time.monotonic() - started < 5
