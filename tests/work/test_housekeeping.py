"""What is forgotten after its time, and what is not."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pytest
import sqlalchemy as sa

from bharat.contracts.principal import SYSTEM
from bharat.contracts.work import CatchUp, CronEntry, GiveUp, JobContext
from bharat.data import BharatDatabase, sweeping
from bharat.testing.platform import ShiftableClock
from bharat.work import emit
from bharat.work.catalogue import Catalogue
from bharat.work.clock import CronClock
from bharat.work.housekeeping import DAILY, KEEP_DEAD, KEEP_DONE, KEEP_EVENTS, KEEP_TICKS, PRUNE, prune
from bharat.work.relay import Relay
from bharat.work.tables import cron_ticks, events, jobs
from tests.work.conftest import RunnerOf
from tests.work.small import SmallApplication, add, spec, state_of

MOMENT = timedelta(minutes=5)
Count = Callable[[], int]


def rows(database: BharatDatabase, table: sa.Table) -> int:
    return int(database.read(None).scalar(sa.select(sa.func.count()).select_from(table)))


def test_done_jobs_go_and_waiting_ones_stay(
    database: BharatDatabase, clock: ShiftableClock, runner_of: RunnerOf
) -> None:
    runner_of(spec()).run(add(database, spec()))
    waiting = add(database, spec(kind="test.unknown"))
    clock.advance(KEEP_DONE - MOMENT)
    assert prune(database)["jobs"] == 0
    clock.advance(2 * MOMENT)
    assert prune(database)["jobs"] == 1
    assert state_of(database, waiting) == "ready"


def test_dead_jobs_stay_longer(database: BharatDatabase, clock: ShiftableClock, runner_of: RunnerOf) -> None:
    def give_up(job: JobContext) -> None:
        raise GiveUp("no")

    kind = spec(give_up)
    runner_of(kind).run(add(database, kind))
    clock.advance(KEEP_DEAD - MOMENT)
    assert prune(database)["jobs"] == 0
    clock.advance(2 * MOMENT)
    assert prune(database)["jobs"] == 1


def test_published_events_go_and_unpublished_ones_stay(
    database: BharatDatabase, clock: ShiftableClock, organisation_id: UUID
) -> None:
    for publish in (True, False):
        with database.write(organisation_id, SYSTEM) as unit:
            emit(unit, "deal.created", "deal", None, {})
        if publish:
            Relay(database).publish()
    clock.advance(KEEP_EVENTS + MOMENT)
    assert prune(database)["events"] == 1
    assert rows(database, events) == 1
    assert Relay(database).publish() == 1


def test_ticks_go_and_do_not_tick_again(database: BharatDatabase, clock: ShiftableClock) -> None:
    entry = CronEntry(name="test.minutely", schedule="* * * * *", job="test.job", catch_up=CatchUp.LATEST)
    cron = CronClock(database, Catalogue.of([spec()], (), [entry]))
    cron.look()
    clock.advance(MOMENT)
    cron.look()
    clock.advance(KEEP_TICKS + MOMENT)
    assert prune(database)["cron_ticks"] == 1
    assert rows(database, cron_ticks) == 0
    assert cron.look() == 1
    assert rows(database, jobs) == 2


def test_many_rows_go_in_several_transactions(
    database: BharatDatabase, clock: ShiftableClock, runner_of: RunnerOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeping, "BATCH", 3)
    for _ in range(7):
        add(database, spec())
    runner_of(spec()).run_due(["default"])
    clock.advance(KEEP_DONE + MOMENT)
    assert prune(database)["jobs"] == 7


def test_the_clock_does_it_once_a_day(app: SmallApplication, clock: ShiftableClock, runner_of: RunnerOf) -> None:
    cron = CronClock(app.database, Catalogue.of([PRUNE], (), [DAILY]))
    cron.look()
    clock.advance(timedelta(days=1))
    assert cron.look() == 1
    assert runner_of(PRUNE).run_due([PRUNE.queue]) == 1
