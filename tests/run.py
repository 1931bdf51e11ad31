"""The whole suite: ``python -m tests.run`` runs it on SQLite and then on MariaDB (`make test`).

Arguments are passed on to pytest. Two MariaDB servers are started: one for the portal's own data, and one that plays
organisations' databases, because the portal refuses its own server as a source.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from tests import fault_report
from tests.servers import MissingServer, mariadb

ROOT = Path(__file__).resolve().parent.parent
# What has no database of the portal's in it is not run twice.
ONLY_ONCE = ["--ignore=tests/connectors", "--ignore=tests/outbound", "--ignore=tests/test_make_run.py",
             "--ignore=tests/test_docs.py",
             "--ignore=tests/test_bench.py", "--ignore=tests/test_audit_database_faults.py",
             "--ignore=tests/test_architecture.py", "--ignore=tests/test_phone.py", "--ignore=tests/test_profile.py",
             "--ignore=tests/test_fault_matrix.py", "--ignore=tests/browser", "--ignore=tests/sandbox"]  # fmt: skip


def suite(name: str, environment: dict[str, str], *arguments: str) -> bool:
    print(f"\n== The suite on {name} ==", flush=True)
    command = [sys.executable, "-m", "pytest", "-q", "-n", "2", "--dist", "loadfile", *arguments]
    return (
        subprocess.run(
            command,
            cwd=ROOT,
            env={**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings", **environment},
            check=False,
            stdin=subprocess.DEVNULL,
        ).returncode
        == 0
    )


def main(arguments: list[str]) -> int:
    # As an exception, so that the servers are stopped on the way out.
    signal.signal(signal.SIGTERM, lambda *_received: sys.exit(143))
    fault_report.begin()
    try:
        with mariadb() as own, mariadb() as sources:
            shared = {"CONNIE_TEST_MARIADB_PORT": str(sources.port)}
            passed = [
                suite("SQLite", shared, *arguments),
                suite("MariaDB", {**shared, "CONNIE_TEST_DATABASE_URL": own.django_url}, *ONLY_ONCE, *arguments),
            ]
    except MissingServer as missing:
        print(missing, file=sys.stderr)
        return 1
    finally:
        fault_report.write_table()
    return 0 if all(passed) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
