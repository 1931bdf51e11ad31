"""What is done about each kind of delivery, within the transaction that marks it as done."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from integrations.calls.apply import apply
from integrations.jobs.inbox import Arrived, Handler
from integrations.models import WebhookDelivery
from integrations.twilio.events import CallEvent, Form, Unreadable, digest_of, read

_TWILIO = "twilio/"
UNREADABLE = "unreadable"


def source_of(form: Form) -> str:
    """The source of deliveries in this form."""
    return f"{_TWILIO}{form.value}"


def arrived(form: Form, events: Iterable[Mapping[str, Any]], account_sids: Collection[str]) -> Iterator[Arrived]:
    """What is to be stored of Twilio's events. Of what the portal has no use for, or is of another account, only the name."""
    for raw in events:
        try:
            event = read(form, raw)
        except Unreadable:
            yield Arrived(digest_of(raw), UNREADABLE)
            continue
        ours = not event.account_sid or event.account_sid in account_sids
        yield Arrived(event.key, event.kind, event.to_store() if ours and event.is_of_use else None)


def _take_in_call_event(row: WebhookDelivery) -> None:
    apply(row.organization, CallEvent.stored(row.payload))


HANDLERS: Mapping[str, Handler] = {source_of(form): _take_in_call_event for form in Form}
