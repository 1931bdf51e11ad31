"""How a field's value is compared, by its type: what may be asked of it, what it is held against, and what the value means.

Nothing here raises for a value: one that cannot be compared is one that is not known.
"""

from __future__ import annotations

import operator
import re
import unicodedata
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any

from integrations import money
from integrations.consents import ANSWERS, YES
from integrations.profile import JSON, FieldType
from integrations.sentences import Sentence, gettext_noop
from integrations.words import truth

MAX_CHOICES = 50
MAX_TEXT = 200
MAX_DAYS = 36_500

# True, false, or not known.
type Verdict = bool | None


class Comparison(StrEnum):
    """What a test asks about a field's value."""

    IS = "is"
    IS_NOT = "is_not"
    ONE_OF = "one_of"
    CONTAINS = "contains"
    ABOVE = "above"
    BELOW = "below"
    AT_LEAST = "at_least"
    AT_MOST = "at_most"
    ON_OR_BEFORE = "on_or_before"
    ON_OR_AFTER = "on_or_after"
    KNOWN = "known"
    UNKNOWN = "unknown"


_C = Comparison
_OF_TEXT = (_C.IS, _C.IS_NOT, _C.ONE_OF, _C.CONTAINS)
_OF_SIZE = (_C.IS, _C.IS_NOT, _C.ABOVE, _C.BELOW, _C.AT_LEAST, _C.AT_MOST)
_OF_DAY = (_C.IS, _C.IS_NOT, _C.ON_OR_BEFORE, _C.ON_OR_AFTER)
# What each type of field can be asked beside whether it is known. Appointments stand for the next one, orders for the last.
COMPARISONS: Mapping[FieldType, tuple[Comparison, ...]] = {
    FieldType.TEXT: _OF_TEXT,
    FieldType.PHONE: (),
    FieldType.PHONES: (),
    FieldType.EMAIL: _OF_TEXT,
    FieldType.DATE: _OF_DAY,
    FieldType.MOMENT: _OF_DAY,
    FieldType.FLAG: (_C.IS, _C.IS_NOT),
    FieldType.NUMBER: _OF_SIZE,
    FieldType.MONEY: _OF_SIZE,
    FieldType.TEXTS: (_C.CONTAINS, _C.ONE_OF),
    FieldType.APPOINTMENTS: _OF_DAY,
    FieldType.ORDERS: _OF_DAY,
    FieldType.CONSENT: (_C.IS, _C.IS_NOT, _C.ONE_OF),
    FieldType.CONSENTS: (_C.CONTAINS, _C.ONE_OF),
}
ABOUT_ITSELF = (_C.KNOWN, _C.UNKNOWN)


class Unfit(ValueError):
    """A field cannot be held against this; the text is a ``Sentence`` that says what to give instead."""

    def __init__(self, pattern: str, **values: object) -> None:
        self.sentence = Sentence.of(pattern, **values)
        super().__init__(self.sentence)


# -- What it is held against -------------------------------------------------------------------------------------------


def wanted_of(type_: FieldType, comparison: Comparison, written: JSON, currency: str) -> Any:
    """What a value of this type is held against, ready to be compared. Raises Unfit."""
    if comparison in ABOUT_ITSELF:
        if written is not True:
            raise Unfit(gettext_noop("Write true here. The opposite of known is unknown."))
        return True
    if comparison is not _C.ONE_OF:
        return _WANTED[type_](written, currency)
    if not isinstance(written, list) or not 0 < len(written) <= MAX_CHOICES:
        raise Unfit(gettext_noop("Give a list of 1 to %(count)d texts."), count=MAX_CHOICES)
    return frozenset(_wanted_text(one, currency) for one in written)


def folded(text: str) -> str:
    """A text as it is compared: without differences of capitals, width and blanks. Accents stay."""
    return " ".join(unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold()).split())


def _wanted_text(written: JSON, _currency: str) -> str:
    if not isinstance(written, str) or not written.strip() or len(written) > MAX_TEXT:
        raise Unfit(gettext_noop("Give a text of 1 to %(count)d characters."), count=MAX_TEXT)
    return folded(written)


def _wanted_answer(written: JSON, _currency: str) -> str:
    if written not in ANSWERS:
        raise Unfit(gettext_noop("Give the answer: yes, no or not_asked."))
    return str(written)


def _wanted_flag(written: JSON, _currency: str) -> bool:
    if not isinstance(written, bool):
        raise Unfit(gettext_noop("The field says yes or no: write true or false."))
    return written


def _wanted_number(written: JSON, _currency: str) -> Decimal:
    if isinstance(written, bool) or not isinstance(written, int | float) or not abs(written) < 2**53:
        raise Unfit(gettext_noop("Give a number."))
    return Decimal(str(written))


