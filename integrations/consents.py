"""Consents as systems keep them: what somebody said when they were asked, or that nobody asked.

A consent is ``{"answer": "yes" | "no" | "not_asked", "purpose"?, "date"?}``. What is not plainly a yes is none: a word that is
not known here, an empty box, a yes with a condition behind it are ``not_asked``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import tzinfo

from integrations import days, words
from integrations.profile import JSON

YES, NO, NOT_ASKED = ANSWERS = ("yes", "no", "not_asked")
MAX_TEXT, MAX_WORDS, MAX_ITEMS = 200, 8, 50
_YES = frozenset(
    ("ok", "okay", "given", "granted", "allowed", "permitted", "agreed", "accepted", "approved", "consented", "opted in",
     "opt in", "opt-in", "opted-in", "subscribed", "permitido", "autorizado", "acepta", "de acuerdo")
)  # fmt: skip
_NO = frozenset(
    ("never", "refused", "declined", "denied", "revoked", "withdrawn", "not allowed", "not permitted", "opted out", "opt out",
     "opt-out", "opted-out", "unsubscribed", "do not", "no permitido", "rechazado", "no autorizado")
)  # fmt: skip
# How the name of a ticked box begins where ticking it forbids something.
_FORBIDDING = frozenset(
    ("no", "not", "never", "do", "don't", "don’t", "dont", "without", "opt", "opted", "stop", "sin", "nunca")
)
_NAMES_OF_ANSWERS = ("answer", "value", "status", "consent")
_NAMES_OF_PURPOSES = ("purpose", "name", "channel", "type")
_BETWEEN = " –—−-:;,.()[]|/"
_FILLING = ("on ", "since ", "as of ", "from ")


def consent(raw: JSON, zone: tzinfo, region: str) -> dict[str, JSON]:
    """One consent; ``not_asked`` for what is not plainly an answer."""
    if isinstance(raw, list | tuple):
        return consent(raw[0], zone, region) if len(raw) == 1 else _said(NOT_ASKED)
    if isinstance(raw, Mapping):
        told = consent(_first(raw, _NAMES_OF_ANSWERS), zone, region)
        day = _day(raw.get("date"), zone, region) or told.get("date")
        return _said(str(told["answer"]), _text(_first(raw, _NAMES_OF_PURPOSES)), day)
    if answer := _answer(raw):
        return _said(answer)
    return _dated(raw, zone, region) if isinstance(raw, str) else _said(NOT_ASKED)


def consents(raw: JSON, zone: tzinfo, region: str) -> list[JSON]:
    """Several: a list of them, answers by purpose, or the boxes that are ticked, each of which is a yes to what it names."""
    if isinstance(raw, Mapping):
        if any(name in raw for name in _NAMES_OF_ANSWERS):
            return [consent(raw, zone, region)]
        items = list(raw.items())[:MAX_ITEMS]
        return [{**consent(value, zone, region), "purpose": _text(purpose)} for purpose, value in items]
    boxes = raw if isinstance(raw, list | tuple) else str(raw).replace(",", ";").split(";")
    return [_of_box(box, zone, region) for box in boxes[:MAX_ITEMS] if isinstance(box, Mapping) or _text(box)]


def agreed(values: Iterable[JSON], *, forbids: bool = False) -> str:
    """The answer to go by where systems say several: the one that asks for more care. ``forbids``: a yes is that one."""
    answers = {str(value["answer"]) for value in values if isinstance(value, Mapping)}
    return next((answer for answer in ((YES, NO) if forbids else (NO, YES)) if answer in answers), NOT_ASKED)


def _of_box(box: JSON, zone: tzinfo, region: str) -> JSON:
    if isinstance(box, Mapping):
        return consent(box, zone, region)
    text = _text(box)
    purpose, colon, answer = text.partition(":")
    if colon and purpose.strip():
        return {**consent(answer.strip(), zone, region), "purpose": purpose.strip()}
    told = consent(text, zone, region)
    if told["answer"] != NOT_ASKED or words.is_nothing(text):
        return told
    forbids = text.casefold().split()[0] in _FORBIDDING
    return _said(NOT_ASKED if forbids else YES, text)


def _dated(raw: str, zone: tzinfo, region: str) -> dict[str, JSON]:
    """``Yes – 2024-03-01``, ``opted out (3/1/2024)``: a known answer and a day, and nothing else."""
    parts = raw[:MAX_TEXT].split()
    if len(raw) <= MAX_TEXT and len(parts) <= MAX_WORDS:
        for cut in range(1, len(parts)):
            answer = _answer(" ".join(parts[:cut]).strip(_BETWEEN))
            rest = " ".join(parts[cut:]).strip(_BETWEEN)
            for word in _FILLING:
                rest = rest.removeprefix(word)
            if answer and (day := _day(rest, zone, region)):
                return _said(answer, day=day)
    return _said(NOT_ASKED)


def _answer(raw: JSON) -> str:
    """``yes`` or ``no`` for what says nothing else; empty for the rest."""
    text = " ".join(raw.casefold().split()).rstrip(".!") if isinstance(raw, str) else ""
    if text in _YES or text in _NO:
        return YES if text in _YES else NO
    try:
        said = None if text == "vip" else words.truth(text or raw)
    except (TypeError, ValueError, ArithmeticError):
        return ""
    return "" if said is None else YES if said else NO


def _day(raw: JSON, zone: tzinfo, region: str) -> str | None:
    try:
        return days.day(raw, zone, region) if raw and not isinstance(raw, bool) else None
    except (TypeError, ValueError, OverflowError, ArithmeticError):
        return None


def _said(answer: str, purpose: str = "", day: JSON = None) -> dict[str, JSON]:
    return {"answer": answer, **({"purpose": purpose} if purpose else {}), **({"date": day} if day else {})}


def _first(raw: Mapping[str, JSON], names: Iterable[str]) -> JSON:
    return next((raw[name] for name in names if name in raw), None)


def _text(raw: JSON) -> str:
    text = raw if isinstance(raw, str) else "" if raw is None or isinstance(raw, bool | list | dict) else str(raw)
    return "".join(character for character in text if character.isprintable()).strip()[:MAX_TEXT]
