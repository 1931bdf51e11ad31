"""The people of the demo, each there to show something. All are made up, and so is every number and secret."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Row = dict[str, Any]

# Values that must never come out of the portal, in columns of their own and inside running text.
PLANTED_SSN = "078-05-1120"
PLANTED_CARD = "4111 1111 1111 1111"
PLANTED_PASSWORD = "$2b$12$abcdefghijklmnopqrstuuDemoDemoDemoDemoDemoDemoDemoDemo"
PLANTED_BANK = "GB82 WEST 1234 5698 7654 32"
PLANTED = (PLANTED_SSN, PLANTED_CARD, PLANTED_PASSWORD, PLANTED_BANK)
_PLANTED_COLUMNS: Row = {
    "ssn": PLANTED_SSN,
    "credit_card": PLANTED_CARD,
    "password_hash": PLANTED_PASSWORD,
    "bank_account": PLANTED_BANK,
}
_PLANTED_NOTE = (
    f"Read her card to us over the phone: {PLANTED_CARD}. SSN {PLANTED_SSN}, account {PLANTED_BANK}, "
    f"old log-in {PLANTED_PASSWORD}. Please delete!"
)


@dataclass(frozen=True)
class Caller:
    """``phone`` is E.164 or a withheld word; ``what`` says what this caller shows."""

    phone: str
    name: str
    what: str


CALLERS = (
    Caller(
        "+14155550100",
        "Margaret Whitfield",
        "In HubSpot, in Salesforce and in the client database, linked by e-mail: one rich panel.",
    ),
    Caller(
        "+14155550101",
        "José Núñez-Øster",
        "In all three systems. Accents, Spanish as the language, and an interpreter is needed.",
    ),
    Caller("+14155550102", "Harold and Edith Lindqvist", "A household: two people on one number; the agent picks."),
    Caller(
        "+14155550103", "Denise Okafor", "In both systems with different e-mails: shown as two people, never merged by guess."
    ),
    Caller("+14155550104", "Priya Raman", "Only in HubSpot: a donor with a company and two open deals."),
    Caller(
        "+14155550105",
        "Walter Kowalczyk",
        "Only in the client database: balance, diet and doctor. No message may be left for him.",
    ),
    Caller("+14155550106", "Rosa", "A record with almost nothing in it."),
    Caller("+14155550107", "Thomas Brennan", "The systems disagree on name, phone and language; both values are shown."),
    Caller("+14155550108", "Golden Oaks Residence", "A care home: four residents share one number."),
    Caller(
        "+14155550109", "Gloria Testerman", "A record with card, bank and social security numbers, which must appear nowhere."
    ),
    Caller("+14155550110", "Maximiliana Featherstonehaugh-Cholmondeley", "Names and an address as long as they get."),
    Caller("+442079460018", "Aled Pryce-Jones", "A caller from abroad."),
    Caller("+14155550199", "", "A number that nobody knows."),
    Caller("anonymous", "", "A withheld number: nothing is looked up."),
)

# -- HubSpot -----------------------------------------------------------------------------------------------------
CONTACTS: tuple[Row, ...] = (
    {
        "hs_object_id": "1001",
        "firstname": "Margaret",
        "lastname": "Whitfield",
        "email": "margaret.whitfield@example.org",
        "phone": "+1 415-555-0100",
        "company": "Riverside Volunteers",
        "associatedcompanyid": "9001",
        "num_associated_deals": "1",
        "lifecyclestage": "customer",
        "hs_lead_status": "CONNECTED",
        "hs_language": "en",
        "vip": "true",
        "preferred_agent": "Bea Alvarez",
        "address": "12 Harbour View",
        "city": "San Francisco",
        "state": "CA",
        "zip": "94111",
        "date_of_birth": "1941-05-03",
        "notes_last_contacted": "2026-11-18T16:20:00Z",
        "createdate": "2019-03-12T09:00:00Z",
    },
    {
        "hs_object_id": "1002",
        "firstname": "José",
        "lastname": "Núñez-Øster",
        "email": "Jose.Nunez@example.org",
        "phone": "(415) 555-0101",
        "lifecyclestage": "customer",
        "hs_language": "es",
        "notes_last_contacted": "2026-10-02T18:05:00Z",
        "createdate": "2021-07-01T09:00:00Z",
    },
    {
        "hs_object_id": "1003",
        "firstname": "Denise",
        "lastname": "Okafor",
        "email": "denise.okafor@example.com",
        "phone": "415-555-0103",
        "lifecyclestage": "lead",
        "createdate": "2026-02-14T09:00:00Z",
    },
    {
        "hs_object_id": "1004",
        "firstname": "Priya",
        "lastname": "Raman",
        "email": "priya@brightfuture.example",
        "mobilephone": "+14155550104",
        "associatedcompanyid": "9002",
        "num_associated_deals": "3",
        "lifecyclestage": "opportunity",
        "hs_lead_status": "OPEN_DEAL",
        "notes_last_contacted": "2026-11-20T21:15:00Z",
        "createdate": "2024-01-09T09:00:00Z",
    },
    {
        "hs_object_id": "1005",
        "firstname": "Tom",
        "lastname": "Brennan",
        "email": "t.brennan@example.org",
        "phone": "+1 (415) 555-0177",
        "mobilephone": "415.555.0107",
        "hs_language": "en",
        "lifecyclestage": "customer",
        "createdate": "2022-05-30T09:00:00Z",
    },
    {
        "hs_object_id": "1006",
        "firstname": "Gloria",
        "lastname": "Testerman",
        "email": "gloria.testerman@example.org",
        "phone": "4155550109",
        "lifecyclestage": "customer",
        "notes": _PLANTED_NOTE,
        "createdate": "2023-08-21T09:00:00Z",
        **_PLANTED_COLUMNS,
    },
    {
        "hs_object_id": "1007",
        "firstname": "Aled",
        "lastname": "Pryce-Jones",
        "email": "aled@example.org",
        "phone": "+44 20 7946 0018",
        "lifecyclestage": "subscriber",
        "createdate": "2025-11-11T09:00:00Z",
    },
)
COMPANIES: tuple[Row, ...] = (
    {"hs_object_id": "9001", "name": "Riverside Volunteers", "domain": "volunteers.example"},
    {"hs_object_id": "9002", "name": "Bright Future Foundation", "domain": "brightfuture.example"},
)
DEALS: tuple[Row, ...] = (
    {"hs_object_id": "5001", "contact": "1001", "dealname": "Home care, spring 2027", "dealstage": "assessment"},
    {"hs_object_id": "5002", "contact": "1004", "dealname": "Winter meals grant", "dealstage": "agreement"},
    {"hs_object_id": "5003", "contact": "1004", "dealname": "Van for outings", "dealstage": "assessment"},
    {"hs_object_id": "5004", "contact": "1004", "dealname": "Summer picnic 2025", "dealstage": "won"},
)
STAGES: tuple[tuple[str, str, bool], ...] = (  # id, label, closed
    ("assessment", "Needs assessment", False),
    ("agreement", "Agreement sent", False),
    ("won", "Closed won", True),
    ("lost", "Closed lost", True),
)
TICKETS: tuple[Row, ...] = (
    {
        "hs_object_id": "7001",
        "contact": "1001",
        "subject": "Walking frame to be repaired",
        "hs_pipeline_stage": "2",
        "hs_ticket_priority": "HIGH",
        "createdate": "2026-11-17T10:30:00Z",
    },
    {
        "hs_object_id": "7002",
        "contact": "1001",
        "subject": "Lunch came late",
        "hs_pipeline_stage": "4",
        "createdate": "2026-09-02T12:15:00Z",
        "closed_date": "2026-09-03T09:00:00Z",
    },
    {
        "hs_object_id": "7003",
        "contact": "1002",
        "subject": "Transporte al hospital, 25 de noviembre",
        "hs_pipeline_stage": "1",
        "createdate": "2026-11-19T08:45:00Z",
    },
)
TICKET_STAGES: tuple[tuple[str, str, bool], ...] = (
    ("1", "New", False),
    ("2", "Waiting on us", False),
    ("3", "Waiting on the caller", False),
    ("4", "Closed", True),
)

# -- Salesforce --------------------------------------------------------------------------------------------------
SALESFORCE: dict[str, tuple[Row, ...]] = {
    "Account": (
        {"Id": "001Sb0000000A01IAA", "Name": "Riverside Volunteers", "Phone": "(415) 555-0160", "Fax": "(415) 555-0199"},
    ),
    "Contact": (
        {
            "Id": "003Sb0000000C01IAA",
            "Name": "Margaret Whitfield",
            "FirstName": "Margaret",
            "LastName": "Whitfield",
            "Email": "margaret.whitfield@example.org",
            "Phone": "(415) 555-0100",
            "MobilePhone": "415-555-0150",
            "AccountId": "001Sb0000000A01IAA",
            "Account": {"Name": "Riverside Volunteers"},
            "Owner": {"Name": "Bea Alvarez"},
            "LastActivityDate": "2026-11-18",
            "CreatedDate": "2019-03-12T09:00:00.000+0000",
            "Birthdate": "1941-05-03",
        },
        {
            "Id": "003Sb0000000C02IAA",
            "Name": "José Núñez-Øster",
            "FirstName": "José",
            "LastName": "Núñez-Øster",
            "Email": "jose.nunez@example.org",
            "MobilePhone": "+1 (415) 555-0101",
            "Owner": {"Name": "Sam Whitaker"},
            "LastActivityDate": "2026-10-02",
            "CreatedDate": "2021-07-01T09:00:00.000+0000",
        },
    ),
    "Lead": (),
}

# -- Client database: notations as years of typing leave them ----------------------------------------------------
CUSTOMERS: tuple[Row, ...] = (
    {
        "id": 1,
        "first_name": "Margaret",
        "last_name": "Whitfield",
        "email": "margaret.whitfield@example.org",
        "phone": "(415) 555-0100",
        "mobile": "415-555-0150",
        "account_id": "RS-20010",
        "vip": 1,
        "language": "English",
        "preferred_agent": "Bea Alvarez",
        "address": "12 Harbour View, San Francisco, CA 94111",
        "date_of_birth": "1941-05-03",
        "member_since": "2019-03-12",
        "voicemail": "Yes – 2025-01-14",
        "say_who": "Y",
        "best_time": "Mornings",
        "programs": "Meals on Wheels;Home care",
        "notes": "Hard of hearing: speak slowly. Prefers mornings.",
        "dietary_restrictions": "No nuts, low sodium",
        "primary_care_provider": "Dr. Amara Singh, Bayview Clinic",
        "primary_caregiver": "Helen Whitfield (daughter)",
        "emergency_contact": "Helen Whitfield, 415-555-0151",
        "outstanding_balance": "42.50",
        "last_payment": "2026-10-28",
        "payment_method": "Bank transfer",
        "auto_pay_enabled": 1,
    },
    {
        "id": 2,
        "first_name": "José",
        "last_name": "Núñez-Øster",
        "email": "jose.nunez@example.org",
        "phone": "415.555.0101",
        "account_id": "RS-20011",
        "language": "Español",
        "address": "9 Calle Peña, San Francisco, CA 94110",
        "date_of_birth": "1950-12-24",
        "member_since": "2021-07-01",
        "voicemail": "Y",
        "say_who": "Y",
        "interpreter": "Spanish",
        "programs": "Transport",
        "notes": "Lunes y miércoles: diálisis.",
        "outstanding_balance": "0",
    },
    {
        "id": 3,
        "first_name": "Harold",
        "last_name": "Lindqvist",
        "email": "lindqvist@example.org",
        "phone": "+14155550102",
        "account_id": "RS-20012",
        "date_of_birth": "1938-02-17",
        "programs": "Meals on Wheels",
    },
    {
        "id": 4,
        "first_name": "Edith",
        "last_name": "Lindqvist",
        "email": "lindqvist@example.org",
        "phone": "415 555 0102",
        "account_id": "RS-20013",
        "date_of_birth": "1940-09-30",
        "dietary_restrictions": "Diabetic",
    },
    {
        "id": 5,
        "first_name": "D.",
        "last_name": "Okafor",
        "email": "okafor.family@example.org",
        "phone": "415-555-0103",
        "account_id": "RS-20014",
        "programs": "Respite care",
    },
    {
        "id": 6,
        "first_name": "Walter",
        "last_name": "Kowalczyk",
        "email": "walter.k@example.org",
        "phone": "4155550105",
        "account_id": "RS-20015",
        "address": "Apt 4, 77 Mission Row, San Francisco, CA 94103",
        "date_of_birth": "1946-01-08",
        "member_since": "2023-02-20",
        "voicemail": "No – 2025-06-02",
        "say_who": "",
        "best_time": "After 4 p.m.",
        "agreed_to": "Letters",
        "programs": "Meals on Wheels;Transport",
        "notes": "Key is with the neighbour in apartment 5.",
        "dietary_restrictions": "Kosher",
        "primary_care_provider": "Dr. Lena Ortiz, Mission Health",
        "emergency_contact": "Zofia Kowalczyk, 415-555-0155",
        "outstanding_balance": "310.00",
        "last_payment": "2026-08-02",
        "payment_method": "Check",
        "auto_pay_enabled": 0,
    },
    {"id": 7, "first_name": "Rosa", "phone": "14155550106"},
    {
        "id": 8,
        "first_name": "Thomas",
        "last_name": "Brennan",
        "email": "T.Brennan@example.org",
        "phone": "415-555-0107",
        "account_id": "RS-20017",
        "language": "Irish",
        "address": "3 Wharf Lane, Oakland, CA 94607",
    },
    {"id": 9, "first_name": "Ada", "last_name": "Mbeki", "phone": "1-415-555-0108", "date_of_birth": "1933-03-03"},
    {"id": 10, "first_name": "Bernard", "last_name": "Quist", "phone": "415-555-0108", "date_of_birth": "1936-06-21"},
    {"id": 11, "first_name": "Carmen", "last_name": "Soto", "phone": "(415) 555-0108", "date_of_birth": "1931-10-12"},
    {"id": 12, "first_name": "Dorothy", "last_name": "Finch", "mobile": "+1 415-555-0108", "date_of_birth": "1940-01-29"},
    {
        "id": 13,
        "first_name": "Gloria",
        "last_name": "Testerman",
        "email": "gloria.testerman@example.org",
        "phone": "+1 (415) 555-0109",
        "account_id": "RS-20019",
        "notes": _PLANTED_NOTE,
        "programs": "Legal aid",
        **_PLANTED_COLUMNS,
    },
    {
        "id": 14,
        "first_name": "Maximiliana Theodora Alexandrina",
        "last_name": "Featherstonehaugh-Cholmondeley of Hohenstaufen-Wittelsbach",
        "email": "maximiliana.featherstonehaugh-cholmondeley@a-very-long-domain-name-for-a-mailbox.example.org",
        "phone": "415 555 0110",
        "account_id": "RS-20020-SUPPLEMENTARY-HOUSEHOLD-ACCOUNT",
        "address": "Room 1204 B, Tower 3, The Residences at Upper Saint Bartholomew-by-the-Water, San Francisco, CA 94105",
        "programs": "Meals on Wheels;Transport;Home care;Respite care;Legal aid;Friendly visits;Winter heating support",
        "notes": "Please use the full name. " * 12,
    },
    {"id": 15, "first_name": "Aled", "last_name": "Pryce-Jones", "email": "aled@example.org", "phone": "+44 20 7946 0018"},
)
ACCOUNTS: tuple[Row, ...] = (
    {"customer_id": 1, "status": "active", "last_visit": "2026-11-12"},
    {"customer_id": 2, "status": "active", "last_visit": "2026-11-16"},
    {"customer_id": 3, "status": "active", "last_visit": "2026-11-09"},
    {"customer_id": 4, "status": "active", "last_visit": "2026-11-09"},
    {"customer_id": 5, "status": "on hold", "last_visit": "2026-06-30"},
    {"customer_id": 6, "status": "payment due", "last_visit": "2026-11-20"},
    {"customer_id": 8, "status": "active", "last_visit": "2026-09-14"},
    {"customer_id": 9, "status": "active", "last_visit": "2026-11-19"},
    {"customer_id": 10, "status": "active", "last_visit": "2026-11-19"},
    {"customer_id": 13, "status": "closed", "last_visit": "2025-12-01"},
    {"customer_id": 14, "status": "active", "last_visit": "2026-11-02"},
)
