"""Enqueuing in the transaction of the cause."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa

from bharat.contracts.database import Unit
from bharat.contracts.principal import SYSTEM, Actor, ActorKind
from bharat.data import BharatDatabase, TenancyError
from bharat.testing.platform import ShiftableClock
from bharat.testing.suite import together
from bharat.work import emit, enqueue
from bharat.work.payload import MAX_BYTES
from bharat.work.tables import events
from tests.work.conftest import RunnerOf
from tests.work.small import add, all_jobs, row_of, spec, state_of


class Undone(Exception):
    pass


def outbox(database: BharatDatabase) -> list[sa.Row[Any]]:
    return list(database.read(None).rows(sa.select(events).order_by(events.c.id)))


def undo_a_change(database: BharatDatabase, organisation_id: UUID) -> None:
    def change() -> None:
        with database.write(organisation_id, SYSTEM) as unit:
            enqueue(unit, spec(), {})
            emit(unit, "deal.created", "deal", None, {})
            raise Undone

    with pytest.raises(Undone):
        change()
    assert not all_jobs(database)
    assert not outbox(database)


def test_a_rolled_back_change_leaves_neither_job_nor_event(database: BharatDatabase, organisation_id: UUID) -> None:
    undo_a_change(database, organisation_id)


def test_mutant_without_the_rollback_they_would_stay(
    database: BharatDatabase, organisation_id: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Protected: an exception that leaves the block of `BharatDatabase.write` rolls all of it back."""
    write = BharatDatabase.write

    @contextmanager
    def committing(self: BharatDatabase, organisation: UUID | None, actor: Actor) -> Iterator[Unit]:
        raised: Exception | None = None
        with write(self, organisation, actor) as unit:
            try:
                yield unit
            except Exception as error:
                raised = error
        if raised is not None:
            raise raised

    monkeypatch.setattr(BharatDatabase, "write", committing)
    with pytest.raises(AssertionError):
        undo_a_change(database, organisation_id)


def test_workers_are_told_after_the_commit_and_not_before(database: BharatDatabase) -> None:
    told: list[tuple[UUID, str]] = []
    database.wake = lambda job_id, queue, at: told.append((job_id, queue))
    with database.write(None, SYSTEM) as unit:
        job_id = enqueue(unit, spec(queue="mail"), {})
        assert not told
    assert told == [(job_id, "mail")]


def test_a_job_carries_its_organisation_its_request_and_what_its_kind_says(
    database: BharatDatabase, organisation_id: UUID
) -> None:
    actor = Actor(ActorKind.USER, uuid4(), "request-1")
    kind = spec(queue="mail", priority=7, max_attempts=3)
    row = row_of(database, add(database, kind, {"to": ["a", 1, None]}, organisation_id=organisation_id, actor=actor))
    assert (row.organisation_id, row.request_id, row.queue) == (organisation_id, "request-1", "mail")
    assert (row.priority, row.max_attempts, row.attempt, row.state) == (7, 3, 0, "ready")
    assert row.payload == {"to": ["a", 1, None]}
    assert row.created_at == row.run_at


def test_an_event_carries_its_cause(database: BharatDatabase, organisation_id: UUID) -> None:
    actor = Actor(ActorKind.USER, uuid4(), "request-1")
    with database.write(organisation_id, actor) as unit:
        event_id = emit(unit, "deal.created", "deal", actor.id, {"amount": "10.00"})
    (row,) = outbox(database)
    assert (row.id, row.organisation_id, row.number, row.published_at) == (event_id, organisation_id, None, None)
    assert (row.actor_kind, row.actor_id, row.request_id) == ("user", actor.id, "request-1")
    assert (row.type, row.subject_type, row.subject_id, row.data) == (
        "deal.created", "deal", actor.id, {"amount": "10.00"},
    )  # fmt: skip


def test_an_event_needs_an_organisation(database: BharatDatabase) -> None:
    with pytest.raises(TenancyError, match="an event belongs to an organisation"), database.write(None, SYSTEM) as unit:
        emit(unit, "deal.created", "deal", None, {})


