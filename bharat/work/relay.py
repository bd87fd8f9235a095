"""The relay: numbers events when it publishes them, and hands each to its subscribers.

A number drawn when an event is written could become visible before a lower one whose transaction is still open, and a
reader who asks "after number N" would miss that one for good. So an event gets its number after its commit, under the lock
of its organisation's counter, and numbers become visible in their order. Any number of relays may run.

Their order is that in which the database wrote them (`events.written`), not that of the ids, which each node's own clock makes: two
changes of one record are written one after the other under its row's lock, so an update follows its create.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from fnmatch import fnmatchcase
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from bharat.contracts.database import Database, Unit
from bharat.contracts.errors import Unavailable
from bharat.contracts.principal import SYSTEM
from bharat.contracts.work import Event, JobSpec, Subscriber
from bharat.work.events import TOPIC, emitted, event_of
from bharat.work.followers import KEY, LOCKED_COUNTER, Follower
from bharat.work.queue import enqueue, enqueue_all, job_row
from bharat.work.tables import event_counters, events

log = logging.getLogger(__name__)

BATCH = 200
"""Events published in one transaction."""

Listener = Callable[[Event], None]

_WHOSE = sa.select(events.c.organisation_id).where(events.c.number.is_(None)).distinct()
_FIRST_COUNTER = event_counters.insert().values(last_number=0)
_ORDER = (events.c.written, events.c.id)
_UNPUBLISHED = sa.select(events).where(events.c.number.is_(None)).order_by(*_ORDER).limit(BATCH)
_PUBLISH = (
    events.update()
    .where(events.c.id == sa.bindparam("event"))
    .values(number=sa.bindparam("given"), published_at=sa.bindparam("moment"))
)
_HIGHEST = sa.select(sa.func.max(events.c.number))
_COUNT = event_counters.update().values(last_number=sa.bindparam("last"))


class Relay:
    """Publishes what was emitted. `subscribers` come each with the job that carries an event to it; `followers` are woken."""

    def __init__(
        self,
        database: Database,
        subscribers: Sequence[tuple[Subscriber, JobSpec]] = (),
        followers: Sequence[Follower] = (),
    ) -> None:
        self._database = database
        self._subscribers = subscribers
        self._followers = followers
        self._matching: dict[str, Sequence[JobSpec]] = {}
        self._listeners: list[Listener] = []
        self._stopping = threading.Event()

    def listen(self, listener: Listener) -> None:
        """Call `listener` with each event that this relay publishes, after the commit, in the order of its numbers. What it
        raises is logged: it may only hasten what a reader of the table would find."""
        self._listeners.append(listener)

    def publish(self) -> int:
        """Publish everything that is committed and has no number yet; how many events.

        What one organisation's events raise is logged, and holds up no other's. Raises `Unavailable`."""
        published = 0
        for row in self._database.read(None).rows(_WHOSE):
            try:
                while not self._stopping.is_set():
                    count = self._publish_or_heal(row.organisation_id)
                    published += count
                    if count < BATCH:
                        break
            except Unavailable:
                raise
            except Exception:
                log.exception("publishing the events of organisation %s failed; trying again", row.organisation_id)
        return published

    def run(self, poll: timedelta) -> None:
        """Publish until `stop`: at once what this process emits, and within `poll` what others do."""
        while not self._stopping.is_set():
            rung = emitted.rung([TOPIC])
            try:
                self.publish()
            except Unavailable:
                log.warning("the relay waits: the database does not answer")
            except Exception:
                log.exception("publishing events failed; trying again")
            emitted.wait([TOPIC], rung, poll.total_seconds())

    def stop(self) -> None:
        self._stopping.set()
        emitted.ring(TOPIC)

    def _publish_or_heal(self, organisation_id: UUID) -> int:
        """Publish a batch. A counter that was set back, as when its table was restored from an older copy, would give numbers that
        are taken, again and again: it is moved on to the highest."""
        try:
            return self._publish_for(organisation_id)
        except sa.exc.IntegrityError:
            with self._database.write(organisation_id, SYSTEM) as unit:
                last, highest = _take_counter(unit), unit.scalar(_HIGHEST) or 0
                if highest <= last:
                    raise
                unit.execute(_COUNT, {"last": highest})
            log.warning(
                "the event counter of organisation %s was behind, at %d: moved to %d", organisation_id, last, highest
            )
            return self._publish_for(organisation_id)

    def _publish_for(self, organisation_id: UUID) -> int:
        with self._database.write(organisation_id, SYSTEM) as unit:
            last = _take_counter(unit)
            # Asked after the lock was got: what another relay has numbered meanwhile is seen as such.
            found = unit.rows(_UNPUBLISHED)
            if not found:
                return 0
            numbers = range(last + 1, last + 1 + len(found))
            given = [
                {"event": row.id, "given": number, "moment": unit.at}
                for row, number in zip(found, numbers, strict=True)
            ]
            unit.execute(_PUBLISH, given)
            unit.execute(_COUNT, {"last": numbers[-1]})
            enqueue_all(unit, [job for row in found for job in self._jobs_for(unit, row)])
            for follower in self._followers:
                if follower.follows([row.type for row in found]):
                    enqueue(unit, follower.job, {}, unique_key=KEY)
            if self._listeners:
                published = [event_of(row, number) for row, number in zip(found, numbers, strict=True)]
                unit.on_commit(lambda: self._tell(published))
        return len(found)

    def _jobs_for(self, unit: Unit, row: sa.Row[Any]) -> Iterable[dict[str, Any]]:
        specs = self._matching.get(row.type)
        if specs is None:
            specs = self._matching[row.type] = [
                spec for subscriber, spec in self._subscribers if matches(subscriber, row.type)
            ]
        return [job_row(unit, spec, {"event": str(row.id)}, request_id=row.request_id) for spec in specs]

    def _tell(self, published: Sequence[Event]) -> None:
        for event in published:
            for listener in self._listeners:
                try:
                    listener(event)
                except Exception:
                    log.exception("a listener failed on event %s %d", event.type, event.number)


def matches(subscriber: Subscriber, type: str) -> bool:
    """Whether one of the patterns (`deal.*`, `*.created`, `*`) matches the event type."""
    return any(fnmatchcase(type, pattern) for pattern in subscriber.patterns)


def _take_counter(unit: Unit) -> int:
    """The organisation's last number, its row locked until the unit ends; made on first use."""
    last = unit.scalar(LOCKED_COUNTER)
    if last is None:
        try:
            with unit.savepoint():
                unit.execute(_FIRST_COUNTER)
        except sa.exc.IntegrityError:
            pass  # another relay was first: wait for it
        last = unit.scalar(LOCKED_COUNTER)
    return int(last)
