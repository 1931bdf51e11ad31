"""``manage.py twilio_setup ORG [--apply] [--undo]``: have Twilio tell the portal of calls; exit 1 if Twilio does not."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from integrations.configuration.twilio_setup import Standing, set_up, standing_of, take_away, wanted_for
from integrations.disclosure import audit
from integrations.errors import AuditUnavailable, ConfigurationError
from integrations.management.base import PortalCommand, operator
from integrations.models import ActorKind, Channel, Event, Organization, TwilioAccount


class Command(PortalCommand):
    help = "Show what would be set up at Twilio, so that it tells the portal of calls. --apply does it, --undo takes it away."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("organization", metavar="ORG")
        parser.add_argument("--apply", action="store_true", help="do it; without this it is only shown")
        parser.add_argument("--undo", action="store_true", help="take away what was set up, instead of setting up")

    def handle(self, *args: Any, **options: Any) -> None:
        organization = self.organization(options["organization"])
        accounts = list(organization.twilio_accounts.select_related("organization").order_by("account_sid"))
        if not accounts:
            self.stop(f"{organization.slug} has no Twilio account. Add one in /admin/, or in the configuration file.")
        try:
            wanted_for(organization)
        except ConfigurationError as problem:
            self.stop(str(problem))
        failed = [not self._one(account, **options) for account in accounts]
        if any(failed):
            raise SystemExit(1)

    def _one(self, account: TwilioAccount, *, apply: bool, undo: bool, **_options: Any) -> bool:
        self.stdout.write(f"Account {account}")
        before = standing_of(account)
        steps = before.undo if undo else before.steps
        self._tell(before, steps)
        if before.problem or (undo and not steps):
            return not before.problem
        if not apply:
            if steps:
                self.stdout.write("  Nothing was changed. Run it again with --apply to do this.")
            return True
        self._on_record(account.organization, undo=undo)
        return self._done(account, undo=undo)

    def _tell(self, standing: Standing, steps: tuple[str, ...]) -> None:
        for sentence in filter(None, (standing.problem, *standing.told)):
            self.stdout.write(f"  {sentence}")
        for step in steps:
            self.stdout.write(f"  - {step}")

    def _done(self, account: TwilioAccount, undo: bool) -> bool:
        after = take_away(account) if undo else set_up(account)
        self.stdout.write("  Done. Looking again:" if not after.problem else "  It did not succeed:")
        left = after.undo if undo else after.steps
        self._tell(after, left)
        return not after.problem and not left

    def _on_record(self, organization: Organization, *, undo: bool) -> None:
        entry = audit.Entry(
            organization_id=organization.pk,
            event=Event.ADMIN_CHANGE,
            outcome="changed",
            actor_kind=ActorKind.OPERATOR,
            actor_label=operator(),
            channel=Channel.COMMAND,
            detail={"model": "twilioaccount", "changed": ["events, taken away" if undo else "events, set up"]},
        )
        try:
            audit.record_now(entry)
        except AuditUnavailable:
            self.stop("This could not be put on record, so nothing was done. Try again.", code=1)
