"""What the portal's own commands share: naming an organisation, naming the operator, and ending with a sentence."""

from __future__ import annotations

import getpass
import shlex
from collections.abc import Mapping
from typing import Any, NoReturn

from django.core.management.base import BaseCommand

from integrations.models import Organization


def operator() -> str:
    """The operating-system user who runs the command, as the audit trail names them."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container's user need not have a name
        return "operator"


def mariadb_line(program: str, database: Mapping[str, Any], direction: str) -> str:
    """What to type to make MariaDB's ``program`` work on the portal's database. It asks for the password."""
    words = [*program.split(), f"--host={database['HOST']}", f"--port={database['PORT']}", f"--user={database['USER']}"]
    return f"{shlex.join([*words, '--password', database['NAME']])} {direction[0]} {shlex.quote(direction[2:])}"


class PortalCommand(BaseCommand):
    """A command that ends with a plain sentence and a documented exit code where Django would say ``CommandError:``."""

    def stop(self, sentence: str, code: int = 2) -> NoReturn:
        """Say why on standard error and end with ``code``."""
        self.stderr.write(sentence)
        raise SystemExit(code)

    def organization(self, slug: str, *, reserved: bool = False) -> Organization:
        """The organisation of this slug; ``reserved`` lets the portal's own one through. Ends with 2 if there is none."""
        known = Organization.objects.all() if reserved else Organization.objects.tenants()
        if (organization := known.filter(slug=slug).first()) is not None:
            return organization
        slugs = ", ".join(Organization.objects.tenants().order_by("slug").values_list("slug", flat=True))
        known_are = f"Known organisations: {slugs}." if slugs else "There is none yet; make one with 'manage.py config import'."
        return self.stop(f"There is no organisation called {slug!r}. {known_are}")
