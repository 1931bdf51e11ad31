"""The runner: does stored work on threads of this process, beside the web or by itself."""

from __future__ import annotations

import asyncio
import signal
import threading
import time
from contextlib import suppress

from huey.consumer import Consumer, ConsumerStopped

from connie_portal.queue import queue
from integrations.lookup import close_sources
from integrations.outbound.loop import adopt

THREADS = 2
# How soon an entry of the queue in a file is seen. Redis wakes whoever waits; there it is the first pause after an error.
LOOK_EVERY_S = 0.05
MAX_PAUSE_S = 5.0
# What a thread is doing may take so long to end. What has not by then is done again by the next runner.
STOP_S = 4.0


class _Consumer(Consumer):  # type: ignore[misc]  # huey has no type information
    def _set_signal_handlers(self) -> None:
        """None: whoever runs the process has its own."""

    def watch(self) -> None:
        """Replace threads that died, until stopped."""
        looked_at: float | None = time.monotonic()
        with suppress(ConsumerStopped):
            while True:
                looked_at = self.loop(looked_at)


class Runner:
    """Threads that take work from the queue, and one that puts there what is due."""

    def __init__(self) -> None:
        huey = queue().huey
        longest = MAX_PAUSE_S if huey.storage.blocking else LOOK_EVERY_S
        delays = {"initial_delay": LOOK_EVERY_S, "max_delay": longest, "backoff": 2.0}
        self._consumer = _Consumer(huey, workers=THREADS, shutdown_timeout=STOP_S, **delays)
        self._watch = threading.Thread(target=self._consumer.watch, name="runner", daemon=True)

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """``loop`` runs the coroutines that tasks hand over, until ``stop()`` has returned."""
        adopt(loop)
        self._consumer.start()
        self._watch.start()

    def stop(self) -> None:
        """Let what is being done come to its end, for STOP_S at most. (sync, not on the loop's own thread)"""
        self._consumer.stop(graceful=True)
        self._watch.join()
        adopt(None)
        queue().huey.storage.close()


def run_alone() -> None:
    """A process that is nothing but a runner, until SIGTERM or SIGINT."""
    asyncio.run(_until_asked_to_end())


async def _until_asked_to_end() -> None:
    loop, ending, runner = asyncio.get_running_loop(), asyncio.Event(), Runner()
    for wanted in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(wanted, ending.set)
    runner.start(loop)
    await ending.wait()
    await asyncio.to_thread(runner.stop)
    await close_sources()
