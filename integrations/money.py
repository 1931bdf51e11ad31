"""Amounts of money: how currencies divide, which one a country uses, and what people write for an amount.

An amount is ``{"amount_minor", "currency"}``, a whole number of the currency's smallest unit. What could mean two amounts,
or an amount in two currencies, is refused and never guessed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import ROUND_HALF_EVEN, Decimal

from integrations import figures
from integrations.profile import JSON


def _codes(text: str) -> tuple[str, ...]:
    return tuple(text.split())


# ISO 4217: digits behind the point, where they are not two.
EXPONENTS: Mapping[str, int] = {
    **dict.fromkeys(_codes("BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"), 0),
    **dict.fromkeys(_codes("BHD IQD JOD KWD LYD OMR TND"), 3),
    **dict.fromkeys(("CLF", "UYW"), 4),
}
# The currency that people of a country are billed in.
_REGIONS: Mapping[str, str] = {
    "AED": "AE", "AFN": "AF", "ALL": "AL", "AMD": "AM", "AOA": "AO", "ARS": "AR", "AUD": "AU CC CX KI NF NR TV",
    "AWG": "AW", "AZN": "AZ", "BAM": "BA", "BBD": "BB", "BDT": "BD", "BHD": "BH", "BIF": "BI", "BMD": "BM", "BND": "BN",
    "BOB": "BO", "BRL": "BR", "BSD": "BS", "BTN": "BT", "BWP": "BW", "BYN": "BY", "BZD": "BZ", "CAD": "CA", "CDF": "CD",
    "CHF": "CH LI", "CLP": "CL", "CNY": "CN", "COP": "CO", "CRC": "CR", "CUP": "CU", "CVE": "CV", "CZK": "CZ", "DJF": "DJ",
    "DKK": "DK FO GL", "DOP": "DO", "DZD": "DZ", "EGP": "EG", "ERN": "ER", "ETB": "ET",
    "EUR": "AD AT AX BE BG BL CY DE EE ES FI FR GF GP GR HR IE IT LT LU LV MC ME MF MQ MT NL PM PT RE SI SK SM VA XK YT",
    "FJD": "FJ", "FKP": "FK", "GBP": "GB GG IM JE TA", "GEL": "GE", "GHS": "GH", "GIP": "GI", "GMD": "GM", "GNF": "GN",
    "GTQ": "GT", "GYD": "GY", "HKD": "HK", "HNL": "HN", "HTG": "HT", "HUF": "HU", "IDR": "ID", "ILS": "IL PS", "INR": "IN",
    "IQD": "IQ", "IRR": "IR", "ISK": "IS", "JMD": "JM", "JOD": "JO", "JPY": "JP", "KES": "KE", "KGS": "KG", "KHR": "KH",
    "KMF": "KM", "KPW": "KP", "KRW": "KR", "KWD": "KW", "KYD": "KY", "KZT": "KZ", "LAK": "LA", "LBP": "LB", "LKR": "LK",
    "LRD": "LR", "LSL": "LS", "LYD": "LY", "MAD": "EH MA", "MDL": "MD", "MGA": "MG", "MKD": "MK", "MMK": "MM", "MNT": "MN",
    "MOP": "MO", "MRU": "MR", "MUR": "MU", "MVR": "MV", "MWK": "MW", "MXN": "MX", "MYR": "MY", "MZN": "MZ", "NAD": "NA",
    "NGN": "NG", "NIO": "NI", "NOK": "NO SJ", "NPR": "NP", "NZD": "CK NU NZ TK", "OMR": "OM", "PAB": "", "PEN": "PE",
    "PGK": "PG", "PHP": "PH", "PKR": "PK", "PLN": "PL", "PYG": "PY", "QAR": "QA", "RON": "RO", "RSD": "RS", "RUB": "RU",
    "RWF": "RW", "SAR": "SA", "SBD": "SB", "SCR": "SC", "SDG": "SD", "SEK": "SE", "SGD": "SG", "SHP": "AC SH", "SLE": "SL",
    "SOS": "SO", "SRD": "SR", "SSP": "SS", "STN": "ST", "SVC": "", "SYP": "SY", "SZL": "SZ", "THB": "TH", "TJS": "TJ",
    "TMT": "TM", "TND": "TN", "TOP": "TO", "TRY": "TR", "TTD": "TT", "TWD": "TW", "TZS": "TZ", "UAH": "UA", "UGX": "UG",
    "USD": "AS BQ EC FM GU IO MH MP PA PR PW SV TC TL US VG VI", "UYU": "UY", "UZS": "UZ", "VED": "", "VES": "VE",
    "VND": "VN", "VUV": "VU", "WST": "WS", "XAF": "CF CG CM GA GQ TD", "XCD": "AG AI DM GD KN LC MS VC", "XCG": "CW SX",
    "XOF": "BF BJ CI GW ML NE SN TG", "XPF": "NC PF WF", "YER": "YE", "ZAR": "ZA", "ZMW": "ZM", "ZWG": "ZW",
    "CLF": "", "UYI": "", "UYW": "",
}  # fmt: skip
CURRENCIES = frozenset(_REGIONS)
_OF_REGION = {region: currency for currency, regions in _REGIONS.items() for region in regions.split()}

_DOLLARS = _codes(
    "USD AUD BBD BMD BND BSD BZD CAD FJD GYD HKD JMD KYD LRD NAD NZD SBD SGD SRD TTD TWD XCD ARS CLP COP CUP DOP MXN UYU"
)
# What stands before or behind an amount. A sign that several currencies share means the one that is usual there, and
# nothing where another is: "$" in an organisation that works with euros says too little.
_SIGNS: Mapping[str, tuple[str, ...]] = {
    "$": _DOLLARS, "£": ("GBP", "EGP", "FKP", "GIP", "LBP", "SDG", "SHP", "SSP", "SYP"), "¥": ("JPY", "CNY"),
    "￥": ("JPY", "CNY"), "KR": ("DKK", "ISK", "NOK", "SEK"), "RS": ("INR", "LKR", "MUR", "NPR", "PKR", "SCR"),
    "FR": ("CHF", "XAF", "XOF", "XPF", "BIF", "CDF", "DJF", "GNF", "KMF", "RWF"), "CFA": ("XAF", "XOF"),
    "FCFA": ("XAF", "XOF"), "R": ("ZAR",), "L": ("HNL",), "Q": ("GTQ",), "US$": ("USD",), "U$S": ("USD",), "CA$": ("CAD",),
    "C$": ("CAD", "NIO"), "A$": ("AUD",), "AU$": ("AUD",), "NZ$": ("NZD",), "HK$": ("HKD",), "S$": ("SGD",), "NT$": ("TWD",),
    "MX$": ("MXN",), "R$": ("BRL",), "RD$": ("DOP",), "€": ("EUR",), "₹": ("INR",), "₽": ("RUB",), "₺": ("TRY",),
    "₪": ("ILS",), "₩": ("KRW",), "₫": ("VND",), "₦": ("NGN",), "₱": ("PHP", "CUP"), "฿": ("THB",), "₡": ("CRC",),
    "₲": ("PYG",), "₴": ("UAH",), "₸": ("KZT",), "₾": ("GEL",), "₼": ("AZN",), "₵": ("GHS",), "ZŁ": ("PLN",), "KČ": ("CZK",),
    "FT": ("HUF",), "LEI": ("RON", "MDL"), "S/": ("PEN",), "CN¥": ("CNY",),
}  # fmt: skip
# Where one sign nearly always means the first of its currencies, whatever is usual there.
_FIRST = frozenset({"£", "₱", "C$"})
_MINUS = "-−–"
_FIGURE = re.compile(r"[0-9](?:.*[0-9])?", re.DOTALL)
_MARK = re.compile(r"[^0-9]{0,16}")


def currency_of(region: str) -> str:
    """The currency that an organisation of this country is likely to work with; ``""`` for an unknown country."""
    return _OF_REGION.get(region, "")


def exponent_of(currency: str) -> int:
    return EXPONENTS.get(currency, 2)


def in_major(amount: Mapping[str, JSON]) -> str:
    """``{"amount_minor": -123450, "currency": "USD"}`` → ``-1,234.50``"""
    places = exponent_of(str(amount["currency"]))
    return f"{Decimal(int(amount['amount_minor'])).scaleb(-places):,.{places}f}"


def amounts(value: JSON) -> list[dict[str, JSON]]:
    """A field's value as the list that it is where there are several currencies."""
    return value if isinstance(value, list) else [value]


