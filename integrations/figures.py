"""Numbers as systems send them: bounded before they are converted, and read by the separators of their country.

Python's numbers have no end: twenty digits do not fit the JSON of most readers, and ``1e999990`` takes half a minute to
write out. So nothing foreign becomes a number before its length and exponent are known.
"""

from __future__ import annotations

import math
import re
import unicodedata
from decimal import Decimal

# What every reader of JSON holds exactly: RFC 8259, section 6.
MAX_SAFE = 2**53 - 1
MAX_TEXT = 64
_DIGITS = 40
_MAX_PLACES = 300
_PLAIN = re.compile(r"[+-]?(?:[0-9]{1,20}(?:\.[0-9]{0,20})?|\.[0-9]{1,20})(?:[eE][+-]?[0-9]{1,2})?")
_SEPARATED = re.compile(r"[0-9., ']{1,64}")
_BLANK = re.compile(r"\s")
_SIGN = re.compile(r"[^0-9]")
_GROUPS = {
    sign: re.compile(rf"[1-9][0-9]{{0,2}}(?:{re.escape(sign)}[0-9]{{2,3}})*{re.escape(sign)}[0-9]{{3}}") for sign in ".,' "
}


def _regions(codes: str) -> frozenset[str]:
    return frozenset(codes.split())


# By which sign people of a country group thousands, by CLDR and by habit where that differs; elsewhere it is a comma.
_GROUPED_BY_DOT = _regions(
    "AD AL AO AR AT BA BE BO BR CL CO CY DE DK DZ EC ES FO GL GR HR ID IS IT LU LY MA MD ME MK MZ NL PT PY RO RS SI SM TL "
    "TN TR UY VA VE VN XK"
)
_GROUPED_BY_BLANK = _regions(
    "AM AX AZ BF BG BI BJ BL BY CD CF CG CI CM CR CZ DJ EE FI FR GA GE GF GN GP GQ HU KG KM KZ LT LV MC MF MG ML MQ NC NE "
    "NO PF PL PM RE RU SE SJ SK SN TD TG TJ TM UA UZ WF YT ZA"
)
_GROUPED_BY_APOSTROPHE = frozenset({"CH", "LI"})


def grouping_sign(region: str) -> str:
    """The sign between the thousands of a number, as people of this country write it."""
    if region in _GROUPED_BY_DOT:
        return "."
    if region in _GROUPED_BY_BLANK:
        return " "
    return "'" if region in _GROUPED_BY_APOSTROPHE else ","


def plain_signs(text: str) -> str:
    """The text without marks that cannot be seen, as browsers put into dates, and with the usual digits and signs."""
    if text.isascii():
        return text
    return "".join(_USUAL.get(one, one) for one in text if unicodedata.category(one) != "Cf")


_USUAL = {chr(wide): chr(wide - 0xFEE0) for wide in range(0xFF01, 0xFF5F)}


def bounded(raw: int | float | Decimal) -> Decimal:
    """A number that came as one, exactly. Raises ValueError for one that readers of JSON could not hold."""
    if isinstance(raw, bool):
        raise ValueError
    if isinstance(raw, Decimal):
        places = raw.as_tuple()
        if not raw.is_finite() or len(places.digits) > _DIGITS or abs(raw.adjusted()) > _MAX_PLACES:
            raise ValueError
    elif isinstance(raw, float) and not math.isfinite(raw):
        raise ValueError
    if not -MAX_SAFE <= raw <= MAX_SAFE:
        raise ValueError
    return Decimal(repr(raw)) if isinstance(raw, float) else Decimal(raw)


def plain(text: str) -> Decimal:
    """A number as programs write it, with a point and perhaps an exponent. Raises ValueError for anything else."""
    if not _PLAIN.fullmatch(text):
        raise ValueError
    return bounded(Decimal(text))


def separated(text: str, region: str, places: int | None) -> Decimal:
    """Digits with separators as people of ``region`` write them. Raises ValueError for what could mean two things.

    Of two different separators the last is the decimal one. A single one is decimal before one or two digits; before three
    it groups if it does so in the region, and else is decimal only where there may be three ``places`` (None: any number).
    """
    figure = _BLANK.sub(" ", text[: MAX_TEXT + 1]).replace("’", "'")
    if not _SEPARATED.fullmatch(figure):
        raise ValueError
    signs = _SIGN.findall(figure)
    if not signs:
        return bounded(Decimal(figure))
    whole, sign, rest = figure.rpartition(signs[-1])
    if len(set(signs)) == 2 and sign in ".," and signs.count(sign) == 1 and rest:
        return _joined(_ungrouped(whole, signs[0]), rest)
    if len(set(signs)) > 1:
        raise ValueError
    if len(signs) == 1 and sign in ".," and _is_decimal(sign, rest, region, places):
        return _joined(whole or "0", rest)
    if len(signs) == 1 and sign != " " and sign != grouping_sign(region):
        raise ValueError
    return bounded(Decimal(_ungrouped(figure, sign)))


def _is_decimal(sign: str, rest: str, region: str, places: int | None) -> bool:
    if len(rest) == 3:
        return sign != grouping_sign(region) and (places is None or places >= 3)
    return len(rest) in (1, 2) or (places is None and len(rest) > 3)


def _ungrouped(figure: str, sign: str) -> str:
    if not _GROUPS[sign].fullmatch(figure):
        raise ValueError
    return figure.replace(sign, "")


def _joined(whole: str, rest: str) -> Decimal:
    return bounded(Decimal(f"{whole}.{rest}"))


def seconds(raw: object, most: float) -> float | None:
    """How long somebody asks us to wait, in a header or an answer: from 0 to ``most``; None for what is no number."""
    if isinstance(raw, str):
        raw = Decimal(raw.strip()) if _PLAIN.fullmatch(raw.strip()) else None
    if isinstance(raw, bool) or not isinstance(raw, int | float | Decimal) or raw != raw:
        return None
    return float(min(max(raw, 0), most))


def count(raw: object, most: int) -> int:
    """A number of things that an answer names, from 0 to ``most``; 0 for what is none."""
    found = seconds(raw, most)
    return int(found) if found is not None else 0
