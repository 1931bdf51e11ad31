#!/usr/bin/env python
"""The command line of the portal."""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Run one management command; a problem of the environment is a sentence, not a stack."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "connie_portal.settings")
    from django.conf import settings
    from django.core.management import execute_from_command_line
    from django.db import DatabaseError, OperationalError, ProgrammingError

    from connie_portal.env import EnvironmentProblem
    from integrations.errors import ConfigurationError

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
