"""``make bench``: how fast the portal is, beside a Node function with the same duties. See docs/performance.md."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import signal
import sys
from contextlib import aclosing
from datetime import UTC, datetime

from bench.scenarios import FAILED, SCENARIOS, Row, run, shared
from bench.servers import ROOT, stubs
from tests.servers import MariaDb, MissingServer, mariadb, redis_server

ON_MARIADB = ("cold", "enrich", "crowd", "known", "one")
NAMES = (*SCENARIOS, "shared")
# A commit is on disk when it is answered, as in production; the tests' server trades that for speed.
DURABLE = ("--innodb-flush-log-at-trx-commit=1", "--innodb-flush-method=fsync")


async def measured(names: list[str], server: MariaDb, database_url: str) -> list[Row]:
    rows = []
    async with stubs() as systems, aclosing(run(names, systems, server, database_url)) as found:
        async for row in found:
            print(line(row), flush=True)
            rows.append(row)
    return rows


def line(row: Row) -> str:
    ratio = f"{row.ratio:.2f}" if row.ratio is not None else ""
    return f"{row.what:84} {row.ours:>24} {row.reference:>24} {ratio:>7}  {row.must:>18} {row.aim:>14}"


def heading(database: str) -> str:
    titles = f"{'':84} {'ours':>24} {'reference':>24} {'ratio':>7}  {'must':>18} {'aim':>14}"
    return f"\n== {database}; {os.cpu_count()} cores, Python {platform.python_version()} ==\n{titles}"


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--only", default=",".join(NAMES), help=f"out of: {', '.join(NAMES)}")
    wanted = parser.parse_args().only.split(",")
    if unknown := set(wanted) - set(NAMES):
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    # As an exception, so that everything that was started is ended on the way out.
    signal.signal(signal.SIGTERM, lambda *_received: sys.exit(143))
    results: dict[str, list[Row]] = {}
    try:
        with mariadb(*DURABLE) as server:
            if alone := [name for name in wanted if name in SCENARIOS]:
                print(heading("SQLite, one process"))
                results["sqlite"] = asyncio.run(measured(alone, server, ""))
            if set(wanted) & {*ON_MARIADB, "shared"}:
                results["mariadb"] = on_mariadb(wanted, server)
    except MissingServer as missing:
        sys.exit(f"Nothing is measured without the database of the reference: {missing}")
    except KeyboardInterrupt:
        sys.exit(130)
    write(results, whole=set(wanted) == set(NAMES))
    if any(row.ours == FAILED for rows in results.values() for row in rows):
        sys.exit(1)


def on_mariadb(wanted: list[str], server: MariaDb) -> list[Row]:
    print(heading("MariaDB that flushes each commit"))
    rows = []
    if names := [name for name in wanted if name in ON_MARIADB]:
        rows += asyncio.run(measured(names, server, server.django_url))
    if "shared" not in wanted:
        return rows
    try:
        # A database of its own, because a portal's is made anew.
        with mariadb(*DURABLE) as own, redis_server() as redis:
            rows.append(asyncio.run(across(own.django_url, redis.url)))
            print(line(rows[-1]), flush=True)
    except MissingServer as missing:
        print(f"not run: {missing}")
    return rows


async def across(database_url: str, redis_url: str) -> Row:
    async with stubs() as systems:
        return await shared(systems, database_url, redis_url)


def write(results: dict[str, list[Row]], *, whole: bool) -> None:
    """A part of the rows goes to a file of its own: figures of two runs are not to be compared."""
    folder = ROOT / os.environ.get("CONNIE_DATA_DIR", "var") / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    facts: dict[str, object] = {database: [row.facts() for row in rows] for database, rows in results.items()}
    machine = {"cores": os.cpu_count(), "python": platform.python_version(), "at": datetime.now(UTC).isoformat("T", "seconds")}
    path = folder / ("figures.json" if whole else "figures-part.json")
    path.write_text(json.dumps({"machine": machine, **facts}, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"\n{path}")


if __name__ == "__main__":
    main()
