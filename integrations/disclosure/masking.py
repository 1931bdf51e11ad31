"""Masked forms: enough for an agent to see that there is a value and to recognise it when the caller says it."""

from __future__ import annotations

from collections.abc import Callable

from integrations.profile import JSON, Field, FieldType
from integrations.stored_numbers import numbers_in

DOTS = "•••"


def mask(field: Field, value: JSON, region: str = "") -> str:
    """``rosa@mail.org`` → ``r•••@mail.org``, ``1941-05-02`` → ``1941``; a short value shows nothing of itself.

    ``region``: of numbers from elsewhere the country code is shown, so that nobody takes them for numbers of here.
    """
    return _MASKS[field.type](value, region)


def _hidden(_value: JSON, _region: str) -> str:
    return DOTS


def _text(value: JSON, _region: str) -> str:
    text = str(value)
    return f"{text[0]}{DOTS}" if len(text) >= 6 else DOTS


def _email(value: JSON, _region: str) -> str:
    local, separator, domain = str(value).rpartition("@")
    return f"{local[0]}{DOTS}@{domain}" if separator and len(local) > 1 else DOTS


def _phone(value: JSON, region: str) -> str:
    numbers = numbers_in(value, region).numbers if region else ()
    if len(numbers) == 1:
        abroad = numbers[0].written_for(region).startswith("+")
        return f"{f'+{numbers[0].parsed.country_code} ' if abroad else ''}{DOTS} {numbers[0].hint}"
    digits = "".join(character for character in str(value) if character.isdigit())
    return f"{DOTS} {digits[-4:]}" if len(digits) >= 7 else DOTS


def _phones(value: JSON, region: str) -> str:
    return ", ".join(_phone(number, region) for number in value)


def _year(value: JSON, _region: str) -> str:
    return str(value)[:4]


_MASKS: dict[FieldType, Callable[[JSON, str], str]] = {
    FieldType.TEXT: _text,
    FieldType.PHONE: _phone,
    FieldType.PHONES: _phones,
    FieldType.EMAIL: _email,
    FieldType.DATE: _year,
    FieldType.MOMENT: _year,
    FieldType.FLAG: _hidden,
    FieldType.NUMBER: _hidden,
    FieldType.MONEY: _hidden,
    FieldType.TEXTS: _hidden,
    FieldType.APPOINTMENTS: _hidden,
    FieldType.ORDERS: _hidden,
    FieldType.CONSENT: _hidden,
    FieldType.CONSENTS: _hidden,
}
