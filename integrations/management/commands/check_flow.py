"""``manage.py check_flow ORG FILE``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from integrations.calls.addresses import public_url
from integrations.errors import ConfigurationError
from integrations.management.base import PortalCommand
from integrations.routing.flow_check import MAX_PASTED, Owner, check


class Command(PortalCommand):
    help = "Look through a Twilio Studio flow, or a Flex configuration, for the usual mistakes. Ends with 1 if there is one."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("organization", metavar="ORG")
        parser.add_argument("file", metavar="FILE", type=Path, help="the flow as JSON, as Studio exports it")

    def handle(self, *args: Any, **options: Any) -> None:
        organization = self.organization(options["organization"])
        try:
            with options["file"].open("rb") as file:
                text = file.read(MAX_PASTED + 1).decode(errors="replace")
            findings = check(text, Owner(organization.slug, public_url()))
        except OSError as problem:
            self.stop(f"{options['file']} could not be read: {problem.strerror}.")
        except ConfigurationError as problem:
            self.stop(str(problem))
        for finding in findings:
            kind = "wrong" if finding.sure else "look this up"
            self.stdout.write(f"{kind}: {finding.where}: {finding.what}\n    instead: {finding.instead}")
        if any(finding.sure for finding in findings):
            raise SystemExit(1)
        self.stdout.write("No mistake was found.")