def _wanted_money(written: JSON, currency: str) -> dict[str, JSON]:
    try:
        amount = None if isinstance(written, dict | list | bool) else money.read(written, "US", currency)
    except (ValueError, TypeError, KeyError, ArithmeticError):
        amount = None
    if amount is None:
        raise Unfit(gettext_noop("Give an amount, like 40 or 12.50; in another currency than yours, like “40 EUR”."))
    return amount


_AGO = re.compile(r"([0-9]{1,5}) days? ago")
_AHEAD = re.compile(r"in ([0-9]{1,5}) days?")


def _wanted_day(written: JSON, _currency: str) -> date | timedelta:
    """A day, or how far it is from the day on which it is asked."""
    text = folded(written) if isinstance(written, str) else ""
    ahead, ago = _AHEAD.fullmatch(text), _AGO.fullmatch(text)
    days = 0 if text == "today" else int(ahead[1]) if ahead else -int(ago[1]) if ago else None
    if days is not None and abs(days) <= MAX_DAYS:
        return timedelta(days=days)
    try:
        return date.fromisoformat(text if len(text) == len("2026-01-31") else "")
    except ValueError:
        sentence = gettext_noop("Give a day like 2026-01-31, or one of: today, “30 days ago”, “in 7 days”.")
        raise Unfit(sentence) from None


_WANTED: Mapping[FieldType, Callable[[JSON, str], Any]] = {
    FieldType.TEXT: _wanted_text,
    FieldType.EMAIL: _wanted_text,
    FieldType.TEXTS: _wanted_text,
    FieldType.FLAG: _wanted_flag,
    FieldType.NUMBER: _wanted_number,
    FieldType.MONEY: _wanted_money,
    FieldType.DATE: _wanted_day,
    FieldType.MOMENT: _wanted_day,
    FieldType.APPOINTMENTS: _wanted_day,
    FieldType.ORDERS: _wanted_day,
    FieldType.CONSENT: _wanted_answer,
    FieldType.CONSENTS: _wanted_text,
}


def typed(type_: FieldType, comparison: Comparison, text: str) -> JSON:
    """What somebody typed into a form, as a condition is written; what cannot be read stays, to be refused."""
    if comparison in ABOUT_ITSELF:
        return True
    if comparison is _C.ONE_OF:
        return [one.strip() for one in text.split(",") if one.strip()]
    if type_ is FieldType.FLAG:
        return _truth(text)
    return _figure(text) if type_ in (FieldType.NUMBER, FieldType.MONEY) else text


def as_typed(written: JSON) -> str:
    """The same the other way round."""
    if isinstance(written, bool):
        return "yes" if written else "no"
    return ", ".join(map(str, written)) if isinstance(written, list) else str(written)


def _truth(text: str) -> JSON:
    try:
        return text if (said := truth(text)) is None else said
    except ValueError:
        return text


def _figure(text: str) -> JSON:
    try:
        number = float(text)
    except ValueError:
        return text
    return int(number) if number.is_integer() else number


# -- Reading a value ----------------------------------------------------------------------------------------------

# The first and the last day that a date may mean: all there are of one that is known to the year.
type Days = tuple[date, date]


def value_of(type_: FieldType, value: JSON, now: datetime) -> Any:
    """A value as it is compared; None where there is none, or none that can be. ``now`` is in the organisation's zone."""
    if value is None or value in ("", [], {}):
        return None
    try:
        return _READ[type_](value, now)
    except (ArithmeticError, AttributeError, KeyError, TypeError, ValueError):
        return None


def _texts(value: JSON, _now: datetime) -> frozenset[str] | None:
    return frozenset(folded(one) for one in value if isinstance(one, str)) or None


def _flag(value: JSON, _now: datetime) -> bool | None:
    """Whether it is so; of somebody who has died the day may stand there instead."""
    return value if isinstance(value, bool) else True if isinstance(value, str) else None


def _number(value: JSON, _now: datetime) -> Decimal | None:
    number = Decimal(str(value))
    return number if number.is_finite() and not isinstance(value, bool) else None


def _amounts(value: JSON, _now: datetime) -> dict[str, int]:
    return {one["currency"]: int(one["amount_minor"]) for one in (value if isinstance(value, list) else [value])}


def _days(value: JSON, now: datetime) -> Days:
    if len(value) < len("2026-01-31"):
        year, _dash, month = value.partition("-")
        first = date(int(year), int(month or 1), 1)
        following = date(first.year + 1, 1, 1) if not month or first.month == 12 else date(first.year, first.month + 1, 1)
        return first, following - timedelta(days=1)
    if len(value) == len("2026-01-31"):
        day = date.fromisoformat(value)
    else:
        moment = datetime.fromisoformat(value)
        day = (moment.astimezone(now.tzinfo) if moment.tzinfo else moment).date()
    return day, day


