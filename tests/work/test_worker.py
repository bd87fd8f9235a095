"""The runner: claims, outcomes, retries, limits and stopping."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from uuid import UUID

import pytest

from bharat.contracts.errors import BharatError
from bharat.contracts.principal import SYSTEM, Actor, ActorKind
from bharat.contracts.work import GiveUp, JobContext, Retry
from bharat.data import BharatDatabase
from bharat.testing.platform import ShiftableClock
from bharat.testing.suite import eventually
from bharat.work import backoff
from bharat.work.dead import list_jobs, replay
from bharat.work.leases import Leases
from bharat.work.worker import LEASE, Runner, _Run
from tests.work.conftest import RunnerOf
from tests.work.small import SmallApplication, add, effects, row_of, spec, state_of, take_effect

SOON = timedelta(seconds=10)
LONG = timedelta(minutes=2)


def test_a_job_runs_once_with_what_it_was_given(
    database: BharatDatabase, organisation_id: UUID, runner_of: RunnerOf
) -> None:
    seen: list[JobContext] = []
    kind = spec(seen.append)
    actor = Actor(ActorKind.SYSTEM, None, "request-1")
    job_id = add(database, kind, {"a": [1]}, organisation_id=organisation_id, actor=actor)
    runner = runner_of(kind)
    assert runner.run(job_id)
    assert not runner.run(job_id)
    (job,) = seen
    assert (job.id, job.kind, job.attempt, job.payload) == (job_id, "test.job", 1, {"a": [1]})
    assert (job.organisation_id, job.request_id) == (organisation_id, "request-1")
    row = row_of(database, job_id)
    assert row.state == "done"
    assert row.finished_at >= row.started_at >= row.created_at


def test_a_lower_priority_runs_first_and_among_equals_the_older(database: BharatDatabase, runner_of: RunnerOf) -> None:
    ran: list[UUID] = []
    kind = spec(lambda job: ran.append(job.id))
    late, early, urgent = add(database, kind), add(database, kind), add(database, kind, priority=1)
    assert runner_of(kind).run_due(["default"]) == 3
    assert ran == [urgent, late, early]


def test_other_queues_and_unknown_kinds_are_left_alone(database: BharatDatabase, runner_of: RunnerOf) -> None:
    known = spec()
    elsewhere = add(database, spec(queue="mail"))
    unknown = add(database, spec(kind="test.unknown"))
    runner = runner_of(known)
    assert runner.run_due(["default"]) == 0
    assert not runner.run(unknown)
    assert [state_of(database, job_id) for job_id in (elsewhere, unknown)] == ["ready", "ready"]


# Failure.


def fail(job: JobContext) -> None:
    raise RuntimeError("no")


def test_a_failed_job_waits_and_is_tried_again_until_it_is_dead(
    database: BharatDatabase, clock: ShiftableClock, runner_of: RunnerOf
) -> None:
    kind = spec(fail, max_attempts=3)
    runner = runner_of(kind)
    job_id = add(database, kind)
    for attempt in (1, 2):
        assert runner.run(job_id)
        row = row_of(database, job_id)
        assert (row.state, row.attempt) == ("scheduled", attempt)
        assert row.run_at <= clock.now() + backoff.bound(attempt)
        clock.advance(backoff.bound(attempt))
    assert runner.run(job_id)
    row = row_of(database, job_id)
    assert (row.state, row.attempt, row.finished_at is None) == ("dead", 3, False)
    assert [error["attempt"] for error in row.errors] == [1, 2, 3]
    clock.advance(timedelta(days=1))
    assert runner.run_due(["default"]) == 0


def test_a_job_without_a_limit_is_tried_until_it_succeeds(
    database: BharatDatabase, clock: ShiftableClock, runner_of: RunnerOf
) -> None:
    """Failures, workers that were lost and workers that stopped cost it nothing."""
    left = 30

    def succeed_in_the_end(job: JobContext) -> None:
        if job.attempt <= left:
            raise RuntimeError("no")

    kind = spec(succeed_in_the_end, max_attempts=None)
    job_id, leases = add(database, kind), Leases(database, LEASE)
    while state_of(database, job_id) != "done":
        clock.advance(timedelta(hours=1))
        match row_of(database, job_id).attempt % 3:
            case 0:
                lost = leases.claim_this(job_id, [kind.kind])
                assert lost is not None
                assert lost.max_attempts is None
                clock.advance(LEASE)
                assert leases.promote() == 1
            case 1:
                stopped = leases.claim_this(job_id, [kind.kind])
                assert stopped is not None
                assert leases.give_back([stopped]) == 1
            case _:
                assert runner_of(kind).run(job_id)
        (facts,) = list_jobs(database)
        assert (facts.max_attempts, facts.state in ("ready", "scheduled", "done")) == (None, True)
    assert row_of(database, job_id).attempt > left


def test_a_job_without_a_limit_may_give_up_and_is_replayed_without_one(
    database: BharatDatabase, runner_of: RunnerOf
) -> None:
    def refuse(job: JobContext) -> None:
        raise GiveUp("there is nothing to be done")

    kind = spec(refuse, max_attempts=None)
    job_id = add(database, kind)
    runner_of(kind).run(job_id)
    assert state_of(database, job_id) == "dead"
    assert replay(database, {kind.kind: kind}, [job_id]).ready == 1
    assert [facts.max_attempts for facts in list_jobs(database)] == [None]


def call_a_partner(job: JobContext) -> None:
    try:
        raise ConnectionError(f"refused for {job.payload['url']}")
    except ConnectionError as error:
        raise RuntimeError(f"no answer from {job.payload['url']}") from error


def test_an_error_is_noted_and_logged_by_type_and_place_and_never_in_its_own_words(
    database: BharatDatabase, runner_of: RunnerOf, caplog: pytest.LogCaptureFixture
) -> None:
    kind = spec(call_a_partner)
    job_id = add(database, kind, {"url": "https://partner.example/?token=hunter2"})
    runner_of(kind).run(job_id)
    (error,) = row_of(database, job_id).errors
    assert error["error"].startswith("RuntimeError in call_a_partner, test_worker.py:")
    for told in ("RuntimeError", "ConnectionError", "in call_a_partner", "test_worker.py"):
        assert told in caplog.text
    assert "hunter2" not in caplog.text


@pytest.mark.parametrize("words", ["they answered \x00", "they answered \ud800"])
def test_an_error_in_words_that_no_database_stores_is_noted_without_them(
    database: BharatDatabase, runner_of: RunnerOf, words: str
) -> None:
    def give_up(job: JobContext) -> None:
        raise GiveUp(words)

    kind = spec(give_up)
    job_id = add(database, kind)
    assert runner_of(kind).run_due(["default"]) == 1
    row = row_of(database, job_id)
    assert (row.state, row.errors[0]["error"]) == ("dead", "they answered \ufffd")


class Unspeakable(BharatError):
    def __str__(self) -> str:
        raise RuntimeError


@pytest.mark.parametrize(
    ("error", "noted"),
    [(Unspeakable(), "Unspeakable"), (Retry("in the year 10000", delay=timedelta(days=3_000_000)), "Retry")],
)
def test_an_error_that_cant_be_recorded_is_a_plain_failure(
    database: BharatDatabase, clock: ShiftableClock, runner_of: RunnerOf, error: Exception, noted: str
) -> None:
    def run(job: JobContext) -> None:
        raise error

    kind = spec(run)
    job_id = add(database, kind)
    assert runner_of(kind).run_due(["default"]) == 1
    row = row_of(database, job_id)
    assert (row.state, row.errors[0]["error"]) == ("scheduled", noted)
    assert row.run_at <= clock.now() + backoff.bound(1)


def test_the_message_of_an_error_meant_for_people_is_noted(database: BharatDatabase, runner_of: RunnerOf) -> None:
    def refuse(job: JobContext) -> None:
        raise BharatError("the mail server refused the sender")

    kind = spec(refuse)
    job_id = add(database, kind)
    runner_of(kind).run(job_id)
    assert row_of(database, job_id).errors[0]["error"] == "the mail server refused the sender"


def test_a_job_that_gives_up_is_dead_at_once(database: BharatDatabase, runner_of: RunnerOf) -> None:
    def give_up(job: JobContext) -> None:
        raise GiveUp("there is no such address")

    kind = spec(give_up)
    job_id = add(database, kind)
    runner_of(kind).run(job_id)
    row = row_of(database, job_id)
    assert (row.state, row.attempt, row.errors[0]["error"]) == ("dead", 1, "there is no such address")


def test_a_job_may_say_when_to_try_again(database: BharatDatabase, clock: ShiftableClock, runner_of: RunnerOf) -> None:
    def later(job: JobContext) -> None:
        raise Retry("they are closed", delay=timedelta(hours=5))

    kind = spec(later)
    job_id = add(database, kind)
    before = clock.now()
    runner_of(kind).run(job_id)
    row = row_of(database, job_id)
    assert row.state == "scheduled"
    assert timedelta(hours=5) <= row.run_at - before < timedelta(hours=5, minutes=1)


def test_a_job_that_ends_its_thread_fails_alone(database: BharatDatabase, runner_of: RunnerOf) -> None:
    def leave(job: JobContext) -> None:
        raise SystemExit(1)

    bad, good = spec(leave, kind="test.bad", priority=1), spec()
    runner = runner_of(bad, good)
    ids = [add(database, bad), add(database, good)]
    assert runner.run_due(["default"]) == 2
    assert [state_of(database, job_id) for job_id in ids] == ["scheduled", "done"]


def test_the_wait_doubles_up_to_a_cap_and_is_drawn_from_all_of_it() -> None:
    assert [backoff.bound(attempt).total_seconds() for attempt in (1, 2, 3, 20, 10_000)] == [10, 20, 40, 3600, 3600]
    drawn = [backoff.delay(3) / backoff.bound(3) for _ in range(1000)]
    assert 0 <= min(drawn) < 0.1
    assert 0.9 < max(drawn) <= 1


# Completion.


def test_an_effect_and_the_completion_are_one_commit(
    database: BharatDatabase, organisation_id: UUID, runner_of: RunnerOf
) -> None:
    kind = spec(take_effect)
    job_id = add(database, kind, organisation_id=organisation_id)
    runner_of(kind).run(job_id)
    assert (state_of(database, job_id), effects(database, organisation_id)) == ("done", 1)


def test_an_error_after_the_completion_does_not_undo_it(
    database: BharatDatabase, organisation_id: UUID, runner_of: RunnerOf
) -> None:
    def run(job: JobContext) -> None:
        take_effect(job)
        raise RuntimeError

    kind = spec(run)
    job_id = add(database, kind, organisation_id=organisation_id)
    runner_of(kind).run(job_id)
    assert (state_of(database, job_id), effects(database, organisation_id)) == ("done", 1)


def test_a_completion_that_is_rolled_back_leaves_the_job_to_be_tried_again(
    database: BharatDatabase, organisation_id: UUID, runner_of: RunnerOf
) -> None:
    def run(job: JobContext) -> None:
        with job.app.database.write(organisation_id, SYSTEM) as unit:
            job.finish_in(unit)
            raise RuntimeError

    kind = spec(run)
    job_id = add(database, kind, organisation_id=organisation_id)
    runner_of(kind).run(job_id)
    assert state_of(database, job_id) == "scheduled"


# Time limits and stopping.


class Gate:
    """A job that waits to be let go."""

    def __init__(self) -> None:
        self.entered = threading.Event()
        self.open = threading.Event()
        self.left = threading.Event()
        self.mine: bool | None = None
        self.error: BaseException | None = None

    def run(self, job: JobContext) -> None:
        self.entered.set()
        self.open.wait(60)
        try:
            self.mine = job.still_mine()
            if job.organisation_id is not None:
                take_effect(job)
        except BaseException as error:
            self.error = error
            raise
        finally:
            self.left.set()


@pytest.fixture
def gate() -> Iterator[Gate]:
    gate = Gate()
    yield gate
    gate.open.set()


def a_job_out_of_time_completes_nothing(
    database: BharatDatabase, organisation_id: UUID, runner_of: RunnerOf, gate: Gate
) -> None:
    kind = spec(gate.run, time_limit=timedelta(milliseconds=200))
    job_id = add(database, kind, organisation_id=organisation_id)
    assert runner_of(kind).run(job_id)
    row = row_of(database, job_id)
    assert row.state == "scheduled"
    assert "ran longer than" in row.errors[0]["error"]
    gate.open.set()
    assert gate.left.wait(SOON.total_seconds())
    assert gate.mine is False
    assert effects(database, organisation_id) == 0
    assert state_of(database, job_id) == "scheduled"


def test_a_job_out_of_time_fails_and_completes_nothing_later(
    database: BharatDatabase, organisation_id: UUID, runner_of: RunnerOf, gate: Gate
) -> None:
    a_job_out_of_time_completes_nothing(database, organisation_id, runner_of, gate)


def test_mutant_without_the_time_limit_it_would(
    database: BharatDatabase,
    organisation_id: UUID,
    runner_of: RunnerOf,
    gate: Gate,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Protected: `self._over.wait(limit.total_seconds())` in `_Run.within`."""
    opener = threading.Timer(0.5, gate.open.set)
    opener.start()
    within = _Run.within
    monkeypatch.setattr(_Run, "within", lambda self, limit: within(self, LONG))
    with pytest.raises(AssertionError):
        a_job_out_of_time_completes_nothing(database, organisation_id, runner_of, gate)
    opener.join()


