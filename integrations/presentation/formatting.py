"""Values as people read them, in the organisation's zone and its country's habits."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime
from zoneinfo import ZoneInfo

from django.utils import timezone, translation
from django.utils.dateformat import format as format_date
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from integrations import codes, days
from integrations.money import amounts, in_major
from integrations.profile import JSON, Field, FieldType
from integrations.stored_numbers import in_words

_SYMBOLS = {"USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥"}
_APPOINTMENT_WORDS = {
    "scheduled": gettext_lazy("scheduled"),
    "confirmed": gettext_lazy("confirmed"),
    "cancelled": gettext_lazy("cancelled"),
    "completed": gettext_lazy("completed"),
    "no_show": gettext_lazy("did not come"),
}

_CONSENT_WORDS = {"yes": gettext_lazy("Yes"), "no": gettext_lazy("No"), "not_asked": gettext_lazy("Not asked")}


@contextmanager
def at_home(zone: ZoneInfo, region: str) -> Iterator[None]:
    """Draw pages within the block with the times of this zone, in the order of this country."""
    with timezone.override(zone), translation.override(days.locale_of(region)):
        yield


class ValueFormatter:
    """Turns values into lines of text for one organisation."""

    def __init__(self, zone: ZoneInfo, region: str) -> None:
        self.zone = zone
        self.region = region

    def lines(self, kind: FieldType, value: JSON) -> list[str]:
        """The value as one or more lines; a text as it is, be it masked, unless its type is one of texts that are read."""
        if isinstance(value, str) and kind not in _READ:
            return [value]
        return _LINES[kind](self, value)

    def field(self, definition: Field, value: JSON) -> list[str]:
        """A field's value as lines, what systems keep as a code in words."""
        if isinstance(value, str):
            value = codes.decoded(definition.name, value)
        return self.lines(definition.type, value)

    def phone(self, value: str) -> str:
        """Numbers from abroad with their country code. What stands beside a number is left as it was written."""
        return in_words(value, self.region)

    def moment(self, value: str) -> str:
        """A day as far as it is known, or a day and a time; masked ones stay as they are."""
        try:
            if shown := days.PARTIAL_FORMATS.get(len(value)):
                return format_date(date.fromisoformat(f"{value}-01-01"[:10]), shown)
            if len(value) == 10:
                return format_date(date.fromisoformat(value), days.day_format(self.region))
            return format_date(datetime.fromisoformat(value).astimezone(self.zone), days.moment_format(self.region))
        except ValueError:
            return value

    def appointment(self, item: dict[str, str]) -> str:
        begins = self.moment(item["start"])
        parts = [begins, item.get("title"), _APPOINTMENT_WORDS.get(item.get("status", "")), item.get("location")]
        return " · ".join(str(part) for part in parts if part)

    def order(self, item: dict[str, str]) -> str:
        parts = [item.get("description") or item.get("id"), self.moment(item["date"]) if item.get("date") else ""]
        return " · ".join(part for part in parts if part)

    def consent(self, item: dict[str, str]) -> str:
        parts = [_CONSENT_WORDS[item["answer"]], item.get("purpose"), self.moment(item["date"]) if item.get("date") else ""]
        return " · ".join(str(part) for part in parts if part)

    def is_today(self, moment: str) -> bool:
        try:
            begins = datetime.fromisoformat(moment)
            day = begins.astimezone(self.zone).date() if begins.tzinfo else begins.date()
            return day == timezone.now().astimezone(self.zone).date()
        except ValueError:
            return False


_READ = frozenset({FieldType.PHONE, FieldType.DATE, FieldType.MOMENT})
_LINES: dict[FieldType, Callable[[ValueFormatter, JSON], list[str]]] = {
    FieldType.TEXT: lambda _own, value: [str(value)],
    FieldType.PHONE: lambda own, value: [own.phone(value)],
    FieldType.PHONES: lambda own, value: [own.phone(item) for item in value],
    FieldType.EMAIL: lambda _own, value: [str(value)],
    FieldType.DATE: lambda own, value: [own.moment(value)],
    FieldType.MOMENT: lambda own, value: [own.moment(value)],
    FieldType.FLAG: lambda _own, value: [_("Yes") if value else _("No")],
    FieldType.NUMBER: lambda _own, value: [str(value)],
    FieldType.MONEY: lambda _own, value: [money(amount) for amount in amounts(value)],
    FieldType.TEXTS: lambda _own, value: [str(item) for item in value],
    FieldType.APPOINTMENTS: lambda own, value: [own.appointment(item) for item in value],
    FieldType.ORDERS: lambda own, value: [own.order(item) for item in value],
    FieldType.CONSENT: lambda own, value: [own.consent(value)],
    FieldType.CONSENTS: lambda own, value: [own.consent(item) for item in value],
}


def money(value: dict[str, JSON]) -> str:
    """``{"amount_minor": 4250, "currency": "USD"}`` → ``$42.50``"""
    currency, text = str(value["currency"]), in_major(value)
    symbol = _SYMBOLS.get(currency)
    sign, text = ("−", text[1:]) if text.startswith("-") else ("", text)
    return sign + (f"{symbol}{text}" if symbol else f"{text} {currency}")


def age(since: datetime) -> str:
    """How long ago, in the roughest unit that helps."""
    minutes = int((timezone.now() - since).total_seconds() // 60)
    if minutes < 1:
        return _("just now")
    if minutes < 60:
        return ngettext("%(n)d min ago", "%(n)d min ago", minutes) % {"n": minutes}
    hours = minutes // 60
    return ngettext("%(n)d hour ago", "%(n)d hours ago", hours) % {"n": hours}
