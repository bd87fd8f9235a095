"""Followers: one job for many events, and none that is missed. What the job of search does with them: tests/search/test_upkeep.py."""

from __future__ import annotations

from uuid import UUID, uuid4

import sqlalchemy as sa

from bharat.contracts.principal import SYSTEM
from bharat.contracts.work import JobContext, JobSpec
from bharat.data import BharatDatabase
from bharat.work import emit
from bharat.work.followers import Follower, caught_up, is_gap, last_number, published_since
from bharat.work.relay import Relay
from bharat.work.tables import events, jobs


def _nothing(job: JobContext) -> None:
    return None


FOLLOWER = Follower(JobSpec(kind="follow", run=_nothing), ("deal.*",))


def happen(database: BharatDatabase, organisation_id: UUID, *types: str) -> None:
    with database.write(organisation_id, SYSTEM) as unit:
        for type in types:
            emit(unit, type, type.partition(".")[0], uuid4(), {})


def waiting(database: BharatDatabase) -> int:
    return int(
        database.read(None).scalar(
            sa.select(sa.func.count()).where(jobs.c.kind == "follow", jobs.c.finished_at.is_(None))
        )
    )


def test_many_events_wake_one_job(database: BharatDatabase, organisation_id: UUID) -> None:
    relay = Relay(database, (), (FOLLOWER,))
    for _ in range(3):
        happen(database, organisation_id, *["deal.created"] * 250)
        relay.publish()
    assert waiting(database) == 1


def test_events_of_other_types_wake_none(database: BharatDatabase, organisation_id: UUID) -> None:
    happen(database, organisation_id, "user.updated", "deals.created")
    Relay(database, (), (FOLLOWER,)).publish()
    assert waiting(database) == 0


def test_events_are_read_by_number(database: BharatDatabase, organisation_id: UUID) -> None:
    happen(database, organisation_id, *[f"deal.{letter}" for letter in "abcde"])
    Relay(database).publish()
    reader = database.read(organisation_id)
    assert [(row.number, row.type) for row in published_since(reader, 1, 3)] == [
        (2, "deal.b"),
        (3, "deal.c"),
        (4, "deal.d"),
    ]
    assert last_number(reader) == 5
    assert list(published_since(reader, 5, 3)) == []


def test_whether_all_was_read_is_asked_under_the_counter_s_lock(
    database: BharatDatabase, organisation_id: UUID
) -> None:
    with database.write(organisation_id, SYSTEM) as unit:
        assert caught_up(unit, 0)
    happen(database, organisation_id, "deal.a", "deal.b")
    Relay(database).publish()
    with database.write(organisation_id, SYSTEM) as unit:
        assert (caught_up(unit, 1), caught_up(unit, 2)) == (False, True)


def test_events_that_were_forgotten_unread_are_noticed(database: BharatDatabase, organisation_id: UUID) -> None:
    reader = database.read(organisation_id)
    assert not is_gap(reader, 0)
    happen(database, organisation_id, "deal.a", "deal.b", "deal.c")
    Relay(database).publish()
    assert not is_gap(reader, 0)
    with database.write(organisation_id, SYSTEM) as unit:
        unit.execute(events.delete().where(events.c.number <= 2))
    assert (is_gap(reader, 1), is_gap(reader, 2)) == (True, False)
    with database.write(organisation_id, SYSTEM) as unit:
        unit.execute(events.delete())
    assert (is_gap(reader, 2), is_gap(reader, 3)) == (True, False)
