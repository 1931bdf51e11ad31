"""The vocabulary: which fields a caller profile may hold, what each means, and how sensitive it is.

A connector maps a vendor's payload onto these names and nothing else. Values are JSON: text, numbers, booleans,
lists, and the small shapes of docs/api.md (money, appointment, order). Values of the sensitivity ``NEVER`` do not
exist behind a connector's boundary: ``coerce()`` drops or blanks them whatever the mapping says.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, tzinfo
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any

from integrations.never import is_never, scrub

JSON = Any  # text | int | float | bool | list[JSON] | dict[str, JSON]

MAX_TEXT = 2_000
MAX_ITEMS = 50


class Sensitivity(StrEnum):
    """How much harm a field can do; tiers rule over these."""

    BASIC = "basic"  # who is calling and why, as a receptionist would know
    PERSONAL = "personal"  # reaches or identifies the person outside this call
    FINANCIAL = "financial"
    HEALTH = "health"
    NEVER = "never"  # dropped at the connector's boundary, whatever a rule says


# Money and health: shown stale for a short while only, and where callers are checked, not before.
DELICATE = frozenset({Sensitivity.FINANCIAL, Sensitivity.HEALTH})


class Section(StrEnum):
    """The card of the panel that a field is shown on."""

    IDENTITY = "identity"
    CONTACT = "contact"
    APPOINTMENTS = "appointments"
    ACCOUNT = "account"
    PAYMENTS = "payments"
    ORDERS = "orders"
    PROGRAMS = "programs"
    CARE = "care"
    CRM = "crm"


class FieldType(StrEnum):
    """The shape of a field's value."""

    TEXT = "text"
    PHONE = "phone"
    PHONES = "phones"  # list of text
    EMAIL = "email"
    DATE = "date"  # ISO 8601 date
    MOMENT = "moment"  # ISO 8601 date, or date and time with zone
    FLAG = "flag"  # true or false
    NUMBER = "number"
    MONEY = "money"  # {"amount_minor", "currency"}
    TEXTS = "texts"  # list of text
    APPOINTMENTS = "appointments"  # list of {"id","start","end","title","status","location","url"}
    ORDERS = "orders"  # list of {"id","description","date"}


@dataclass(frozen=True)
class Field:
    """One word of the vocabulary. ``cacheable`` is False for values that must be asked for afresh each time, ``asked`` for
    what is not asked for at all, because nobody may see it."""

    name: str
    label: str
    section: Section
    type: FieldType
    sensitivity: Sensitivity
    cacheable: bool = True
    asked: bool = True


def _table() -> Iterable[Field]:
    s, t = Section, FieldType
    rows: dict[Sensitivity, list[tuple[str, str, Section, FieldType]]] = {
        Sensitivity.BASIC: [
            ("name", "Name", s.IDENTITY, t.TEXT),
            ("first_name", "First name", s.IDENTITY, t.TEXT),
            ("last_name", "Last name", s.IDENTITY, t.TEXT),
            ("phone", "Phone", s.CONTACT, t.PHONE),
            ("phones", "Other phones", s.CONTACT, t.PHONES),
            ("company", "Company", s.CRM, t.TEXT),
            ("language", "Language", s.CONTACT, t.TEXT),
            ("account_id", "Account", s.ACCOUNT, t.TEXT),
            ("status", "Status", s.ACCOUNT, t.TEXT),
            ("vip_status", "VIP", s.IDENTITY, t.FLAG),
            ("restricted", "Restricted record", s.ACCOUNT, t.FLAG),
            ("member_since", "Member since", s.ACCOUNT, t.MOMENT),
            ("last_contact", "Last contact", s.ACCOUNT, t.MOMENT),
            ("last_visit", "Last visit", s.ACCOUNT, t.MOMENT),
            ("preferred_agent", "Preferred agent", s.ACCOUNT, t.TEXT),
            ("owner", "Owner", s.CRM, t.TEXT),
            ("recent_orders", "Recent orders", s.ORDERS, t.ORDERS),
            ("appointments", "Appointments", s.APPOINTMENTS, t.APPOINTMENTS),
            ("programs", "Programs", s.PROGRAMS, t.TEXTS),
            ("open_cases", "Open cases", s.CRM, t.TEXTS),
            ("deal_stage", "Deal stage", s.CRM, t.TEXT),
            ("lifecycle_stage", "Lifecycle stage", s.CRM, t.TEXT),
            ("open_deals", "Open deals", s.CRM, t.TEXTS),
        ],
        Sensitivity.PERSONAL: [
            ("email", "E-mail", s.CONTACT, t.EMAIL),
            ("address", "Address", s.CONTACT, t.TEXT),
            ("date_of_birth", "Date of birth", s.CONTACT, t.DATE),
            ("primary_caregiver", "Primary caregiver", s.CARE, t.TEXT),
            ("emergency_contact", "Emergency contact", s.CARE, t.TEXT),
            ("notes", "Notes", s.ACCOUNT, t.TEXT),
        ],
        Sensitivity.FINANCIAL: [
            ("outstanding_balance", "Outstanding balance", s.PAYMENTS, t.MONEY),
            ("last_payment", "Last payment", s.PAYMENTS, t.MOMENT),
            ("payment_method", "Payment method", s.PAYMENTS, t.TEXT),
            ("auto_pay_enabled", "Auto-pay", s.PAYMENTS, t.FLAG),
        ],
        Sensitivity.HEALTH: [
            ("primary_care_provider", "Primary care provider", s.CARE, t.TEXT),
            ("dietary_restrictions", "Dietary restrictions", s.CARE, t.TEXT),
        ],
        Sensitivity.NEVER: [
            ("ssn", "Social security number", s.IDENTITY, t.TEXT),
            ("credit_card", "Credit card", s.PAYMENTS, t.TEXT),
            ("password_hash", "Password", s.IDENTITY, t.TEXT),
            ("bank_account", "Bank account", s.PAYMENTS, t.TEXT),
        ],
    }
    for sensitivity, fields in rows.items():
        for name, label, section, kind in fields:
            yield Field(name, label, section, kind, sensitivity)


