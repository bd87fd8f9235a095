"""The reconciler: a hint may be lost, a worker may die; this finds the rows that nobody works on and tells of them."""

from __future__ import annotations

import logging
import threading
from datetime import timedelta

import sqlalchemy as sa

from bharat.contracts.database import Database
from bharat.contracts.errors import Unavailable
from bharat.contracts.jobs import Jobs
from bharat.work.leases import Leases
from bharat.work.tables import State, in_state, jobs

log = logging.getLogger(__name__)

OVERDUE = timedelta(seconds=2)
"""A job ready for so long may have lost its hint. One that only waits its turn is told of again, which does no harm."""
AT_MOST = 1000


class Reconciler:
    """Makes due and orphaned jobs ready and wakes workers for what lies ready."""

    def __init__(self, database: Database, queue: Jobs, leases: Leases) -> None:
        self._database = database
        self._queue = queue
        self._leases = leases
        self._ready = (
            sa.select(jobs.c.id, jobs.c.queue)
            .where(in_state(State.READY), jobs.c.run_at <= database.after(-OVERDUE))
            .order_by(jobs.c.priority, jobs.c.run_at, jobs.c.id)
            .limit(AT_MOST)
        )
        self._stopping = threading.Event()

    def look(self) -> int:
        """One round; how many jobs a worker was woken for."""
        promote, _ = self._leases.waiting((), ())
        if promote:
            self._leases.promote()
        ready = self._database.read(None).rows(self._ready)
        for row in ready:
            self._queue.wake(row.id, queue=row.queue)
        return len(ready)

    def run(self, poll: timedelta = timedelta(seconds=5)) -> None:
        """Look every `poll` until `stop`."""
        while not self._stopping.is_set():
            try:
                self.look()
            except Unavailable:
                log.warning("the reconciler waits: the database does not answer")
            except Exception:
                log.exception("the reconciler failed; trying again")
            self._stopping.wait(poll.total_seconds())

    def stop(self) -> None:
        self._stopping.set()
