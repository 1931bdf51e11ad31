"""Amounts of money by the rule of docs/values.md: what could mean two amounts is refused."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from itertools import product
from typing import Any

import phonenumbers
import pytest

from integrations import figures, money
from integrations.coercion import Habits, WrongType, coerce
from integrations.profile import FIELDS, FieldType

BALANCE = FIELDS["outstanding_balance"]


def read(raw: object, region: str = "US", currency: str = "") -> Any:
    return coerce(BALANCE, raw, Habits(region=region, currency=currency or money.currency_of(region)))


def usd(minor: int) -> dict[str, object]:
    return {"amount_minor": minor, "currency": "USD"}


@pytest.mark.parametrize(
    ("written", "minor"),
    [
        ("42.50", 4250), ("42,50", 4250), ("42,5", 4250), ("1,234.56", 123456), ("1.234,56", 123456), ("1 234,56", 123456),
        ("1\u00a0234.56", 123456), ("1\u202f234,56", 123456), ("1'234.50", 123450), ("1,234", 123400), ("1 234", 123400),
        ("12,34,567.89", 123456789), ("1.234.567", 123456700), ("(42.50)", -4250), ("-42.50", -4250), ("42.50-", -4250),
        ("−42.50", -4250), ("-$42.50", -4250), ("$-42.50", -4250), ("($42.50)", -4250), ("$1,234.50", 123450), ("+5", 500),
        ("USD 42.50", 4250), ("42.50USD", 4250), ("US$ 42.50", 4250), ("$42.50 usd", 4250),
        ("USD$42.50", 4250), ("US $42.50", 4250), (".50", 50), ("0", 0),
        (" 7 ", 700), ("90071992547409.91", 9007199254740991),
    ],
)  # fmt: skip
def test_what_people_write_for_an_amount_is_read(written: str, minor: int) -> None:
    assert read(written) == usd(minor)


@pytest.mark.parametrize(
    "written",
    ["1.234", "0,125", "42.", "42,", "42.5000", "1.2.3", "1,23,4", "10 20", "1 23", "--5", "(-5)", "-(5)", "(5", "5)", "+-5",
     "5 CR", "5 XYZ", "USD 5 EUR", "€5 USD", "¥5", "5 kr", "5 and 6",
     "USD€5", "USDUSD5", "5 €/month", "٤٢", "１２", "NaN", "Infinity", "1e5",
     "1e999990", "0x1F", "5" * 20, "1," * 40 + "000", "$", "soon", "90071992547409.92", "1.005,7.3", "1,234 567"],
)  # fmt: skip
def test_what_could_mean_something_else_is_unreadable(written: str) -> None:
    with pytest.raises(WrongType):
        read(written)


@pytest.mark.parametrize(
    ("region", "written", "minor", "currency"),
    [
        ("DE", "1.234", 123400, "EUR"), ("CH", "1'234", 123400, "CHF"), ("MX", "$1,234", 123400, "MXN"),
        ("JP", "¥1,000", 1000, "JPY"), ("JP", "1,000.00", 1000, "JPY"), ("CM", "1 500 FCFA", 1500, "XAF"),
        ("JO", "12.500", 12500, "JOD"), ("JO", "12.5", 12500, "JOD"), ("JO", "1,234.567", 1234567, "JOD"),
        ("SE", "99,50 kr", 9950, "SEK"), ("GB", "£5", 500, "GBP"), ("US", "£5", 500, "GBP"),
        ("BR", "R$ 1.234,50", 123450, "BRL"),
        ("IN", "₹1,23,456", 12345600, "INR"), ("US", "JPY 500", 500, "JPY"), ("US", "42,50 €", 4250, "EUR"),
    ],
)  # fmt: skip
def test_separators_and_signs_are_those_of_the_region(region: str, written: str, minor: int, currency: str) -> None:
    assert read(written, region) == {"amount_minor": minor, "currency": currency}


@pytest.mark.parametrize(
    ("region", "written"),
    [("DE", "1,234"), ("DE", "$5"), ("FR", "1.234"), ("JP", "10.5"), ("US", "JPY 10.50"), ("CH", "1,234"), ("US", "1'234")],
)
def test_what_is_usual_elsewhere_is_not_guessed(region: str, written: str) -> None:
    with pytest.raises(WrongType):
        read(written, region)


def test_each_way_of_writing_an_amount_reads_back_as_that_amount() -> None:
    """Every notation of a region, of amounts of every size: what is read is what was written."""
    for region, (group, point) in {"US": (",", "."), "DE": (".", ","), "CH": ("'", "."), "FR": ("\u202f", ",")}.items():
        currency = money.currency_of(region)
        for minor, (before, after) in product(
            (1, 99, 100, 12345, 123456, 99999999, 100000000, 123456789012),
            (("", ""), ("-", ""), ("(", ")"), ("", "-"), (f"{currency} ", ""), ("", f" {currency}"), ("-", currency)),
        ):
            plain = f"{minor / 100:,.2f}"
            written = before + plain.replace(",", "_").replace(".", point).replace("_", group) + after
            wanted = -minor if set(before + after) & set("-(") else minor
            assert read(written, region) == {"amount_minor": wanted, "currency": currency}, written


@pytest.mark.parametrize(
    ("raw", "minor"),
    [(42.5, 4250), (42, 4200), (0.1 + 0.2, 30), (-3, -300), (1234.567, 123457), (Decimal("42.5000"), 4250),
     (Decimal("1234.5"), 123450)],
)  # fmt: skip
def test_a_number_is_whole_units_and_its_noise_is_rounded(raw: object, minor: int) -> None:
    assert read(raw, "DE", "USD") == usd(minor)


@pytest.mark.parametrize(
    "raw",
    [float("nan"), float("inf"), -float("inf"), 1e300, 1e16, 10**16, 10**5000, Decimal("1e999990"), Decimal("1e-999990"),
     Decimal("NaN"), Decimal("sNaN"), True,
     {"amount": {"amount": 1}, "currency": "USD"}, {"amount_minor": "1e999", "currency": "USD"},
     {"amount_minor": 10**17, "currency": "USD"}, {"amount_minor": 1, "currency": "XYZ"}, {"amount_minor": 1, "currency": 5},
     {"amount_minor": 1, "decimals": 9}, {"amount_minor": 1, "decimals": True},
     {"amount": "5 EUR", "currency": "USD"}, [5, "soon"],
     [9e13, 9e13], [1] * 2_000],
    ids=lambda raw: str(type(raw).__name__),
)  # fmt: skip
def test_numbers_that_readers_cannot_hold_are_refused_before_they_are_converted(raw: object) -> None:
    with pytest.raises(WrongType):
        read(raw)


def test_objects_carry_their_currency_with_them() -> None:
    assert read({"amount_minor": 4250, "currency": "jpy"}) == {"amount_minor": 4250, "currency": "JPY"}
    assert read({"amount": "42,50", "currency": "EUR"}) == {"amount_minor": 4250, "currency": "EUR"}
    assert read({"value": 12.5, "currency_code": "JOD"}) == {"amount_minor": 12500, "currency": "JOD"}
    assert read({"amount_minor": 2500}, "MX") == {"amount_minor": 2500, "currency": "MXN"}
    assert read({"amount_minor": 2500, "currency": "isk", "decimals": 2}) == {"amount_minor": 25, "currency": "ISK"}
    assert read({"amount_minor": 25, "currency": "mga", "decimals": 0}) == {"amount_minor": 2500, "currency": "MGA"}


@pytest.mark.parametrize(
    "nothing", [None, "", "  ", False, [], {"amount_minor": None}, {"amount": None, "currency": "EUR"}, [None]]
)
def test_no_amount_is_none(nothing: object) -> None:
    assert read(nothing) is None


def test_several_currencies_are_a_list_and_one_is_added_up() -> None:
    euros = {"amount_minor": 1000, "currency": "EUR"}
    assert read([{"amount_minor": 2000, "currency": "usd"}, euros, {"amount_minor": 500, "currency": "USD"}]) == [
        usd(2500),
        euros,
    ]
    assert read(["20.00", 5]) == usd(2500)


def test_without_any_currency_an_amount_is_unreadable() -> None:
    with pytest.raises(WrongType):
        coerce(BALANCE, "42.50", Habits())
    assert coerce(BALANCE, "42.50 EUR", Habits()) == {"amount_minor": 4250, "currency": "EUR"}


def test_every_country_has_a_currency_and_every_currency_its_division() -> None:
    assert [region for region in phonenumbers.SUPPORTED_REGIONS if money.currency_of(region) not in money.CURRENCIES] == []
    assert set(money.EXPONENTS) <= money.CURRENCIES
    assert (money.exponent_of("JPY"), money.exponent_of("XAF"), money.exponent_of("JOD"), money.exponent_of("CLF")) == (
        0,
        0,
        3,
        4,
    )
    assert money.currency_of("US") == "USD"
    assert money.currency_of("XX") == ""


@pytest.mark.parametrize(
    ("amount", "written"),
    [
        ((4250, "USD"), "42.50"),
        ((-123450, "USD"), "-1,234.50"),
        ((4250, "JPY"), "4,250"),
        ((4250, "JOD"), "4.250"),
        ((5, "CLF"), "0.0005"),
    ],
)
def test_amounts_are_written_in_whole_units(amount: tuple[int, str], written: str) -> None:
    assert money.in_major({"amount_minor": amount[0], "currency": amount[1]}) == written


@pytest.mark.parametrize(
    ("raw", "region", "number"),
    [("1e3", "US", 1000), ("1,234", "US", 1234), ("1.234", "US", 1.234), ("1.234", "DE", 1234), ("-42,5", "DE", -42.5),
     (" 7 ", "US", 7),
     (0.5, "US", 0.5), (figures.MAX_SAFE, "US", figures.MAX_SAFE), (3.0, "US", 3)],
)  # fmt: skip
def test_numbers_take_the_region_s_separators(raw: object, region: str, number: float) -> None:
    value = coerce(_number(), raw, Habits(region=region))
    assert (value, type(value)) == (number, type(number))


@pytest.mark.parametrize(
    "raw", ["1e999990", "1e99", "9" * 20, "9007199254740992", 10**20, float("nan"), "Infinity", "1_000", True]
)
def test_numbers_are_bounded_before_they_are_converted(raw: object) -> None:
    with pytest.raises(WrongType):
        coerce(_number(), raw)


def _number() -> Any:
    return replace(BALANCE, name="visits", type=FieldType.NUMBER)
