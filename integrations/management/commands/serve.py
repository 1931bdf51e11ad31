"""``manage.py serve``: the portal in production, in one process."""

from __future__ import annotations

import signal
from typing import Any

import uvicorn
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from connie_portal.health import unapplied_migrations
from connie_portal.process import Port, address, end_with_parent, inherited, listen
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
        warm_up()
        classify("+14155550100", "US")  # loads the numbering plans
        server = uvicorn.Server(_configuration())

        def end(_signal: int, _frame: object) -> None:
            server.should_exit = True

        # uvicorn raises the signal again after it has shut down; a handler of our own makes that a clean end.
        signal.signal(signal.SIGTERM, end)
        signal.signal(signal.SIGINT, end)
        if options["parent_fd"] is not None:
            end_with_parent(options["parent_fd"])
        self.stdout.write(f"Portal: {address(listener)}/")
        self.stdout.flush()
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


def _refuse_unsafe(web: int, runners: int) -> None:
    """One process is all there is until processes can share their state."""
    if web < 1 or runners < 0:
        raise CommandError("--web must be at least 1 and --runners at least 0.")
    if web == 1 and runners == 0:
        return
    if not settings.REDIS_URL:
        raise CommandError("More than one process needs a Redis server that they share. Set CONNIE_REDIS_URL, or use --web 1.")
    raise CommandError("This version runs in one process. Use --web 1 without --runners.")
