"""Days and moments as systems write them, and in which order a country writes a date.

A day is a date of the calendar, whatever the time: whoever stores it as midnight, in UTC or where they are, means that day
everywhere. What could be two days is refused and never guessed.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from decimal import Decimal

from integrations import figures
from integrations.profile import JSON
from integrations.words import is_nothing

MAX_TEXT = 64
# Where people write the month first; where numbers alone leave it open; where they begin with the year.
MONTH_FIRST = frozenset({"US", "PH", "FM", "MH", "PW", "AS", "GU", "MP", "PR", "VI"})
_EITHER = frozenset({"CA"})
YEAR_FIRST = frozenset({"CA", "CN", "HU", "JP", "KP", "KR", "LT", "MN", "SE", "TW"})
# Where the clock has twelve hours.
TWELVE_HOURS = MONTH_FIRST | frozenset(
    {"AU", "BD", "CA", "CO", "EG", "GB", "IE", "IN", "JM", "MX", "MY", "NZ", "PK", "SA", "TT"}
)

# What programs keep for "no date": the first and last days that they know.
_NONE = frozenset({date(1753, 1, 1), date(1899, 12, 30), date(1899, 12, 31), date(1900, 1, 1)})
_FIRST_YEAR, _LAST_YEAR, _NEVER = 1800, 2200, 9000
_NO_DATES = frozenset({"infinity", "-infinity", "never", "nunca"})
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_COUNT = re.compile(r"-?[1-9][0-9]{3,13}(?:\.[0-9]{1,9})?")
_OF_DOTNET = re.compile(r"/Date\((-?[0-9]{1,14})(?:[+-][0-9]{4})?\)/")  # ASP.NET's JSON: milliseconds
_NAME_OF_ZONE = re.compile(r" \([A-Za-z ]{2,40}\)$")  # "… GMT-0800 (Pacific Standard Time)", as JavaScript writes
_YEAR_FIRST = re.compile(r"([0-9]{4})[-/.]([0-9]{1,2})(?:[-/.]([0-9]{1,2}))?")
_NUMBERS = re.compile(r"([0-9]{1,2})[-/.]([0-9]{1,2})[-/.]([0-9]{4}|[0-9]{2})")
_ORACLES = re.compile(r"([0-9]{1,2})-([^\W\d_]{3,4})-([0-9]{2})")  # 06-MAR-41
_MONTH_AND_YEAR = re.compile(r"([0-9]{1,2})/([0-9]{4})")
_WITH_TIME = re.compile(
    r"(?P<day>[^:]{4,40}?)[T\s,]{1,3}(?P<hour>[0-9]{1,2}):(?P<minute>[0-9]{2})(?::(?P<second>[0-9]{2})(?:\.[0-9]{1,9})?)?"
    r"\s?(?P<half>[AaPp]\.?[Mm]\.?)?\s?(?P<zone>Z|UTC|GMT|[+-][0-9]{2}:?[0-9]{2})?"
)
_WORDS = re.compile(r"[0-9]{1,4}|[^\W\d_]{1,12}")
_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "jan january ene enero", "feb february febrero", "mar march marzo", "apr april abr abril", "may mayo",
            "jun june junio", "jul july julio", "aug august ago agosto", "sep sept september septiembre setiembre",
            "oct october octubre",
            "nov november noviembre", "dec december dic diciembre",
        ),
        start=1,
    )
    for name in names.split()
}  # fmt: skip
_FILLING = (
    "de del of the st nd rd th mon tue tues wed thu thur thurs fri sat sun monday tuesday wednesday thursday friday saturday "
    "sunday lunes martes miércoles jueves viernes sábado domingo"
)
_BETWEEN = frozenset(_FILLING.split())


# How a date is written, in Django's letters: as people of a country order it. Without a day, and without a month.
_FORMATS = {"month": "M j, Y", "day": "j M Y", "year": "Y-m-d"}
PARTIAL_FORMATS = {7: "M Y", 4: "Y"}


def day_format(region: str) -> str:
    return _FORMATS["month" if region in MONTH_FIRST else "year" if region in YEAR_FIRST else "day"]


def time_format(region: str) -> str:
    return "g:i a" if region in TWELVE_HOURS else "H:i"


def moment_format(region: str) -> str:
    return f"{day_format(region)}, {time_format(region)}"


def locale_of(region: str) -> str:
    """The English whose dates are ordered so: Django knows formats by language alone."""
    if region in YEAR_FIRST:
        return "en-ca"
    if region in MONTH_FIRST:
        return "en"
    return "en-gb" if region in TWELVE_HOURS else "en-ie"


class Partial(str):
    """A date of which the day, or the month as well, is not known: ``1974-12``, ``1974``."""

    __slots__ = ()


def day(raw: JSON, zone: tzinfo, region: str, *, of_birth: bool = False) -> str | None:
    """The day as ISO 8601, as far as it is known (``1974``); None for none. Raises ValueError, TypeError, OverflowError."""
    found = _read(raw, region, of_birth)
    if isinstance(found, datetime):
        found = _real(_day_of(found, zone))
    return found.isoformat() if isinstance(found, date) else found and str(found)


def moment(raw: JSON, zone: tzinfo, region: str) -> str | None:
    """The moment as ISO 8601 with zone; only its day where no time is given, or midnight in ``zone``. Raises as above."""
    found = _read(raw, region, of_birth=False)
    if isinstance(found, Partial):
        raise ValueError
    if isinstance(found, datetime):
        found = found if found.tzinfo else found.replace(tzinfo=zone)
        if found.astimezone(zone).time() == time():
            return found.astimezone(zone).date().isoformat()
    return found.isoformat() if found is not None else None


def _day_of(found: datetime, zone: tzinfo) -> date:
    """The day that is meant: midnight where it was written, or in UTC, is a day; else it is the day in ``zone``."""
    if found.tzinfo is None or found.time() == time():
        return found.date()
    in_utc = found.astimezone(UTC)
    return in_utc.date() if in_utc.time() == time() else found.astimezone(zone).date()


def _read(raw: JSON, region: str, of_birth: bool) -> date | Partial | None:
    """A date, or a datetime, with a zone if it carries one."""
    if isinstance(raw, bool):
        raise TypeError
    if isinstance(raw, date):
        return _real(raw)
    if isinstance(raw, int | float | Decimal):
        return _real(_counted(figures.bounded(raw)))
    if not isinstance(raw, str) or len(raw) > 4 * MAX_TEXT:
        raise TypeError
    text = figures.plain_signs(raw).strip()
    if is_nothing(text) or text.casefold() in _NO_DATES or not text.strip("0-/. :TZ+"):
        return None
    if len(text) > MAX_TEXT:
        raise ValueError
    if found := _OF_DOTNET.fullmatch(text):
        return _real(_EPOCH + timedelta(milliseconds=int(found[1])))
    return _real(_counted(Decimal(text)) if _COUNT.fullmatch(text) else _written(text, region, of_birth))


def _real(found: date | Partial | None) -> date | Partial | None:
    """None for what programs keep for "no date". Raises ValueError for years of which nobody speaks."""
    if found is None or isinstance(found, Partial):
        return found
    only = found.date() if isinstance(found, datetime) else found
    if only in _NONE or only.year == 1 or only.year >= _NEVER:
        return None
    if not _FIRST_YEAR <= only.year <= _LAST_YEAR:
        raise ValueError
    return found


def _counted(count: Decimal) -> date | Partial | None:
    """Seconds (up to ten digits) or milliseconds since 1970, or a date in digits: ``20261120``, ``1974``."""
    whole = int(count)
    digits = len(str(abs(whole)))
    if whole == 0:
        return None
    if whole > 0 and count == whole and digits in (8, 14):
        return date.fromisoformat(str(whole)) if digits == 8 else datetime.strptime(str(whole), "%Y%m%d%H%M%S")
    if digits == 4 and whole > 0 and count == whole:
        return _partial(whole)
    if digits < (5 if whole < 0 else 9) or digits > 13:
        raise ValueError
    return _EPOCH + (timedelta(milliseconds=float(count)) if digits > 10 else timedelta(seconds=float(count)))


def _written(text: str, region: str, of_birth: bool) -> date | Partial | None:
    try:
        return datetime.fromisoformat(text) if len(text) > 10 else date.fromisoformat(text)
    except ValueError:
        pass
    if found := _WITH_TIME.fullmatch(_NAME_OF_ZONE.sub("", text).replace(" GMT+", " +").replace(" GMT-", " -")):
        only = _of_day(found["day"].strip(), region, of_birth)
        if isinstance(only, Partial) or only is None:
            return only
        return datetime.combine(only, _time_of(found), _zone_of(found["zone"]))
    return _of_day(text, region, of_birth)


def _of_day(text: str, region: str, of_birth: bool) -> date | Partial | None:
    if not text.strip("0-/. "):
        return None
    if found := _YEAR_FIRST.fullmatch(text):
        year, month, last = (int(part or 0) for part in found.groups())
        return date(year, month, last) if month and last else _partial(year, month)
    if found := _MONTH_AND_YEAR.fullmatch(text):
        return _partial(int(found[2]), int(found[1]))
    if found := _NUMBERS.fullmatch(text):
        return _ordered(int(found[1]), int(found[2]), _full(found[3], of_birth), region)
    if found := _ORACLES.fullmatch(text):
        text = f"{found[1]} {found[2]} {_full(found[3], of_birth)}"
    return _in_words(text)


def _ordered(first: int, second: int, year: int, region: str) -> date:
    """Day and month in the order of the region's habit; where there are two, only what can be one day alone."""
    if region not in _EITHER:
        return date(year, first, second) if region in MONTH_FIRST else date(year, second, first)
    possible = {date(year, month, last) for month, last in ((first, second), (second, first)) if month <= 12}
    if len(possible) != 1:
        raise ValueError
    return possible.pop()


