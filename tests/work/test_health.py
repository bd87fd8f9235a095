"""What is found about background work."""

from __future__ import annotations

from datetime import timedelta
from threading import Event

import pytest

from bharat.contracts.check import Finding, Status
from bharat.contracts.principal import SYSTEM
from bharat.contracts.work import CatchUp, CronEntry, GiveUp, JobContext
from bharat.data import BharatDatabase
from bharat.data.clock import OffsetClock
from bharat.testing.suite import eventually
from bharat.work import emit
from bharat.work.catalogue import Catalogue
from bharat.work.clock import CronClock
from bharat.work.health import PROBE, examine_work
from bharat.work.service import Worker
from tests.fixtures.databases import NewOrganisation
from tests.work.small import SmallApplication, add, all_jobs, spec, state_of

HOURLY = CronEntry(name="test.hourly", schedule="0 * * * *", job=PROBE.kind, catch_up=CatchUp.LATEST)
CATALOGUE = Catalogue.of([PROBE], cron=[HOURLY])
BRIEFLY = timedelta(seconds=0.3)
PATIENTLY = timedelta(seconds=30)


def found(database: BharatDatabase, patience: timedelta = BRIEFLY) -> dict[str, Finding]:
    return {finding.about: finding for finding in examine_work(database, CATALOGUE, patience)}


@pytest.fixture
def work(database: BharatDatabase) -> SmallApplication:
    return SmallApplication(database)


def working(work: SmallApplication, *more: object, **options: object) -> Worker:
    return Worker(work.host, catalogue=CATALOGUE, **options)  # type: ignore[arg-type] # as the constructor takes them


def test_with_a_worker_and_a_clock_all_is_in_order(work: SmallApplication, database: BharatDatabase) -> None:
    worker = working(work)
    worker.start()
    try:
        eventually(lambda: found(database)["clock"].status is Status.OK, within=PATIENTLY, what="the clock looked")
        findings = found(database, PATIENTLY)
    finally:
        worker.stop()
    assert [finding for finding in findings.values() if finding.status is not Status.OK] == []
    assert list(findings) == ["waiting", "dead", "events", "clock", "worker"]
    assert findings["worker"].detail.startswith("a worker did a job in ")
    assert all_jobs(database, PROBE.kind) == []


def test_without_a_worker_the_probe_is_taken_back_and_told(database: BharatDatabase) -> None:
    finding = found(database)["worker"]
    assert (finding.status, finding.detail) == (Status.FAILED, "no worker took a job within 0 s")
    assert all_jobs(database, PROBE.kind) == []


def test_a_worker_that_is_busy_is_not_a_worker_that_is_missing(
    work: SmallApplication, database: BharatDatabase
) -> None:
    end = Event()

    def wait(job: JobContext) -> None:
        end.wait(30)

    long = spec(wait)
    worker = Worker(work.host, catalogue=Catalogue.of([PROBE, long], cron=[HOURLY]), concurrency=1)
    worker.start()
    try:
        job = add(database, long)
        eventually(lambda: state_of(database, job) == "running", within=PATIENTLY, what="the job runs")
        finding = found(database)["worker"]
    finally:
        end.set()
        worker.stop()
    assert finding.status is Status.DEGRADED
    assert "1 runs" in finding.detail
    assert "concurrency" in finding.remedy


@pytest.mark.parametrize(("minutes", "expected"), [(0.5, "ok"), (5, "degraded"), (30, "failed")])
def test_a_job_that_waits_is_told_by_its_age(
    database: BharatDatabase, clock: OffsetClock, minutes: float, expected: str
) -> None:
    add(database, spec())
    clock.offset += timedelta(minutes=minutes)
    finding = found(database)["waiting"]
    assert finding.status == expected
    if expected != "ok":
        assert f"waits for {minutes} min" in finding.detail


def test_a_dead_job_is_counted(work: SmallApplication, database: BharatDatabase) -> None:
    def give_up(job: JobContext) -> None:
        raise GiveUp("no")

    dying = spec(give_up)
    worker = Worker(work.host, catalogue=Catalogue.of([PROBE, dying]))
    worker.start()
    try:
        job = add(database, dying)
        eventually(lambda: state_of(database, job) == "dead", within=PATIENTLY, what="the job is dead")
    finally:
        worker.stop()
    finding = found(database)["dead"]
    assert (finding.status, finding.detail) == (Status.DEGRADED, "1 job used up their attempts")


def test_events_that_nobody_publishes_are_told(
    database: BharatDatabase, clock: OffsetClock, new_organisation: NewOrganisation
) -> None:
    with database.write(new_organisation("acme"), SYSTEM) as unit:
        emit(unit, "deal.won", subject_type="deal", subject_id=None, data={})
    assert found(database)["events"].status is Status.OK
    clock.offset += timedelta(hours=2)
    finding = found(database)["events"]
    assert (finding.status, "the oldest for 2 h" in finding.detail) == (Status.FAILED, True)


def test_a_clock_that_never_ran_is_told(database: BharatDatabase) -> None:
    finding = found(database)["clock"]
    assert (finding.status, finding.detail) == (Status.FAILED, "no clock has seen test.hourly yet")


def test_a_clock_that_stopped_is_told_at_the_first_tick_it_misses(database: BharatDatabase, clock: OffsetClock) -> None:
    CronClock(database, CATALOGUE).look()
    assert found(database)["clock"].status is Status.OK
    clock.offset += timedelta(minutes=62)
    finding = found(database)["clock"]
    assert finding.status is Status.FAILED
    assert finding.detail.startswith("test.hourly was due at ")
    CronClock(database, CATALOGUE).look()
    assert found(database)["clock"].status is Status.OK
