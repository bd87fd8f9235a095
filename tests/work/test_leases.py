"""Leases of jobs: each claimed by one runner, and renewed beside units that have a row."""

from __future__ import annotations

import threading
from datetime import timedelta
from uuid import UUID

import pytest
import sqlalchemy as sa

from bharat.contracts.principal import SYSTEM
from bharat.data import BharatDatabase
from bharat.testing.platform import ShiftableClock
from bharat.testing.suite import together
from bharat.work.leases import Attempt, Leases
from tests.work.conftest import RunnerOf
from tests.work.small import add, row_of, spec, state_of

LONG = timedelta(minutes=2)
SOON = timedelta(seconds=10)


def claim_new(database: BharatDatabase, leases: Leases) -> Attempt:
    """An attempt at a job that was just added."""
    attempt = leases.claim_this(add(database, spec()), ["test.job"])
    assert attempt is not None
    return attempt


def many_runners_run_each_job_once(database: BharatDatabase, runner_of: RunnerOf) -> None:
    ran: list[UUID] = []
    kind = spec(lambda job: ran.append(job.id))
    added = [add(database, kind) for _ in range(30)]
    together(4, lambda number: runner_of(kind).run_due(["default"]))
    assert sorted(ran) == sorted(added), "a job ran twice"


def test_many_runners_run_each_job_once(database: BharatDatabase, runner_of: RunnerOf) -> None:
    many_runners_run_each_job_once(database, runner_of)


def without_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sa.Select, "with_for_update", lambda self, skip_locked: self)


def test_the_comparison_alone_keeps_a_job_from_running_twice(
    database: BharatDatabase, runner_of: RunnerOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_locks(monkeypatch)
    many_runners_run_each_job_once(database, runner_of)


@pytest.mark.parametrize("dialect", ["postgresql"])
def test_mutant_without_comparison_and_locks_jobs_run_twice(
    database: BharatDatabase, runner_of: RunnerOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Protected: `self._as_seen()` in the claim, and `with_for_update` in `Leases._take`. SQLite's one writer is enough."""
    without_locks(monkeypatch)
    monkeypatch.setattr(Leases, "_as_seen", lambda self: sa.bindparam("seen", type_=sa.Integer) >= 0)
    with pytest.raises(AssertionError, match="a job ran twice"):
        many_runners_run_each_job_once(database, runner_of)


def a_unit_that_finishes_a_job_holds_up_no_other_lease(database: BharatDatabase, clock: ShiftableClock) -> None:
    leases = Leases(database, LONG)
    finishing, other, given = (claim_new(database, leases) for _ in range(3))
    clock.advance(LONG / 2)
    answers: list[object] = []

    def act() -> None:
        answers.append(leases.renew([finishing, other]))
        answers.append(leases.give_back([finishing, given]))

    with database.write(None, SYSTEM) as unit:
        leases.finish_in(unit, finishing)
        thread = threading.Thread(target=act, daemon=True)
        thread.start()
        thread.join(2)
        in_time = list(answers)
    thread.join(SOON.total_seconds())
    assert in_time == [set(), 1], "the leases waited for the unit"
    assert row_of(database, other.id).lease_until > clock.now() + LONG * 3 / 4
    assert [state_of(database, one.id) for one in (finishing, given)] == ["done", "ready"]


@pytest.mark.parametrize("dialect", ["postgresql"])
def test_a_unit_that_finishes_a_job_holds_up_no_other_lease(database: BharatDatabase, clock: ShiftableClock) -> None:
    """SQLite has one writer, and no row to wait for."""
    a_unit_that_finishes_a_job_holds_up_no_other_lease(database, clock)


@pytest.mark.parametrize("dialect", ["postgresql"])
def test_mutant_waiting_for_locked_rows_it_would(
    database: BharatDatabase, clock: ShiftableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Protected: `with_for_update(skip_locked=True)` in `Leases._unlocked`."""
    locking = sa.Select.with_for_update
    monkeypatch.setattr(sa.Select, "with_for_update", lambda self, skip_locked: locking(self))
    with pytest.raises(AssertionError, match="the leases waited"):
        a_unit_that_finishes_a_job_holds_up_no_other_lease(database, clock)


def test_of_the_leases_that_are_renewed_those_taken_over_are_lost(
    database: BharatDatabase, clock: ShiftableClock
) -> None:
    leases = Leases(database, LONG)
    taken, kept = claim_new(database, leases), claim_new(database, leases)
    clock.advance(LONG)
    assert leases.claim_this(taken.id, ["test.job"]) is not None
    assert leases.renew([taken, kept]) == {taken}
    assert leases.still_mine(kept)
