"""`Worker`: jobs, relay, reconciler and clock together in one process."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest

from bharat.contracts.principal import SYSTEM
from bharat.contracts.work import CatchUp, CronEntry, Event, JobContext, JobSpec, Subscriber
from bharat.data.engine import EngineOptions
from bharat.plugins.items import Owned
from bharat.testing.platform import ShiftableClock
from bharat.testing.suite import eventually
from bharat.work import emit, enqueue
from bharat.work.catalogue import Catalogue
from bharat.work.service import Worker
from bharat.work.worker import Runner
from tests.work.small import SmallApplication, add, all_jobs, effects, spec, state_of, take_effect

ROOT = Path(__file__).parents[2]
SOON = timedelta(seconds=20)


@contextmanager
def working(app: SmallApplication, catalogue: Catalogue, concurrency: int = 2) -> Iterator[Worker]:
    worker = Worker(app.host, concurrency=concurrency, catalogue=catalogue)
    worker.start()
    yield worker
    worker.stop()


def test_an_event_reaches_its_subscriber_whose_job_enqueues_another(
    app: SmallApplication, organisation_id: UUID
) -> None:
    second = spec(take_effect, kind="test.second")

    def handle(job: JobContext, event: Event) -> None:
        with job.app.database.write(event.organisation_id, SYSTEM) as unit:
            enqueue(unit, second, {})

    catalogue = Catalogue.of([second], [Subscriber(name="test.first", patterns=("deal.*",), handle=handle)])
    with working(app, catalogue):
        with app.database.write(organisation_id, SYSTEM) as unit:
            emit(unit, "deal.won", "deal", None, {})
        eventually(lambda: effects(app.database, organisation_id) == 1, within=SOON, what="the effect is there")


def test_a_failed_job_is_tried_again_when_its_time_comes(
    app: SmallApplication, organisation_id: UUID, clock: ShiftableClock
) -> None:
    def run(job: JobContext) -> None:
        if job.attempt == 1:
            raise RuntimeError
        take_effect(job)

    kind = spec(run)
    with working(app, Catalogue.of([kind])):
        job_id = add(app.database, kind, organisation_id=organisation_id)
        eventually(lambda: state_of(app.database, job_id) == "scheduled", within=SOON, what="the first attempt fails")
        clock.advance(timedelta(minutes=1))
        eventually(lambda: state_of(app.database, job_id) == "done", within=SOON, what="the second attempt succeeds")


def nothing_is_done_before_it_may_be(app: SmallApplication) -> None:
    reasons = ["Migrations are pending."]
    asked = threading.Event()

    def why_not() -> list[str]:
        asked.set()
        return list(reasons)

    job_id = add(app.database, spec())
    worker = Worker(app.host, concurrency=1, catalogue=Catalogue.of([spec()]))
    worker.start_when_ready(why_not)
    try:
        assert asked.wait(10)
        time.sleep(0.3)
        assert (state_of(app.database, job_id), worker.running) == ("ready", True)
        reasons.clear()
        eventually(lambda: state_of(app.database, job_id) == "done", within=SOON, what="the job runs after all")
        assert worker.running
    finally:
        worker.stop()


def test_nothing_is_done_before_it_may_be(app: SmallApplication) -> None:
    """Protected: the loop in `Worker._wait_and_start`."""
    nothing_is_done_before_it_may_be(app)


def test_mutant_that_does_not_wait_runs_jobs_at_once(app: SmallApplication, monkeypatch: pytest.MonkeyPatch) -> None:
    wait = Worker._wait_and_start

    def hasty(worker: Worker, reasons: Callable[[], Sequence[str]]) -> None:
        reasons()
        wait(worker, list)

    monkeypatch.setattr(Worker, "_wait_and_start", hasty)
    with pytest.raises(AssertionError):
        nothing_is_done_before_it_may_be(app)


def test_a_worker_that_waits_can_be_stopped(app: SmallApplication) -> None:
    worker = Worker(app.host, concurrency=1, catalogue=Catalogue.of([spec()]))
    worker.start_when_ready(lambda: ["never"])
    before = time.monotonic()
    worker.stop()
    assert time.monotonic() - before < 5
    assert not worker.running


def test_the_clock_starts_jobs(app: SmallApplication, clock: ShiftableClock) -> None:
    entry = CronEntry(name="test.minutely", schedule="* * * * *", job="test.job", catch_up=CatchUp.LATEST)
    with working(app, Catalogue.of([spec()], (), [entry])) as worker:
        eventually(lambda: "test.minutely" in worker.clock._next, within=SOON, what="the clock has begun")
        clock.advance(timedelta(minutes=1))
        eventually(
            lambda: [job.state for job in all_jobs(app.database)][:1] == ["done"], within=SOON, what="the tick has run"
        )


def test_with_no_concurrency_no_job_runs_but_events_are_published(app: SmallApplication, organisation_id: UUID) -> None:
    subscriber = Subscriber(name="test.index", patterns=("*",), handle=lambda job, event: None)
    with working(app, Catalogue.of([], [subscriber]), concurrency=0):
        with app.database.write(organisation_id, SYSTEM) as unit:
            emit(unit, "deal.won", "deal", None, {})
        eventually(lambda: len(all_jobs(app.database)) == 1, within=SOON, what="the event is published")
    assert [job.state for job in all_jobs(app.database)] == ["ready"]


def a_stopped_worker_gives_back_its_job(app: SmallApplication) -> None:
    entered, leave = threading.Event(), threading.Event()

    def run(job: JobContext) -> None:
        entered.set()
        leave.wait(60)

    kind = spec(run)
    job_id = add(app.database, kind)
    worker = Worker(app.host, catalogue=Catalogue.of([kind]))
    worker.start()
    try:
        assert entered.wait(SOON.total_seconds())
        assert worker.running
        given = worker.stop(timedelta(milliseconds=300))
        assert state_of(app.database, job_id) == "ready", "others must wait for the lease to run out"
        assert given == 1
        assert not worker.running
        assert worker.stop() == 0
    finally:
        leave.set()
        eventually(lambda: worker.runner.busy == 0, within=SOON, what="the job's thread ends")


def test_a_stopped_worker_gives_back_what_did_not_finish_in_time(app: SmallApplication) -> None:
    a_stopped_worker_gives_back_its_job(app)


def test_mutant_without_giving_back_the_job_stays_claimed(
    app: SmallApplication, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Protected: `given = self.runner.give_back()` in `Worker.stop`."""
    monkeypatch.setattr(Runner, "give_back", lambda self: 0)
    with pytest.raises(AssertionError, match="others must wait"):
        a_stopped_worker_gives_back_its_job(app)


def test_a_worker_finds_what_the_plugins_declared(app: SmallApplication) -> None:
    job: JobSpec = spec(queue="mail")
    subscriber = Subscriber(name="test.index", patterns=("*",), handle=lambda job, event: None)
    app.registry = {"jobs": (Owned("test", job),), "subscribers": (Owned("test", subscriber),), "cron": ()}
    worker = Worker(app.host)
    assert set(worker.catalogue.jobs) == {"test.job", "on:test.index"}
    assert worker.catalogue.queues == ("default", "mail")


def test_a_worker_runs_in_a_monkey_patched_process(database_options: EngineOptions, organisation_id: UUID) -> None:
    command = [sys.executable, "-m", "tests.work.patched", database_options.url, str(organisation_id)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "once": True, "heard": [1], "states": ["dead", *["done"] * 13], "given": 0,
    }  # fmt: skip
