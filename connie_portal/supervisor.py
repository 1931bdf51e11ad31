"""The processes of one portal: started, watched, replaced when they die. Only the standard library."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

# Children end by themselves within a few seconds; what has not by then is ended for them.
END_S = 8.0
LOOK_EVERY_S = 0.2
MAX_PAUSE_S = 10.0
# Who lived this long did not die of its start.
STEADY_S = 30.0


@dataclass
class _Child:
    """One place, and the process that fills it. ``failures`` in a row lengthen the pause before the next start."""

    command: Sequence[str]
    process: subprocess.Popen[bytes] | None = None
    began_at: float = 0.0
    next_at: float = 0.0
    failures: int = 0


@dataclass
class Supervisor:
    """Keeps a process of each command running. ``{parent_fd}`` in a command is replaced by the reading end of a pipe that
    closes when this process ends, however it ends. ``shared`` are descriptors that the children inherit."""

    commands: Sequence[Sequence[str]]
    shared: Sequence[int] = ()
    _ending: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """Run until SIGTERM or SIGINT. All children have ended when it returns."""
        for wanted in (signal.SIGTERM, signal.SIGINT):
            signal.signal(wanted, lambda *_received: self._ending.set())
        reading, writing = os.pipe()
        children = [_Child(command) for command in self.commands]
        try:
            while not self._ending.is_set():
                for child in children:
                    self._look_after(child, reading)
                self._ending.wait(LOOK_EVERY_S)
        finally:
            _end([child.process for child in children if child.process])
            os.close(reading)
            os.close(writing)

    def _look_after(self, child: _Child, reading: int) -> None:
        now = time.monotonic()
        if child.process and child.process.poll() is not None:
            child.failures = 0 if now - child.began_at > STEADY_S else child.failures + 1
            child.next_at = now + min(2.0**child.failures / 2, MAX_PAUSE_S)
            child.process = None
        if child.process is None and now >= child.next_at:
            command = [part.format(parent_fd=reading) for part in child.command]
            # The command is the portal's own.
            child.process = subprocess.Popen(command, pass_fds=(reading, *self.shared), stdin=subprocess.DEVNULL)  # noqa: S603
            child.began_at = now


def _end(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    for process in processes:
        process.terminate()
    deadline = time.monotonic() + END_S
    for process in processes:
        try:
            process.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