def read(raw: JSON, region: str, usual: str) -> dict[str, JSON] | None:
    """An amount as a system sends it: a number or a text, or an object with its currency beside it.

    ``usual`` is the currency of what names none. None for an empty one. Raises ValueError, TypeError or KeyError.
    """
    if isinstance(raw, dict):
        return _of_object(raw, region, usual)
    if isinstance(raw, str):
        return _of_text(raw, region, usual) if raw.strip() else None
    if isinstance(raw, bool) or not isinstance(raw, int | float | Decimal):
        raise TypeError
    return _rounded(figures.bounded(raw), _known(usual))


def totals(found: list[dict[str, JSON]]) -> JSON:
    """One amount for each currency, those of one currency added; a single one as it is. Nothing for none."""
    sums: dict[str, int] = {}
    for amount in found:
        sums[amount["currency"]] = sums.get(amount["currency"], 0) + amount["amount_minor"]
    several = [_minor(total, currency) for currency, total in sums.items()]
    return several[0] if len(several) == 1 else several or None


def _of_object(raw: Mapping[str, JSON], region: str, usual: str) -> dict[str, JSON] | None:
    """``amount_minor``, or ``amount`` or ``value`` in whole units, with ``currency`` (``currency_code``).

    ``decimals``: how the system divides the currency, where ISO 4217 does not say so (Stripe's krónur have cents).
    """
    currency = _known(raw.get("currency") or raw.get("currency_code") or usual)
    if "amount_minor" not in raw:
        amount = raw["amount"] if "amount" in raw else raw["value"]
        if isinstance(amount, dict):
            raise TypeError
        found = None if amount is None else read(amount, region, currency)
        if found and found["currency"] != currency:
            raise ValueError
        return found
    if (minor := raw["amount_minor"]) is None:
        return None
    count = figures.plain(minor) if isinstance(minor, str) else figures.bounded(minor)
    places = raw.get("decimals")
    if places is not None:
        if isinstance(places, bool) or not isinstance(places, int | float) or places not in range(9):
            raise ValueError
        count = count.scaleb(exponent_of(currency) - int(places))
    return _minor(_whole(count), currency)


