"""``manage.py audit verify ORG`` and ``manage.py audit export ORG``."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from typing import Any

import orjson
from django.core.management.base import CommandParser

from integrations.disclosure import audit
from integrations.errors import AuditUnavailable
from integrations.management.base import PortalCommand, operator
from integrations.models import AccessEntry, ActorKind, Channel, Event, Organization

_CHUNK = 2_000
# The caller's number stays sealed; subject_key tells which entries are about the same caller.
_COLUMNS = [column.attname for column in AccessEntry._meta.concrete_fields if column.attname not in {"id", "subject_sealed"}]


class Command(PortalCommand):
    help = "Verify an organisation's audit trail, or print it as JSON Lines. Both are safe while the portal runs."

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        for action, what in (("verify", "check every entry of the chain"), ("export", "print every entry as JSON Lines")):
            actions.add_parser(action, help=what).add_argument("organization", metavar="ORG")

    def handle(self, *args: Any, **options: Any) -> None:
        organization = self.organization(options["organization"], reserved=True)
        if options["action"] == "verify":
            self._verify(organization)
        else:
            self._export(organization)

    def _verify(self, organization: Organization) -> None:
        try:
            count = audit.verify(organization)
        except audit.BrokenChain as broken:
            self.stdout.write(str(broken))
            raise SystemExit(1) from None
        self.stdout.write(f"ok {count} entries")

    def _export(self, organization: Organization) -> None:
        entry = audit.Entry(
            organization_id=organization.pk,
            event=Event.AUDIT_EXPORT,
            outcome="exported",
            actor_kind=ActorKind.OPERATOR,
            actor_label=operator(),
            channel=Channel.COMMAND,
        )
        try:
            audit.record_now(entry)
        except AuditUnavailable:
            self.stop("The export could not be put on record, so nothing was exported. Try again.", code=1)
        try:
            for row in _rows(organization):
                self.stdout.write(orjson.dumps(row).decode())
        except BrokenPipeError:
            # The reader has seen enough, as `head` has. Python would complain again when it flushes at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _rows(organization: Organization) -> Iterator[dict[str, Any]]:
    """Oldest first, in chunks, so that a long trail neither fills the memory nor holds a lock."""
    seq = 0
    entries = AccessEntry.objects.filter(organization=organization).order_by("seq")
    while chunk := list(entries.filter(seq__gt=seq).values(*_COLUMNS)[:_CHUNK]):
        for row in chunk:
            yield {"organization": organization.slug, **row}
        seq = chunk[-1]["seq"]
