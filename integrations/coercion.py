"""Values as systems send them, in the shapes of the vocabulary: checked, bounded, and without what must never be shown."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, tzinfo
from decimal import Decimal, InvalidOperation
from enum import Enum

from integrations import consents, days, figures, money
from integrations.emails import address_in
from integrations.profile import JSON, Field, FieldType, Sensitivity
from integrations.redaction import REMOVED, is_never, scrub
from integrations.words import is_nothing, name_of, truth, written

MAX_TEXT = 2_000
MAX_ITEMS = 50
MAX_AMOUNTS = 1_000

_CUT_BEHIND = 200  # longer than anything that is removed by its digits


@dataclass(frozen=True)
class Habits:
    """What a source's values mean where they do not say it: the zone of its times, the country whose notations it uses,
    and the currency of its amounts."""

    zone: tzinfo = UTC
    region: str = "US"
    currency: str = ""


_NOT_ASKED: dict[str, JSON] = {"answer": consents.NOT_ASKED}
_FLOAT = re.compile(r"\+?[0-9]{7,15}\.0{1,6}")
_NO_HABITS = Habits()
_NAMES = frozenset({"name", "first_name", "last_name"})


class WrongType(ValueError):
    """A source's value does not fit its field's type; the text names the type and never holds the value."""


def coerce(definition: Field, raw: JSON, habits: Habits = _NO_HABITS) -> JSON:
    """A source's value in the field's shape, scrubbed; None where the source has nothing to say. Raises WrongType."""
    return Reader(definition)(raw, habits)


class Reader:
    """What ``coerce()`` does for one field: what does not depend on the value is decided when it is made."""

    def __init__(self, definition: Field) -> None:
        name, kind = definition.name, definition.type
        self._definition = definition
        self._is_never = definition.sensitivity is Sensitivity.NEVER or is_never(name)
        self._may_be_false = kind in (FieldType.FLAG, FieldType.CONSENT)
        # A box that nobody ticked does not say that somebody may be rung up; it says nothing of one who may not be.
        self._unsaid = _NOT_ASKED if kind is FieldType.CONSENT and name != "do_not_call" else None
        self._shape = _OWN_SHAPES.get(name) or _SHAPES[kind]
        self._digits = _DIGITS[kind]
        self._is_key = name == "account_id"
        self._said = None if kind is not FieldType.TEXT else name_of if name in _NAMES else _unless_nothing

    def __call__(self, raw: JSON, habits: Habits) -> JSON:
        """Read one value, as ``coerce()`` does."""
        if raw is None or self._is_never:
            return None if self._is_never or self._unsaid is None else dict(self._unsaid)
        if raw is False and not self._may_be_false:
            return None  # how a well-known ERP answers for a field of any type that is not set
        try:
            value = self._shape(raw, habits)
        except (TypeError, ValueError, KeyError, InvalidOperation, OverflowError) as error:
            raise WrongType(f"{self._definition.name} is not {self._definition.type.value}") from error
        if self._digits is _Digits.SCRUBBED:
            value = _cut(scrub(value))
        elif self._digits is _Digits.JUDGED and any(scrub(number) == REMOVED for number in _numbers(value)):
            return None
        if self._is_key and REMOVED in str(value):
            return None  # nobody is asked for by what is left of it
        if self._said and value:
            value = self._said(value)
        return None if value is None or value in ("", [], {}) else value


def _unless_nothing(text: str) -> str:
    return "" if is_nothing(text) else text


def _text(raw: JSON, _habits: Habits) -> str:
    text = raw if type(raw) is str else _as_text(raw, _habits)
    if not text.isprintable():
        text = "".join(c for c in text if c.isprintable() or c in "\n\t")
    return text.strip()[: MAX_TEXT + _CUT_BEHIND]


def _cut(value: JSON) -> JSON:
    """The text, as long as a value may be: cut only now, so that half of a card number is not left at the edge."""
    if isinstance(value, str):
        return value[:MAX_TEXT]
    if isinstance(value, list):
        return [_cut(item) for item in value]
    return {name: _cut(item) for name, item in value.items()} if isinstance(value, dict) else value


def _numbers(value: JSON) -> list[str]:
    """The texts of a number, or of several, that could be another sort of number as a whole."""
    texts = value if isinstance(value, list) else [value]
    return [str(text) for text in texts if not str(text).startswith("+")]


def _as_text(raw: JSON, habits: Habits) -> str:
    if isinstance(raw, list | tuple):
        return ", ".join(_text(item, habits) for item in raw[:MAX_ITEMS] if item is not None)
    if isinstance(raw, dict):
        raise TypeError
    if isinstance(raw, bytes):
        return raw.decode("utf-8", "replace")
    return written(raw) if isinstance(raw, int | float | Decimal) and not isinstance(raw, bool) else str(raw)


def _texts(raw: JSON, habits: Habits) -> list[str]:
    items = raw if isinstance(raw, list | tuple) else str(raw).split(";")
    texts = (_text(item, habits) for item in items[:MAX_ITEMS] if item is not None and item is not False)
    return [text for text in texts if not is_nothing(text)]


def _said(raw: JSON, habits: Habits) -> str:
    """A text; ``""`` where a word says that there is none."""
    text = _text(raw or "", habits)
    return "" if is_nothing(text) else text


def _phone(raw: JSON, habits: Habits) -> str:
    """The number as it is written, but for the point that a spreadsheet's float gave it."""
    text = _said(raw, habits)
    return text.partition(".")[0] if _FLOAT.fullmatch(text) else text


