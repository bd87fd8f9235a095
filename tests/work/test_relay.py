"""The relay: numbers without gaps, visible in their order, and every subscriber told."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from bharat.contracts.database import Database
from bharat.contracts.principal import SYSTEM, Actor, ActorKind
from bharat.contracts.work import Event, JobContext, Subscriber
from bharat.data import BharatDatabase
from bharat.data.database import DatabaseUnit
from bharat.testing.suite import eventually, together
from bharat.work import emit
from bharat.work import relay as relay_module
from bharat.work.catalogue import Catalogue
from bharat.work.relay import Relay
from bharat.work.tables import event_counters, events
from tests.work.conftest import RunnerOf
from tests.work.small import SmallApplication, add, all_jobs, events_after, state_of

SOON = timedelta(seconds=10)


def emit_one(
    database: BharatDatabase, organisation_id: UUID, type: str = "deal.created", actor: Actor = SYSTEM
) -> UUID:
    with database.write(organisation_id, actor) as unit:
        return emit(unit, type, "deal", None, {"a": 1})


def numbers(database: BharatDatabase, organisation_id: UUID) -> list[int]:
    return [row.number for row in events_after(database, organisation_id, 0)]


def test_events_are_numbered_from_one_in_their_order(database: BharatDatabase, organisation_id: UUID) -> None:
    emitted = [emit_one(database, organisation_id) for _ in range(3)]
    relay = Relay(database)
    assert numbers(database, organisation_id) == []
    assert relay.publish() == 3
    assert relay.publish() == 0
    emitted.append(emit_one(database, organisation_id))
    assert relay.publish() == 1
    rows = events_after(database, organisation_id, 0)
    assert [(row.id, row.number) for row in rows] == list(zip(emitted, (1, 2, 3, 4), strict=True))
    assert all(row.published_at >= row.occurred_at for row in rows)


def test_each_organisation_counts_for_itself(
    database: BharatDatabase, organisation_id: UUID, other_organisation_id: UUID
) -> None:
    for organisation in (organisation_id, other_organisation_id, organisation_id):
        emit_one(database, organisation)
    assert Relay(database).publish() == 3
    assert numbers(database, organisation_id) == [1, 2]
    assert numbers(database, other_organisation_id) == [1]


def test_more_events_than_a_batch_are_published_in_one_go(
    database: BharatDatabase, organisation_id: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bharat.work.relay.BATCH", 2)
    unpublished = sa.select(events).where(events.c.number.is_(None)).order_by(*relay_module._ORDER).limit(2)
    monkeypatch.setattr("bharat.work.relay._UNPUBLISHED", unpublished)
    for _ in range(5):
        emit_one(database, organisation_id)
    assert Relay(database).publish() == 5
    assert numbers(database, organisation_id) == [1, 2, 3, 4, 5]


def test_numbers_go_on_after_old_events_are_gone(database: BharatDatabase, organisation_id: UUID) -> None:
    emit_one(database, organisation_id)
    relay = Relay(database)
    relay.publish()
    with database.write(organisation_id, SYSTEM) as unit:
        unit.execute(events.delete())
    emit_one(database, organisation_id)
    relay.publish()
    assert numbers(database, organisation_id) == [2]


# Out of order.


def an_update_by_a_node_whose_clock_is_behind_follows_the_create(
    database: BharatDatabase, organisation_id: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two processes: the second one's clock says an hour less."""
    created = emit_one(database, organisation_id)
    monkeypatch.setattr("bharat.work.events.new_id", lambda: an_hour_older(created))
    updated = emit_one(database, organisation_id, "deal.updated")
    Relay(database).publish()
    assert [row.id for row in events_after(database, organisation_id, 0)] == [created, updated]


def an_hour_older(id: UUID) -> UUID:
    return UUID(int=id.int - (3_600_000 << 80))


