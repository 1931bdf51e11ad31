"""Requests out of a step and its inputs: values are put into parsed structures, never into text that is parsed later."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from itertools import product
from typing import Any
from zoneinfo import ZoneInfo

from integrations.connectors.base import DetailKeys
from integrations.connectors.rest.shape import PLACEHOLDER, Phone, PhoneFormat, Step
from integrations.outbound.http import segment
from integrations.phone import Number
from integrations.profile import JSON, SourceRecord

Inputs = Mapping[str, str]
# How far ahead appointments are asked for.
AHEAD = timedelta(days=30)
_DAYS = frozenset({"date", "date_to"})
# A path is cut at these, so a value that is one of them would lead elsewhere.
_NO_SEGMENTS = {".", ".."}


@dataclass(frozen=True)
class Request:
    """What to hand to the HTTP door."""

    method: str
    path: str
    query: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    json: JSON = None
    form: dict[str, str] | None = None


def request_of(step: Step, inputs: Inputs) -> Request | None:
    """The step's request, or None when an input that it needs is not known.

    Parameters, headers and body values whose inputs are not known and not needed are left out.
    """
    known = {name: value for name, value in inputs.items() if value}
    if step.needs - set(known) or any(known[name] in _NO_SEGMENTS for name in step.in_path):
        return None
    headers = _filled_each(step.headers, known)
    if any(not (value.isascii() and value.isprintable()) for value in headers.values()):
        return None
    return Request(
        method=step.method,
        path=PLACEHOLDER.sub(lambda found: segment(known[found[1]]), step.path),
        query=_filled_each(step.query, known),
        headers=headers,
        json=_filled_tree(step.body, known),
        form=None if step.form is None else _filled_each(step.form, known),
    )


def written(number: Number, notation: PhoneFormat) -> str:
    """The number in one of the notations that a shape can name."""
    value: str = getattr(number, notation)
    return value


# Inputs in a notation of their own, whatever the shape's is.
_NOTATIONS: dict[str, PhoneFormat] = {
    "phone_e164": "e164",
    "phone_nsn": "nsn",
    "phone_national": "national",
    "phone_digits": "digits",
}


def phone_inputs(number: Number, phone: Phone, named: Collection[str]) -> Iterator[dict[str, str]]:
    """The number as input, in one notation after the other and in each of its forms; with it what is ``named`` of its other
    notations: writing one has its price."""
    for notation, form in product(dict.fromkeys([phone.format, *phone.variants]), number.forms):
        asked = number if form == number.e164 else replace(number, e164=form)
        own = {name: written(asked, other) for name, other in _NOTATIONS.items() if name in named}
        if "phone_variants" in named:
            own["phone_variants"] = ",".join(asked.variants())
        yield {"phone": written(asked, notation), **own}


def with_days(step: Step, inputs: Inputs, zone: str) -> Inputs:
    """The inputs, and today's date in ``zone`` with them where the step names it."""
    return days(zone) | dict(inputs) if not step.names.isdisjoint(_DAYS) else inputs


def inputs_of(keys: DetailKeys, details_by: str) -> dict[str, str]:
    """What is known of the one linked person."""
    customer_id = keys.record_ids.get(details_by, "")
    return {"customer_id": customer_id, "account_id": keys.account_id, "email": keys.email, "phone_e164": keys.phone}


def days(zone: str, first: str = "") -> dict[str, str]:
    """Today in ``zone``, or the ISO date ``first``, and the last day that is asked for."""
    day = date.fromisoformat(first) if first else datetime.now(ZoneInfo(zone)).date()
    return {"date": day.isoformat(), "date_to": (day + AHEAD).isoformat()}


def outputs_of(record: SourceRecord) -> dict[str, str]:
    """What the first step found, as inputs of the second."""
    simple = {name: str(value) for name, value in record.fields.items() if isinstance(value, str | int | float)}
    return {**simple, "record_id": record.record_id}


def _filled(text: str, known: Inputs) -> str | None:
    """None where the text names an input that is not known."""
    if "{" not in text:
        return text
    try:
        return PLACEHOLDER.sub(lambda found: known[found[1]], text)
    except KeyError:
        return None


def _filled_each(texts: Mapping[str, str], known: Inputs) -> dict[str, str]:
    filled = {name: _filled(text, known) for name, text in texts.items()}
    return {name: value for name, value in filled.items() if value is not None}


def _filled_tree(tree: Any, known: Inputs) -> Any:
    if isinstance(tree, str):
        return _filled(tree, known)
    if isinstance(tree, list):
        return [_filled_tree(item, known) for item in tree]
    if isinstance(tree, dict):
        filled = {name: _filled_tree(item, known) for name, item in tree.items()}
        return {name: value for name, value in filled.items() if value is not None or tree[name] is None}
    return tree
