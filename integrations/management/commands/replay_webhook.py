"""``manage.py replay_webhook ID``: process a stored delivery again."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser
from django.db import transaction

from integrations.disclosure import audit
from integrations.jobs import inbox
from integrations.management.base import PortalCommand, operator
from integrations.models import ActorKind, Channel, Event, WebhookDelivery
from integrations.tasks import process_delivery


class Command(PortalCommand):
    help = "Let a runner process a stored delivery again, as if it had just come. Its number stands in /admin/."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("id", metavar="ID", type=int, help="the number of the delivery")

    def handle(self, *args: Any, **options: Any) -> None:
        pk = options["id"]
        row = WebhookDelivery.objects.filter(pk=pk).first()
        if row is None:
            self.stop(f"There is no delivery with the number {pk}. It may be past its time.")
        with transaction.atomic():
            if not inbox.replay(pk):
                self.stop(f"Nothing was kept of delivery {pk}, because the portal has no use for {row.kind!r}.", code=1)
            process_delivery.enqueue(pk)
            audit.record_within(_entry(row))
        self.stdout.write(f"Delivery {pk} ({row.kind}) is processed again as soon as a runner comes to it.")


def _entry(row: WebhookDelivery) -> audit.Entry:
    return audit.Entry(
        organization_id=row.organization_id,
        event=Event.ADMIN_CHANGE,
        outcome="replayed",
        actor_kind=ActorKind.OPERATOR,
        actor_label=operator(),
        channel=Channel.COMMAND,
        detail={"model": "webhookdelivery", "object": str(row.pk), "changed": []},
    )
