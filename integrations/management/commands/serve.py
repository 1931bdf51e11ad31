"""``manage.py serve``: the portal in production, in one process, or in several that share MariaDB and Redis."""

from __future__ import annotations

import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import uvicorn
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection

from connie_portal.database_file import FileProblem, hold, look_over
from connie_portal.health import redis_problem, unapplied_migrations
from connie_portal.process import Port, address, allow_many_connections, end_with_parent, inherited, listen
from connie_portal.protocol import LimitedProtocol
from connie_portal.runner import run_alone
from connie_portal.server import Server, ServerWithRunner
from connie_portal.supervisor import Supervisor
from integrations.disclosure import audit, refusals
from integrations.lookup.attempts import attempts

FIRST_PORT = 8000
SHUTDOWN_S = 5
WITHOUT_REDIS = (
    "The portal starts all the same: callers are looked up anew each time, and background work waits until it is back. "
    "Start it, or correct CONNIE_REDIS_URL."
)


@dataclass(frozen=True)
class Layout:
    """The processes that there are on this machine. ``together``: the one web process is the runner too."""

    web: int
    runners: int
    together: bool = False

    @classmethod
    def of(cls, web: int, runners: int | None) -> Layout:
        """The layout as asked for. One of its processes does the stored work, unless ``--runners 0`` says that others do."""
        if web == 1 and (runners is None or (runners == 0 and not settings.REDIS_URL)):
            return cls(1, 0, together=True)
        return cls(web, min(web, 1) if runners is None else runners)

    @property
    def processes(self) -> int:
        return self.web + self.runners


class Command(BaseCommand):
    help = "Serve the portal. Set CONNIE_PORT to choose the port; put a proxy that speaks https before it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default="127.0.0.1", help="the address to listen on (127.0.0.1)")
        parser.add_argument("--web", type=int, default=1, metavar="N", help="web processes (1)")
        parser.add_argument("--runners", type=int, metavar="N", help="separate runner processes (none beside one web process)")
        parser.add_argument("--listen-fd", type=int, help="a listening socket that the parent process hands down")
        parser.add_argument("--one-of-several", action="store_true", help="set by a parent that has said where the portal is")
        parser.add_argument("--parent-fd", type=int, help="end when this pipe closes, that is, when the parent process ends")

    def handle(self, *args: Any, **options: Any) -> None:
        layout = Layout.of(options["web"], options["runners"])
        _refuse_unsafe(layout)
        with _database_held():
            self._run(layout, options)

    def _run(self, layout: Layout, options: dict[str, Any]) -> None:
        if missing := len(unapplied_migrations()):
            raise CommandError(
                f"The portal's database lacks {missing} change(s) that this version needs. Run: manage.py migrate"
            )
        listener = _listener(options["host"], options["listen_fd"]) if layout.web else None
        if listener:
            settings.PORT = int(listener.getsockname()[1])  # which no connector may reach
            _allow_own_address(listener)
        if not options["one_of_several"]:
            if problem := redis_problem():
                self.stderr.write(f"{problem} {WITHOUT_REDIS}")
            self.stdout.write(f"Portal: {address(listener)}/" if listener else "A runner without a web process.")
            self.stdout.flush()
        if layout.processes > 1:
            _several(layout, listener).run()
            return
        if options["parent_fd"] is not None:
            end_with_parent(options["parent_fd"])
        try:
            if listener:
                _serve(listener, together=layout.together)
            else:
                run_alone()
        finally:
            audit.writer.close()
            refusals.flush()
            attempts.close()


@contextmanager
def _database_held() -> Iterator[None]:
    """A SQLite file is used by this portal alone within the block. Raises CommandError where it is in use, or torn."""
    if connection.vendor != "sqlite":
        yield
        return
    database = Path(connection.settings_dict["NAME"])
    if (held := hold(database)) is None:
        raise CommandError(
            "Another portal is running with this database, and a SQLite file belongs to one process. Stop it first, or set "
            "CONNIE_DATA_DIR to another directory."
        )
    with held:
        try:
            look_over(database)
        except FileProblem as problem:
            raise CommandError(str(problem)) from None
        yield


def _listener(host: str, descriptor: int | None) -> socket.socket:
    if descriptor is None:
        return listen(Port("CONNIE_PORT", settings.PORT, FIRST_PORT), host)
    return inherited(descriptor)


def _allow_own_address(listener: socket.socket) -> None:
    """Let the very address be answered that the portal was told to listen on; not so behind 0.0.0.0."""
    host = ip_address(listener.getsockname()[0])
    if not host.is_unspecified:
        settings.ALLOWED_HOSTS.append(f"[{host}]" if host.version == 6 else str(host))


def _serve(listener: socket.socket, *, together: bool) -> None:
    allow_many_connections()
    server = (ServerWithRunner if together else Server)(_configuration())

    def end(_signal: int, _frame: object) -> None:
        server.should_exit = True

    # uvicorn raises the signal again after it has shut down; a handler of our own makes that a clean end.
    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    server.run(sockets=[listener])
    if not server.started:
        raise CommandError("The portal could not start; the reason is above.")


def _configuration() -> uvicorn.Config:
    return uvicorn.Config(
        "connie_portal.asgi:application",
        http=LimitedProtocol,
        ws="none",
        loop="asyncio",  # uvloop, where somebody has it, lets newcomers wait while others are served
        lifespan="off",  # Django has none
        log_config=None,  # logging is set up in connie_portal.logs
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=SHUTDOWN_S,
        # Without a public https address there is no proxy whose word about the client could be taken.
        proxy_headers=settings.HTTPS,
    )


def _several(layout: Layout, listener: socket.socket | None) -> Supervisor:
    here = [sys.executable, str(settings.BASE_DIR / "manage.py"), "serve", "--one-of-several", "--parent-fd", "{parent_fd}"]
    commands = [[*here, "--web", "0", "--runners", "1"]] * layout.runners
    if listener is None:
        return Supervisor(commands)
    listener.set_inheritable(True)
    web = [*here, "--runners", "0", "--listen-fd", str(listener.fileno())]
    return Supervisor([web] * layout.web + commands, shared=[listener.fileno()])


def _refuse_unsafe(layout: Layout) -> None:
    """Processes work together only through a database and a Redis server that all of them reach."""
    if layout.web < 0 or layout.runners < 0:
        raise CommandError("--web and --runners are numbers of processes and cannot be below 0.")
    if not layout.processes:
        raise CommandError("Nothing is left to run. Use --web 1, or --web 0 --runners 1 for a machine that only runs jobs.")
    if layout.processes > 1 or not layout.web:
        if not settings.REDIS_URL:
            raise CommandError(
                "A second web process or a separate runner needs a Redis server that all processes share. "
                "Set CONNIE_REDIS_URL, or use --web 1 without --runners: one process then does both."
            )
        if connection.vendor != "mysql":
            raise CommandError(
                "More than one process needs a database server. Set CONNIE_DATABASE_URL to mysql://…, or use --web 1 without "
                "--runners: a SQLite file belongs to one process."
            )
