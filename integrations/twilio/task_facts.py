"""What the attributes of a task say of the call that it is for. Flows, plugins and the portal write them; all is optional."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_CALL_SID = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")
_TASK_SID = re.compile(r"WT[0-9a-fA-F]{32}\Z")
# An address of a call's panel, as Studio puts it into the task.
_PANEL = re.compile(r"https?://[^\s?#]{1,200}/panel/[a-z0-9-]{2,40}/([0-9a-f]{32})/?(?:[?#].*)?\Z", re.DOTALL)
LATER = ("callback", "voicemail")


# All that is read of a task's attributes here. The rest, like the transcript of a voicemail, is nobody's business to keep.
_READ = ("taskType", "direction", "client_call", "from", "to", "outbound_to", "call_sid", "parentTask", "profile_url")


def of_use(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """The attributes that this module reads, and no others."""
    kept = {name: attributes[name] for name in _READ if isinstance(attributes.get(name), str | bool)}
    later = attributes.get("callBackData")
    if isinstance(later, dict) and isinstance(later.get("numberToCall"), str):
        kept["callBackData"] = {"numberToCall": later["numberToCall"]}
    return kept


def kind_of(attributes: Mapping[str, Any]) -> str:
    """``inbound``, ``outbound``, ``callback`` or ``voicemail``."""
    if attributes.get("taskType") in LATER:
        return str(attributes["taskType"])
    return "outbound" if attributes.get("direction") == "outbound" else "inbound"


def number_of(attributes: Mapping[str, Any]) -> str:
    """The number of whoever the agent speaks to, as it stands there; empty for colleagues who call one another."""
    if attributes.get("client_call") in (True, "true"):
        return ""
    wanted = ["from"]
    if kind_of(attributes) == "outbound":
        wanted = ["outbound_to", "to"]
    later = attributes.get("callBackData")
    found = [later.get("numberToCall")] if kind_of(attributes) in LATER and isinstance(later, dict) else []
    found += [attributes.get(name) for name in wanted]
    return next((number[:64] for number in found if isinstance(number, str) and number.strip()), "")


def call_sid_of(attributes: Mapping[str, Any]) -> str:
    return _matching(_CALL_SID, attributes.get("call_sid"))


def parent_of(attributes: Mapping[str, Any]) -> str:
    """The SID of the task that this one was made for, like the call-back that an agent dials."""
    return _matching(_TASK_SID, attributes.get("parentTask"))


def panel_key_of(attributes: Mapping[str, Any]) -> str:
    """The key of the panel that ``profile_url`` leads to. Copies of a task, like call-backs, keep it."""
    address = attributes.get("profile_url")
    found = _PANEL.match(address) if isinstance(address, str) else None
    return found[1] if found else ""


def _matching(shape: re.Pattern[str], told: object) -> str:
    return told if isinstance(told, str) and shape.match(told) else ""
