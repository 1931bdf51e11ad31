"""The demo: prepares a data directory, then runs the sandbox and the portal until told to end (`make run`).

Plain Python around `manage.py`, because the keys in demo.env must be there before Django's settings are read.
"""

from __future__ import annotations

import fcntl
import http.client
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from connie_portal.env import EnvironmentProblem, env_port, env_str, load_env_file  # noqa: E402
from connie_portal.private import keep_to_the_owner, make_private  # noqa: E402
from connie_portal.process import Port, address, listen  # noqa: E402
from connie_portal.terminal import print_anywhere  # noqa: E402

START_S = 60.0
END_S = 8.0
KEYS = ("CONNIE_SECRET_KEY", "CONNIE_ENCRYPTION_KEYS", "CONNIE_INDEX_KEY")


class DemoProblem(Exception):
    """The demo cannot go on; the text is a sentence for the person at the terminal."""


class Demo:
    """The demo's two processes and what they were started with."""

    def __init__(self, data_dir: Path, asked_to_end: threading.Event) -> None:
        self.data_dir = data_dir
        self.facts_file = data_dir / "demo.json"
        self.asked_to_end = asked_to_end
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        # Children hold the reading end: it closes when this process ends, however it ends.
        self.alive_read, self.alive_write = os.pipe()
        self.environment = dict(os.environ)

    def run(self) -> int:
        """Run until a signal (0) or until one of the two processes fails (1)."""
        try:
            self._start()
            while not self.asked_to_end.wait(0.2):
                self._check()
            say("Ending.")
            return 0
        except Ended:
            return 0
        finally:
            self._end()

    def _start(self) -> None:
        portal = listen(Port("CONNIE_PORT", env_port("CONNIE_PORT"), 8000))
        sandbox = listen(Port("CONNIE_SANDBOX_PORT", env_port("CONNIE_SANDBOX_PORT"), 8001))
        urls = {"portal_url": address(portal), "sandbox_url": address(sandbox)}
        self.environment["CONNIE_SANDBOX_PORT"] = str(sandbox.getsockname()[1])
        self.environment["CONNIE_PUBLIC_URL"] = env_str("CONNIE_PUBLIC_URL") or urls["portal_url"]
        for name in ("CONNIE_TWILIO_TASKROUTER_URL", "CONNIE_TWILIO_EVENTS_URL"):
            self.environment.setdefault(name, urls["sandbox_url"])
        self.environment.setdefault("CONNIE_LOG_LEVEL", "WARNING")
        say(f"Preparing the demo in {self.data_dir}.")
        self._manage("migrate", "--verbosity", "0")
        facts = json.loads(self._manage("seed_demo", "--json"))
        panel_url = f"{urls['portal_url']}/panel/{facts['organization']}/"
        self._spawn("sandbox", sandbox, "sandbox", "--panel-url", panel_url)
        self._spawn("portal", portal, "serve")
        self._await_answer("sandbox", urls["sandbox_url"], "/_control")
        self._await_answer("portal", urls["portal_url"], "/readyz")
        hooks_url = f"{urls['portal_url']}/hooks/{facts.pop('hook_key')}"
        addresses = {**urls, "panel_url": panel_url, "flex_url": urls["sandbox_url"], "hooks_url": hooks_url}
        write_private(self.facts_file, json.dumps({**addresses, **facts}, ensure_ascii=False, indent=2))
        say(welcome({**addresses, **facts}))

    def _manage(self, *arguments: str) -> str:
        """Run one command of manage.py to its end; returns what it printed."""
        command = [sys.executable, str(ROOT / "manage.py"), *arguments]
        process = self._popen(command, stdout=subprocess.PIPE)
        self.processes[arguments[0]] = process
        while True:
            try:
                output = process.communicate(timeout=0.2)[0]
                break
            except subprocess.TimeoutExpired:
                if self.asked_to_end.is_set():
                    raise Ended from None
        del self.processes[arguments[0]]
        if process.returncode:
            raise DemoProblem(f"'manage.py {arguments[0]}' failed; the reason is above.")
        return str(output, "utf-8")

    def _spawn(self, name: str, listener: socket.socket, *arguments: str) -> None:
        handed_down = (listener.fileno(), self.alive_read)
        descriptors = ["--listen-fd", str(handed_down[0]), "--parent-fd", str(handed_down[1])]
        command = [sys.executable, str(ROOT / "manage.py"), *arguments, *descriptors]
        self.processes[name] = self._popen(command, stdout=subprocess.DEVNULL, pass_fds=handed_down)
        listener.close()

    def _popen(self, command: list[str], **options: Any) -> subprocess.Popen[bytes]:
        # A process group of its own: a Ctrl-C at the terminal reaches only this process, which ends the others in order.
        return subprocess.Popen(  # noqa: S603 -- our own interpreter and script
            command, cwd=ROOT, env=self.environment, stdin=subprocess.DEVNULL, process_group=0, **options
        )

    def _check(self) -> None:
        for name, process in self.processes.items():
            if process.poll() is not None:
                raise DemoProblem(f"The {name} ended by itself (exit code {process.returncode}); the reason is above.")

    def _await_answer(self, name: str, base: str, path: str) -> None:
        deadline = time.monotonic() + START_S
        while not answers(base, path):
            self._check()
            if self.asked_to_end.wait(0.1):
                raise Ended
            if time.monotonic() > deadline:
                raise DemoProblem(f"The {name} did not answer at {base}{path} within {START_S:.0f} seconds.")

    def _end(self) -> None:
        for process in self.processes.values():
            process.terminate()
        deadline = time.monotonic() + END_S
        for process in self.processes.values():
            try:
                process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


