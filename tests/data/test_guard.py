"""A write that a lock protects is refused once somebody else has been given the lock, whatever the lock store says."""

from __future__ import annotations

import threading
from datetime import timedelta
from uuid import UUID

import pytest
import sqlalchemy as sa

from bharat.contracts.locks import Lease, LeaseLost
from bharat.contracts.principal import SYSTEM
from bharat.data import BharatDatabase
from bharat.data.clock import OffsetClock
from bharat.data.fences import KEPT, DatabaseFences, newest_fences
from bharat.data.organisations import organisations

MINUTE = timedelta(minutes=1)


@pytest.fixture
def fences(database: BharatDatabase) -> DatabaseFences:
    return DatabaseFences(database)


def leased(fences: DatabaseFences, name: str = "report") -> Lease:
    return Lease(name, "somebody", fences.issue(name), MINUTE)


def rename(database: BharatDatabase, fences: DatabaseFences, lease: Lease, organisation_id: UUID, name: str) -> None:
    """A guarded write."""
    with database.write(organisation_id, SYSTEM) as unit:
        fences.guard(unit, lease)
        unit.execute(organisations.update().where(organisations.c.id == organisation_id).values(name=name))


def name_of(database: BharatDatabase, organisation_id: UUID) -> str:
    found = database.read(organisation_id).scalar(
        sa.select(organisations.c.name).where(organisations.c.id == organisation_id)
    )
    return str(found)


def stale_write(database: BharatDatabase, fences: DatabaseFences, organisation_id: UUID) -> None:
    stale = leased(fences)
    newer = leased(fences)
    rename(database, fences, newer, organisation_id, "Newer")
    with pytest.raises(LeaseLost):
        rename(database, fences, stale, organisation_id, "Stale")
    assert name_of(database, organisation_id) == "Newer"


def test_the_newest_lease_writes_as_often_as_it_likes(
    database: BharatDatabase, fences: DatabaseFences, organisation_id: UUID
) -> None:
    lease = leased(fences)
    for name in ("One", "Two"):
        rename(database, fences, lease, organisation_id, name)
        assert name_of(database, organisation_id) == name


def test_a_stale_lease_writes_nothing(database: BharatDatabase, fences: DatabaseFences, organisation_id: UUID) -> None:
    """Protected: the comparison in `DatabaseFences.guard`."""
    stale_write(database, fences, organisation_id)


def test_mutant_that_compares_nothing_lets_the_stale_write_through(
    database: BharatDatabase, fences: DatabaseFences, organisation_id: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fences, "guard", lambda unit, lease: None)
    with pytest.raises(pytest.fail.Exception, match="DID NOT RAISE"):
        stale_write(database, fences, organisation_id)


def test_a_lease_is_stale_as_soon_as_the_next_is_given_and_not_when_that_writes(
    database: BharatDatabase, fences: DatabaseFences, organisation_id: UUID
) -> None:
    stale = leased(fences)
    leased(fences)
    with pytest.raises(LeaseLost):
        rename(database, fences, stale, organisation_id, "Stale")


def test_other_locks_are_none_of_its_business(
    database: BharatDatabase, fences: DatabaseFences, organisation_id: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bharat.data.fences.SLOTS", 1)
    lease = leased(fences, "one")
    leased(fences, "another, which shares its counter")
    rename(database, fences, lease, organisation_id, "One")


def test_what_is_not_known_is_refused(
    database: BharatDatabase, fences: DatabaseFences, organisation_id: UUID, clock: OffsetClock
) -> None:
    lease = leased(fences)
    clock.offset += KEPT + MINUTE
    other = leased(fences, "other")
    assert fences.sweep() == 1
    assert database.read(None).scalar(sa.select(sa.func.count()).select_from(newest_fences)) == 1
    with pytest.raises(LeaseLost):
        rename(database, fences, lease, organisation_id, "Forgotten")
    rename(database, fences, other, organisation_id, "Known")
    assert leased(fences).fence > lease.fence


@pytest.mark.parametrize("dialect", ["postgresql"])
def test_nobody_is_given_the_lock_while_a_guarded_write_is_under_way(
    database: BharatDatabase, fences: DatabaseFences, organisation_id: UUID
) -> None:
    lease = leased(fences)
    issued: list[int] = []
    thread = threading.Thread(target=lambda: issued.append(fences.issue("report")))
    with database.write(organisation_id, SYSTEM) as unit:
        fences.guard(unit, lease)
        thread.start()
        thread.join(0.5)
        assert issued == [], "a later token was issued before the guarded write was over"
    thread.join(10)
    assert issued == [lease.fence + 1]
