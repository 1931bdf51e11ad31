"""How dates are written where the day comes first and the clock has 24 hours: as ``integrations.days`` writes them."""

from __future__ import annotations

from integrations.days import day_format, moment_format, time_format

DATE_FORMAT = SHORT_DATE_FORMAT = day_format("DE")
TIME_FORMAT = time_format("DE")
DATETIME_FORMAT = SHORT_DATETIME_FORMAT = moment_format("DE")
