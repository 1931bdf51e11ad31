"""``manage.py backup FILE``: a consistent copy of the database, also while the portal runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser
from django.db import connection

from connie_portal.database_file import FileProblem, copy
from integrations.management.base import PortalCommand, mariadb_line


class Command(PortalCommand):
    help = (
        "Copy the portal's SQLite database into FILE while the portal runs, and verify the copy. For MariaDB: the line to run."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", metavar="FILE", help="where the copy is to be; what is there is replaced")

    def handle(self, *args: Any, **options: Any) -> None:
        target = Path(options["file"])
        if connection.vendor != "sqlite":
            self.stderr.write("A MariaDB is copied by its own program, so nothing was copied yet. Run:")
            self.stdout.write(mariadb_line("mariadb-dump --single-transaction", connection.settings_dict, f"> {target}"))
            return
        try:
            copy(Path(connection.settings_dict["NAME"]), target)
        except FileProblem as problem:
            self.stop(str(problem), code=1)
        size = target.stat().st_size / 1024**2
        self.stdout.write(f"Copied to {target} and verified ({size:.1f} MB). The keys are not in it: keep them apart from it.")
