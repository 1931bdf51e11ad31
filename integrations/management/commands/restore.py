"""``manage.py restore FILE``: a backup in the place of the database, while the portal stands still."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandParser
from django.db import connection
from django.db.migrations.loader import MigrationLoader

from connie_portal.database_file import KEPT_ASIDE, FileProblem, hold, put_back
from connie_portal.health import unapplied_migrations
from integrations.disclosure import audit
from integrations.management.base import PortalCommand, mariadb_line
from integrations.models import Organization


class Command(PortalCommand):
    help = "Put a backup in the place of the portal's SQLite database and verify it. For MariaDB: the line to run."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", metavar="FILE", help="what 'manage.py backup' made")

    def handle(self, *args: Any, **options: Any) -> None:
        copied, database = Path(options["file"]), Path(connection.settings_dict["NAME"])
        if connection.vendor != "sqlite":
            self.stderr.write("A MariaDB is restored by its own program, so nothing was changed yet. Stop the portal and run:")
            self.stdout.write(mariadb_line("mariadb", connection.settings_dict, f"< {copied}"))
            return
        database.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if (held := hold(database)) is None:
            self.stop("The portal is running with this database. Stop it first; nothing was changed.")
        with held:
            connection.close()
            before = database.exists()
            try:
                put_back(copied, database, _known_migrations())
            except FileProblem as problem:
                self.stop(str(problem), code=1)
            # Its entries are about rows of before. What is due is put on a new one.
            for ending in ("", "-wal", "-shm"):
                (settings.DATA_DIR / f"queue.sqlite3{ending}").unlink(missing_ok=True)
            self.stdout.write(
                f"Restored from {copied}." + (f" What was there is {database}{KEPT_ASIDE} now." if before else "")
            )
            self._verify()

    def _verify(self) -> None:
        """The audit trail of every organisation; ends with 1 if one of them is broken."""
        if missing := unapplied_migrations():
            self.stdout.write(
                f"It is of an earlier version and lacks {len(missing)} change(s). Run manage.py migrate, and then "
                "manage.py audit verify ORG for each organisation."
            )
            return
        broken = False
        for organization in Organization.objects.order_by("slug"):
            try:
                self.stdout.write(f"{organization.slug}: ok {audit.verify(organization)} entries")
            except audit.BrokenChain as problem:
                broken = True
                self.stdout.write(f"{organization.slug}: {problem}")
        if broken:
            self.stop("The audit trail of this backup is not whole: see above. Try an earlier one.", code=1)


def _known_migrations() -> set[str]:
    """The names of those that this version brings along."""
    return {name for app, name in MigrationLoader(None).disk_migrations if app == "integrations"}