def _email(raw: JSON, habits: Habits) -> str:
    return address_in(_text(raw, habits))


def _flag(raw: JSON, _habits: Habits) -> bool | None:
    return truth(raw)


def _consent(raw: JSON, habits: Habits) -> dict[str, JSON]:
    return consents.consent(raw, habits.zone, habits.region)


def _consents(raw: JSON, habits: Habits) -> list[JSON]:
    return consents.consents(raw, habits.zone, habits.region)


def _do_not_call(raw: JSON, habits: Habits) -> dict[str, JSON] | None:
    """An answer, or nothing where nothing stands; a day alone is when they asked for it."""
    if isinstance(raw, str) and is_nothing(raw):
        return None
    told = _consent(raw, habits)
    if told["answer"] != consents.NOT_ASKED or not isinstance(raw, str):
        return told
    try:
        day = _day(raw, habits)
    except (TypeError, ValueError, OverflowError):
        return told
    return {"answer": consents.YES, "date": day} if day else told


def _interpreter(raw: JSON, habits: Habits) -> str:
    """``yes``, ``no``, or the language."""
    try:
        said = truth(raw)
    except ValueError:
        return _said(raw, habits)
    return "" if said is None else consents.YES if said else consents.NO


def _deceased(raw: JSON, habits: Habits) -> bool | str | None:
    """True, or the day; nothing of the living."""
    try:
        return truth(raw) or None
    except ValueError:
        return _day(raw, habits)


def _day(raw: JSON, habits: Habits) -> str | None:
    return days.day(raw, habits.zone, habits.region)


def _birthday(raw: JSON, habits: Habits) -> str | None:
    return days.day(raw, habits.zone, habits.region, of_birth=True)


def _moment(raw: JSON, habits: Habits) -> str | None:
    return days.moment(raw, habits.zone, habits.region)


def _number(raw: JSON, habits: Habits) -> int | float | None:
    if isinstance(raw, int | float | Decimal):
        number = figures.bounded(raw)
    elif not isinstance(raw, str):
        raise TypeError
    elif not (text := raw.strip()) or _is_unsaid(text):
        return None
    elif set(text) <= set("0123456789+-eE"):
        number = figures.plain(text)
    else:
        bare = text.removeprefix("-").removeprefix("−")
        number = figures.separated(bare, habits.region, None) * (1 if bare == text else -1)
    return int(number) if number == number.to_integral_value() else float(number)


def _is_unsaid(figure: str) -> bool:
    """Whether nothing stands where a figure would; what is not a number has been miscounted."""
    return is_nothing(figure) and figure.strip().casefold() != "nan"


