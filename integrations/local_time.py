"""What time it is where a number belongs: by its area, which says nothing of where somebody carries their phone."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from phonenumbers import PhoneNumberType, number_type
from phonenumbers.timezone import time_zones_for_number

from integrations.phone import Number

# Numbers of a wider country say nothing of the hour.
WIDEST = timedelta(hours=6)
_NOWHERE = frozenset({
    PhoneNumberType.TOLL_FREE, PhoneNumberType.PREMIUM_RATE, PhoneNumberType.SHARED_COST, PhoneNumberType.UAN,
    PhoneNumberType.VOICEMAIL,
})  # fmt: skip


def times_at(number: Number, now: datetime) -> tuple[datetime, datetime] | None:
    """The earliest and the latest it may be there; None where that is not known."""
    if number_type(number.parsed) in _NOWHERE:
        return None
    times = [now.astimezone(zone) for name in time_zones_for_number(number.parsed) if (zone := _zone(name))]
    if not times:
        return None
    first, last = min(times, key=_offset), max(times, key=_offset)
    return (first, last) if _offset(last) - _offset(first) <= WIDEST else None


def _offset(moment: datetime) -> timedelta:
    return moment.utcoffset() or timedelta()


def _zone(name: str) -> ZoneInfo | None:
    try:
        return None if name == "Etc/Unknown" else ZoneInfo(name)
    except (ValueError, ZoneInfoNotFoundError):
        return None
