"""The lock-out: how often a log-in may fail, by user and by address, before it is closed for a quarter of an hour.

Failures are rows of django-axes, so that neither a restart nor a Redis that is away nor three hundred other names wash
them out. What was typed as a name may be a password in the wrong field: a row holds a keyed digest of it.
"""

from __future__ import annotations

import unicodedata
from typing import Any

from axes.handlers.database import AxesDatabaseHandler
from django.http import HttpRequest

from integrations.models.keys import folded
from integrations.storage.encryption import blind_index

MAX_NAME = 150
# By AXES_LOCKOUT_PARAMETERS, in their order: one user from one address, one user from anywhere, one address with any
# names. An office shares an address, and a stranger must not be able to lock somebody out with ten requests.
LIMITS = (10, 30, 100)


def digest_of_name(request: HttpRequest | None, credentials: dict[str, Any] | None = None) -> str:
    """The name that a log-in was tried with, for django-axes: everything that could be taken for one user counts together,
    whatever its accents and blanks, beside what ``folded()`` takes for one name."""
    posted = request.POST.get("username", "") if request is not None else ""
    name = str((credentials or {}).get("username") or posted)[:MAX_NAME]
    apart = unicodedata.normalize("NFKD", folded(name))
    plain = "".join(character for character in apart if not unicodedata.combining(character))
    return blind_index("".join(plain.split()), scope="lock-out")


class LockOut(AxesDatabaseHandler):  # type: ignore[misc]  # axes has no type information
    """Counts each kind of failure against its own limit."""

    def get_failures(self, request: HttpRequest, credentials: dict[str, Any] | None = None) -> int:
        """The failures in tenths of the limit that is nearest: ten of them close the log-in."""
        attempts = self.get_user_attempts(request, credentials)
        counts: list[int] = [sum(rows.values_list("failures_since_start", flat=True)) for rows in attempts]
        return max(count * LIMITS[0] // limit for count, limit in zip(counts, LIMITS, strict=True))

    def user_logged_out(self, *_args: Any, **_facts: Any) -> None:
        """Writes nothing: nobody is kept logged in because a row of failures could not be cleaned up."""