FIELDS: Mapping[str, Field] = {entry.name: entry for entry in _table()}

# Types whose digits are what they say and are not to be taken for card numbers.
_EXEMPT = {
    FieldType.PHONE,
    FieldType.PHONES,
    FieldType.DATE,
    FieldType.MOMENT,
    FieldType.FLAG,
    FieldType.NUMBER,
    FieldType.MONEY,
}


class WrongType(ValueError):
    """A source's value does not fit its field's type; the text names the type and never holds the value."""


def coerce(definition: Field, raw: JSON, zone: tzinfo = UTC) -> JSON:
    """A source's value in the field's shape, scrubbed; None where the source has nothing to say.

    ``zone`` is that of dates and times without one. Raises WrongType.
    """
    if definition.sensitivity is Sensitivity.NEVER or is_never(definition.name) or raw is None:
        return None
    try:
        value = _SHAPES[definition.type](raw, zone)
    except (TypeError, ValueError, KeyError, InvalidOperation, OverflowError) as error:
        raise WrongType(f"{definition.name} is not {definition.type.value}") from error
    if definition.type not in _EXEMPT:
        value = scrub(value)
    return None if value in ("", [], {}) or value is None else value


def _text(raw: JSON, _zone: tzinfo) -> str:
    text = raw if type(raw) is str else _as_text(raw, _zone)
    if not text.isprintable():
        text = "".join(c for c in text if c.isprintable() or c in "\n\t")
    return text.strip()[:MAX_TEXT]


def _as_text(raw: JSON, zone: tzinfo) -> str:
    if isinstance(raw, list | tuple):
        return ", ".join(_text(item, zone) for item in raw[:MAX_ITEMS] if item is not None)
    if isinstance(raw, dict):
        raise TypeError
    return raw.decode("utf-8", "replace") if isinstance(raw, bytes) else str(raw)


def _texts(raw: JSON, zone: tzinfo) -> list[str]:
    items = raw if isinstance(raw, list | tuple) else str(raw).split(";")
    return [text for item in items[:MAX_ITEMS] if item is not None and (text := _text(item, zone))]


def _flag(raw: JSON, _zone: tzinfo) -> bool | None:
    word = str(raw).strip().lower()
    if word in {"true", "1", "yes", "y", "on", "vip"}:
        return True
    if word in {"false", "0", "no", "n", "off"}:
        return False
    if word in {"", "none"}:
        return None
    raise ValueError


def _date(raw: JSON, zone: tzinfo) -> str | None:
    moment = _moment(raw, zone)
    return moment[:10] if moment else None


def _moment(raw: JSON, zone: tzinfo) -> str | None:
    if isinstance(raw, datetime):
        return _aware(raw, zone).isoformat()
    if isinstance(raw, date):
        return raw.isoformat()
    text = str(raw).strip()
    if not text or text.startswith("0000-00-00"):
        return None
    if re.fullmatch(r"\d{13}", text):  # HubSpot's milliseconds since the epoch
        return datetime.fromtimestamp(int(text) / 1000, UTC).isoformat()
    if re.fullmatch(r"\d{9,10}", text):  # Stripe's seconds since the epoch
        return datetime.fromtimestamp(int(text), UTC).isoformat()
    if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
        return date.fromisoformat(text).isoformat()
    return _aware(datetime.fromisoformat(text), zone).isoformat()