def _next_appointment(value: JSON, now: datetime) -> Days | None:
    """The day of the next one that is to take place, from today on."""
    planned = [_days(one["start"], now) for one in value if one.get("status") in ("scheduled", "confirmed")]
    return min((days for days in planned if days[0] >= now.date()), default=None)


def _last_order(value: JSON, now: datetime) -> Days | None:
    return max((_days(one["date"], now) for one in value if one.get("date")), default=None)


def _agreed_purposes(value: JSON, _now: datetime) -> frozenset[str]:
    return frozenset(folded(one["purpose"]) for one in value if one["answer"] == YES and one.get("purpose"))


_READ: Mapping[FieldType, Callable[[JSON, datetime], Any]] = {
    FieldType.TEXT: lambda value, _now: folded(value) or None,
    FieldType.PHONE: lambda value, _now: folded(value) or None,
    FieldType.PHONES: _texts,
    FieldType.EMAIL: lambda value, _now: folded(value) or None,
    FieldType.DATE: _days,
    FieldType.MOMENT: _days,
    FieldType.FLAG: _flag,
    FieldType.NUMBER: _number,
    FieldType.MONEY: _amounts,
    FieldType.TEXTS: _texts,
    FieldType.APPOINTMENTS: _next_appointment,
    FieldType.ORDERS: _last_order,
    FieldType.CONSENT: lambda value, _now: value["answer"],
    FieldType.CONSENTS: _agreed_purposes,
}


# -- Comparing ----------------------------------------------------------------------------------------------------


def _compare_texts(comparison: Comparison, value: Any, wanted: Any, _today: date) -> Verdict:
    if isinstance(value, frozenset):
        return bool(value & wanted) if comparison is _C.ONE_OF else wanted in value
    if comparison is _C.ONE_OF:
        return value in wanted
    return wanted in value if comparison is _C.CONTAINS else (value == wanted) is (comparison is _C.IS)


def _compare_flags(comparison: Comparison, value: bool, wanted: bool, _today: date) -> Verdict:
    return (value is wanted) is (comparison is _C.IS)


def _compare_sizes(comparison: Comparison, value: Any, wanted: Any, _today: date) -> Verdict:
    return bool(_SIZES[comparison](value, wanted))


_SIZES: Mapping[Comparison, Callable[[Any, Any], Any]] = {
    _C.IS: operator.eq,
    _C.IS_NOT: operator.ne,
    _C.ABOVE: operator.gt,
    _C.BELOW: operator.lt,
    _C.AT_LEAST: operator.ge,
    _C.AT_MOST: operator.le,
}


def _compare_amounts(comparison: Comparison, value: Mapping[str, int], wanted: Mapping[str, Any], today: date) -> Verdict:
    """Amounts of one currency; what is owed in another says nothing."""
    amount = value.get(wanted["currency"])
    return None if amount is None else _compare_sizes(comparison, amount, wanted["amount_minor"], today)


def _compare_days(comparison: Comparison, value: Days, wanted: date | timedelta, today: date) -> Verdict:
    day = today + wanted if isinstance(wanted, timedelta) else wanted
    first, last = value
    if comparison is _C.ON_OR_BEFORE:
        return True if last <= day else False if first > day else None
    if comparison is _C.ON_OR_AFTER:
        return True if first >= day else False if last < day else None
    same = False if not first <= day <= last else True if first == last else None
    return same if comparison is _C.IS or same is None else not same


_COMPARED: Mapping[FieldType, Callable[[Comparison, Any, Any, date], Verdict]] = {
    FieldType.TEXT: _compare_texts,
    FieldType.EMAIL: _compare_texts,
    FieldType.TEXTS: _compare_texts,
    FieldType.FLAG: _compare_flags,
    FieldType.NUMBER: _compare_sizes,
    FieldType.MONEY: _compare_amounts,
    FieldType.DATE: _compare_days,
    FieldType.MOMENT: _compare_days,
    FieldType.APPOINTMENTS: _compare_days,
    FieldType.ORDERS: _compare_days,
    FieldType.CONSENT: _compare_texts,
    FieldType.CONSENTS: _compare_texts,
}


def compared(type_: FieldType, comparison: Comparison, value: Any, wanted: Any, today: date) -> Verdict:
    """Hold a value of ``value_of()`` against one of ``wanted_of()``."""
    return _COMPARED[type_](comparison, value, wanted, today)
