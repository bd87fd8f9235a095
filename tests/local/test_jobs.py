"""The jobs provider `database`."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import cast
from uuid import UUID

import pytest

from bharat.contracts.application import Application
from bharat.contracts.platform import Platform
from bharat.contracts.principal import SYSTEM
from bharat.contracts.work import JobContext, JobSpec
from bharat.data import BharatDatabase
from bharat.data.engine import EngineOptions
from bharat.local.jobs import DatabaseJobs
from bharat.testing.jobs import JobsSuite, Ledger
from bharat.testing.platform import ShiftableClock
from bharat.testing.suite import CutOff, OnShiftedClock
from bharat.work import enqueue
from bharat.work.tables import jobs as table
from bharat.work.worker import Runner
from tests.local.cutting_off import exhaustible


class Host:
    """What the provider and a runner ask of the application."""

    def __init__(self, database: BharatDatabase) -> None:
        self.database = database
        self.clock = database.clock


class Rows:
    """The ledger on real rows, run by the real runner."""

    def __init__(self, database: BharatDatabase) -> None:
        self.during: Callable[[UUID], None] = lambda job_id: None
        self.ran: list[UUID] = []
        self.asked = 0
        self._database = database
        self._lock = threading.Lock()
        self._spec = JobSpec(kind="test.suite", run=self._ran)
        self._runner = Runner(cast(Application, Host(database)), {self._spec.kind: self._spec})

    def add(self, queue: str, *, at: datetime | None = None) -> UUID:
        with self._database.write(None, SYSTEM) as unit:
            job_id = enqueue(unit, self._spec, {}, run_at=at)
            assert job_id is not None
            unit.execute(table.update().where(table.c.id == job_id).values(queue=queue))
        return job_id

    def run(self, job_id: UUID) -> bool:
        with self._lock:
            self.asked += 1
        return self._runner.run(job_id)

    def run_due(self, queues: Sequence[str]) -> int:
        with self._lock:
            self.asked += 1
        return self._runner.run_due(queues)

    def stop(self) -> None:
        self._runner.stop()

    @property
    def stopping(self) -> bool:
        return self._runner.stopping

    def _ran(self, job: JobContext) -> None:
        self.during(job.id)
        with self._lock:
            self.ran.append(job.id)


@pytest.fixture
def opened(database_options: EngineOptions, clock: ShiftableClock) -> Iterator[tuple[BharatDatabase, CutOff]]:
    with exhaustible(database_options, clock) as opened:
        yield opened


class TestDatabaseJobs(OnShiftedClock, JobsSuite):
    @pytest.fixture
    def jobs(self, opened: tuple[BharatDatabase, CutOff]) -> DatabaseJobs:
        return DatabaseJobs(cast(Platform, Host(opened[0])))

    @pytest.fixture
    def ledger(self, database: BharatDatabase) -> Ledger:
        return Rows(database)

    @pytest.fixture
    def cut_off(self, opened: tuple[BharatDatabase, CutOff]) -> CutOff:
        return opened[1]
