"""Starts the demo as a newcomer does (`make run`), asks for one caller, ends it, and looks for anything left running."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parent.parent
START_S = 120.0
END_S = 10.0


def started(process: subprocess.Popen[bytes], facts_file: Path) -> dict[str, Any]:
    """What demo.json says once it is there."""
    deadline = time.monotonic() + START_S
    while not facts_file.exists():
        if process.poll() is not None:
            sys.exit(f"make run ended before the demo was ready (exit code {process.returncode}).")
        if time.monotonic() > deadline:
            sys.exit(f"The demo was not ready within {START_S:.0f} seconds.")
        time.sleep(0.1)
    facts: dict[str, Any] = json.loads(facts_file.read_text(encoding="utf-8"))
    return facts


def look_up(facts: dict[str, Any], phone: str) -> dict[str, Any]:
    """One lookup over the API."""
    connection = http.client.HTTPConnection(urlsplit(facts["portal_url"]).netloc, timeout=10)
    headers = {"Authorization": f"Bearer {facts['api_key']}", "Content-Type": "application/json"}
    connection.request("POST", "/api/v1/lookup", json.dumps({"phone": phone}), headers)
    response = connection.getresponse()
    answer: dict[str, Any] = json.loads(response.read())
    if response.status != http.client.OK:
        sys.exit(f"The lookup answered {response.status}: {answer}")
    return answer


def left_running(data_dir: str) -> list[str]:
    """Processes that were started with this data directory, by their environment (Linux)."""
    wanted = f"CONNIE_DATA_DIR={data_dir}".encode()
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if entry.name != str(os.getpid()) and wanted in (entry / "environ").read_bytes().split(b"\0"):
                found.append(entry.name)
        except OSError:
            continue
    return found


def main() -> None:
    with tempfile.TemporaryDirectory() as data_dir:
        environment = {**os.environ, "CONNIE_DATA_DIR": data_dir}
        process = subprocess.Popen(["make", "run"], cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, process_group=0)  # noqa: S607
        try:
            facts = started(process, Path(data_dir) / "demo.json")
            answer = look_up(facts, facts["callers"][0]["phone"])
        finally:
            os.killpg(process.pid, signal.SIGINT)
            process.wait(END_S)
        if answer["match_count"] != 1 or answer["lookup_status"] != "ok" or not answer["caller"].get("name"):
            sys.exit(f"The first caller was not found as one person: {answer['lookup_status']}, {answer['match_count']}.")
        if remaining := left_running(data_dir):
            sys.exit(f"Processes were left running: {', '.join(remaining)}.")
    print("The demo starts, answers and ends.")


if __name__ == "__main__":
    main()
