"""Days and moments as systems write them: docs/values.md as tests."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.utils.formats import date_format

from integrations.coercion import Habits, WrongType, coerce
from integrations.lookup.merge import merge
from integrations.presentation.formatting import ValueFormatter, at_home
from integrations.profile import FIELDS, SourceRecord

LA = ZoneInfo("America/Los_Angeles")


def read(field: str, raw: object, region: str = "US", zone: ZoneInfo = LA) -> Any:
    return coerce(FIELDS[field], raw, Habits(zone, region))


@pytest.mark.parametrize(
    "zone", ["America/Los_Angeles", "Asia/Tokyo", "UTC", "Pacific/Auckland", "Pacific/Honolulu", "Asia/Kolkata"]
)
@pytest.mark.parametrize("year", [1941, 1969, 1970, 1998, 2026])
def test_a_day_kept_as_midnight_is_that_day_in_every_zone(zone: str, year: int) -> None:
    there = ZoneInfo(zone)
    for n in range(0, 366, 7):
        day = date(year, 1, 1) + timedelta(days=n)
        in_utc = datetime(day.year, day.month, day.day, tzinfo=UTC)
        local = datetime(day.year, day.month, day.day, tzinfo=there)
        seconds = int(in_utc.timestamp())
        kept: list[object] = [
            day, in_utc, local, local.astimezone(UTC), in_utc.isoformat(), in_utc.isoformat().replace("+00:00", ".000Z"),
            local.isoformat(), day.isoformat(), f"{day} 00:00:00", f"{day} 00:00:00 UTC", day.strftime("%b %d, %Y"),
            day.strftime("%Y%m%d"), day.strftime("%Y/%m/%d"), datetime(day.year, day.month, day.day),
        ]  # fmt: skip
        if abs(seconds) >= 10**8:  # of fewer digits it cannot be told what they are
            kept += [
                seconds,
                str(seconds),
                seconds * 1000,
                str(seconds * 1000),
                f"{seconds * 1000}.0",
                float(seconds),
                Decimal(seconds),
            ]
        for raw in kept:
            for field in ("last_visit", "member_since", "date_of_birth", "last_payment"):
                assert read(field, raw, zone=there) == day.isoformat(), (field, raw)


def test_the_day_of_a_moment_is_that_of_the_source() -> None:
    assert read("last_visit", "2026-11-20T07:30:00Z") == "2026-11-19"
    assert read("last_visit", "2026-11-20T10:30:00") == "2026-11-20"
    assert read("last_visit", "11/20/2026 2:30 PM") == "2026-11-20"


@pytest.mark.parametrize(
    ("raw", "moment"),
    [("2026-11-21T00:00:00Z", "2026-11-21T00:00:00+00:00"), ("2026-11-20T14:30:00-08:00", "2026-11-20T14:30:00-08:00"),
     ("11/20/2026 2:30 PM", "2026-11-20T14:30:00-08:00"), ("20261120143000", "2026-11-20T14:30:00-08:00"), ("2026-11-20",
     "2026-11-20"),
     ("2026-11-20 00:00:00", "2026-11-20"), ("2026-11-20T08:00:00Z", "2026-11-20"), ("1700000000000",
     "2023-11-14T22:13:20+00:00"),
     (1700000000.5, "2023-11-14T22:13:20.500000+00:00"), ("Fri, 20 Nov 2026 10:00:00 GMT", "2026-11-20T10:00:00+00:00")],
)  # fmt: skip
def test_a_moment_keeps_its_time_also_when_that_is_midnight_elsewhere(raw: object, moment: str) -> None:
    """4 p.m. in Los Angeles is midnight in UTC: an appointment then is not one of the next day."""
    assert read("last_contact", raw) == moment
    (appointment,) = read("appointments", [{"id": 1, "start": raw}])
    assert appointment["start"] == moment


@pytest.mark.parametrize(
    "raw",
    ["", " ", 0, "0", "0/0/00", "00/00/0000", "0000-00-00", "0000-00-00 00:00:00", "00.00.0000", "0001-01-01",
     "0001-01-01T00:00:00Z",
     "0001-01-01T00:00:00+05:00", "1/1/0001", "1753-01-01", "1900-01-01", "1900-01-01T00:00:00.000Z", "1/1/1900", "1899-12-30",
     "1899-12-31", "9999-12-31", "9999-12-31T23:59:59.999Z", "12/31/9999", date(1, 1, 1), datetime(1900, 1, 1), "infinity",
     "-", "n/a",
     "NULL", "never", False, None],
)  # fmt: skip
@pytest.mark.parametrize("field", ["date_of_birth", "last_contact"])
def test_what_programs_keep_for_no_date_is_none(field: str, raw: object) -> None:
    assert read(field, raw) is None


@pytest.mark.parametrize(
    ("raw", "known", "told"),
    [("1974-12", "1974-12", "Dec 1974"), ("1974", "1974", "1974"), (1974, "1974", "1974"), ("1974-12-00", "1974-12",
     "Dec 1974"),
     ("1974-00-00", "1974", "1974"), ("12/1974", "1974-12", "Dec 1974"), ("Dec 1974", "1974-12", "Dec 1974")],
)  # fmt: skip
def test_a_birth_date_is_told_as_far_as_it_is_known(raw: object, known: str, told: str) -> None:
    assert read("date_of_birth", raw) == known
    assert type(read("date_of_birth", raw)) is str
    assert ValueFormatter(LA, "US").lines(FIELDS["date_of_birth"].type, known) == [told]
    with pytest.raises(WrongType):
        read("last_contact", raw)


@pytest.mark.parametrize(
    "raw",
    ["06-MAR-41", "06-mar-41", "6-Mar-1941", "/Date(-909619200000)/", "/Date(-909619200000+0000)/", "３/６/１９４１",
     "Thu Mar 06 1941 00:00:00 GMT-0800 (Pacific Standard Time)", "\u200e3\u200e/\u200e6\u200e/\u200e1941"],
)  # fmt: skip
def test_dates_as_programs_write_them_are_read(raw: str) -> None:
    assert read("date_of_birth", raw) == "1941-03-06"


@pytest.mark.parametrize(
    ("written", "region", "day"),
    [("11/20/2026", "US", "2026-11-20"), ("20/11/2026", "MX", "2026-11-20"), ("3/4/2026", "US", "2026-03-04"),
     ("3/4/2026", "GB", "2026-04-03"), ("20.11.2026", "DE", "2026-11-20"), ("20-Nov-2026", "GB", "2026-11-20"),
     ("20 de noviembre de 2026", "MX", "2026-11-20"), ("Friday, November 20th, 2026", "US", "2026-11-20"), ("20/11/2026",
     "CA", "2026-11-20"),
     ("3/3/2026", "CA", "2026-03-03"), ("2026.11.20", "US", "2026-11-20")],
)  # fmt: skip
def test_dates_are_read_in_the_order_of_their_country(written: str, region: str, day: str) -> None:
    assert read("last_visit", written, region) == day


@pytest.mark.parametrize(
    ("written", "region"),
    [("20/11/2026", "US"), ("11/20/2026", "GB"), ("3/4/2026", "CA"), ("2026-02-30", "US"), ("13/13/2026", "US"), ("soon", "US"),
     ("45981", "US"), ("12345", "US"), ("11201941", "US"), ("03041941", "US"), ("1" * 15, "US"), ("1" * 30, "US"),
     ("1e999990", "US"),
     ("0202-05-01", "US"), ("2999-01-01", "US"), ("4155550123 x", "US"), (True, "US"), (1e300, "US"), (float("nan"), "US"),
     (10**30, "US"),
     ({"a": 1}, "US"), (["2026-11-20"], "US"), ("x" * 100_000, "US"), ("20 Nov 26", "US"), ("2026-11-20T25:00:00", "US")],
    ids=lambda raw: str(raw)[:20],
)  # fmt: skip
def test_what_could_be_two_days_or_none_is_unreadable(written: object, region: str) -> None:
    for field in ("last_visit", "last_contact", "date_of_birth"):
        with pytest.raises(WrongType):
            read(field, written, region)


def test_of_two_digits_only_those_that_leave_no_doubt_are_a_year_of_birth() -> None:
    year = datetime.now(UTC).year % 100
    assert read("date_of_birth", f"3/4/{year + 1:02}") == f"19{year + 1:02}-03-04"
    assert read("date_of_birth", "3/4/10") == "2010-03-04"
    assert read("last_visit", f"3/4/{year:02}") == f"20{year:02}-03-04"
    with pytest.raises(WrongType):
        read("date_of_birth", f"3/4/{year - 5:02}")  # five years old, or a hundred and five


@pytest.mark.parametrize(
    ("region", "day", "moment"),
    [("US", "Nov 20, 2026", "Nov 20, 2026, 2:30 p.m."), ("GB", "20 Nov 2026", "20 Nov 2026, 2:30 p.m."),
     ("DE", "20 Nov 2026", "20 Nov 2026, 14:30"), ("JP", "2026-11-20", "2026-11-20, 14:30"), ("MX", "20 Nov 2026",
     "20 Nov 2026, 2:30 p.m.")],
)  # fmt: skip
def test_dates_are_told_as_the_country_writes_them(region: str, day: str, moment: str) -> None:
    formatter = ValueFormatter(LA, region)
    assert formatter.moment("2026-11-20") == day
    assert formatter.moment("2026-11-20T14:30:00-08:00") == moment
    # The pages that Django draws, like the admin's, write them the same way.
    with at_home(LA, region):
        assert date_format(datetime(2026, 11, 20, 14, 30, tzinfo=LA), "DATETIME_FORMAT") == moment
        assert date_format(date(2026, 11, 20), "DATE_FORMAT") == day


def test_a_day_a_year_and_a_moment_that_fit_are_no_disagreement() -> None:
    records = [
        SourceRecord("a", "1", {"date_of_birth": "1974", "last_contact": "2026-11-20T23:30:00-08:00"}),
        SourceRecord("b", "2", {"date_of_birth": "1974-12-03", "last_contact": "2026-11-21T07:30:00+00:00"}),
        SourceRecord("c", "3", {"date_of_birth": "1975-12-03", "last_contact": "2026-11-21T07:31:00+00:00"}),
    ]
    person = merge(records, {"a": 1, "b": 2, "c": 3}, FIELDS, "US")
    assert person.fields["date_of_birth"].conflicts == (("c", "1975-12-03"),)
    assert [key for key, _value in person.fields["last_contact"].conflicts] == ["c"]


def test_an_appointment_of_a_day_is_today_where_it_is() -> None:
    formatter = ValueFormatter(LA, "US")
    assert formatter.is_today(datetime.now(LA).date().isoformat())
    assert not formatter.is_today((datetime.now(LA).date() - timedelta(days=1)).isoformat())
