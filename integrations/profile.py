"""The vocabulary: which fields a caller profile may hold, what each means, and how sensitive it is.

A connector maps a vendor's payload onto these names and nothing else. Values are JSON: text, numbers, booleans,
lists, and the small shapes of docs/api.md (money, appointment, order). Values of the sensitivity ``NEVER`` do not
exist behind a connector's boundary: ``coercion.coerce()`` drops or blanks them whatever the mapping says.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from functools import cached_property
from typing import Any

from integrations.sentences import gettext_noop

JSON = Any  # text | int | float | bool | list[JSON] | dict[str, JSON]


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
    DATE = "date"  # ISO 8601 date, as far as it is known: 1974-12-03, 1974-12 or 1974
    MOMENT = "moment"  # ISO 8601 date, or date and time with zone
    FLAG = "flag"  # true or false
    NUMBER = "number"
    MONEY = "money"  # {"amount_minor", "currency"}, or a list of them where there are several currencies
    TEXTS = "texts"  # list of text
    APPOINTMENTS = "appointments"  # list of {"id","start","end","title","status","location","url"}
    CONSENT = "consent"  # {"answer": "yes" | "no" | "not_asked", "purpose"?, "date"?}
    CONSENTS = "consents"  # list of them
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

    @property
    def is_consent(self) -> bool:
        """Whether no answer is an answer: such a field is read only where an organisation maps it."""
        return self.type in (FieldType.CONSENT, FieldType.CONSENTS)


def _table() -> Iterable[Field]:
    s, t = Section, FieldType
    rows: dict[Sensitivity, list[tuple[str, str, Section, FieldType]]] = {
        Sensitivity.BASIC: [
            ("name", gettext_noop("Name"), s.IDENTITY, t.TEXT),
            ("first_name", gettext_noop("First name"), s.IDENTITY, t.TEXT),
            ("last_name", gettext_noop("Last name"), s.IDENTITY, t.TEXT),
            ("phone", gettext_noop("Phone"), s.CONTACT, t.PHONE),
            ("phones", gettext_noop("Other phones"), s.CONTACT, t.PHONES),
            ("company", gettext_noop("Company"), s.CRM, t.TEXT),
            ("language", gettext_noop("Language"), s.CONTACT, t.TEXT),
            ("account_id", gettext_noop("Account"), s.ACCOUNT, t.TEXT),
            ("status", gettext_noop("Status"), s.ACCOUNT, t.TEXT),
            ("vip_status", gettext_noop("VIP"), s.IDENTITY, t.FLAG),
            ("restricted", gettext_noop("Restricted record"), s.ACCOUNT, t.FLAG),
            ("deceased", gettext_noop("Deceased"), s.IDENTITY, t.FLAG),  # or the day, where that is what the system keeps
            ("voicemail_ok", gettext_noop("Message may be left"), s.CONTACT, t.CONSENT),
            ("may_identify", gettext_noop("May say who is calling"), s.CONTACT, t.CONSENT),
            ("do_not_call", gettext_noop("Do not call"), s.CONTACT, t.CONSENT),
            ("consents", gettext_noop("Agreed to"), s.CONTACT, t.CONSENTS),
            ("best_time", gettext_noop("Best time to call"), s.CONTACT, t.TEXT),
            ("interpreter", gettext_noop("Interpreter"), s.CONTACT, t.TEXT),  # yes, no, or the language
            ("member_since", gettext_noop("Member since"), s.ACCOUNT, t.DATE),
            ("last_contact", gettext_noop("Last contact"), s.ACCOUNT, t.MOMENT),
            ("last_visit", gettext_noop("Last visit"), s.ACCOUNT, t.DATE),
            ("preferred_agent", gettext_noop("Preferred agent"), s.ACCOUNT, t.TEXT),
            ("owner", gettext_noop("Owner"), s.CRM, t.TEXT),
            ("recent_orders", gettext_noop("Recent orders"), s.ORDERS, t.ORDERS),
            ("appointments", gettext_noop("Appointments"), s.APPOINTMENTS, t.APPOINTMENTS),
            ("programs", gettext_noop("Programs"), s.PROGRAMS, t.TEXTS),
            ("open_cases", gettext_noop("Open cases"), s.CRM, t.TEXTS),
            ("deal_stage", gettext_noop("Deal stage"), s.CRM, t.TEXT),
            ("lifecycle_stage", gettext_noop("Lifecycle stage"), s.CRM, t.TEXT),
            ("open_deals", gettext_noop("Open deals"), s.CRM, t.TEXTS),
        ],
        Sensitivity.PERSONAL: [
            ("email", gettext_noop("E-mail"), s.CONTACT, t.EMAIL),
            ("address", gettext_noop("Address"), s.CONTACT, t.TEXT),
            ("date_of_birth", gettext_noop("Date of birth"), s.CONTACT, t.DATE),
            ("primary_caregiver", gettext_noop("Primary caregiver"), s.CARE, t.TEXT),
            ("emergency_contact", gettext_noop("Emergency contact"), s.CARE, t.TEXT),
            ("notes", gettext_noop("Notes"), s.ACCOUNT, t.TEXT),
        ],
        Sensitivity.FINANCIAL: [
            ("outstanding_balance", gettext_noop("Outstanding balance"), s.PAYMENTS, t.MONEY),
            ("last_payment", gettext_noop("Last payment"), s.PAYMENTS, t.DATE),
            ("payment_method", gettext_noop("Payment method"), s.PAYMENTS, t.TEXT),
            ("auto_pay_enabled", gettext_noop("Auto-pay"), s.PAYMENTS, t.FLAG),
        ],
        Sensitivity.HEALTH: [
            ("primary_care_provider", gettext_noop("Primary care provider"), s.CARE, t.TEXT),
            ("dietary_restrictions", gettext_noop("Dietary restrictions"), s.CARE, t.TEXT),
        ],
        Sensitivity.NEVER: [
            ("ssn", gettext_noop("Social security number"), s.IDENTITY, t.TEXT),
            ("credit_card", gettext_noop("Credit card"), s.PAYMENTS, t.TEXT),
            ("password_hash", gettext_noop("Password"), s.IDENTITY, t.TEXT),
            ("bank_account", gettext_noop("Bank account"), s.PAYMENTS, t.TEXT),
        ],
    }
    for sensitivity, fields in rows.items():
        for name, label, section, kind in fields:
            yield Field(name, label, section, kind, sensitivity)


FIELDS: Mapping[str, Field] = {entry.name: entry for entry in _table()}


def vocabulary_with(own: Iterable[Field]) -> dict[str, Field]:
    """The portal's fields, and an organisation's own behind them. One of a name that the portal took for itself since is the
    portal's: that says how sensitive its values are."""
    return {**FIELDS, **{one.name: one for one in own if one.name not in FIELDS}}


