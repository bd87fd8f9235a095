"""The conformance suite of the capability `jobs`."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID, uuid4

import pytest

from bharat.contracts.jobs import JobRunner, Jobs
from bharat.contracts.platform import Clock
from bharat.testing.platform import ShiftableClock
from bharat.testing.suite import CutOff, LetPass, Suite, needs_cut_off, not_given, together

OFTEN = timedelta(milliseconds=200)
SELDOM = timedelta(minutes=10)


class Ledger(JobRunner, Protocol):
    """The job rows and who runs them, as the suite needs them."""

    during: Callable[[UUID], None]
    """Called while a job runs."""

    def add(self, queue: str, *, at: datetime | None = None) -> UUID:
        """Write a row that is due now or at `at`; tell nobody."""
        ...

    def stop(self) -> None:
        """Make `stopping` true."""
        ...

    @property
    def ran(self) -> Sequence[UUID]:
        """The jobs that ran, in order, once for each time."""
        ...

    @property
    def asked(self) -> int:
        """How often a worker has called `run` or `run_due`."""
        ...


class MemoryLedger:
    """Rows in memory. A job is claimed at most once, whoever asks."""

    def __init__(self, clock: Clock) -> None:
        self.during: Callable[[UUID], None] = lambda job_id: None
        self.ran: list[UUID] = []
        self.asked = 0
        self.stopping = False
        self._clock = clock
        self._due: dict[UUID, tuple[str, datetime]] = {}
        self._lock = threading.Lock()

    def add(self, queue: str, *, at: datetime | None = None) -> UUID:
        job_id = uuid4()
        with self._lock:
            self._due[job_id] = (queue, at or self._clock.now())
        return job_id

    def stop(self) -> None:
        self.stopping = True

    def run(self, job_id: UUID) -> bool:
        with self._lock:
            self.asked += 1
        return self._claim(job_id)

    def run_due(self, queues: Sequence[str]) -> int:
        with self._lock:
            self.asked += 1
            due = [job_id for job_id, (queue, _) in self._due.items() if queue in queues]
        ran = 0
        for job_id in due:
            if self.stopping:
                break
            ran += self._claim(job_id)
        return ran

    def _claim(self, job_id: UUID) -> bool:
        with self._lock:
            row = self._due.get(job_id)
            if row is None or row[1] > self._clock.now():
                return False
            del self._due[job_id]
        self.during(job_id)
        with self._lock:
            self.ran.append(job_id)
        return True


class JobsSuite(Suite):
    """Everything that `bharat.contracts.jobs` promises. Override `jobs`; `ledger` when the backend counts the rows of the
    database or runs jobs in other processes, which rows in this one's memory can't follow; `cut_off` for a backend that can
    go away. `work` is called in threads."""

    @pytest.fixture
    def jobs(self) -> Jobs:
        raise not_given("jobs", "JobsSuite")

    @pytest.fixture
    def ledger(self, clock: ShiftableClock) -> Ledger:
        return MemoryLedger(clock)

    @contextmanager
    def working(self, jobs: Jobs, ledger: Ledger, *queues: str, poll: timedelta) -> Iterator[threading.Thread]:
        """A worker, asked to stop at the end of the block, where what it raised is raised again."""
        errors: list[BaseException] = []

        def work() -> None:
            try:
                jobs.work(ledger, queues, poll=poll)
            except BaseException as error:
                errors.append(error)

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        try:
            yield thread
        finally:
            ledger.stop()
            thread.join(self.patience.total_seconds())
        if errors:
            raise errors[0]
        assert not thread.is_alive(), f"the worker did not stop within {self.patience}"

    def all_run(self, ledger: Ledger, expected: Sequence[UUID]) -> None:
        self.eventually(lambda: set(expected) <= set(ledger.ran), f"{len(expected)} jobs run")

    # Hints.

    def test_a_hint_starts_the_job_at_once(self, jobs: Jobs, ledger: Ledger) -> None:
        with self.working(jobs, ledger, "default", poll=SELDOM):
            # The second can't be found by what a worker does when it starts.
            for _ in range(3):
                job_id = ledger.add("default")
                jobs.wake(job_id, queue="default")
                self.all_run(ledger, [job_id])

    def test_a_hint_may_come_before_the_worker(self, jobs: Jobs, ledger: Ledger) -> None:
        added = [ledger.add("default") for _ in range(3)]
        for job_id in added:
            jobs.wake(job_id, queue="default")
        with self.working(jobs, ledger, "default", poll=SELDOM):
            self.all_run(ledger, added)

    def test_a_worker_serves_all_its_queues(self, jobs: Jobs, ledger: Ledger) -> None:
        with self.working(jobs, ledger, "first", "second", "third", poll=SELDOM):
            for queue in ("third", "first", "second", "third"):
                job_id = ledger.add(queue)
                jobs.wake(job_id, queue=queue)
                self.all_run(ledger, [job_id])

    def test_a_worker_leaves_other_queues_alone(self, jobs: Jobs, ledger: Ledger) -> None:
        with self.working(jobs, ledger, "mine", poll=OFTEN):
            for _ in range(5):
                jobs.wake(ledger.add("yours"), queue="yours")
            mine = [ledger.add("mine") for _ in range(5)]
            for job_id in mine:
                jobs.wake(job_id, queue="mine")
            self.all_run(ledger, mine)
            asked = ledger.asked
            self.eventually(lambda: ledger.asked > asked + 1, "the worker goes on asking")
        assert set(ledger.ran) == set(mine)

    def test_a_burst_of_hints_runs_every_job_once(self, jobs: Jobs, ledger: Ledger) -> None:
        def act(number: int) -> list[UUID]:
            added = [ledger.add("default") for _ in range(20)]
            for job_id in added:
                jobs.wake(job_id, queue="default")
            return added

        with (
            self.working(jobs, ledger, "default", poll=SELDOM),
            self.working(jobs, ledger, "default", poll=SELDOM),
        ):
            added = [job_id for some in together(5, act) for job_id in some]
            self.all_run(ledger, added)
        assert sorted(ledger.ran) == sorted(added)

    def test_a_hint_for_nothing_does_no_harm(self, jobs: Jobs, ledger: Ledger) -> None:
        with self.working(jobs, ledger, "default", poll=OFTEN):
            job_id = ledger.add("default")
            jobs.wake(uuid4(), queue="default")
            for _ in range(3):
                jobs.wake(job_id, queue="default")
            jobs.wake(uuid4(), queue="default", at=datetime.fromisoformat("2001-01-01T00:00:00+00:00"))
            self.all_run(ledger, [job_id])
            later = ledger.add("default")
            jobs.wake(later, queue="default")
            self.all_run(ledger, [later])
        assert list(ledger.ran) == [job_id, later]

    def test_a_job_for_later_runs_then_and_not_before(
        self, jobs: Jobs, ledger: Ledger, clock: ShiftableClock, let_pass: LetPass
    ) -> None:
        at = clock.now() + 2 * self.moment
        with self.working(jobs, ledger, "default", poll=OFTEN):
            later = ledger.add("default", at=at)
            jobs.wake(later, queue="default", at=at)
            now = ledger.add("default")
            jobs.wake(now, queue="default")
            self.all_run(ledger, [now])
            assert list(ledger.ran) == [now]
            let_pass(2 * self.moment)
            self.all_run(ledger, [later])

    # Polling.

    def test_a_job_whose_hint_was_lost_is_found(self, jobs: Jobs, ledger: Ledger) -> None:
        with self.working(jobs, ledger, "first", "second", poll=OFTEN):
            for queue in ("first", "second", "first"):
                job_id = ledger.add(queue)
                self.all_run(ledger, [job_id])

    def test_hints_do_not_keep_a_worker_from_asking(self, jobs: Jobs, ledger: Ledger) -> None:
        with self.working(jobs, ledger, "default", poll=OFTEN):
            lost = ledger.add("default")

            def found() -> bool:
                jobs.wake(uuid4(), queue="default")
                return lost in ledger.ran

            self.eventually(found, "a job whose hint was lost is found although hints keep coming")

    def test_a_worker_without_work_rests(self, jobs: Jobs, ledger: Ledger) -> None:
        with self.working(jobs, ledger, "default", poll=OFTEN):
            jobs.wake(uuid4(), queue="default")
            self.eventually(lambda: ledger.asked > 0, "the worker asks")
            before = ledger.asked
            threading.Event().wait(1)
            assert ledger.asked - before <= 15, "the worker asks in a tight loop"

    # Stopping.

    def test_an_idle_worker_stops_promptly(self, jobs: Jobs, ledger: Ledger) -> None:
        with self.working(jobs, ledger, "default", poll=SELDOM) as thread:
            job_id = ledger.add("default")
            jobs.wake(job_id, queue="default")
            self.all_run(ledger, [job_id])
            ledger.stop()
            self.eventually(lambda: not thread.is_alive(), "an idle worker stops")

    def test_a_busy_worker_finishes_the_job_at_hand_and_stops(self, jobs: Jobs, ledger: Ledger) -> None:
        ledger.during = lambda job_id: ledger.stop()
        for _ in range(10):
            jobs.wake(ledger.add("default"), queue="default")
        with self.working(jobs, ledger, "default", poll=SELDOM) as thread:
            self.eventually(lambda: not thread.is_alive(), "a busy worker stops")
        assert len(ledger.ran) == 1

    # Depth and going away.

    def test_depth_counts_what_waits_by_queue(self, jobs: Jobs, ledger: Ledger) -> None:
        added = [ledger.add(queue) for queue in ("first", "first", "second")]
        for job_id, queue in zip(added, ("first", "first", "second"), strict=True):
            jobs.wake(job_id, queue=queue)
        depth = jobs.depth()
        assert (depth["first"], depth["second"]) == (2, 1)
        with self.working(jobs, ledger, "first", "second", poll=SELDOM):
            self.all_run(ledger, added)
            self.eventually(lambda: not any(jobs.depth().values()), "nothing waits when all has run")

    def test_a_hint_never_fails(
        self, jobs: Jobs, ledger: Ledger, clock: ShiftableClock, cut_off: CutOff | None
    ) -> None:
        needs_cut_off(cut_off)()
        jobs.wake(uuid4(), queue="default")
        jobs.wake(uuid4(), queue="default", at=clock.now() + timedelta(hours=1))

    def test_closing_twice_is_once(self, jobs: Jobs) -> None:
        jobs.close()
        jobs.close()

    def test_closing_fails_for_no_backend(self, jobs: Jobs, cut_off: CutOff | None) -> None:
        needs_cut_off(cut_off)()
        jobs.close()
