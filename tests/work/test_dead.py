"""The dead set: listed, replayed, discarded; and what monitoring counts."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest

from bharat.contracts.errors import BharatError
from bharat.contracts.principal import SYSTEM
from bharat.contracts.work import JobContext
from bharat.data import BharatDatabase
from bharat.testing.platform import ShiftableClock
from bharat.work import emit
from bharat.work.dead import discard, gauges, list_dead, list_jobs, replay
from bharat.work.tables import State
from tests.work.conftest import RunnerOf
from tests.work.small import add, row_of, spec, state_of


def refuse(job: JobContext) -> None:
    raise BharatError("they are closed")


KIND = spec(refuse, max_attempts=1)
OTHER = spec(refuse, kind="test.other", max_attempts=1)
SPECS = {kind.kind: kind for kind in (KIND, OTHER)}


@pytest.fixture
def dead(database: BharatDatabase, runner_of: RunnerOf) -> list[UUID]:
    ids = [add(database, KIND, unique_key="one"), add(database, KIND), add(database, OTHER)]
    runner_of(KIND, OTHER).run_due(["default"])
    return ids


def test_the_dead_are_listed_newest_first_with_their_last_error(database: BharatDatabase, dead: list[UUID]) -> None:
    add(database, KIND)
    found = list_dead(database)
    assert [facts.id for facts in found] == dead[::-1]
    assert (found[0].error, found[0].attempt, found[0].state) == ("they are closed", 1, "dead")
    assert [facts.id for facts in list_dead(database, kind="test.other")] == [dead[2]]
    assert len(list_jobs(database)) == 4
    assert len(list_jobs(database, state=State.READY)) == 1
    assert len(list_jobs(database, limit=2)) == 2


def test_a_replayed_job_has_its_attempts_again(database: BharatDatabase, dead: list[UUID], runner_of: RunnerOf) -> None:
    woken: list[UUID] = []
    database.wake = lambda job_id, queue, at: woken.append(job_id)
    assert replay(database, SPECS, [dead[1]]).ready == 1
    assert woken == [dead[1]]
    row = row_of(database, dead[1])
    assert (row.state, row.attempt, row.max_attempts, row.finished_at) == ("ready", 1, 2, None)
    assert runner_of(spec()).run_due(["default"]) == 1
    assert [state_of(database, job_id) for job_id in dead] == ["dead", "done", "dead"]


def test_however_often_a_job_is_replayed_it_has_as_many_attempts_as_a_new_one(
    database: BharatDatabase, clock: ShiftableClock, runner_of: RunnerOf
) -> None:
    kind = spec(refuse, max_attempts=3)
    runner, job_id = runner_of(kind), add(database, kind)
    for round in range(1, 5):
        while state_of(database, job_id) != "dead":
            clock.advance(timedelta(hours=2))
            runner.run_due(["default"])
        assert row_of(database, job_id).attempt == 3 * round
        replay(database, {kind.kind: kind}, [job_id])


def test_a_replayed_job_of_a_kind_that_nobody_declares_has_one_attempt(
    database: BharatDatabase, dead: list[UUID]
) -> None:
    assert replay(database, {}, [dead[1]]).ready == 1
    row = row_of(database, dead[1])
    assert row.max_attempts - row.attempt == 1


def test_all_of_a_kind_are_replayed_or_discarded(database: BharatDatabase, dead: list[UUID]) -> None:
    assert replay(database, SPECS, kind="test.job").ready == 2
    assert discard(database, kind="test.job") == 0
    assert discard(database) == 1
    assert [facts.state for facts in list_jobs(database)] == ["ready", "ready"]


def test_a_job_whose_key_another_holds_stays_dead(database: BharatDatabase, dead: list[UUID]) -> None:
    add(database, KIND, unique_key="one")
    result = replay(database, SPECS)
    assert (result.ready, result.held_up) == (2, (dead[0],))
    assert state_of(database, dead[0]) == "dead"


def test_what_is_not_dead_is_neither_replayed_nor_discarded(database: BharatDatabase) -> None:
    job_id = add(database, KIND)
    assert replay(database, SPECS, [job_id]).ready == 0
    assert discard(database, [job_id]) == 0
    assert state_of(database, job_id) == "ready"


def test_monitoring_counts_what_waits(
    database: BharatDatabase, dead: list[UUID], organisation_id: UUID, clock: ShiftableClock
) -> None:
    add(database, KIND)
    add(database, KIND, run_at=clock.now() + timedelta(hours=1))
    with database.write(organisation_id, SYSTEM) as unit:
        emit(unit, "deal.created", "deal", None, {})
    clock.advance(timedelta(minutes=5))
    found = gauges(database)
    assert 300 <= found.pop("events_oldest_unpublished_seconds") < 330
    assert found == {
        "jobs_scheduled": 1, "jobs_ready": 1, "jobs_running": 0, "jobs_dead": 3, "events_unpublished": 1,
    }  # fmt: skip


def test_where_every_event_is_published_none_has_waited(database: BharatDatabase) -> None:
    found = gauges(database)
    assert (found["events_unpublished"], found["events_oldest_unpublished_seconds"]) == (0, 0)