class Ended(Exception):
    """The person asked for the end while the demo was still starting."""


def answers(base: str, path: str) -> bool:
    """Whether the server says 200."""
    connection = http.client.HTTPConnection(str(urlsplit(base).netloc), timeout=2)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def write_private(path: Path, text: str) -> None:
    """Whole or not at all, and readable by its owner alone."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(text + "\n")
    draft.replace(path)


def prepare(data_dir: Path) -> IO[str]:
    """Make the data directory and its keys; returns the lock that keeps a second demo out of it."""
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    for sentence in make_private(data_dir):
        say(sentence)
    lock = open(data_dir / "demo.lock", "w", encoding="utf-8")  # noqa: SIM115 -- held until the process ends
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise DemoProblem(
            f"A demo is already running in {data_dir}. End it first, or set CONNIE_DATA_DIR to another directory."
        ) from None
    (data_dir / "demo.json").unlink(missing_ok=True)
    if not (data_dir / "demo.env").exists():
        lines = [f"{name}={secrets.token_urlsafe(48)}" for name in KEYS]
        write_private(data_dir / "demo.env", "\n".join([*lines, "CONNIE_ALLOW_PRIVATE=1"]))
    load_env_file(data_dir / "demo.env")
    return lock


def welcome(facts: dict[str, Any]) -> str:
    """What to open and how to log in."""
    lines = [
        "",
        "The portal is running.",
        "",
        f"  Portal   {facts['portal_url']}/",
        f"  Sandbox  {facts['sandbox_url']}/   (who can call, and switches that break things)",
        "",
        "  Log in as",
    ]
    lines += [f"    {user['username']:4} {user['password']}   {role}" for role, user in facts["users"].items()]
    caller = facts["callers"][0]
    lines += ["", f"  Then try  {caller['phone']}   {caller['name']}: {caller['what']}", "", "Press Ctrl-C to end.", ""]
    return "\n".join(lines)


def say(text: str) -> None:
    print(text, flush=True)


def main() -> int:
    keep_to_the_owner()
    print_anywhere()
    asked_to_end = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda _number, _frame: asked_to_end.set())
    try:
        data_dir = (ROOT / env_str("CONNIE_DATA_DIR", "var")).resolve()
        with prepare(data_dir):
            return Demo(data_dir, asked_to_end).run()
    except (DemoProblem, EnvironmentProblem) as problem:
        print(problem, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
