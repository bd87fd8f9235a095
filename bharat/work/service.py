"""`Worker`: everything that works in the background, in one process: jobs, relay, reconciler and clock.

It runs inside the server (threads, or greenlets where the process is monkey-patched) or as the `bharat worker` and
`bharat clock` processes. Any number may run at once.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Protocol

from bharat.config import Config
from bharat.contracts.application import Application
from bharat.work.catalogue import Catalogue
from bharat.work.clock import CronClock
from bharat.work.leases import Leases
from bharat.work.reconciler import Reconciler
from bharat.work.relay import Relay
from bharat.work.worker import Runner

log = logging.getLogger(__name__)

RELAY_POLL = timedelta(milliseconds=500)
"""How long an event of another process may wait to be published."""
WAIT_POLL = timedelta(seconds=1)
"""How often it is asked whether the worker may start."""
GRACE = timedelta(seconds=25)
"""How long running jobs may take to finish when the worker stops."""


class Host(Application, Protocol):
    """The application together with its configuration."""

    @property
    def config(self) -> Config: ...


class Worker:
    """The background work of one process. `queues` and `concurrency` override `[worker]`; a concurrency of 0 runs no jobs:
    the relay, the reconciler and the clock alone.

    Raises `PluginError` for declarations that can't run."""

    def __init__(
        self,
        app: Host,
        *,
        queues: Sequence[str] = (),
        concurrency: int | None = None,
        clock: bool | None = None,
        catalogue: Catalogue | None = None,
    ) -> None:
        settings = app.config.worker
        self.catalogue = catalogue or Catalogue.declared(app.registry)
        self._app = app
        self._queues = tuple(queues) or settings.queues or self.catalogue.queues
        self._concurrency = settings.concurrency if concurrency is None else concurrency
        self._poll = timedelta(seconds=settings.poll)
        lease = timedelta(seconds=settings.lease)
        self.runner = Runner(app, self.catalogue.jobs, lease=lease)
        self.relay = Relay(app.database, self.catalogue.subscribers, self.catalogue.followers)
        self.reconciler = Reconciler(app.database, app.jobs, Leases(app.database, lease))
        self.clock = CronClock(app.database, self.catalogue)
        self._with_clock = settings.clock if clock is None else clock
        self._threads: list[threading.Thread] = []
        self._starting = threading.RLock()
        self._stopping = threading.Event()

    def start_when_ready(self, reasons: Callable[[], Sequence[str]]) -> None:
        """Start once there are no `reasons` against it, like migrations that are pending, and return at once: on tables that are not
        there every part would fail, and jobs would use up their attempts. `stop` ends the waiting."""
        thread = threading.Thread(target=self._wait_and_start, args=(reasons,), name="bharat-waiting", daemon=True)
        with self._starting:
            self._threads.append(thread)
            thread.start()

    def _wait_and_start(self, reasons: Callable[[], Sequence[str]]) -> None:
        said = ""
        while not self._stopping.is_set():
            found = reasons()
            if not found:
                break
            if found[0] != said:
                said = found[0]
                log.warning("waiting: %s", said)
            self._stopping.wait(WAIT_POLL.total_seconds())
        with self._starting:
            if not self._stopping.is_set():
                self._threads.remove(threading.current_thread())
                self.start()

    def start(self) -> None:
        """Start everything in threads of its own, and return."""
        with self._starting:
            self._start()

    def _start(self) -> None:
        tasks: list[tuple[str, Callable[[], None]]] = [
            ("relay", lambda: self.relay.run(RELAY_POLL)),
            ("reconciler", self.reconciler.run),
        ]
        if self._with_clock:
            tasks.append(("clock", self.clock.run))
        tasks += [(f"jobs-{number}", self._serve) for number in range(1, self._concurrency + 1)]
        for name, task in tasks:
            thread = threading.Thread(target=task, name=f"bharat-{name}", daemon=True)
            self._threads.append(thread)
            thread.start()
        log.info(
            "working: %d at a time on %s",
            self._concurrency,
            ", ".join(self._queues) if self._concurrency else "no queue",
        )

    def stop(self, grace: timedelta = GRACE) -> int:
        """Claim nothing more, wait for running jobs up to `grace`, and give the rest back for others; how many those were.
        Idempotent."""
        with self._starting:
            self._stopping.set()
        self.runner.stop()
        for part in (self.relay, self.reconciler, self.clock):
            part.stop()
        deadline = time.monotonic() + grace.total_seconds()
        self._join(deadline)
        given = self.runner.give_back()
        if given:
            log.warning("gave back %d jobs that did not finish within %s", given, grace)
        self._join(time.monotonic() + 2)
        self._threads.clear()
        return given

    @property
    def running(self) -> bool:
        """Whether it was started, or waits to be, and every part still works."""
        with self._starting:
            return bool(self._threads) and all(thread.is_alive() for thread in self._threads)

    def _serve(self) -> None:
        pause = min(self._poll.total_seconds(), 5)
        while not self.runner.stopping:
            try:
                self._app.jobs.work(self.runner, self._queues, poll=self._poll)
            except Exception:
                log.exception("serving the queues failed; trying again")
                time.sleep(pause)

    def _join(self, deadline: float) -> None:
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
