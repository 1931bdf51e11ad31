"""What the columns of somebody's list are likely to be, by how they are headed."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from integrations.connectors.rows import LEFT_OUT, PHONE, RECORD_ID, Column, Reading, fields_by_label
from integrations.errors import ConfigurationError
from integrations.profile import Field
from integrations.redaction import is_never
from integrations.whose import is_a_number_of_theirs

_SYNONYMS: Mapping[str, Sequence[str]] = {
    RECORD_ID: ("id", "client_id", "customer_id", "member_id", "contact_id", "record_id", "person_id", "participant_id"),
    "name": ("full_name", "client_name", "client", "customer", "customer_name", "contact_name", "member", "participant"),
    "first_name": ("first", "firstname", "given_name", "fname", "forename"),
    "last_name": ("last", "lastname", "surname", "family_name", "lname"),
    "email": ("e_mail", "mail", "email_address", "e_mail_address"),
    "address": ("street", "street_address", "home_address", "mailing_address"),
    "date_of_birth": ("dob", "birth_date", "birthdate", "birthday", "born"),
    "language": ("preferred_language", "languages", "speaks"),
    "company": ("organization", "organisation", "employer", "agency"),
    "account_id": ("account",),
    "status": ("client_status", "membership_status", "member_status"),
    "member_since": ("joined", "join_date", "client_since", "enrolled", "enrollment_date", "start_date"),
    "last_contact": ("last_contacted", "last_call"),
    "last_visit": ("last_seen", "last_attended"),
    "preferred_agent": ("case_worker", "caseworker", "case_manager", "assigned_to"),
    "programs": ("program", "services", "service", "groups"),
    "notes": ("note", "comments", "comment", "remarks"),
    "primary_caregiver": ("caregiver", "carer"),
    "emergency_contact": ("emergency_contact_name", "next_of_kin"),
    "outstanding_balance": ("balance", "balance_due", "amount_due", "owes"),
    "dietary_restrictions": ("diet", "dietary_needs", "dietary", "food_allergies"),
    "primary_care_provider": ("pcp", "doctor", "physician"),
    "vip_status": ("vip",),
    "restricted": ("confidential", "do_not_show"),
}
_BY_SYNONYM = {word: target for target, words in _SYNONYMS.items() for word in words}
_A_PHONE = re.compile(r"(^|_)(phones?|telephone|tel|mobile|cell|cellphone|landline|telefonos?|celular|movil)(_|\d|$)")


def guess(columns: Sequence[Column], vocabulary: Mapping[str, Field]) -> dict[str, str]:
    """What each column seems to be; each field is taken once, by the first column that could be it."""
    by_label = fields_by_label(vocabulary)
    taken: set[str] = set()
    chosen: dict[str, str] = {}
    for column in columns:
        target = LEFT_OUT if is_never(column.label) else _likely(column, by_label)
        if target in taken:
            target = LEFT_OUT
        if target not in (LEFT_OUT, PHONE):
            taken.add(target)
        chosen[column.name] = target
    return chosen


def _likely(column: Column, by_label: Mapping[str, str]) -> str:
    name = column.name
    if is_never(name):
        return LEFT_OUT
    if _A_PHONE.search(name):
        return PHONE if is_a_number_of_theirs(column.label) and is_a_number_of_theirs(name) else LEFT_OUT
    return _BY_SYNONYM.get(name) or by_label.get(name, LEFT_OUT)


def as_configured(
    columns: Sequence[Column], expressions: Mapping[str, str], phone_columns: Sequence[str], id_column: str
) -> dict[str, str]:
    """What each column is configured to be, as far as it is read as it stands."""
    chosen = {text: name for name, text in expressions.items() if name not in ("phone", "phones")}
    chosen |= dict.fromkeys(phone_columns, PHONE) | {id_column: RECORD_ID}
    return {column.name: chosen.get(column.name, LEFT_OUT) for column in columns}


def reading(chosen: Mapping[str, str], field_table: Mapping[str, str]) -> Reading:
    """The configuration that reads the columns as chosen. Raises ConfigurationError for a choice that cannot be."""
    phones = [column for column, target in chosen.items() if target == PHONE]
    if not phones:
        raise ConfigurationError("Choose at least one column that holds phone numbers: callers are found by it.")
    read = {column: target for column, target in chosen.items() if target not in (PHONE, LEFT_OUT)}
    targets = list(read.values())
    if twice := next((target for target in targets if targets.count(target) > 1), None):
        raise ConfigurationError(f"Two columns are both taken for “{twice.replace('_', ' ')}”. Choose one of them.")
    fields: dict[str, str | bool] = {target: column for column, target in read.items()}
    id_column = str(fields.pop(RECORD_ID, ""))
    # What the kind would read by itself and the admin leaves out.
    left_out = (column for column, target in chosen.items() if target == LEFT_OUT)
    fields |= {column: False for column in left_out if column in field_table and column not in fields}
    return Reading({"phone_columns": phones, "id_column": id_column}, fields)
