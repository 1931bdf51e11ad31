"""Masked forms: enough for an agent to see that there is a value and to recognise it when the caller says it."""

from __future__ import annotations

from integrations.profile import JSON, Field, FieldType

DOTS = "•••"


def mask(field: Field, value: JSON) -> str:
    """``rosa@mail.org`` → ``r•••@mail.org``, ``1941-05-02`` → ``1941``; a short value shows nothing of itself."""
    return _MASKS.get(field.type, _hidden)(value)


def _hidden(_value: JSON) -> str:
    return DOTS


def _text(value: JSON) -> str:
    text = str(value)
    return f"{text[0]}{DOTS}" if len(text) >= 6 else DOTS


def _email(value: JSON) -> str:
    local, separator, domain = str(value).rpartition("@")
    return f"{local[0]}{DOTS}@{domain}" if separator and len(local) > 1 else DOTS


def _phone(value: JSON) -> str:
    digits = "".join(character for character in str(value) if character.isdigit())
    return f"{DOTS} {digits[-4:]}" if len(digits) >= 7 else DOTS


def _phones(value: JSON) -> str:
    return ", ".join(_phone(number) for number in value)


def _year(value: JSON) -> str:
    return str(value)[:4]


_MASKS = {
    FieldType.TEXT: _text,
    FieldType.EMAIL: _email,
    FieldType.PHONE: _phone,
    FieldType.PHONES: _phones,
    FieldType.DATE: _year,
    FieldType.MOMENT: _year,
}
