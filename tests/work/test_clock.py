"""The cron clock: each tick once, and what happens to missed ones."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
import sqlalchemy as sa

from bharat.contracts.database import Unit
from bharat.contracts.errors import Unavailable
from bharat.contracts.work import CatchUp, CronEntry
from bharat.data import BharatDatabase
from bharat.testing.platform import ShiftableClock
from bharat.testing.suite import together
from bharat.work.catalogue import Catalogue
from bharat.work.clock import RETRY, CronClock, _record
from bharat.work.tables import cron_ticks
from tests.work.small import all_jobs, spec

MINUTE = timedelta(minutes=1)


def entry(catch_up: CatchUp = CatchUp.SKIP, schedule: str = "* * * * *", **more: str) -> CronEntry:
    return CronEntry(
        name="test.minutely", schedule=schedule, job="test.job", catch_up=catch_up, payload={"a": 1}, **more
    )


def clock_of(database: BharatDatabase, *entries: CronEntry) -> CronClock:
    return CronClock(database, Catalogue.of([spec()], (), entries))


def ticks(database: BharatDatabase) -> list[tuple[datetime, UUID]]:
    rows = database.read(None).rows(sa.select(cron_ticks).order_by(cron_ticks.c.tick))
    return [(row.tick, row.job_id) for row in rows]


@pytest.fixture(autouse=True)
def _begin_half_past(clock: ShiftableClock) -> None:
    """So that no minute passes by itself during a test."""
    now = clock.now()
    clock.advance(timedelta(minutes=1, seconds=5) - timedelta(seconds=now.second, microseconds=now.microsecond))


def test_a_tick_makes_a_job_that_knows_its_tick(database: BharatDatabase, clock: ShiftableClock) -> None:
    cron = clock_of(database, entry())
    assert cron.look() == 0
    clock.advance(MINUTE)
    assert cron.look() == 1
    assert cron.look() == 0
    (job,) = all_jobs(database)
    tick = clock.now().replace(second=0, microsecond=0)
    assert job.payload == {"a": 1, "tick": tick.astimezone(UTC).isoformat()}
    assert (job.organisation_id, job.state) == (None, "ready")
    assert ticks(database) == [(tick, job.id)]


def test_an_entry_seen_for_the_first_time_has_nothing_to_catch_up_on(
    database: BharatDatabase, clock: ShiftableClock
) -> None:
    assert clock_of(database, entry(CatchUp.ALL)).look() == 0
    assert not all_jobs(database)


def many_clocks_tick_once(database: BharatDatabase, clock: ShiftableClock) -> None:
    clocks = [clock_of(database, entry()) for _ in range(4)]
    together(4, lambda number: clocks[number].look())
    for count in range(1, 4):
        clock.advance(MINUTE)
        together(4, lambda number: clocks[number].look())
        assert len(all_jobs(database)) == count
    assert {job_id for _, job_id in ticks(database)} == {job.id for job in all_jobs(database)}


def test_many_clocks_tick_once(database: BharatDatabase, clock: ShiftableClock) -> None:
    many_clocks_tick_once(database, clock)


def test_the_ticks_row_alone_is_enough(
    database: BharatDatabase, clock: ShiftableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bharat.work.clock._move", lambda unit, entry, tick: True)
    clocks = [clock_of(database, entry()) for _ in range(4)]
    together(4, lambda number: clocks[number].look())
    clock.advance(MINUTE)
    assert sum(together(4, lambda number: clocks[number].look())) == 1
    assert len(all_jobs(database)) == 1


def test_mutant_without_place_and_row_each_clock_ticks(
    database: BharatDatabase, clock: ShiftableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Protected: `_move` and `_record` in `CronClock._tick`."""
    monkeypatch.setattr("bharat.work.clock._move", lambda unit, entry, tick: True)
    monkeypatch.setattr("bharat.work.clock._record", lambda unit, entry, tick, job_id: None)
    with pytest.raises(AssertionError):
        many_clocks_tick_once(database, clock)


def missed(database: BharatDatabase, clock: ShiftableClock, catch_up: CatchUp, absence: timedelta) -> list[timedelta]:
    """How long ago the ticks were that are run when a clock comes back."""
    clock_of(database, entry(catch_up)).look()
    clock.advance(absence)
    cron = clock_of(database, entry(catch_up))
    cron.look()
    assert cron.look() == 0
    now = clock.now().replace(second=0, microsecond=0)
    return [now - tick for tick, _ in ticks(database)]