@pytest.mark.parametrize("type", ["deal", "Deal.created", "deal.", "deal created", "deal.*", "d." + "x" * 100])
def test_an_event_type_has_a_form(database: BharatDatabase, organisation_id: UUID, type: str) -> None:
    with pytest.raises(ValueError, match="is not an event type"), database.write(organisation_id, SYSTEM) as unit:
        emit(unit, type, "deal", None, {})


# Unique keys.


def many_enqueue_one_key(database: BharatDatabase, organisation_id: UUID) -> None:
    def act(number: int) -> UUID | None:
        with database.write(organisation_id, SYSTEM) as unit:
            return enqueue(unit, spec(), {"number": number}, unique_key="report")

    made = [job_id for job_id in together(5, act) if job_id is not None]
    assert [row.id for row in all_jobs(database)] == made
    assert len(made) == 1


def test_of_many_with_one_unique_key_one_is_enqueued(database: BharatDatabase, organisation_id: UUID) -> None:
    many_enqueue_one_key(database, organisation_id)


def test_mutant_without_the_unique_key_on_the_row_all_are(
    database: BharatDatabase, organisation_id: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Protected: `unique_key` in `job_row`, which the unique index of live jobs holds to."""
    monkeypatch.setattr("bharat.work.queue.stored_key", lambda organisation_id, kind, key: None)
    with pytest.raises(AssertionError):
        many_enqueue_one_key(database, organisation_id)


def test_a_unit_goes_on_after_a_unique_key_was_taken(database: BharatDatabase) -> None:
    add(database, spec(), unique_key="report")
    with database.write(None, SYSTEM) as unit:
        assert enqueue(unit, spec(), {}, unique_key="report") is None
        assert enqueue(unit, spec(), {}, unique_key="other") is not None
    assert len(all_jobs(database)) == 2


def test_a_unique_key_holds_within_one_kind_and_one_organisation(
    database: BharatDatabase, organisation_id: UUID, other_organisation_id: UUID
) -> None:
    for organisation in (organisation_id, other_organisation_id, None):
        for kind in ("test.one", "test.two"):
            add(database, spec(kind=kind), organisation_id=organisation, unique_key="report")
    assert len(all_jobs(database)) == 6


def test_a_unique_key_is_free_again_when_its_job_is_done(database: BharatDatabase, runner_of: RunnerOf) -> None:
    first = add(database, spec(), unique_key="report")
    assert runner_of(spec()).run(first)
    second = add(database, spec(), unique_key="report")
    assert [state_of(database, job_id) for job_id in (first, second)] == ["done", "ready"]


# What can't be written.


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        ({"id": uuid4()}, "is not JSON"),
        ({"at": datetime(2026, 1, 1)}, "is not JSON"),  # noqa: DTZ001 - refused for another reason
        ({"share": math.nan}, "is not JSON"),
        ({"text": "a\0b"}, "a NUL character"),
        ({"text": "\\\0"}, "a NUL character"),
        ({"text": "\ud800"}, "not valid Unicode"),
        ({"text": "x" * MAX_BYTES}, "at most"),
    ],
)
def test_a_payload_that_is_not_plain_json_is_refused(
    database: BharatDatabase, payload: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message), database.write(None, SYSTEM) as unit:
        enqueue(unit, spec(), payload)
    assert not all_jobs(database)


def test_text_that_looks_like_an_escape_is_kept(database: BharatDatabase) -> None:
    payload = {"text": "\\u0000 and ünïcode 🙂"}
    assert row_of(database, add(database, spec(), payload)).payload == payload


def test_a_naive_time_is_refused(database: BharatDatabase) -> None:
    with pytest.raises(ValueError, match="needs a time zone"), database.write(None, SYSTEM) as unit:
        enqueue(unit, spec(), {}, run_at=datetime(2026, 1, 1))  # noqa: DTZ001 - that is the point


# Later.


def test_a_job_for_later_waits_for_its_time(
    database: BharatDatabase, clock: ShiftableClock, runner_of: RunnerOf
) -> None:
    runner = runner_of(spec())
    job_id = add(database, spec(), run_at=clock.now() + timedelta(hours=1))
    assert state_of(database, job_id) == "scheduled"
    assert runner.run_due(["default"]) == 0
    assert not runner.run(job_id)
    clock.advance(timedelta(hours=1))
    assert runner.run_due(["default"]) == 1
    assert state_of(database, job_id) == "done"
