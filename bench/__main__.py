"""``make bench``: how fast the portal is, beside a Node function that does without its duties. See docs/performance.md."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import signal
import sys
from contextlib import aclosing
from pathlib import Path

from bench.scenarios import SCENARIOS, Row, run
from bench.servers import ROOT, stubs
from tests.servers import MissingServer, mariadb


async def measured(names: list[str], database_url: str) -> list[Row]:
    rows = []
    async with stubs() as systems, aclosing(run(names, systems, database_url)) as found:
        async for row in found:
            print(line(row), flush=True)
            rows.append(row)
    return rows


def line(row: Row) -> str:
    ratio = f"{row.ratio:.2f}" if row.ratio is not None else ""
    return f"{row.what:84} {row.ours:>24} {row.reference:>24} {ratio:>7}  {row.must:>18} {row.aim:>14}"


def heading(database: str) -> str:
    titles = f"{'':84} {'ours':>24} {'reference':>24} {'ratio':>7}  {'must':>18} {'aim':>14}"
    return f"\n== {database}, one process, {os.cpu_count()} cores, Python {platform.python_version()} ==\n{titles}"


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--only", default=",".join(SCENARIOS), help=f"out of: {', '.join(SCENARIOS)}")
    wanted = parser.parse_args().only.split(",")
    if unknown := set(wanted) - set(SCENARIOS):
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    # As an exception, so that everything that was started is ended on the way out.
    signal.signal(signal.SIGTERM, lambda *_received: sys.exit(143))
    print(heading("SQLite"))
    results = {"sqlite": asyncio.run(measured(wanted, ""))}
    if "empty" in wanted:
        print(heading("MariaDB"))
        try:
            with mariadb() as server:
                results["mariadb"] = asyncio.run(measured(["empty"], server.django_url))
        except MissingServer as missing:
            print(f"not run: {missing}")
    folder = ROOT / "var" / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    write(folder / "figures.json", results)


def write(path: Path, results: dict[str, list[Row]]) -> None:
    facts = {database: [row.facts() for row in rows] for database, rows in results.items()}
    path.write_text(json.dumps(facts, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"\n{path.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