def _of_text(raw: str, region: str, usual: str) -> dict[str, JSON]:
    text = raw.strip()
    if len(text) > figures.MAX_TEXT:
        raise ValueError
    figure = _FIGURE.search(text)
    if not figure:
        raise ValueError
    begin, end = figure.span()
    if text[begin - 1 : begin] in (".", ",") and not text[: begin - 1][-1:].isalpha():
        begin -= 1  # ".50"
    before, after = text[:begin], text[end:]
    negative, currency = False, ""
    if before or after:
        negative = _is_negative(before, after)
        currency = _currency(_mark(before, "(+"), _mark(after, ")"), usual)
    currency = currency or _known(usual)
    amount = figures.separated(text[begin:end], region, exponent_of(currency))
    return _minor(_whole((-amount if negative else amount).scaleb(exponent_of(currency))), currency)


def _is_negative(before: str, after: str) -> bool:
    """Whether there is one minus, before or behind, or brackets around. Raises ValueError for more than one of them."""
    minus = sum((before + after).count(sign) for sign in _MINUS)
    opened, closed = before.count("("), after.count(")")
    if opened != closed or minus + opened > 1 or (before.count("+") and (minus or opened)) or before.count("+") > 1:
        raise ValueError
    return bool(minus or opened)


def _mark(around: str, brackets: str) -> str:
    """What names the currency on one side of the figure."""
    if not _MARK.fullmatch(around):
        raise ValueError
    mark = "".join(character for character in around if character not in _MINUS + brackets).strip().upper()
    code, sign = mark[:3], mark[3:].strip()
    if code in CURRENCIES and code in _SIGNS.get(sign, ()):  # "USD $42"
        return code
    return mark.replace("US $", "US$")


def _currency(before: str, after: str, usual: str) -> str:
    """The one that both marks allow; ``""`` where there is no mark."""
    if not before and not after:
        return ""
    allowed = [set(_meant(mark)) for mark in (before, after) if mark]
    common = set.intersection(*allowed)
    if len(common) == 1:
        return common.pop()
    if usual in common:
        return usual
    sign = next((mark for mark in (before, after) if mark in _FIRST), "")
    if sign and not (before and after):
        return _SIGNS[sign][0]
    raise ValueError


def _meant(mark: str) -> tuple[str, ...]:
    bare = mark.removesuffix(".") if len(mark) > 1 else mark
    return (bare,) if bare in CURRENCIES else _SIGNS.get(bare, ())


def _known(currency: JSON) -> str:
    code = currency.strip().upper() if isinstance(currency, str) and len(currency) < 9 else ""
    if code not in CURRENCIES:
        raise ValueError
    return code


def _rounded(amount: Decimal, currency: str) -> dict[str, JSON]:
    """A number that came as one carries the noise of its making behind the smallest unit."""
    minor = amount.scaleb(exponent_of(currency)).quantize(Decimal(1), rounding=ROUND_HALF_EVEN)
    return _minor(_whole(minor), currency)


def _whole(amount: Decimal) -> int:
    if amount != amount.to_integral_value():
        raise ValueError
    return int(figures.bounded(amount))


def _minor(amount: int, currency: str) -> dict[str, JSON]:
    if abs(amount) > figures.MAX_SAFE:
        raise ValueError
    return {"amount_minor": amount, "currency": currency}
