"""How dates are written where the year comes first: as ``integrations.days`` writes them."""

from __future__ import annotations

from integrations.days import day_format, moment_format, time_format

DATE_FORMAT = SHORT_DATE_FORMAT = day_format("SE")
TIME_FORMAT = time_format("SE")
DATETIME_FORMAT = SHORT_DATETIME_FORMAT = moment_format("SE")
