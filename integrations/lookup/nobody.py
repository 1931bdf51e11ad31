"""Asking a system for a number that nobody has: whom it finds then, it finds for everybody."""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass

import phonenumbers

from integrations.deadline import Deadline
from integrations.errors import ConfigurationError, SourceError
from integrations.lookup.sources import Source, plan_and_source
from integrations.outbound.recording import candidates, remarks
from integrations.phone import Number, classify
from integrations.sentences import gettext_noop

_FINDS_ANYBODY = gettext_noop(
    "It found somebody by a number that nobody has, so it would show the wrong person. Map phone to where the record's own "
    "number stands, and compare with the caller's number in what is asked."
)
_NAMES_ANYBODY = gettext_noop(
    "Asked for a number that nobody has, it named people, whose own numbers are others. It ignores the number, "
    "or compares it loosely: look at how it is asked."
)
_TRIES = 200


@dataclass(frozen=True)
class Doubt:
    """What speaks against a system's answers: a sentence for its admin, empty for nothing. ``refused``: it cannot be used."""

    sentence: str = ""
    refused: bool = False


async def doubt_about(organization_id: int, connector_id: int) -> Doubt:
    """What is to be said of a connector, enabled or not."""
    plan, source = await plan_and_source(organization_id, connector_id)
    return await ask_for_nobody(source, plan.region)


async def ask_for_nobody(source: Source, region: str) -> Doubt:
    """Asks once, past cache and breaker. Never raises for what the system does: a system that fails finds nobody."""
    if source.connector is None or not source.asked_by_phone:
        return Doubt()
    deadline = Deadline(source.timeout_s)
    try:
        with candidates() as counts, remarks():
            async with asyncio.timeout(deadline.left()):
                people = await source.connector.find(nobodys_number(region), deadline)
    except (SourceError, ConfigurationError, TimeoutError):
        return Doubt()
    if people:
        return Doubt(_FINDS_ANYBODY, refused=True)
    return Doubt(_NAMES_ANYBODY) if sum(counts) else Doubt()


def nobodys_number(region: str) -> Number:
    """A number as long as those of ``region`` and given to nobody there; another one each time, so that no cache knows it."""
    example = phonenumbers.example_number(region)
    if example is None:
        return nobodys_number("US")
    length = len(phonenumbers.national_significant_number(example))
    for _try in range(_TRIES):
        digits = f"{secrets.randbelow(9) + 1}" + "".join(str(secrets.randbelow(10)) for _digit in range(length - 1))
        number = classify(f"+{example.country_code}{digits}", region)
        if isinstance(number, Number) and not phonenumbers.is_valid_number(number.parsed):
            return number
    return Number(f"+1200555{1000 + secrets.randbelow(9000)}", "US")