@pytest.mark.parametrize("dialect", ["postgresql"])
def test_an_update_by_a_node_whose_clock_is_behind_follows_the_create(
    database: BharatDatabase, organisation_id: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Protected: `_ORDER` begins with the number that the database draws when it writes the event. On PostgreSQL only: SQLite's
    nodes are one machine."""
    an_update_by_a_node_whose_clock_is_behind_follows_the_create(database, organisation_id, monkeypatch)


@pytest.mark.parametrize("dialect", ["postgresql"])
def test_mutant_ordered_by_id_alone_the_update_comes_before_the_create(
    database: BharatDatabase, organisation_id: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    by_id = relay_module._UNPUBLISHED.order_by(None).order_by(events.c.id)
    monkeypatch.setattr(relay_module, "_UNPUBLISHED", by_id)
    with pytest.raises(AssertionError):
        an_update_by_a_node_whose_clock_is_behind_follows_the_create(database, organisation_id, monkeypatch)


def test_the_events_of_one_unit_keep_their_order(database: BharatDatabase, organisation_id: UUID) -> None:
    with database.write(organisation_id, SYSTEM) as unit:
        emitted = [emit(unit, "deal.updated", "deal", None, {"number": number}) for number in range(5)]
    Relay(database).publish()
    assert [row.id for row in events_after(database, organisation_id, 0)] == emitted


def a_reader_misses_nothing_when_commits_overtake(
    database: BharatDatabase, organisation_id: UUID, publish: Callable[[], object]
) -> None:
    """The first to emit is the last to commit; the reader looks in between."""
    emitted, commit = threading.Event(), threading.Event()
    ids: dict[str, UUID] = {}

    def slow() -> None:
        with database.write(organisation_id, SYSTEM) as unit:
            ids["slow"] = emit(unit, "deal.created", "deal", None, {})
            emitted.set()
            commit.wait(SOON.total_seconds())

    thread = threading.Thread(target=slow, daemon=True)
    thread.start()
    try:
        assert emitted.wait(SOON.total_seconds())
        ids["quick"] = emit_one(database, organisation_id)
        publish()
        first = events_after(database, organisation_id, 0)
    finally:
        commit.set()
        thread.join()
    publish()
    seen = [*first, *events_after(database, organisation_id, first[-1].number if first else 0)]
    assert {row.id for row in seen} == set(ids.values())
    assert [row.number for row in seen] == [1, 2]


@pytest.mark.parametrize("dialect", ["postgresql"])
def test_a_reader_misses_nothing_when_commits_overtake(database: BharatDatabase, organisation_id: UUID) -> None:
    """On PostgreSQL only: SQLite has one writer, whose commits can't overtake."""
    relays = [Relay(database), Relay(database)]
    a_reader_misses_nothing_when_commits_overtake(
        database, organisation_id, lambda: together(2, lambda number: relays[number].publish())
    )


@pytest.mark.parametrize("dialect", ["postgresql"])
def test_mutant_numbered_when_emitted_the_later_commit_is_missed(
    database: BharatDatabase, organisation_id: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Protected: an event gets its number in `Relay._publish_for`, not in `emit`."""
    sequence = itertools.count(1)
    append = DatabaseUnit.append

    def numbered(unit: DatabaseUnit, table: sa.Table, row: Mapping[str, Any]) -> None:
        append(unit, table, {**row, "number": next(sequence)} if table is events else row)

    monkeypatch.setattr(DatabaseUnit, "append", numbered)
    with pytest.raises(AssertionError):
        a_reader_misses_nothing_when_commits_overtake(database, organisation_id, Relay(database).publish)


def many_relays_and_a_reader(database: BharatDatabase, organisation_id: UUID) -> None:
    """Three emit, three publish and one reads on from the last number it saw, all at once."""
    emitted: list[UUID] = []
    done = threading.Event()
    seen: list[tuple[UUID, int]] = []

    def act(number: int) -> None:
        if number < 3:
            emitted.extend(emit_one(database, organisation_id) for _ in range(15))
        elif number < 6:
            relay = Relay(database)
            while not done.is_set():
                relay.publish()
        else:
            read_on()

    def read_on() -> None:
        def all_seen() -> bool:
            rows = events_after(database, organisation_id, seen[-1][1] if seen else 0)
            seen.extend((row.id, row.number) for row in rows)
            return len(emitted) == 45 and len(seen) >= 45

        try:
            eventually(all_seen, within=SOON, what="the reader sees every event")
        finally:
            done.set()

    together(7, act)
    assert sorted(event for event, _ in seen) == sorted(emitted)
    assert [number for _, number in seen] == list(range(1, 46))


def test_many_relays_leave_no_gap_and_no_duplicate(database: BharatDatabase, organisation_id: UUID) -> None:
    many_relays_and_a_reader(database, organisation_id)


@pytest.mark.parametrize("dialect", ["postgresql"])
def test_mutant_without_the_counters_lock_two_relays_number_the_same(
    database: BharatDatabase, organisation_id: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Protected: `.with_for_update()` of `_LOCKED_COUNTER`. On SQLite the one writer is the lock."""
    emit_one(database, organisation_id)
    Relay(database).publish()
    # Without the lock nothing keeps both from finding the event unpublished.
    meet = threading.Barrier(2)
    rows = DatabaseUnit.rows

    def rows_then_meet(self: DatabaseUnit, statement: sa.Executable, parameters: Any = None) -> Sequence[sa.Row[Any]]:
        found = rows(self, statement, parameters)
        if statement is relay_module._UNPUBLISHED:
            meet.wait(SOON.total_seconds())
        return found

    unlocked = sa.select(event_counters.c.last_number)
    monkeypatch.setattr(relay_module, "_take_counter", lambda unit: int(unit.scalar(unlocked)))
    monkeypatch.setattr(DatabaseUnit, "rows", rows_then_meet)
    emit_one(database, organisation_id)
    with pytest.raises(AssertionError):
        two_relays_publish_one_event_once(database, organisation_id)


def two_relays_publish_one_event_once(database: BharatDatabase, organisation_id: UUID) -> None:
    published = together(2, lambda number: Relay(database).publish())
    assert sum(published) == 1
    assert numbers(database, organisation_id) == [1, 2]


def test_two_relays_publish_one_event_once(database: BharatDatabase, organisation_id: UUID) -> None:
    emit_one(database, organisation_id)
    Relay(database).publish()
    emit_one(database, organisation_id)
    two_relays_publish_one_event_once(database, organisation_id)


# Failures.


def one_organisations_failure_stops_no_other(
    database: BharatDatabase, broken: UUID, sound: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish = Relay._publish_for

    def fail_for_one(relay: Relay, organisation_id: UUID) -> int:
        if organisation_id == broken:
            raise LookupError("what is wrong with this one")
        return publish(relay, organisation_id)

    for organisation in (broken, sound):
        emit_one(database, organisation)
    # The broken one was made first and comes first.
    first = sa.select(events.c.organisation_id).where(events.c.number.is_(None)).distinct()
    monkeypatch.setattr(relay_module, "_WHOSE", first.order_by(events.c.organisation_id))
    monkeypatch.setattr(Relay, "_publish_for", fail_for_one)
    assert Relay(database).publish() == 1
    assert numbers(database, sound) == [1]


def test_one_organisations_failure_stops_no_other(
    database: BharatDatabase,
    organisation_id: UUID,
    other_organisation_id: UUID,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Protected: the `except` for each organisation in `Relay.publish`."""
    one_organisations_failure_stops_no_other(database, organisation_id, other_organisation_id, monkeypatch)
    assert f"publishing the events of organisation {organisation_id} failed" in caplog.text


def test_mutant_whose_failures_are_not_caught_publishes_nothing_more(
    database: BharatDatabase, organisation_id: UUID, other_organisation_id: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    def publish(relay: Relay) -> int:
        return sum(relay._publish_or_heal(row.organisation_id) for row in database.read(None).rows(relay_module._WHOSE))

    monkeypatch.setattr(Relay, "publish", publish)
    with pytest.raises(LookupError):
        one_organisations_failure_stops_no_other(database, organisation_id, other_organisation_id, monkeypatch)


def numbers_go_on_after_the_counter_was_set_back(database: BharatDatabase, organisation_id: UUID) -> None:
    relay = Relay(database)
    for _ in range(3):
        emit_one(database, organisation_id)
        relay.publish()
    with database.write(organisation_id, SYSTEM) as unit:
        unit.execute(event_counters.update().values(last_number=1))
    emit_one(database, organisation_id)
    assert relay.publish() == 1
    assert numbers(database, organisation_id) == [1, 2, 3, 4]


def test_a_counter_that_was_set_back_is_healed(
    database: BharatDatabase, organisation_id: UUID, caplog: pytest.LogCaptureFixture
) -> None:
    """Protected: `Relay._publish_or_heal` moves the counter to the highest number."""
    numbers_go_on_after_the_counter_was_set_back(database, organisation_id)
    assert "was behind, at 1: moved to 3" in caplog.text


def test_mutant_that_heals_no_counter_publishes_nothing(
    database: BharatDatabase, organisation_id: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Relay, "_publish_or_heal", Relay._publish_for)
    with pytest.raises(AssertionError):
        numbers_go_on_after_the_counter_was_set_back(database, organisation_id)


# Subscribers and listeners.


def subscriber(name: str, *patterns: str, seen: list[Event] | None = None) -> Subscriber:
    def handle(job: JobContext, event: Event) -> None:
        if seen is not None:
            seen.append(event)

    return Subscriber(name=name, patterns=patterns, handle=handle)


def test_a_subscriber_gets_what_matches_with_its_cause(
    app: SmallApplication, organisation_id: UUID, runner_of: RunnerOf
) -> None:
    seen: list[Event] = []
    catalogue = Catalogue.of([], [subscriber("test.index", "deal.*", seen=seen), subscriber("test.other", "task.*")])
    user = Actor(ActorKind.USER, organisation_id, "request-1")
    event_id = emit_one(app.database, organisation_id, "deal.updated", user)
    emit_one(app.database, organisation_id, "contact.updated")
    Relay(app.database, catalogue.subscribers).publish()
    (job,) = all_jobs(app.database)
    assert (job.kind, job.organisation_id, job.request_id) == ("on:test.index", organisation_id, "request-1")
    assert runner_of(*catalogue.jobs.values()).run_due(catalogue.queues) == 1
    (event,) = seen
    assert (event.id, event.number, event.type, event.data) == (event_id, 1, "deal.updated", {"a": 1})
    assert (event.actor_kind, event.actor_id, event.request_id) == ("user", organisation_id, "request-1")
    assert event.organisation_id == organisation_id


@pytest.mark.parametrize(
    ("patterns", "expected"),
    [(("*",), 3), (("*.created",), 1), (("deal.*", "*.created"), 2), (("deal",), 0), (("deal.*.x",), 0)],
)
def test_patterns_match_types(
    database: BharatDatabase, organisation_id: UUID, patterns: Sequence[str], expected: int
) -> None:
    catalogue = Catalogue.of([], [subscriber("test.index", *patterns)])
    for type in ("deal.created", "deal.updated", "contact.deleted"):
        emit_one(database, organisation_id, type)
    Relay(database, catalogue.subscribers).publish()
    assert len(all_jobs(database)) == expected


def test_a_subscribers_failure_holds_up_no_other(
    app: SmallApplication, organisation_id: UUID, runner_of: RunnerOf
) -> None:
    def refuse(job: JobContext, event: Event) -> None:
        raise RuntimeError

    seen: list[Event] = []
    failing = Subscriber(name="test.failing", patterns=("*",), handle=refuse)
    catalogue = Catalogue.of([], [failing, subscriber("test.index", "*", seen=seen)])
    emit_one(app.database, organisation_id)
    Relay(app.database, catalogue.subscribers).publish()
    runner_of(*catalogue.jobs.values()).run_due(catalogue.queues)
    assert [job.state for job in all_jobs(app.database)] == ["scheduled", "done"]
    assert len(seen) == 1


def test_an_event_that_is_not_kept_any_more_is_given_up(
    app: SmallApplication, organisation_id: UUID, runner_of: RunnerOf
) -> None:
    catalogue = Catalogue.of([], [subscriber("test.index", "*")])
    (kind,) = catalogue.jobs.values()
    job_id = add(app.database, kind, {"event": str(organisation_id)}, organisation_id=organisation_id)
    runner_of(kind).run_due(catalogue.queues)
    assert state_of(app.database, job_id) == "dead"


def test_listeners_hear_of_events_after_the_commit_and_may_fail(
    database: BharatDatabase, organisation_id: UUID
) -> None:
    heard: list[tuple[int, list[int]]] = []

    def fail(event: Event) -> None:
        raise RuntimeError

    relay = Relay(database)
    relay.listen(fail)
    relay.listen(lambda event: heard.append((event.number, numbers(database, organisation_id))))
    for _ in range(2):
        emit_one(database, organisation_id)
    relay.publish()
    assert heard == [(1, [1, 2]), (2, [1, 2])]


def test_a_running_relay_publishes_at_once_what_its_process_emits(
    database: BharatDatabase, organisation_id: UUID
) -> None:
    relay = Relay(database)
    thread = threading.Thread(target=lambda: relay.run(timedelta(hours=1)), daemon=True)
    thread.start()
    for count in range(1, 4):
        emit_one(database, organisation_id)
        eventually(lambda: len(numbers(database, organisation_id)) == count, within=SOON, what="it is published")  # noqa: B023
    relay.stop()
    thread.join(SOON.total_seconds())
    assert not thread.is_alive()


def test_a_relay_outlives_a_failure(database: BharatDatabase, organisation_id: UUID) -> None:
    class Failing(Relay):
        failed = 0

        def publish(self) -> int:
            self.failed += 1
            if self.failed == 1:
                raise RuntimeError
            return super().publish()

    relay = Failing(database)
    thread = threading.Thread(target=lambda: relay.run(timedelta(milliseconds=50)), daemon=True)
    thread.start()
    emit_one(database, organisation_id)
    eventually(lambda: numbers(database, organisation_id) == [1], within=SOON, what="it is published")
    relay.stop()
    thread.join(SOON.total_seconds())


def test_a_database_of_an_application_can_be_relayed(database: Database) -> None:
    assert Relay(database).publish() == 0
