"""Every error that crosses from one package to another. What one module alone raises and catches stands there.

::

    PortalError
    ├── ConfigurationError        a setting that an admin must change; never hidden by graceful degradation
    │   ├── AddressRefused        a host that connectors may not reach (private, loopback, metadata, the portal's own)
    │   └── NoListYet             a system that is a list, before the first one was read
    ├── SourceError               one source did not give a usable answer; the others go on
    │   ├── SourceTimeout         timeout            retryable
    │   ├── SourceUnavailable     unavailable        retryable   refused, reset, TLS, name not resolved, 5xx
    │   ├── RateLimited           rate_limited       retryable   may carry retry_after (seconds)
    │   │   └── OverBudget        rate_limited                   our own limit, before the source was asked
    │   ├── CircuitOpen           circuit_open                   it kept failing and is not asked for a while
    │   ├── AuthFailed            auth                           the credentials are dead
    │   │   └── MissingScope      auth                           the credentials live but may not do this
    │   └── InvalidResponse       invalid_response               garbage, too large, wrong types, refused request
    │       └── MissingColumn     invalid_response               what the configuration names and the system does not have
    ├── NothingShown              nothing of the caller may be shown now
    │   ├── AuditUnavailable      the access entry could not be committed: no caller data may leave
    │   └── TooManyUnknown        somebody asks about many numbers that nobody has
    └── AccessDenied              the viewer may not see this; the denial is already in the audit trail

``SourceError.status`` is the word of ``sources[].status`` in docs/api.md; ``public_message`` is a plain sentence
that is safe on an agent's screen: never a vendor's body, an address, a secret or a caller's data.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import ClassVar

from integrations.sentences import Sentence, gettext_noop


class PortalError(Exception):
    """The root; its text is for developers and logs, ``public_message`` for people."""

    public_message: str = gettext_noop("Something went wrong. Please try again.")


class ConfigurationError(PortalError):
    """A setting is unusable. The text is a sentence that says what to change, shown to admins as it is."""

    public_message = gettext_noop("This system is not set up correctly. Please tell your administrator.")


class AddressRefused(ConfigurationError):
    """A connector tried to reach an address that is closed to it."""

    public_message = gettext_noop("This system's address is not allowed. Please tell your administrator.")


class NoListYet(ConfigurationError):
    """A kind that works on an uploaded list has none."""

    public_message = gettext_noop("Its list has not been uploaded yet. Please tell your administrator.")


class SourceError(PortalError):
    """A source did not give a usable answer.

    ``source`` is its key, ``detail`` a short developer's note without caller data or secrets.
    """

    status: ClassVar[str] = "unavailable"
    retryable: ClassVar[bool] = False

    def __init__(self, source: str, detail: str = "") -> None:
        super().__init__(f"{source}: {detail or self.status}")
        self.source = source
        self.detail = detail


class SourceTimeout(SourceError):
    status = "timeout"
    retryable = True
    public_message = gettext_noop("It did not answer in time.")


class SourceUnavailable(SourceError):
    status = "unavailable"
    retryable = True
    public_message = gettext_noop("It cannot be reached at the moment.")


class RateLimited(SourceError):
    status = "rate_limited"
    retryable = True
    public_message = gettext_noop("It is receiving too many requests at the moment.")

    def __init__(self, source: str, detail: str = "", *, retry_after: float | None = None) -> None:
        super().__init__(source, detail)
        self.retry_after = retry_after


class OverBudget(RateLimited):
    retryable = False


class CircuitOpen(SourceError):
    status = "circuit_open"
    public_message = gettext_noop(
        "It failed several times in a row, so it is left alone for a moment. It is tried again by itself."
    )


class AuthFailed(SourceError):
    status = "auth"
    public_message = gettext_noop("It no longer accepts our sign-in. Your administrator needs to renew it.")


class MissingScope(AuthFailed):
    """``scopes``: the permissions of which one is missing, as the system calls them; empty where it does not say."""

    public_message = gettext_noop("Our sign-in may not read this. Your administrator needs to widen its permissions.")

    def __init__(self, source: str, detail: str = "", *, scopes: Sequence[str] = ()) -> None:
        super().__init__(source, detail)
        self.scopes = tuple(scopes)
        if scopes:
            named = " or ".join(scopes)
            pattern = gettext_noop("Our sign-in may not read this. Your administrator needs to add the scope %(named)s to it.")
            self.public_message = Sentence.of(pattern, named=named)


class InvalidResponse(SourceError):
    """``foreign``: what answers there may be no server of the kind that is spoken to."""

    status = "invalid_response"
    public_message = gettext_noop("It sent an answer that could not be read.")

    def __init__(self, source: str, detail: str = "", *, foreign: bool = False) -> None:
        super().__init__(source, detail)
        self.foreign = foreign


class MissingColumn(InvalidResponse):
    """``detail``: a sentence for the admin that names it; whoever takes a call can do nothing about it."""


class OutOfReach(SourceUnavailable):
    """Answers who tries a private address: whether anything listens there is not told."""

    public_message = gettext_noop(
        "It cannot be reached, or what is there does not answer as such a system does. "
        "Look at its address, and whether it runs."
    )


class NothingShown(PortalError):
    """Nothing of the caller may be shown now; ``public_message`` says why."""


class TooManyUnknown(NothingShown):
    """The viewer has looked up many numbers that nobody has, and has to wait ``retry_after`` seconds."""

    def __init__(self, retry_after: float) -> None:
        super().__init__("too many unknown numbers")
        self.retry_after = max(1, math.ceil(retry_after))
        pattern = gettext_noop(
            "Many numbers were looked up that nobody has, so further look-ups have to wait. "
            "Try again in %(minutes)d min, or ask your supervisor. This is on record."
        )
        self.public_message = Sentence.of(pattern, minutes=math.ceil(self.retry_after / 60))


class AuditUnavailable(NothingShown):
    public_message = gettext_noop("The access record could not be written, so nothing about the caller can be shown right now.")


class AccessDenied(PortalError):
    public_message = gettext_noop("You may not see this.")


# The words under which a source's failure is told, each with its class; OverBudget and MissingScope share another's.
BY_STATUS: Mapping[str, type[SourceError]] = {
    kind.status: kind for kind in (SourceTimeout, AuthFailed, RateLimited, SourceUnavailable, InvalidResponse, CircuitOpen)
}