@contextmanager
def serving(runner: Runner, gate: Gate) -> Iterator[threading.Thread]:
    thread = threading.Thread(target=lambda: runner.run_due(["default"]), daemon=True)
    thread.start()
    try:
        yield thread
    except BaseException:
        gate.open.set()
        raise
    finally:
        thread.join(SOON.total_seconds())
    assert not thread.is_alive()


def test_a_runner_asked_to_stop_finishes_the_job_at_hand_and_claims_no_other(
    database: BharatDatabase, runner_of: RunnerOf, gate: Gate
) -> None:
    kind = spec(gate.run)
    first, second = add(database, kind), add(database, kind)
    runner = runner_of(kind)
    with serving(runner, gate):
        assert gate.entered.wait(SOON.total_seconds())
        runner.stop()
        gate.open.set()
    assert [state_of(database, job_id) for job_id in (first, second)] == ["done", "ready"]
    assert not runner.run(second)


def test_a_job_given_back_is_run_by_another_at_no_cost_in_attempts(
    database: BharatDatabase, organisation_id: UUID, runner_of: RunnerOf, gate: Gate
) -> None:
    kind = spec(gate.run, max_attempts=1)
    job_id = add(database, kind, organisation_id=organisation_id)
    stopped = runner_of(kind)
    with serving(stopped, gate):
        assert gate.entered.wait(SOON.total_seconds())
        assert stopped.give_back() == 1
    assert state_of(database, job_id) == "ready"
    assert runner_of(spec(take_effect)).run(job_id)
    gate.open.set()
    assert gate.left.wait(SOON.total_seconds())
    assert effects(database, organisation_id) == 1
    row = row_of(database, job_id)
    assert (row.state, row.attempt, row.errors) == ("done", 2, [])


