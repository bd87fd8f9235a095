"""A right jobs backend in memory: what the wrong ones derive from."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from bharat.contracts.jobs import JobRunner
from bharat.contracts.platform import Clock


class MemoryJobs:
    look = 0.02
    """Seconds after which a waiting worker looks whether it was asked to stop."""

    def __init__(self, clock: Clock) -> None:
        self.hints: list[tuple[str, datetime, UUID]] = []
        self.answers = True
        self.clock = clock
        self.news = threading.Condition()

    def wake(self, job_id: UUID, *, queue: str, at: datetime | None = None) -> None:
        if not self.answers:
            return
        with self.news:
            self.hints.append((queue, at or self.clock.now(), job_id))
            self.news.notify_all()

    def work(self, runner: JobRunner, queues: Sequence[str], *, poll: timedelta) -> None:
        asked = float("-inf")
        while not runner.stopping:
            if time.monotonic() - asked >= poll.total_seconds():
                runner.run_due(queues)
                asked = time.monotonic()
            elif (job_id := self.next_hint(queues)) is not None:
                runner.run(job_id)
            else:
                self.rest(poll)

    def rest(self, poll: timedelta) -> None:
        with self.news:
            self.news.wait(self.look)

    def next_hint(self, queues: Sequence[str]) -> UUID | None:
        with self.news:
            now = self.clock.now()
            for place, (queue, at, job_id) in enumerate(self.hints):
                if queue in queues and at <= now:
                    del self.hints[place]
                    return job_id
        return None

    def depth(self) -> Mapping[str, int]:
        with self.news:
            queues = [queue for queue, _, _ in self.hints]
        return {queue: queues.count(queue) for queue in set(queues)}

    def close(self) -> None:
        return None
