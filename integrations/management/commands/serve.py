"""``manage.py serve``: the portal in production, in one process, or in several that share MariaDB and Redis."""

from __future__ import annotations

import signal
import socket
import sys
from typing import Any

import uvicorn
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection

from connie_portal.health import redis_answers, unapplied_migrations
from connie_portal.process import Port, address, end_with_parent, inherited, listen
from connie_portal.supervisor import Supervisor
from integrations.connectors import warm_up
from integrations.disclosure import audit, refusals
from integrations.phone import classify

FIRST_PORT = 8000
SHUTDOWN_S = 5


class Command(BaseCommand):
    help = "Serve the portal. Set CONNIE_PORT to choose the port; put a proxy that speaks https before it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default="127.0.0.1", help="the address to listen on (127.0.0.1)")
        parser.add_argument("--web", type=int, default=1, metavar="N", help="web processes (1)")
        parser.add_argument("--runners", type=int, default=0, metavar="N", help="separate runner processes (0)")
        parser.add_argument("--listen-fd", type=int, help="a listening socket that the parent process hands down")
        parser.add_argument("--one-of-several", action="store_true", help="set by a parent that has said where the portal is")
        parser.add_argument("--parent-fd", type=int, help="end when this pipe closes, that is, when the parent process ends")

    def handle(self, *args: Any, **options: Any) -> None:
        _refuse_unsafe(options["web"], options["runners"])
        if missing := len(unapplied_migrations()):
            raise CommandError(
                f"The portal's database lacks {missing} change(s) that this version needs. Run: manage.py migrate"
            )
        if options["listen_fd"] is None:
            listener = listen(Port("CONNIE_PORT", settings.PORT, FIRST_PORT), options["host"])
        else:
            listener = inherited(options["listen_fd"])
        if not options["one_of_several"]:
            self.stdout.write(f"Portal: {address(listener)}/")
            self.stdout.flush()
        if options["web"] > 1:
            _several(listener, options["web"]).run()
        else:
            self._serve(listener, options["parent_fd"])

    def _serve(self, listener: socket.socket, parent_fd: int | None) -> None:
        warm_up()
        classify("+14155550100", "US")  # loads the numbering plans
        server = uvicorn.Server(_configuration())

        def end(_signal: int, _frame: object) -> None:
            server.should_exit = True

        # uvicorn raises the signal again after it has shut down; a handler of our own makes that a clean end.
        signal.signal(signal.SIGTERM, end)
        signal.signal(signal.SIGINT, end)
        if parent_fd is not None:
            end_with_parent(parent_fd)
        server.run(sockets=[listener])
        audit.writer.close()
        refusals.flush()
        if not server.started:
            raise CommandError("The portal could not start; the reason is above.")


def _configuration() -> uvicorn.Config:
    return uvicorn.Config(
        "connie_portal.asgi:application",
        lifespan="off",  # Django has none
        log_config=None,  # logging is set up in connie_portal.logs
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=SHUTDOWN_S,
        # Without a public https address there is no proxy whose word about the client could be taken.
        proxy_headers=settings.HTTPS,
    )


def _several(listener: socket.socket, count: int) -> Supervisor:
    listener.set_inheritable(True)
    here = [sys.executable, str(settings.BASE_DIR / "manage.py"), "serve", "--one-of-several"]
    descriptors = ["--listen-fd", str(listener.fileno()), "--parent-fd", "{parent_fd}"]
    return Supervisor([*here, *descriptors], count, shared=[listener.fileno()])


def _refuse_unsafe(web: int, runners: int) -> None:
    """Processes work together only through a database and a Redis server that all of them reach."""
    if web < 1 or runners < 0:
        raise CommandError("--web must be at least 1 and --runners at least 0.")
    if runners:
        raise CommandError("This version has no work for separate runners. Leave --runners out.")
    if web > 1 and not settings.REDIS_URL:
        raise CommandError("More than one process needs a Redis server that they share. Set CONNIE_REDIS_URL, or use --web 1.")
    if web > 1 and connection.vendor != "mysql":
        raise CommandError(
            "More than one process needs a database server. Set CONNIE_DATABASE_URL to mysql://…, or use --web 1: "
            "a SQLite file belongs to one process."
        )
    if settings.REDIS_URL and not redis_answers():
        raise CommandError("The Redis server of CONNIE_REDIS_URL does not answer. Start it, or correct the address.")
