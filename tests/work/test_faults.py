"""Workers that die or stall, as real processes."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest

from bharat.data import BharatDatabase
from bharat.data.engine import EngineOptions
from bharat.testing.platform import ShiftableClock
from bharat.testing.suite import eventually
from bharat.work.leases import Leases
from bharat.work.reconciler import Reconciler
from tests.work.conftest import RunnerOf
from tests.work.small import SmallApplication, add, effects, row_of, spec, take_effect

ROOT = Path(__file__).parents[2]
LEASE = timedelta(seconds=60)
Victim = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def victim(database_options: EngineOptions) -> Iterator[Victim]:
    """Starts worker processes; none outlives the test."""
    started: list[subprocess.Popen[str]] = []

    def start(*more: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "tests.work.victim", database_options.url, *more]
        process = subprocess.Popen(command, cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        started.append(process)
        return process

    yield start
    for process in started:
        with process:
            process.kill()


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


@contextmanager
def stopped(process: subprocess.Popen[str]) -> Iterator[None]:
    process.send_signal(signal.SIGSTOP)
    yield
    process.send_signal(signal.SIGCONT)


def a_killed_workers_job_runs_again(
    app: SmallApplication, organisation_id: UUID, clock: ShiftableClock, runner_of: RunnerOf, victim: Victim
) -> None:
    database: BharatDatabase = app.database
    job_id = add(database, spec(), organisation_id=organisation_id)
    process = victim()
    assert line(process) == "started"
    process.kill()
    process.wait()
    other = runner_of(spec(take_effect))
    reconciler = Reconciler(database, app.jobs, Leases(database, LEASE))
    reconciler.look()
    assert other.run_due(["default"]) == 0, "the lease holds still"
    clock.advance(LEASE)
    reconciler.look()
    other.run_due(["default"])
    row = row_of(database, job_id)
    assert (row.state, row.attempt) == ("done", 2)
    assert effects(database, organisation_id) == 1


def test_the_job_of_a_killed_worker_runs_again_after_its_lease(
    app: SmallApplication, organisation_id: UUID, clock: ShiftableClock, runner_of: RunnerOf, victim: Victim
) -> None:
    a_killed_workers_job_runs_again(app, organisation_id, clock, runner_of, victim)


def test_mutant_without_the_rescue_it_stays_claimed_for_good(
    app: SmallApplication,
    organisation_id: UUID,
    clock: ShiftableClock,
    runner_of: RunnerOf,
    victim: Victim,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Protected: `changed += self._rescue(unit, row)` in `Leases.promote`."""
    monkeypatch.setattr(Leases, "_rescue", lambda self, unit, row: 0)
    with pytest.raises(AssertionError):
        a_killed_workers_job_runs_again(app, organisation_id, clock, runner_of, victim)


def a_stalled_worker_completes_nothing(
    app: SmallApplication,
    organisation_id: UUID,
    clock: ShiftableClock,
    runner_of: RunnerOf,
    process: subprocess.Popen[str],
) -> None:
    assert process.stdin is not None
    assert line(process) == "started"
    with stopped(process):
        clock.advance(LEASE)
        assert runner_of(spec(take_effect)).run_due(["default"]) == 1
    process.stdin.write("go on\n")
    process.stdin.flush()
    answer = line(process)
    assert line(process) == "ended"
    assert effects(app.database, organisation_id) == 1
    assert answer == "lost"


def test_a_stalled_worker_cant_complete_what_another_took_over(
    app: SmallApplication, organisation_id: UUID, clock: ShiftableClock, runner_of: RunnerOf, victim: Victim
) -> None:
    job_id = add(app.database, spec(), organisation_id=organisation_id)
    a_stalled_worker_completes_nothing(app, organisation_id, clock, runner_of, victim())
    row = row_of(app.database, job_id)
    assert (row.state, row.attempt, row.errors[-1]["attempt"]) == ("done", 2, 1)


def test_mutant_without_the_comparison_it_takes_its_effect_twice(
    app: SmallApplication, organisation_id: UUID, clock: ShiftableClock, runner_of: RunnerOf, victim: Victim
) -> None:
    """Protected: the condition `_own` and the row count in `Leases.finish_in`."""
    add(app.database, spec(), organisation_id=organisation_id)
    with pytest.raises(AssertionError):
        a_stalled_worker_completes_nothing(app, organisation_id, clock, runner_of, victim("unprotected"))


def test_a_lost_hint_costs_time_and_no_job(app: SmallApplication, clock: ShiftableClock) -> None:
    app.database.wake = None
    job_id = add(app.database, spec())
    woken: list[tuple[UUID, str]] = []
    app.jobs.wake = lambda job_id, *, queue, at=None: woken.append((job_id, queue))  # type: ignore[method-assign]
    reconciler = Reconciler(app.database, app.jobs, Leases(app.database, LEASE))
    assert reconciler.look() == 0, "its hint may still be on the way"
    clock.advance(timedelta(seconds=3))
    assert reconciler.look() == 1
    assert woken == [(job_id, "default")]


def test_a_reconciler_outlives_its_stop_by_little(app: SmallApplication) -> None:
    reconciler = Reconciler(app.database, app.jobs, Leases(app.database, LEASE))
    thread = threading.Thread(target=reconciler.run, daemon=True)
    thread.start()
    reconciler.stop()
    eventually(lambda: not thread.is_alive(), within=timedelta(seconds=10), what="the reconciler stops")
