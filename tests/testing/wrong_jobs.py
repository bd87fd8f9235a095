"""Wrong jobs backends, each with its suite; `test_suites_bite.py` runs them. `TestRight` is what they derive from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import ClassVar
from uuid import UUID

import pytest

from bharat.contracts.jobs import JobRunner
from bharat.contracts.platform import Platform
from bharat.testing.jobs import JobsSuite
from bharat.testing.platform import SmallPlatform
from bharat.testing.suite import CutOff, OnShiftedClock
from tests.testing.away import RemoteJobs


class TestRight(OnShiftedClock, JobsSuite):
    backend: ClassVar[type[RemoteJobs]] = RemoteJobs

    @pytest.fixture
    def jobs(self, platform: SmallPlatform) -> RemoteJobs:
        return self.backend(platform)

    @pytest.fixture
    def cut_off(self, jobs: RemoteJobs) -> CutOff:
        return lambda: setattr(jobs, "answers", False)


class Wrong(TestRight):
    """What is never going to happen is not waited for as long as what may be slow."""

    patience = timedelta(seconds=0.5)


class TestIgnoresHints(Wrong):
    class backend(RemoteJobs):  # noqa: N801
        def wake(self, job_id: UUID, *, queue: str, at: datetime | None = None) -> None:
            return None


class TestTrustsHintsAlone(Wrong):
    class backend(RemoteJobs):  # noqa: N801
        def work(self, runner: JobRunner, queues: Sequence[str], *, poll: timedelta) -> None:
            while not runner.stopping:
                if (job_id := self._next(queues)) is not None:
                    runner.run(job_id)
                else:
                    self._rest(poll)


class TestPollsOnlyWhenHintsCease(Wrong):
    class backend(RemoteJobs):  # noqa: N801
        def work(self, runner: JobRunner, queues: Sequence[str], *, poll: timedelta) -> None:
            while not runner.stopping:
                if (job_id := self._next(queues)) is not None:
                    runner.run(job_id)
                else:
                    with self._news:
                        hinted = self._news.wait(poll.total_seconds())
                    if not hinted:
                        runner.run_due(queues)


class TestServesOneQueue(Wrong):
    class backend(RemoteJobs):  # noqa: N801
        def work(self, runner: JobRunner, queues: Sequence[str], *, poll: timedelta) -> None:
            super().work(runner, queues[:1], poll=poll)


class TestServesTheQueuesOfOthers(Wrong):
    class backend(RemoteJobs):  # noqa: N801
        def _next(self, queues: Sequence[str]) -> UUID | None:
            return super()._next([queue for queue, _, _ in self._hints])


class TestSleepsThroughTheStop(Wrong):
    class backend(RemoteJobs):  # noqa: N801
        def _rest(self, poll: timedelta) -> None:
            with self._news:
                self._news.wait(poll.total_seconds())


class TestNeverRests(Wrong):
    class backend(RemoteJobs):  # noqa: N801
        def work(self, runner: JobRunner, queues: Sequence[str], *, poll: timedelta) -> None:
            super().work(runner, queues, poll=timedelta(0))


class TestFinishesTheQueueBeforeItStops(Wrong):
    class backend(RemoteJobs):  # noqa: N801
        def work(self, runner: JobRunner, queues: Sequence[str], *, poll: timedelta) -> None:
            super().work(runner, queues, poll=poll)
            while (job_id := self._next(queues)) is not None:
                runner.run(job_id)


class TestFailsTheCallerWhenItIsDown(Wrong):
    class backend(RemoteJobs):  # noqa: N801
        def wake(self, job_id: UUID, *, queue: str, at: datetime | None = None) -> None:
            if not self.answers:
                raise ConnectionError("the queue does not answer")
            super().wake(job_id, queue=queue, at=at)


class TestCountsEveryHintItEverGot(Wrong):
    class backend(RemoteJobs):  # noqa: N801
        def __init__(self, platform: Platform) -> None:
            super().__init__(platform)
            self.counts: dict[str, int] = {}

        def wake(self, job_id: UUID, *, queue: str, at: datetime | None = None) -> None:
            super().wake(job_id, queue=queue, at=at)
            self.counts[queue] = self.counts.get(queue, 0) + 1

        def depth(self) -> Mapping[str, int]:
            return self.counts
