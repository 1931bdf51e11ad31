"""The clients of the demo's second organisation, which knows one of the same people otherwise: nothing may cross over."""

from __future__ import annotations

from integrations.sandbox.people import Row

CUSTOMERS: tuple[Row, ...] = (
    {
        "id": 1,
        "first_name": "Maggie",
        "last_name": "Whitfield",
        "email": "margaret.whitfield@example.org",
        "phone": "415-555-0100",
        "account_id": "HF-7",
        "notes": "Collects on Fridays at the harbor pantry.",
    },
    {"id": 2, "first_name": "Silas", "last_name": "Marsh", "phone": "415-555-0190", "account_id": "HF-8"},
)
ACCOUNTS: tuple[Row, ...] = ({"customer_id": 1, "status": "pantry member", "last_visit": "2026-11-13"},)