def _aware(moment: datetime, zone: tzinfo) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=zone)


def _number(raw: JSON, _zone: tzinfo) -> int | float | None:
    if isinstance(raw, bool):
        raise TypeError
    text = str(raw).strip()
    if not text:
        return None
    number = Decimal(text)
    if not number.is_finite():
        raise ValueError
    return int(number) if number == number.to_integral_value() else float(number)


def _money(raw: JSON, _zone: tzinfo) -> dict[str, JSON] | None:
    """From minor units with a currency, or from a decimal amount of US dollars."""
    if isinstance(raw, dict):
        minor, currency = raw["amount_minor"], str(raw["currency"]).upper()
        if isinstance(minor, bool) or int(minor) != Decimal(str(minor)) or not re.fullmatch(r"[A-Z]{3}", currency):
            raise ValueError
        return {"amount_minor": int(minor), "currency": currency}
    text = str(raw).strip().removeprefix("$").replace(",", "")
    if isinstance(raw, bool | list):
        raise TypeError
    if not text:
        return None
    return {"amount_minor": int((Decimal(text) * 100).to_integral_value()), "currency": "USD"}


APPOINTMENT_STATUSES = ("scheduled", "confirmed", "cancelled", "completed", "no_show")


def _appointments(raw: JSON, zone: tzinfo) -> list[JSON]:
    return [
        {
            "id": _text(item["id"], zone),
            "start": _moment(item["start"], zone),
            "end": _moment(item.get("end") or "", zone),
            "title": _text(item.get("title") or "", zone),
            "status": item["status"] if item.get("status") in APPOINTMENT_STATUSES else "scheduled",
            "location": _text(item.get("location") or "", zone),
            "url": _link(item.get("url")),
        }
        for item in _objects(raw)
    ]


def _orders(raw: JSON, zone: tzinfo) -> list[JSON]:
    return [
        {
            "id": _text(item["id"], zone),
            "description": _text(item.get("description") or "", zone),
            "date": _moment(item.get("date") or "", zone),
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


_SHAPES = {
    FieldType.TEXT: _text,
    FieldType.PHONE: _text,
    FieldType.PHONES: _texts,
    FieldType.EMAIL: _text,
    FieldType.DATE: _date,
    FieldType.MOMENT: _moment,
    FieldType.FLAG: _flag,
    FieldType.NUMBER: _number,
    FieldType.MONEY: _money,
    FieldType.TEXTS: _texts,
    FieldType.APPOINTMENTS: _appointments,
    FieldType.ORDERS: _orders,
}


# Names a record: connector key, record id.
type Ref = tuple[str, str]


@dataclass(frozen=True)
class Match:
    """Why a record was found: the ``field`` of the source that holds the number, and how it is written there."""

    field: str
    stored: str


@dataclass(frozen=True)
class SourceRecord:
    """One system's answer about one person: unfiltered, but already without never-fields.

    ``connector`` is the connector's key; ``record_id`` the system's own id; ``fields`` values by vocabulary name;
    ``external_id`` an id that other systems share, if the connector is configured with one; ``url`` where a person
    can open the record; ``hints`` what only the same connector's ``details`` needs; ``unreadable`` the fields whose value
    did not fit their type and was left out; ``stale``: kept from earlier, while it is asked anew.
    """

    connector: str
    record_id: str
    fields: Mapping[str, JSON]
    matched: tuple[Match, ...] = ()
    external_id: str = ""
    url: str = ""
    fetched_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    hints: Mapping[str, JSON] = field(default_factory=dict)
    unreadable: tuple[str, ...] = ()
    stale: bool = False


def refs_of(records: Iterable[SourceRecord]) -> frozenset[Ref]:
    return frozenset((record.connector, record.record_id) for record in records)


@dataclass(frozen=True)
class Provenance:
    """Where one value came from and how old it is."""

    source: str
    fetched_at: datetime
    stale: bool = False


@dataclass(frozen=True)
class Value:
    """A field's value with its provenance, and what other sources say instead."""

    value: JSON
    provenance: Provenance
    conflicts: tuple[tuple[str, JSON], ...] = ()  # (connector key, value)


@dataclass(frozen=True)
class CallerProfile:
    """One person: the records that were linked, and their merged fields."""

    records: tuple[SourceRecord, ...]
    fields: Mapping[str, Value]

    @property
    def refs(self) -> frozenset[Ref]:
        return refs_of(self.records)
