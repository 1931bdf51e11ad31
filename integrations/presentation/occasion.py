"""What is to be said of the call itself, beside what is known of the caller."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone
from django.utils.dateformat import format as format_date
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from integrations import days
from integrations.disclosure import Disclosure
from integrations.local_time import times_at
from integrations.models.people import Effect
from integrations.presentation.formatting import ValueFormatter

# Nobody wants to be rung up at another hour.
DAY_BEGINS, DAY_ENDS = 8, 21


@dataclass(frozen=True)
class Occasion:
    """``rings_back``: the agent is about to call this person. ``doubted``: the network does not vouch for the number."""

    rings_back: bool = False
    doubted: bool = False


def local_time(shown: Disclosure, formatter: ValueFormatter) -> str:
    """The time where the number belongs, for whoever sees the number, if it is another than here."""
    times = _times(shown)
    if times is None or {time.utcoffset() for time in times} == {timezone.now().astimezone(formatter.zone).utcoffset()}:
        return ""
    first, last = (format_date(time, days.time_format(formatter.region)) for time in times)
    if first == last:
        return _("It is %(time)s there, by the number’s area") % {"time": first}
    return _("It is between %(first)s and %(last)s there, by the number’s area") % {"first": first, "last": last}


def at_a_bad_hour(shown: Disclosure) -> list[str]:
    """A note where it may be too early or too late to ring there."""
    bad = any(not DAY_BEGINS <= time.hour < DAY_ENDS for time in _times(shown) or ())
    return [_("It may be too early or too late to call there")] if bad else []


def _times(shown: Disclosure) -> tuple[datetime, datetime] | None:
    if shown.number is None or shown.number_effect is not Effect.CLEAR:
        return None
    return times_at(shown.number, timezone.now())


def calls_before(shown: Disclosure, formatter: ValueFormatter) -> str:
    """Say how often this number called lately, and whom it reached last."""
    before = shown.calls_before
    if before is None or before.last_at is None:
        return ""
    often = ngettext("%(n)d call in 30 days", "%(n)d calls in 30 days", before.count) % {"n": before.count}
    values = {"often": often, "when": formatter.moment(before.last_at.isoformat()), "who": before.last_with}
    if not before.last_with:
        return _("%(often)s, the last on %(when)s") % values
    return _("%(often)s, the last on %(when)s with %(who)s") % values
