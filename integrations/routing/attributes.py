"""A task's attributes: what Flex shows of a caller before the call is taken, and TaskRouter routes by.

Studio's Send to Flex takes 1,024 characters of them, and what a flow adds needs its room; so these are 700 at most, as
``json.dumps`` writes them, whatever a system holds. What does not fit is cut or left out, the least needed first.
https://www.twilio.com/docs/studio/widget-library/send-flex
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Mapping

from integrations.profile import JSON

LIMIT = 700
MAX_TEXT = 200  # of one value, for a flow
# In the order in which they are kept, with the most that each may take, as it is written.
_KEPT: dict[str, int] = {
    "profile_url": 500,
    "call_sid": 70,
    "customer_found": 8,
    "match_count": 12,
    "lookup_status": 16,
    "caller_name": 80,
    "name": 80,
    "do_not_call": 16,
    "voicemail_ok": 16,
    "may_identify": 16,
    "vip_customer": 8,
    "language": 24,
    "interpreter": 24,
    "menu_queue": 60,
    "menu_priority": 12,
    "menu_option": 30,
    "preferred_agent": 60,
    "account_status": 40,
    "calls_30d": 12,
    "crmid": 40,
    "caller_email": 80,
    "last_interaction": 34,
    "first_name": 40,
    "last_name": 40,
}
_CUT = "..."
_SHORTEST = 12  # a text that is cut shorter says nothing
# What ends a text or a tag where somebody puts a value into JSON or Liquid by hand.
_OTHERS = str.maketrans({'"': "'", "\\": "/", "{": "(", "}": ")", "<": "(", ">": ")", "`": "'"})


def task_attributes(values: Mapping[str, JSON], limit: int = LIMIT) -> dict[str, str | bool | int]:
    """The ``values`` that a task may hold, within ``limit`` characters. Names that are not known here are left out."""
    kept: dict[str, str | bool | int] = {}
    left = limit - len("{}")
    for name, most in _KEPT.items():
        value = values.get(name)
        if not isinstance(value, str | bool | int) or value == "":
            continue
        before = written(name) + len(": ") + (len(", ") if kept else 0)
        room = min(most, left - before)
        if isinstance(value, str) and name != "profile_url":
            value = cut(plain(value), room - len('""'))
        if value != "" and written(value) <= room:
            kept[name] = value
            left -= before + written(value)
    return kept


def plain(text: str) -> str:
    """A text on one line that breaks nothing where a flow puts it: no quotation marks, brackets or characters that control."""
    shown = unicodedata.normalize("NFC", text[: 4 * MAX_TEXT]).translate(_OTHERS)
    return " ".join("".join(map(_kept, shown)).split())[:MAX_TEXT].rstrip()


def written(value: JSON) -> int:
    """How long it is, as ``json.dumps`` writes it by default."""
    return len(json.dumps(value))


def cut(text: str, room: int) -> str:
    """The text, or so much of it as takes ``room`` characters when it is written; empty where that says nothing."""
    if written(text) - len('""') <= room:
        return text
    if room < _SHORTEST:
        return ""
    while text and written(text) - len('""') > room - len(_CUT):
        text = text[:-1]
    return f"{text.rstrip()}{_CUT}" if text else ""


def _kept(character: str) -> str:
    category = unicodedata.category(character)
    return character if category[0] != "C" else "" if category == "Cf" else " "
