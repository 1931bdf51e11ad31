"""Looks through a pasted Studio flow or Flex configuration for the usual mistakes.

Nobody is asked and nothing is kept. Each finding says what is wrong, where, and what to write instead.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import orjson
from django.utils.translation import gettext as _

from integrations.errors import ConfigurationError
from integrations.routing.attributes import LIMIT
from integrations.routing.flows import ASKING, LIQUID, MAX_NAME, SPEAKING, Flow, Widget, flow_of, is_flow, texts, values
from integrations.routing.task_templates import is_json, least_length, values_in

MAX_PASTED = 256 * 1024
MAX_FINDINGS = 100
_FLEX_LIMIT, _TASKROUTER_LIMIT = 1_024, 4_096
_ARRAY = re.compile(
    r"\bwidgets\.[\w-]{1,80}\.parsed(?:\[|\.\d)|%-?\s{0,9}for\s{1,9}\w{1,80}\s{1,9}in\s{1,9}widgets\.[\w-]{1,80}\.parsed\b(?!\.)"
)
# The word in the languages that callers are greeted in.
_RECORDED = re.compile(
    r"record|graba|enregistr|grava|aufgezeichnet|aufgenommen|registra|录音|錄音|ghi âm|запис|녹음", re.IGNORECASE
)
_SLUG = re.compile(r"/api/v1/studio/([a-z0-9-]{2,40})/")
_PLACEHOLDERS = ("ORG", "portal.example.org", "0" * 32)


@dataclass(frozen=True)
class Finding:
    """A mistake; ``sure`` is false for what cannot be seen in what was pasted, and has to be looked up."""

    what: str
    where: str
    instead: str
    sure: bool = True


@dataclass(frozen=True)
class Owner:
    """The organisation whose flow it should be, and the portal's address."""

    slug: str
    portal: str

    @property
    def static(self) -> str:
        """Attributes that open the panel although nobody was asked."""
        shell = f"{self.portal}/panel/{self.slug}/#phone={{{{trigger.call.From}}}}&call_sid={{{{trigger.call.CallSid}}}}"
        return f'{{"type": "inbound", "name": "{{{{trigger.call.From}}}}", "profile_url": "{shell}"}}'


def check(text: str, owner: Owner) -> list[Finding]:
    """The mistakes, the certain ones first. Raises ConfigurationError where it is neither a flow nor a configuration."""
    pasted = _read(text)
    found = list(_profiles_of_twilio(pasted))
    if is_flow(pasted):
        flow = flow_of(pasted)
        if not flow.widgets:
            raise ConfigurationError(_("No widget could be read in this flow. Copy all of it: Edit, Flow JSON."))
        found += _in_flow(flow, owner)
    else:
        found += _in_configuration(pasted)
    return sorted(dict.fromkeys(found), key=lambda finding: not finding.sure)[:MAX_FINDINGS]


