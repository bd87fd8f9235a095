"""A write that a lock protects is refused once somebody else has been given the lock, whatever the lock store says."""

from __future__ import annotations

import contextlib
import itertools
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
import sqlalchemy as sa

from bharat.contracts.errors import Unavailable
from bharat.contracts.locks import Lease, LeaseLost
from bharat.contracts.principal import SYSTEM
from bharat.data import BharatDatabase
from bharat.data import fences as data_fences
from bharat.data.clock import OffsetClock
from bharat.data.engine import EngineOptions
from bharat.data.fences import BLOCK, KEPT, DatabaseFences, newest_fences, slot_of
from bharat.data.organisations import organisations
from bharat.testing.suite import together

MINUTE = timedelta(minutes=1)


@pytest.fixture
def fences(database: BharatDatabase) -> DatabaseFences:
    return DatabaseFences(database)


@pytest.fixture(params=[BLOCK, 1])
def blocks(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """How many tokens a block has: with one, each begins another."""
    monkeypatch.setattr("bharat.data.fences.BLOCK", request.param)
    return int(request.param)


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


# What the issue of a token waits for, and for how long. SQLite has one writer, so there it waits for any unit.


def issued_during_a_guarded_write(database: BharatDatabase, fences: DatabaseFences, organisation_id: UUID) -> list[int]:
    """The tokens that are issued before a guarded write is over; afterwards one more is."""
    lease = leased(fences)
    issued: list[int] = []
    thread = threading.Thread(target=lambda: issued.append(fences.issue("report")))
    with database.write(organisation_id, SYSTEM) as unit:
        fences.guard(unit, lease)
        thread.start()
        thread.join(0.5)
        too_early = list(issued)
    thread.join(10)
    assert len(issued) == 1
    assert issued[0] > lease.fence
    return too_early


@pytest.mark.parametrize("dialect", ["postgresql"])
def test_nobody_is_given_the_lock_while_a_guarded_write_is_under_way(
    database: BharatDatabase, fences: DatabaseFences, organisation_id: UUID, blocks: int
) -> None:
    """Protected: `with_for_update(read=True)` in `DatabaseFences.guard`'s question."""
    assert issued_during_a_guarded_write(database, fences, organisation_id) == []


@pytest.mark.parametrize("dialect", ["postgresql"])
def test_mutant_that_does_not_hold_the_note_lets_the_next_token_be_issued(
    database: BharatDatabase, fences: DatabaseFences, organisation_id: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    question = sa.select(newest_fences.c.token).where(newest_fences.c.name == sa.bindparam("fence_name"))
    monkeypatch.setattr(fences, "_newest", question)
    assert issued_during_a_guarded_write(database, fences, organisation_id) != []


def seconds_of_an_issue_that_can_t_be(database: BharatDatabase, fences: DatabaseFences, organisation_id: UUID) -> float:
    """How long who waits at most 0.3 s for a token waits for a guarded write that takes 3 s; `wait` is of no use then."""
    lease = leased(fences)
    over = threading.Event()
    guarded = threading.Event()

    def write() -> None:
        with database.write(organisation_id, SYSTEM) as unit:
            fences.guard(unit, lease)
            guarded.set()
            over.wait(3)

    thread = threading.Thread(target=write)
    thread.start()
    assert guarded.wait(10)
    begun = time.monotonic()
    try:
        with contextlib.suppress(Unavailable):
            fences.issue("report", wait=timedelta(seconds=0.3))
        return time.monotonic() - begun
    finally:
        over.set()
        thread.join()


def test_a_token_is_waited_for_no_longer_than_said(
    database: BharatDatabase, fences: DatabaseFences, organisation_id: UUID, blocks: int
) -> None:
    """Protected: the `patience` in `fences._NEXT`, and for a new block the `wait` of the unit that reserves it."""
    first = fences.issue("report")
    assert 0.2 < seconds_of_an_issue_that_can_t_be(database, fences, organisation_id) < 2
    newest = sa.select(newest_fences.c.token).where(newest_fences.c.name == "report")
    if blocks != 1:
        assert database.read(None).scalar(newest) == first + 1, "a token was noted that nobody got"
    assert fences.issue("report") > first + 1


@pytest.mark.parametrize("dialect", ["postgresql"])
def test_mutant_without_patience_waits_until_the_others_are_done(
    database: BharatDatabase, fences: DatabaseFences, organisation_id: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    without = data_fences._NEXT.replace("coalesce(%(patience)s::text, current_setting('lock_timeout'))", "'0'")
    assert without != data_fences._NEXT
    monkeypatch.setattr(data_fences, "_NEXT", without)
    assert seconds_of_an_issue_that_can_t_be(database, fences, organisation_id) > 2


@pytest.mark.parametrize("dialect", ["postgresql"])
def test_nothing_of_the_patience_stays_on_the_connection(
    database_options: EngineOptions, open_database: Callable[[EngineOptions], BharatDatabase]
) -> None:
    database = open_database(replace(database_options, pool_size=1))
    fences = DatabaseFences(database)
    for _ in range(2):
        fences.issue("report", wait=timedelta(seconds=0.3))
    assert database.read(None).scalar(sa.select(sa.func.current_setting("lock_timeout"))) == "0"


@pytest.mark.parametrize("dialect", ["postgresql"])
def test_an_issue_is_one_round_trip(
    database: BharatDatabase, fences: DatabaseFences, monkeypatch: pytest.MonkeyPatch
) -> None:
    fences.issue("report")
    waited: set[int] = set()
    wait = psycopg.Connection.wait

    def watched(generator: Any, number: int) -> Any:
        """Giving back a connection goes this way too, and has nothing to wait for."""
        ready = None
        while True:
            try:
                wanted = generator.send(ready)
            except StopIteration as done:
                return done.value
            waited.add(number)
            ready = yield wanted

    numbers = itertools.count()

    def counted(self: psycopg.Connection[Any], generator: Any, *more: Any, **named: Any) -> Any:
        return wait(self, watched(generator, next(numbers)), *more, **named)

    monkeypatch.setattr(psycopg.Connection, "wait", counted)
    fences.issue("report", wait=timedelta(seconds=1))
    assert len(waited) == 1


@pytest.mark.parametrize("dialect", ["postgresql"])
def test_a_token_is_issued_on_a_new_connection_when_the_kept_one_was_closed(
    database_options: EngineOptions, open_database: Callable[[EngineOptions], BharatDatabase]
) -> None:
    database, other = (open_database(replace(database_options, pool_size=1)) for _ in range(2))
    fences = DatabaseFences(database)
    first = fences.issue("report")
    backend = database.read(None).scalar(sa.select(sa.func.pg_backend_pid()))
    assert other.read(None).scalar(sa.select(sa.func.pg_terminate_backend(backend, 10_000)))
    assert fences.issue("report") > first
    assert database.read(None).scalar(sa.select(sa.func.pg_backend_pid())) != backend


def test_no_token_is_issued_inside_a_unit(database: BharatDatabase, fences: DatabaseFences) -> None:
    with database.write(None, SYSTEM), pytest.raises(RuntimeError, match="a unit of work is open here already"):
        fences.issue("report")


# Notes come in the order of the tokens.


def newest_of_two_issued_together(database: BharatDatabase, fences: DatabaseFences) -> tuple[int, int]:
    """What is noted when two have been issued at one time, and the higher of the two."""
    tokens = together(2, lambda number: fences.issue("report"))
    newest = sa.select(newest_fences.c.token).where(newest_fences.c.name == "report")
    return int(database.read(None).scalar(newest)), max(tokens)


def test_the_note_is_the_higher_of_two_tokens_issued_together(
    database: BharatDatabase, fences: DatabaseFences, blocks: int
) -> None:
    """Protected: a token is drawn from the note itself, whose row stays locked until the transaction's end; and a block is noted in the
    transaction that reserved it."""
    for _ in range(20):
        noted, highest = newest_of_two_issued_together(database, fences)
        assert noted == highest


def test_mutant_that_notes_a_block_in_a_transaction_of_its_own_may_note_the_lower_one(
    database: BharatDatabase, fences: DatabaseFences, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who reserves first is the second to note."""
    monkeypatch.setattr("bharat.data.fences.BLOCK", 1)
    fences.issue("report")
    reserved = itertools.count()
    noted = threading.Event()

    def of_a_new_block(name: str, wait: timedelta | None) -> int:
        with database.write(None, SYSTEM) as unit:
            token = int(unit.scalar(fences._reserve, {"fence_slot": slot_of(name), "fence_now": 0}))
            number = next(reserved)
        if number == 0:
            noted.wait(10)
        with database.write(None, SYSTEM) as unit:
            unit.execute(fences._note, {"fence_name": name, "fence_token": token, "fence_reserved_to": token})
        noted.set()
        return token

    monkeypatch.setattr(fences, "_of_a_new_block", of_a_new_block)
    lower, highest = newest_of_two_issued_together(database, fences)
    assert lower < highest