def _full(written: str, of_birth: bool) -> int:
    """Two digits mean a year that has been. Of birth dates those stay open that could be a child's or a centenarian's."""
    year, now = int(written), datetime.now(UTC).year
    if len(written) == 4:
        return year
    recent, before = now // 100 * 100 + year, now // 100 * 100 + year - 100
    if recent > now + (0 if of_birth else 1):
        return before
    if of_birth and now - before <= _OLDEST:
        raise ValueError
    return recent


_OLDEST = 110


def _in_words(text: str) -> date | Partial:
    """``Nov 20, 2026``, ``20 de noviembre de 2026``, ``Fri, 20 Nov 2026``, ``Dec 1974``."""
    words = [word for word in _WORDS.findall(text.casefold()) if word not in _BETWEEN]
    months = [_MONTHS[word] for word in words if word in _MONTHS]
    numbers = [word for word in words if word.isdigit()]
    years = [int(word) for word in numbers if len(word) == 4]
    days = [int(word) for word in numbers if len(word) < 3]
    if len(months) != 1 or len(years) != 1 or len(words) != 2 + len(days) or len(days) > 1:
        raise ValueError
    return date(years[0], months[0], days[0]) if days else _partial(years[0], months[0])


def _partial(year: int, month: int = 0) -> Partial:
    if not _FIRST_YEAR <= year <= _LAST_YEAR or month > 12:
        raise ValueError
    return Partial(f"{year:04}-{month:02}" if month else f"{year:04}")


def _time_of(found: re.Match[str]) -> time:
    hour = int(found["hour"])
    if half := found["half"]:
        if not 1 <= hour <= 12:
            raise ValueError
        hour = hour % 12 + (12 if half[0] in "Pp" else 0)
    return time(hour, int(found["minute"]), int(found["second"] or 0))


def _zone_of(written: str | None) -> tzinfo | None:
    if not written:
        return None
    return UTC if written.isalpha() else datetime.strptime(written, "%z").tzinfo