def test_a_clock_that_skips_runs_only_what_is_on_time(database: BharatDatabase, clock: ShiftableClock) -> None:
    assert missed(database, clock, CatchUp.SKIP, 5 * MINUTE) == [0 * MINUTE]


def test_a_clock_that_skips_forgets_what_was_missed(database: BharatDatabase, clock: ShiftableClock) -> None:
    hourly = entry(CatchUp.SKIP, f"{clock.now().minute} * * * *")
    clock_of(database, hourly).look()
    clock.advance(timedelta(hours=3, minutes=10))
    cron = clock_of(database, hourly)
    assert cron.look() == 0
    clock.advance(timedelta(minutes=50))
    assert cron.look() == 1
    assert len(all_jobs(database)) == 1


def test_a_clock_may_catch_up_on_the_latest(database: BharatDatabase, clock: ShiftableClock) -> None:
    hourly = entry(CatchUp.LATEST, f"{clock.now().minute} * * * *")
    clock_of(database, hourly).look()
    clock.advance(timedelta(hours=3, minutes=10))
    assert clock_of(database, hourly).look() == 1
    ((tick, _),) = ticks(database)
    assert timedelta(minutes=10) <= clock.now() - tick < timedelta(minutes=12)


def test_a_clock_may_catch_up_on_all_oldest_first(database: BharatDatabase, clock: ShiftableClock) -> None:
    assert missed(database, clock, CatchUp.ALL, 4 * MINUTE) == [3 * MINUTE, 2 * MINUTE, 1 * MINUTE, 0 * MINUTE]
    jobs = [job.payload["tick"] for job in all_jobs(database)]
    assert jobs == sorted(jobs)


def test_a_clock_catches_up_on_a_hundred_at_most(database: BharatDatabase, clock: ShiftableClock) -> None:
    found = missed(database, clock, CatchUp.ALL, timedelta(days=3))
    assert (len(found), found[0], found[-1]) == (100, 99 * MINUTE, 0 * MINUTE)


def test_a_clock_that_fails_midway_leaves_neither_tick_nor_job(
    database: BharatDatabase, clock: ShiftableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    cron = clock_of(database, entry())
    cron.look()
    clock.advance(MINUTE)
    with monkeypatch.context() as patched:
        patched.setattr("bharat.work.clock._record", lambda *arguments: 1 / 0)
        assert cron.look() == 0
    assert (ticks(database), list(all_jobs(database))) == ([], [])
    clock.advance(RETRY)
    assert cron.look() == 1


def one_bad_entry(database: BharatDatabase, error: type[Exception], monkeypatch: pytest.MonkeyPatch) -> CronClock:
    """A clock of three entries, the second of which raises."""
    cron = clock_of(database, *(replace(entry(), name=f"test.{name}") for name in ("first", "second", "third")))
    cron.look()

    def record(unit: Unit, name: str, tick: datetime, job_id: UUID) -> None:
        if name == "test.second":
            raise error("it can't be")
        _record(unit, name, tick, job_id)

    monkeypatch.setattr("bharat.work.clock._record", record)
    return cron


def test_an_entry_that_fails_holds_up_no_other_and_is_tried_again_after_a_while(
    database: BharatDatabase, clock: ShiftableClock, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    cron = one_bad_entry(database, RuntimeError, monkeypatch)
    clock.advance(MINUTE)
    assert [cron.look() for _ in range(2)] == [2, 0]
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == [
        "the cron entry test.second failed; trying again in 0:00:10"
    ]
    monkeypatch.setattr("bharat.work.clock._record", _record)
    clock.advance(RETRY)
    assert cron.look() == 1


def test_a_database_that_does_not_answer_ends_the_look(
    database: BharatDatabase, clock: ShiftableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    cron = one_bad_entry(database, Unavailable, monkeypatch)
    clock.advance(MINUTE)
    with pytest.raises(Unavailable):
        cron.look()
    monkeypatch.setattr("bharat.work.clock._record", _record)
    assert cron.look() == 2