def label_of(name: str, vocabulary: Mapping[str, Field]) -> str:
    """What people call a field; one that is no longer there is named as it was made."""
    return vocabulary[name].label if name in vocabulary else name.replace("_", " ")


# Names a record: connector key, record id.
type Ref = tuple[str, str]


@dataclass(frozen=True)
class Match:
    """The reason why a record was found: the ``field`` of the source that holds the number, and how it is written there."""

    field: str
    stored: str


@dataclass(frozen=True)
class SourceRecord:
    """One system's answer about one person: unfiltered, but already without never-fields.

    ``connector`` is the connector's key; ``record_id`` the system's own id; ``fields`` values by vocabulary name;
    ``external_id`` an id that other systems share, if the connector is configured with one; ``url`` where a person
    can open the record; ``hints`` what only the same connector's ``details`` needs; ``unreadable`` the fields whose value
    did not fit their type and was left out; ``stale``: kept from earlier, while it is asked anew; ``outdated``: fields whose
    value is too old to be shown, and left out.
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
    outdated: tuple[str, ...] = ()

    @property
    def is_marked(self) -> bool:
        """Whether the system says that only the tier ``admin`` may see it, or says something of that which cannot be read."""
        return self.fields.get("restricted") is True or "restricted" in self.unreadable


def same_id(written: str) -> str:
    """A record's id without what makes no other one of it in the eyes of people: case, width, blanks, leading zeros.

    Raises ValueError, a sentence, for what is no id but the address of a page.
    """
    text = "".join(sign for sign in unicodedata.normalize("NFKC", written) if unicodedata.category(sign)[0] not in "CZ")
    if "://" in text:
        raise ValueError("Enter the id alone, without the address of the page.")
    whole, _point, fraction = text.partition(".")
    if whole.isdecimal() and not fraction.strip("0"):
        return whole.lstrip("0") or "0"
    return text.casefold()


def refs_of(records: Iterable[SourceRecord]) -> frozenset[Ref]:
    return frozenset((record.connector, record.record_id) for record in records)


@dataclass(frozen=True)
class Provenance:
    """The source of one value, and how old it is."""

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
    """One person: the records that were linked, and their merged fields.

    ``outdated`` names where each field stands of which there is a value, but only one that is too old to be shown.
    """

    records: tuple[SourceRecord, ...]
    fields: Mapping[str, Value]
    outdated: Mapping[str, Provenance] = field(default_factory=dict)

    @cached_property
    def shown(self) -> dict[object, Any]:
        """Room for what was made of it for those who may see it, by the rules for them: as long as it is kept, so is that."""
        return {}

    @property
    def refs(self) -> frozenset[Ref]:
        return refs_of(self.records)
