"""What is read out of a panel's forms."""

from __future__ import annotations

from django.http import HttpRequest

from integrations.disclosure import clean_reason

MAX_REASON = 500


def posted(request: HttpRequest, name: str) -> str:
    """A field of a form, without blanks around and twice within it."""
    return " ".join(request.POST.get(name, "").split())


def reason_given(request: HttpRequest) -> str:
    """The reason that was chosen and what was added to it, as it goes on record; ``""`` for none."""
    said = (clean_reason(posted(request, "reason")), clean_reason(posted(request, "more")))
    return " – ".join(part for part in said if part)[:MAX_REASON]
