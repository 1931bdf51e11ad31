"""``manage.py config import FILE`` and ``manage.py config export ORG``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser
from django.db import Error as AnyDatabaseError

from integrations.configuration import Applied, Checked, Problems, apply, check, differences, export, read_source
from integrations.configuration.invitations import invite
from integrations.errors import ConfigurationError
from integrations.management.base import PortalCommand, operator


class Command(PortalCommand):
    help = "Import organisations and what belongs to them from a TOML file, or write one organisation out as such a file."

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        importing = actions.add_parser("import", help="make the stored configuration what a file says")
        importing.add_argument("file", metavar="FILE")
        importing.add_argument("--yes", action="store_true", help="apply without asking")
        importing.add_argument(
            "--skip-unknown-kinds", action="store_true", help="leave out connectors whose kind this version does not know"
        )
        importing.add_argument("--invite", action="store_true", help="mail people who are new a link to set their password")
        exporting = actions.add_parser("export", help="print an organisation as a file, with references in place of secrets")
        exporting.add_argument("organization", metavar="ORG")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["action"] == "export":
            self.stdout.write(export(self.organization(options["organization"])), ending="")
        else:
            self._import(options["file"], yes=options["yes"], skip=options["skip_unknown_kinds"], mail=options["invite"])

    def _import(self, file: str, *, yes: bool, skip: bool, mail: bool) -> None:
        checked = self._checked(file, skip)
        found = [differences(state) for state in checked.wanted]
        for line in (*checked.notes, *(note for difference in found for note in difference.notes)):
            self.stdout.write(line)
        lines = [line for difference in found for line in difference.lines]
        if not lines:
            self.stdout.write("Nothing to change: what is stored is what the file says.")
            return
        for line in lines:
            self.stdout.write(line)
        if not yes:
            self._ask()
        applied = self._applied(checked)
        self.stdout.write(f"{len(applied.lines)} change(s) made.")
        if mail:
            self._mail(applied)

    def _checked(self, file: str, skip: bool) -> Checked:
        try:
            return check(read_source(Path(file)), skip_unknown_kinds=skip)
        except Problems as found:
            self.stop("\n".join(problem.text(file) for problem in found.problems))

    def _ask(self) -> None:
        if not sys.stdin.isatty():
            self.stop("Nothing was changed. Run it again with --yes to make these changes.")
        if input("Make these changes? [y/N] ").strip().lower() not in ("y", "yes"):
            self.stop("Nothing was changed.")

    def _applied(self, checked: Checked) -> Applied:
        try:
            return apply(checked.wanted, operator())
        except (AnyDatabaseError, ConfigurationError) as error:
            # A database's own text may repeat what was written.
            self.stop(f"Nothing was changed: the database refused the import ({type(error).__name__}). Try again.", code=1)

    def _mail(self, applied: Applied) -> None:
        failed = []
        for user, organization in applied.newcomers:
            try:
                if not user.email:
                    raise OSError("no address")
                link = invite(user, organization)
            except OSError:
                failed.append(user.get_username())
            else:
                told = f" There is no mail server (CONNIE_EMAIL_URL): give them this link, which works once: {link}"
                self.stdout.write(f"Invited {user.get_username()}.{told if link else ''}")
        if failed:
            self.stop(
                f"The changes were made, but these people could not be mailed: {', '.join(failed)}. "
                "Check their e-mail addresses and CONNIE_EMAIL_URL.",
                code=1,
            )
