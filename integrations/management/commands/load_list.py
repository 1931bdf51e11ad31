"""``manage.py load_list ORG CONNECTOR [FILE]``: put a new list in use, from a file or from the sheet that it is kept in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from integrations import lists
from integrations.connectors.rows import MAX_BYTES, Table, read_csv
from integrations.disclosure import Viewer
from integrations.errors import AuditUnavailable, ConfigurationError, SourceError
from integrations.management.base import PortalCommand, operator
from integrations.models import ActorKind, Channel, Connector, Organization


class Command(PortalCommand):
    help = "Put a new list in use, as a whole: from a CSV file, or without one from the Google Sheet of the system."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("organization", metavar="ORG")
        parser.add_argument("connector", metavar="CONNECTOR", help="the key of the system, which has to be a list")
        parser.add_argument("file", metavar="FILE", nargs="?", help="a CSV file; without it the sheet is read")

    def handle(self, *args: Any, **options: Any) -> None:
        organization = self.organization(options["organization"])
        row = self._connector(organization, options["connector"])
        name = options["file"]
        try:
            table, origin = (self._table(Path(name)), Path(name).name) if name else (lists.fetched(row), "Google Sheet")
            used = lists.put_in_use(row, table, _operator(organization), origin=origin)
        except (ConfigurationError, AuditUnavailable) as problem:
            self.stop(str(problem))
        except SourceError as problem:
            self.stop(f"{problem.public_message} ({problem.detail or problem.status})", code=1)
        for line, why in [*used.refused, *((line, f"could not be read: {fields}") for line, fields in used.unreadable)]:
            self.stderr.write(f"line {line}: {why}")
        self.stdout.write(f"{used.rows} people are looked up from now on; {used.refused_count} lines were left out.")

    def _connector(self, organization: Organization, key: str) -> Connector:
        row = organization.connectors.filter(key=key).select_related("organization").first()
        if row is None:
            known = ", ".join(organization.connectors.filter(kind="directory").values_list("key", flat=True)) or "none yet"
            self.stop(f"There is no system called {key!r} in {organization.slug}. Its lists: {known}.")
        return row

    def _table(self, path: Path) -> Table:
        try:
            if path.stat().st_size > MAX_BYTES:
                self.stop(f"{path.name} is larger than {MAX_BYTES // 1024**2} MB. Leave out columns that calls do not need.")
            return read_csv(path.read_bytes())
        except OSError as problem:
            return self.stop(f"{path.name} cannot be read: {problem.strerror}.")


def _operator(organization: Organization) -> Viewer:
    """The actor in the audit trail: nobody's data is shown."""
    return Viewer(organization.pk, organization.slug, ActorKind.OPERATOR, "", operator(), 0, "", Channel.COMMAND)
