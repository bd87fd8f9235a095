"""The jobs provider `database`: workers hear of jobs within their process at once, and otherwise by looking.

It needs nothing but the database and is shared by all nodes on it: the rows are claimed by compare-and-set. PostgreSQL's
LISTEN is not used for hints between processes: it takes a connection of each worker out of a small budget (a managed server
with 1 GB has 22), and a pooler of transactions does not pass it on. `[worker] poll` bounds the wait instead.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

import sqlalchemy as sa

from bharat.contracts.errors import Unavailable
from bharat.contracts.jobs import JobRunner
from bharat.contracts.platform import Platform
from bharat.work.bell import Bell
from bharat.work.tables import State, in_state, jobs

log = logging.getLogger(__name__)

_ATTENTION = 0.25
"""Seconds between looks at whether the worker was asked to stop, which rings no bell."""


class DatabaseJobs:
    """See `bharat.contracts.jobs.Jobs`."""

    def __init__(self, platform: Platform) -> None:
        self._clock = platform.clock
        self._database = platform.database
        now = self._database.now()
        due = sa.or_(
            in_state(State.READY),
            sa.and_(in_state(State.SCHEDULED), jobs.c.run_at <= now),
            sa.and_(in_state(State.RUNNING), jobs.c.lease_until <= now),
        )
        self._depth = sa.select(jobs.c.queue, sa.func.count().label("waiting")).where(due).group_by(jobs.c.queue)
        self._bell = Bell()

    def wake(self, job_id: UUID, *, queue: str, at: datetime | None = None) -> None:
        if at is None or at <= self._clock.now():  # what is due later, the poll finds then
            self._bell.ring(queue)

    def work(self, runner: JobRunner, queues: Sequence[str], *, poll: timedelta) -> None:
        while not runner.stopping:
            rung = self._bell.rung(queues)
            try:
                runner.run_due(queues)
            except Unavailable:
                log.warning("no jobs are claimed: the database does not answer")
            deadline = time.monotonic() + poll.total_seconds()
            while self._bell.rung(queues) == rung:
                left = deadline - time.monotonic()
                if left <= 0 or runner.stopping:
                    break
                self._bell.wait(queues, rung, min(_ATTENTION, left))

    def depth(self) -> Mapping[str, int]:
        return {row.queue: row.waiting for row in self._database.read(None).rows(self._depth)}

    def close(self) -> None:
        """The database is the application's; workers stop by their runner."""
