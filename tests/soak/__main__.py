"""The long tests on MariaDB and Redis, as in production: ``python -m tests.soak`` (`make soak`), a quarter of an hour.

Arguments are passed on to pytest. Their files begin with ``soak_``, so that the ordinary suite does not collect them.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from tests.servers import MissingServer, mariadb

ROOT = Path(__file__).resolve().parents[2]


def main(arguments: list[str]) -> int:
    # As an exception, so that the servers are stopped on the way out.
    signal.signal(signal.SIGTERM, lambda *_received: sys.exit(143))
    command = [sys.executable, "-m", "pytest", "-q", "-s", "-o", "python_files=soak_*.py", *(arguments or ["tests/soak"])]
    try:
        with mariadb() as own:
            environment = {**os.environ, "CONNIE_TEST_DATABASE_URL": own.django_url}
            return subprocess.run(command, cwd=ROOT, env=environment, check=False, stdin=subprocess.DEVNULL).returncode
    except MissingServer as missing:
        print(missing, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
