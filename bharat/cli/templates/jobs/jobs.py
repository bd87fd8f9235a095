"""Wake-ups within one process. Workers of others find their jobs in the database, within `poll`."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from bharat.contracts.jobs import JobRunner
from bharat.contracts.platform import Platform

from bharat.cli.templates.jobs import NewPluginOptions


class NewPluginJobs:
    """See `bharat.contracts.jobs.Jobs`. The job is a row of the database; what is kept here are hints, and losing them delays jobs
    and loses none. So `wake` never raises: catch what your driver raises there, and log it."""

    def __init__(self, options: NewPluginOptions, platform: Platform) -> None:
        self._look = options.look
        self._clock = platform.clock
        self._hints: list[tuple[str, datetime, UUID]] = []
        self._news = threading.Condition()

    def wake(self, job_id: UUID, *, queue: str, at: datetime | None = None) -> None:
        with self._news:
            self._hints.append((queue, at or self._clock.now(), job_id))
            self._news.notify_all()

    def work(self, runner: JobRunner, queues: Sequence[str], *, poll: timedelta) -> None:
        asked = float("-inf")
        while not runner.stopping:
            # The database first: however many hints come, it is asked every `poll`.
            if time.monotonic() - asked >= poll.total_seconds():
                runner.run_due(queues)
                asked = time.monotonic()
            elif (job_id := self._next(queues)) is not None:
                runner.run(job_id)
            else:
                self._rest(poll)

    def depth(self) -> Mapping[str, int]:
        with self._news:
            return Counter(queue for queue, _, _ in self._hints)

    def close(self) -> None:
        return None

    def _next(self, queues: Sequence[str]) -> UUID | None:
        """Take the first hint that is due for one of these queues."""
        with self._news:
            now = self._clock.now()
            for place, (queue, at, job_id) in enumerate(self._hints):
                if queue in queues and at <= now:
                    del self._hints[place]
                    return job_id
        return None

    def _rest(self, poll: timedelta) -> None:
        """Until there is news, and not for long: nobody tells of the end."""
        with self._news:
            self._news.wait(min(self._look, poll.total_seconds()))