# Leases.


def a_long_job_keeps_its_lease(
    database: BharatDatabase, clock: ShiftableClock, runner_of: RunnerOf, gate: Gate
) -> None:
    """Three quarters of a lease pass, twice: it must have been renewed in between."""
    lease = timedelta(seconds=3)
    kind = spec(gate.run)
    job_id = add(database, kind)
    runner, other = runner_of(kind, lease=lease), runner_of(spec())
    with serving(runner, gate):
        assert gate.entered.wait(SOON.total_seconds())
        for _ in range(2):
            before = row_of(database, job_id).lease_until
            clock.advance(lease * 3 / 4)
            deadline = time.monotonic() + lease.total_seconds()
            while row_of(database, job_id).lease_until <= before and time.monotonic() < deadline:
                threading.Event().wait(0.05)
            assert not other.run(job_id), "another took the job over while it ran"
        gate.open.set()
    assert row_of(database, job_id).attempt == 1


def test_a_long_job_keeps_its_lease(
    database: BharatDatabase, clock: ShiftableClock, runner_of: RunnerOf, gate: Gate
) -> None:
    a_long_job_keeps_its_lease(database, clock, runner_of, gate)


def test_mutant_without_renewal_another_takes_it_over(
    database: BharatDatabase,
    clock: ShiftableClock,
    runner_of: RunnerOf,
    gate: Gate,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Protected: the renewals of `Keeper._keep`."""
    monkeypatch.setattr("bharat.work.leases.Leases.renew", lambda self, attempts: set())
    with pytest.raises(AssertionError, match="another took the job over"):
        a_long_job_keeps_its_lease(database, clock, runner_of, gate)


def test_a_job_that_was_taken_over_is_told_so(
    database: BharatDatabase, organisation_id: UUID, clock: ShiftableClock, app: SmallApplication, gate: Gate
) -> None:
    slow = spec(gate.run)
    job_id = add(database, slow, organisation_id=organisation_id)
    first = Runner(app.application, {slow.kind: slow}, lease=LONG)
    with serving(first, gate):
        assert gate.entered.wait(SOON.total_seconds())
        clock.advance(LONG * 2)
        assert Runner(app.application, {slow.kind: spec(take_effect)}).run(job_id)
        gate.open.set()
    assert gate.mine is False
    assert "taken over" in str(gate.error)
    assert effects(database, organisation_id) == 1
    assert (state_of(database, job_id), row_of(database, job_id).attempt) == ("done", 2)


def test_a_job_that_kills_every_worker_is_dead_after_its_attempts(
    database: BharatDatabase, clock: ShiftableClock, app: SmallApplication
) -> None:
    kind = spec(max_attempts=2)
    job_id = add(database, kind)
    leases = Leases(database, timedelta(seconds=60))
    for _ in range(2):
        assert leases.claim(["default"], [kind.kind]) is not None
        clock.advance(timedelta(seconds=61))
        leases.promote()
    row = row_of(database, job_id)
    assert (row.state, row.attempt, len(row.errors)) == ("dead", 2, 2)
    assert "the worker was lost" in row.errors[0]["error"]


def test_a_runner_reports_how_many_jobs_run(database: BharatDatabase, runner_of: RunnerOf, gate: Gate) -> None:
    kind = spec(gate.run)
    add(database, kind)
    runner = runner_of(kind)
    with serving(runner, gate):
        eventually(lambda: runner.busy == 1, within=SOON, what="the job runs")
        gate.open.set()
    assert runner.busy == 0