def _money(raw: JSON, habits: Habits) -> JSON:
    """One amount; of several currencies a list, which are never added."""
    if isinstance(raw, str) and _is_unsaid(raw):
        return None
    if isinstance(raw, list):
        if len(raw) > MAX_AMOUNTS:
            raise ValueError
        read = (money.read(item, habits.region, habits.currency) for item in raw if item is not None)
        return money.totals([amount for amount in read if amount])
    return money.read(raw, habits.region, habits.currency)


APPOINTMENT_STATUSES = ("scheduled", "confirmed", "cancelled", "completed", "no_show")


def _appointments(raw: JSON, habits: Habits) -> list[JSON]:
    """Appointments that have a beginning: without one there is nothing to come to."""
    dated = [(item, _moment(item["start"] or "", habits)) for item in _objects(raw)]
    return [
        {
            "id": _text(item["id"], habits),
            "start": start,
            "end": _moment(item.get("end") or "", habits),
            "title": _said(item.get("title"), habits),
            "status": item["status"] if item.get("status") in APPOINTMENT_STATUSES else "scheduled",
            "location": _said(item.get("location"), habits),
            "url": _link(item.get("url")),
        }
        for item, start in dated
        if start
    ]


def _orders(raw: JSON, habits: Habits) -> list[JSON]:
    return [
        {
            "id": _text(item["id"], habits),
            "description": _said(item.get("description"), habits),
            "date": _moment(item.get("date") or "", habits),
        }
        for item in _objects(raw)
    ]


def _objects(raw: JSON) -> list[dict[str, JSON]]:
    if not isinstance(raw, list) or not all(isinstance(item, dict) for item in raw):
        raise TypeError
    return raw[:MAX_ITEMS]


def _link(raw: JSON) -> str | None:
    """A web address, or nothing: a source must not be able to place a ``javascript:`` link on an agent's screen."""
    return raw[:MAX_TEXT] if isinstance(raw, str) and raw.startswith(("https://", "http://")) else None


class _Digits(Enum):
    """What becomes of a value's digits, which may be those of a card or a social security number."""

    SCRUBBED = "taken out where they are"
    JUDGED = "the value is dropped where they are no phone number or amount at all"
    KEPT = "they are what they say"


_DIGITS: dict[FieldType, _Digits] = {
    FieldType.TEXT: _Digits.SCRUBBED,
    FieldType.PHONE: _Digits.JUDGED,
    FieldType.PHONES: _Digits.JUDGED,
    FieldType.EMAIL: _Digits.SCRUBBED,
    FieldType.DATE: _Digits.KEPT,
    FieldType.MOMENT: _Digits.KEPT,
    FieldType.FLAG: _Digits.KEPT,
    FieldType.NUMBER: _Digits.JUDGED,
    FieldType.MONEY: _Digits.KEPT,
    FieldType.TEXTS: _Digits.SCRUBBED,
    FieldType.APPOINTMENTS: _Digits.SCRUBBED,
    FieldType.ORDERS: _Digits.SCRUBBED,
    FieldType.CONSENT: _Digits.SCRUBBED,
    FieldType.CONSENTS: _Digits.SCRUBBED,
}
# Fields that are read otherwise than others of their type.
_OWN_SHAPES: dict[str, Callable[[JSON, Habits], JSON]] = {
    "date_of_birth": _birthday,
    "deceased": _deceased,
    "do_not_call": _do_not_call,
    "interpreter": _interpreter,
}
_SHAPES: dict[FieldType, Callable[[JSON, Habits], JSON]] = {
    FieldType.TEXT: _text,
    FieldType.PHONE: _phone,
    FieldType.PHONES: _texts,
    FieldType.EMAIL: _email,
    FieldType.DATE: _day,
    FieldType.MOMENT: _moment,
    FieldType.FLAG: _flag,
    FieldType.NUMBER: _number,
    FieldType.MONEY: _money,
    FieldType.TEXTS: _texts,
    FieldType.APPOINTMENTS: _appointments,
    FieldType.ORDERS: _orders,
    FieldType.CONSENT: _consent,
    FieldType.CONSENTS: _consents,
}
