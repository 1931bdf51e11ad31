"""`make run`'s launcher, with real processes: what it writes, that it repeats itself, and that it leaves nothing behind."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from scripts.smoke import left_running

ROOT = Path(__file__).resolve().parent.parent
START_S = 90.0
END_S = 10.0
STALE = "what an earlier run left"
FACTS = {
    *("portal_url", "panel_url", "sandbox_url", "flex_url"),
    *("api_key", "organization", "users", "callers", "hooks_url", "twilio"),
}


def environment(data_dir: Path) -> dict[str, str]:
    own = {name: value for name, value in os.environ.items() if not name.startswith(("CONNIE_", "DJANGO_"))}
    return {**own, "CONNIE_DATA_DIR": str(data_dir)}


@pytest.fixture(autouse=True)
def no_leftovers(tmp_path: Path) -> Iterator[None]:
    """A test that fails because something stays alive must not leave it to the tests after it."""
    yield
    for pid in left_running(str(tmp_path)):
        os.kill(int(pid), signal.SIGKILL)


@contextmanager
def launcher(data_dir: Path, **more: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, str(ROOT / "scripts" / "run_demo.py")]
    process = subprocess.Popen(
        command,
        env={**environment(data_dir), **more},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        process_group=0,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
        process.communicate(timeout=END_S * 2)


def ready(process: subprocess.Popen[str], data_dir: Path) -> dict[str, Any]:
    deadline = time.monotonic() + START_S
    while (text := read(data_dir / "demo.json")) in ("", STALE):
        assert process.poll() is None, f"ended early:\n{process.communicate()[0]}"
        assert time.monotonic() < deadline, "not ready in time"
        time.sleep(0.05)  # waits for a file of another process
    facts: dict[str, Any] = json.loads(text)
    return facts


def read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""


def status(url: str, path: str) -> int:
    connection = http.client.HTTPConnection(str(urlsplit(url).netloc), timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    finally:
        connection.close()


def nothing_left(data_dir: Path) -> bool:
    deadline = time.monotonic() + END_S
    while left_running(str(data_dir)):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)  # waits for other processes to end
    return True


def test_it_starts_writes_demo_json_repeats_itself_and_ends(tmp_path: Path) -> None:
    with launcher(tmp_path) as process:
        first = ready(process, tmp_path)
        assert set(first) == FACTS
        assert first["panel_url"] == f"{first['portal_url']}/panel/riverside/"
        assert first["flex_url"] == first["sandbox_url"]
        for name in ("demo.json", "demo.env"):
            assert (tmp_path / name).stat().st_mode & 0o777 == 0o600
        assert status(first["portal_url"], "/readyz") == status(first["portal_url"], "/livez") == 200
        assert status(first["sandbox_url"], "/") == 200
        os.killpg(process.pid, signal.SIGTERM)
        output = process.communicate(timeout=END_S)[0]
        assert process.returncode == 0
        assert first["users"]["agent"]["password"] in output
        assert "Traceback" not in output
        assert nothing_left(tmp_path)

    (tmp_path / "demo.json").write_text(STALE, encoding="utf-8")
    with launcher(tmp_path) as process:
        second = ready(process, tmp_path)
        assert {name: second[name] for name in ("users", "api_key", "callers")} == {
            name: first[name] for name in ("users", "api_key", "callers")
        }
        process.send_signal(signal.SIGINT)
        assert process.wait(END_S) == 0
    assert nothing_left(tmp_path)


def test_nothing_is_left_when_the_launcher_is_killed(tmp_path: Path) -> None:
    with launcher(tmp_path) as process:
        ready(process, tmp_path)
        assert len(left_running(str(tmp_path))) == 3
        process.kill()
        process.wait(END_S)
        assert nothing_left(tmp_path)


def test_a_part_that_dies_ends_the_rest_and_is_named(tmp_path: Path) -> None:
    with launcher(tmp_path) as process:
        ready(process, tmp_path)
        children = [int(pid) for pid in left_running(str(tmp_path)) if int(pid) != process.pid]
        portal = next(pid for pid in children if b"serve" in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0"))
        os.kill(portal, signal.SIGKILL)
        output = process.communicate(timeout=END_S)[0]
        assert process.returncode == 1
        assert "The portal ended by itself" in output
        assert nothing_left(tmp_path)


@pytest.mark.parametrize("name", ["CONNIE_PORT", "CONNIE_SANDBOX_PORT"])
def test_a_taken_port_is_refused_in_a_sentence_and_old_facts_are_gone(tmp_path: Path, name: str) -> None:
    (tmp_path / "demo.json").write_text(STALE, encoding="utf-8")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        number = str(taken.getsockname()[1])
        with launcher(tmp_path, **{name: number}) as process:
            output = process.communicate(timeout=START_S)[0]
    assert process.returncode == 1
    assert output.startswith(f"Port {number} is taken by another program.")
    assert name in output
    assert "Traceback" not in output
    assert not (tmp_path / "demo.json").exists()


def test_a_second_demo_in_the_same_directory_is_refused_and_the_first_goes_on(tmp_path: Path) -> None:
    with launcher(tmp_path) as first:
        facts = ready(first, tmp_path)
        with launcher(tmp_path) as second:
            output = second.communicate(timeout=START_S)[0]
        assert second.returncode == 1
        assert output.startswith("A demo is already running in")
        assert json.loads((tmp_path / "demo.json").read_text(encoding="utf-8")) == facts
        assert status(facts["portal_url"], "/readyz") == 200