def _read(text: str) -> dict[str, Any]:
    if not text.strip():
        raise ConfigurationError(_("Paste a flow or a Flex configuration first, as JSON."))
    if len(text.encode("utf-8", "replace")) > MAX_PASTED:
        raise ConfigurationError(_("This is larger than %(size)d KB. Paste one flow.") % {"size": MAX_PASTED // 1024})
    try:
        pasted = orjson.loads(text)
    except orjson.JSONDecodeError as problem:
        # Its own text is about the place; what stands there is not repeated.
        place = {"line": problem.lineno, "column": problem.colno}
        raise ConfigurationError(_("This is not JSON: look at line %(line)d, column %(column)d.") % place) from None
    if not isinstance(pasted, dict):
        raise ConfigurationError(_("This is neither a flow nor a Flex configuration: both begin with a curly bracket."))
    definition = pasted.get("definition")
    return definition if isinstance(definition, dict) else pasted


def _at(widget: Widget, place: str = "") -> str:
    told = _("widget %(name)s") % {"name": widget.name[:MAX_NAME]}
    return f"{told}, {place}" if place else told


# -- In any text -----------------------------------------------------------------------------------------------------------


def _in_text(text: str, where: str) -> Iterator[Finding]:
    for match in LIQUID.finditer(text):
        path = match[1].partition("|")[0].strip()
        if path.startswith("task.attributes."):
            name = path.removeprefix("task.attributes.")[:MAX_NAME]
            what = _("Flex looks for the attribute within the attributes, and finds nothing: the panel stays empty.")
            yield Finding(what, where, f"{{{{task.{name}}}}}")
        if path.endswith(".RecordingUrl"):
            what = _("The recording's address leaves the flow. It is health data, and may open without a log-in.")
            yield Finding(what, where, _("Send the SID: {{widgets.NAME.RecordingSid}}. Listen in Flex."))
    if _ARRAY.search(text):
        what = _("The answer is read as a list. Studio reads objects only: a list is not parsed.")
        yield Finding(what, where, _("Let the address answer an object, like the portal does, and name a key of it."))


def _profiles_of_twilio(pasted: Mapping[str, Any]) -> Iterator[Finding]:
    for place, value in values(pasted):
        name = re.sub(r"[^a-z]", "", place.rpartition(".")[2].lower())
        on = value is True or value == "true" or (isinstance(value, dict) and value.get("enabled") in (True, "true"))
        if on and ("unifiedprofile" in name or "customerprofile" in name):
            what = _(
                "Unified Profiles is on: Flex shows its own profile where the panel should be, and it is not for health data."
            )
            yield Finding(what, place, _("Switch it off, in Flex under Unified Profiles."))


# -- In a Flex configuration -----------------------------------------------------------------------------------------------


def _in_configuration(pasted: Mapping[str, Any]) -> Iterator[Finding]:
    for place, text in texts(pasted):
        yield from _in_text(text, place)
    found = {place.rpartition(".")[2]: place for place, value in values(pasted) if value is True or isinstance(value, dict)}
    recording = any(place.endswith("call_recording_enabled") and value is True for place, value in values(pasted))
    if recording:
        yield _without_log_in("call_recording_enabled")
        yield Finding(
            _("Flex records calls. Callers have to be told before."),
            "call_recording_enabled",
            _("Let the flow say it first: This call may be recorded."),
            sure=False,
        )
    opened = any("{{task.profile_url}}" in text.replace(" ", "") for _place, text in texts(pasted))
    if "enhanced_crm_container" in found and not opened:
        what = _("No tab opens the address that comes with the call.")
        yield Finding(what, f"{found['enhanced_crm_container']}.url", "{{task.profile_url}}")


def _without_log_in(where: str) -> Finding:
    return Finding(
        _("Whoever has a recording's address can listen, unless the account asks for a log-in. This cannot be seen here."),
        where,
        _("In the Twilio console, under Voice, Settings: Enforce HTTP Auth on media URLs."),
        sure=False,
    )


# -- In a flow -------------------------------------------------------------------------------------------------------------


def _in_flow(flow: Flow, owner: Owner) -> Iterator[Finding]:
    yield from _asks_first(flow)
    yield from _recordings(flow)
    for widget in flow.of_type(*ASKING):
        yield from _when_it_fails(flow, widget, owner)
    for widget in flow.widgets.values():
        if widget.makes_a_task:
            yield from _attributes(widget, owner)
        yield from _address(flow, widget, owner)
        for place, text in texts(widget.properties):
            yield from _in_text(text, _at(widget, place))
            yield from _left_as_it_was(text, _at(widget, place))


def _asks_first(flow: Flow) -> Iterator[Finding]:
    start = flow.widgets.get(flow.first)
    called = start.ways.get("incomingCall", ()) if start and start.type == "trigger" else (flow.first,)
    for widget in flow.reached(*called, until=lambda one: one.type in SPEAKING):
        if widget.type in ASKING:
            yield Finding(
                _("The flow asks before it speaks: the caller hears nothing, for up to 10 seconds."),
                _at(widget),
                _("Put a Say/Play widget with your greeting in front of it."),
            )


def _says(widget: Widget) -> bool:
    return widget.type in SPEAKING and bool(_RECORDED.search(widget.text("say")))


def _recordings(flow: Flow) -> Iterator[Finding]:
    untold = flow.reached(flow.first, until=_says)
    # What a file says cannot be read here.
    plays = any(widget.type in SPEAKING and widget.text("play") for widget in flow.widgets.values())
    recorders = list(flow.of_type("record-voicemail"))
    for widget in recorders:
        if widget in untold:
            what = _("The caller is recorded without being told before.")
            yield Finding(what, _at(widget), _("Say it in the greeting: Your message is recorded."), sure=not plays)
    if recorders:
        yield _without_log_in(_at(recorders[0]))
    elif any(widget.type == "send-to-flex" for widget in untold):
        what = _("Callers are not told that the call may be recorded. Where Flex records calls, they have to be.")
        yield Finding(what, _("the greeting"), _("Say it first: This call may be recorded."), sure=False)


def _when_it_fails(flow: Flow, asking: Widget, owner: Owner) -> Iterator[Finding]:
    targets = [name for event in ASKING[asking.type] for name in asking.ways.get(event, ()) if name]
    if not targets:
        what = _("When this fails, the flow ends, and the call with it.")
        yield Finding(what, _at(asking), _("Connect its Failed branch to a Send to Flex of its own."))
    for widget in flow.reached(*targets):
        if widget.makes_a_task and any(
            value.path.startswith(f"widgets.{asking.name}.") for value in values_in(widget.attributes)
        ):
            what = _("Behind the Failed branch of %(name)s, the task takes its values from the answer that did not come.")
            yield Finding(what % {"name": asking.name[:MAX_NAME]}, _at(widget), owner.static)


def _attributes(widget: Widget, owner: Owner) -> Iterator[Finding]:
    template, at = widget.attributes, partial(Finding, where=_at(widget))
    inside = list(values_in(template))
    whole = [value for value in inside if value.is_a_whole_answer]
    answers = any(value.path.endswith(".parsed.attributes") for value in inside)
    limit = _FLEX_LIMIT if widget.type == "send-to-flex" else _TASKROUTER_LIMIT
    if "profile_url" not in template and not answers and not whole:
        yield at(_("The task has no profile_url, so the agent sees no panel. Flex reads it once."), instead=owner.static)
    if whole:
        what = _("The whole answer is sent, which is longer than Flex takes.")
        yield at(what, instead="{{widgets.NAME.parsed.attributes | to_json}}")
    elif (length := least_length(template, LIMIT)) > limit:
        what = _("The attributes can have %(n)s characters; %(most)s are taken.") % {"n": f"{length:,}", "most": f"{limit:,}"}
        yield at(what, instead=_("Leave out what the panel shows anyway."))
    for value in inside:
        if value.needs_json:
            yield at(
                _("The value is not written as JSON, so that no task can be made."), instead=f"{{{{{value.path} | to_json}}}}"
            )
        elif value.is_unescaped_name:
            what = _("A name with a quotation mark in it breaks the task.")
            yield at(
                what, instead=_("%(value)s, without quotation marks around it") % {"value": f"{{{{{value.path} | to_json}}}}"}
            )
    if template and not is_json(template):
        yield at(_("The attributes are not a JSON object, so that no task can be made."), instead=owner.static)


def _address(flow: Flow, widget: Widget, owner: Owner) -> Iterator[Finding]:
    """Whether the portal is asked as the organisation that this page is about."""
    address = LIQUID.sub(
        lambda match: flow.variables.get(match[1].strip().removeprefix("flow.variables."), match[0]), widget.text("url")
    )
    named = _SLUG.search(address)
    if named and named[1] != owner.slug:
        what = _("The portal is asked for another organisation than this one.")
        yield Finding(what, _at(widget), f"/api/v1/studio/{owner.slug}/")


def _left_as_it_was(text: str, where: str) -> Iterator[Finding]:
    for placeholder in _PLACEHOLDERS:
        if text == placeholder or (len(placeholder) > len("ORG") and placeholder in text):
            what = _("This still stands there as in the example: %(text)s")
            yield Finding(what % {"text": placeholder}, where, _("Write your own."))
