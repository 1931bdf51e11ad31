"""What is read of a row, where the organisation does not say otherwise."""

from __future__ import annotations

from collections.abc import Mapping

from integrations.connectors.database.options import DatabaseOptions
from integrations.connectors.expressions import quoted

FIELD_TABLE: Mapping[str, str] = {
    "name": "name || join(' ', [first_name, last_name][?@])",
    "first_name": "first_name",
    "last_name": "last_name",
    "email": "email",
    "phone": "phone || mobile",
    "phones": "[mobile][?@]",
    "account_id": "account_id || id",
    "status": "customer_accounts.status || status",
    "last_visit": "customer_accounts.last_visit || last_visit",
    **{
        name: name
        for name in (
            "company", "language", "member_since", "last_contact", "preferred_agent", "programs", "address",
            "date_of_birth", "primary_caregiver", "emergency_contact", "notes", "outstanding_balance", "last_payment",
            "payment_method", "primary_care_provider", "dietary_restrictions",
        )
    },
    "deceased": "deceased || is_deceased",
    "vip_status": "vip_status || vip",
    "auto_pay_enabled": "auto_pay_enabled || auto_pay",
}  # fmt: skip


def field_table_of(options: DatabaseOptions) -> dict[str, str]:
    """The table as this database is configured: its key is the account, and shown is the number that people are found by."""
    table = {**FIELD_TABLE, "account_id": f"account_id || {quoted(options.id_column)}"}
    if "phone_columns" not in options.model_fields_set or options.query:
        return table
    first, *others = [quoted(name) for name in options.phone_columns or options.digits_columns]
    table |= {"phone": " || ".join([first, *others]), "phones": f"[{', '.join(others)}][?@]"}
    if not others:
        del table["phones"]
    return table
