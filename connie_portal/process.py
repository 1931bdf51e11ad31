"""What a process that serves needs: a socket to listen on, and an end when its parent ends. Only the standard library."""

from __future__ import annotations

import errno
import os
import resource
import signal
import socket
import threading
from dataclasses import dataclass

from connie_portal.env import EnvironmentProblem

TRIES = 100
GRACE_S = 10.0
OPEN_FILES = 65_536


@dataclass(frozen=True)
class Port:
    """The port to listen on: what the variable ``name`` holds, or ``first`` and the ports after it if it is unset."""

    name: str
    wanted: int | None
    first: int


def listen(port: Port, host: str = "127.0.0.1") -> socket.socket:
    """A listening socket. Raises EnvironmentProblem with a sentence when the wanted port cannot be had.

    The socket is taken once and kept, so that two portals started at the same moment cannot choose the same port. It says
    that it speaks TCP: asyncio sets TCP_NODELAY on the connections of no other, and without that an answer's body waits
    40 ms for the client to acknowledge its head.
    """
    if port.wanted is not None and not 1 <= port.wanted <= 65_535:
        raise EnvironmentProblem(f"{port.name} must be a port between 1 and 65535, not {port.wanted}.")
    candidates = [port.wanted] if port.wanted is not None else range(port.first, port.first + TRIES)
    for number in candidates:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, number))
            listener.listen(128)
        except OSError as error:
            listener.close()
            if error.errno == errno.EADDRINUSE:
                continue
            raise EnvironmentProblem(f"Cannot listen on {host} port {number} ({error.strerror or error}).") from error
        return listener
    if port.wanted is not None:
        raise EnvironmentProblem(
            f"Port {port.wanted} is taken by another program. Stop it, set {port.name} to a free port, "
            f"or unset {port.name} to let the next free port be chosen."
        )
    raise EnvironmentProblem(
        f"No port between {port.first} and {port.first + TRIES - 1} is free. Set {port.name} to one that is."
    )


def inherited(descriptor: int) -> socket.socket:
    """The listening socket that the parent process opened and handed down. As in ``listen()``, it says that it speaks TCP."""
    return socket.socket(proto=socket.IPPROTO_TCP, fileno=descriptor)


def address(listener: socket.socket) -> str:
    """``http://127.0.0.1:8000``"""
    host, number = listener.getsockname()[:2]
    return f"http://[{host}]:{number}" if ":" in host else f"http://{host}:{number}"


def allow_many_connections() -> None:
    """Open as many files as the system lets this process have: the usual 1,024 are soon connections of one afternoon."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, OPEN_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def end_with_parent(descriptor: int) -> None:
    """End this process when the parent has gone, however it went.

    ``descriptor`` is the reading end of a pipe whose writing end only the parent holds; the system closes that when the
    parent dies, even when it is killed. The end is first asked for, then taken.
    """

    def watch() -> None:
        while os.read(descriptor, 1):
            pass
        os.kill(os.getpid(), signal.SIGTERM)
        threading.Event().wait(GRACE_S)
        os._exit(1)

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()
