#!/usr/bin/env python
"""The command line of the portal."""

from __future__ import annotations

import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))


def set_foreign_things_aside() -> None:
    """What a shell holds for other programs of Python's is not for the portal: their packages, their Django's settings.

    The folder of this file comes first among the places of packages, which PYTHONSAFEPATH would leave out.
    """
    named = {os.path.abspath(path) for path in os.environ.pop("PYTHONPATH", "").split(os.pathsep) if path}
    foreign = {path for path in named if not path.startswith((sys.prefix, sys.base_prefix))}
    sys.path[:] = [HERE, *(path for path in sys.path if os.path.abspath(path or ".") not in {HERE, *foreign})]
    if os.environ.get("DJANGO_SETTINGS_MODULE", "").partition(".")[0] not in {"connie_portal", "tests", "bench"}:
        os.environ["DJANGO_SETTINGS_MODULE"] = "connie_portal.settings"


def main() -> None:
    """Run one management command; a problem of the environment is a sentence, not a stack."""
    set_foreign_things_aside()
    from django.conf import settings
    from django.core.management import execute_from_command_line
    from django.db import DatabaseError, OperationalError, ProgrammingError

    from connie_portal.env import EnvironmentProblem
    from connie_portal.terminal import print_anywhere
    from integrations.errors import ConfigurationError

    print_anywhere()
    try:
        # Read them here: Django's own command line swallows what settings raise in some commands.
        settings.INSTALLED_APPS  # noqa: B018 -- the access itself is the point
        execute_from_command_line(sys.argv)
    except (EnvironmentProblem, ConfigurationError) as problem:
        sys.exit(f"{problem}")
    except (OperationalError, ProgrammingError) as problem:
        if "no such table" in str(problem) or "doesn't exist" in str(problem):
            sys.exit("The portal's database is not set up for this version. Run: manage.py migrate")
        sys.exit(f"The portal's database cannot be used ({problem}). Check CONNIE_DATABASE_URL and that the server runs.")
    except DatabaseError as problem:
        if "not a database" in str(problem):
            sys.exit(f"The portal's database cannot be used ({problem}). Check CONNIE_DATABASE_URL.")
        if "malformed" in str(problem):
            sys.exit("The portal's database is damaged. Put a backup in its place: manage.py restore FILE")
        raise


if __name__ == "__main__":
    main()
