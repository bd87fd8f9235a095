"""The cron clock: makes each tick of each entry a job, once, however many clocks run.

The row `(entry, tick)` is the guarantee; it, the job and the entry's place are one transaction. An entry's place is its
last tick dealt with. It is kept when the schedule changes; an entry seen for the first time begins then, with nothing to
catch up on.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

import sqlalchemy as sa

from bharat.contracts.database import Database, Unit
from bharat.contracts.errors import Unavailable
from bharat.contracts.principal import SYSTEM
from bharat.contracts.work import CatchUp, CronEntry, JobSpec
from bharat.work.catalogue import Catalogue
from bharat.work.queue import enqueue
from bharat.work.schedule import Schedule
from bharat.work.tables import cron_entries, cron_ticks

log = logging.getLogger(__name__)

PUNCTUAL = timedelta(minutes=1)
"""A tick found up to so late is on time: also an entry that skips what was missed runs it."""
RETRY = timedelta(seconds=10)
"""An entry that failed is left alone for so long, and is still on time afterwards."""
AT_MOST = 100
"""Of missed ticks `CatchUp.ALL` runs the latest hundred."""

_PLACE = sa.select(cron_entries.c.last_tick).where(cron_entries.c.name == sa.bindparam("entry"))
_FIRST = cron_entries.insert()
_MOVE = (
    cron_entries.update()
    .where(cron_entries.c.name == sa.bindparam("entry"), cron_entries.c.last_tick < sa.bindparam("at"))
    .values(last_tick=sa.bindparam("at"))
)
_TICK = cron_ticks.insert()


class CronClock:
    """Looks at the database's clock and enqueues what is due."""

    def __init__(self, database: Database, catalogue: Catalogue) -> None:
        self._database = database
        self._catalogue = catalogue
        self._now = sa.select(database.now().label("now"))
        self._next: dict[str, datetime] = {}
        self._stopping = threading.Event()

    def look(self) -> int:
        """Enqueue what is due now; how many ticks this clock made jobs.

        What one entry raises is logged, and holds up no other. Raises `Unavailable`."""
        now: datetime = self._database.read(None).scalar(self._now)
        made = 0
        for entry, schedule in self._catalogue.cron:
            if now < self._next.get(entry.name, now):
                continue
            try:
                made += self._deal_with(entry, schedule, now)
                self._next[entry.name] = next(schedule.after(now))
            except Unavailable:
                raise
            except Exception:
                log.exception("the cron entry %s failed; trying again in %s", entry.name, RETRY)
                self._next[entry.name] = now + RETRY
        return made

    def run(self, poll: timedelta = timedelta(seconds=1)) -> None:
        """Look every `poll` until `stop`."""
        while not self._stopping.is_set():
            try:
                self.look()
            except Unavailable:
                log.warning("the clock waits: the database does not answer")
            except Exception:
                log.exception("the clock failed; trying again")
            self._stopping.wait(poll.total_seconds())

    def stop(self) -> None:
        self._stopping.set()

    def _deal_with(self, entry: CronEntry, schedule: Schedule, now: datetime) -> int:
        place = self._database.read(None).scalar(_PLACE, {"entry": entry.name})
        if place is None:
            self._begin(entry.name, now)
            return 0
        missed = schedule.between(place, now, AT_MOST if entry.catch_up is CatchUp.ALL else 1)
        due = _due(entry.catch_up, missed, now)
        made = sum(self._tick(entry, self._catalogue.jobs[entry.job], tick) for tick in due)
        if missed and not due:
            log.info("the cron entry %s skips what it missed, last %s", entry.name, missed[-1].isoformat())
            with self._database.write(None, SYSTEM) as unit:
                _move(unit, entry.name, missed[-1])
        return made

    def _begin(self, name: str, now: datetime) -> None:
        try:
            with self._database.write(None, SYSTEM) as unit:
                unit.execute(_FIRST, {"name": name, "last_tick": now})
        except sa.exc.IntegrityError:
            pass  # another clock saw it first

    def _tick(self, entry: CronEntry, spec: JobSpec, tick: datetime) -> bool:
        try:
            with self._database.write(None, SYSTEM) as unit:
                if not _move(unit, entry.name, tick):
                    return False
                job_id = enqueue(unit, spec, {**entry.payload, "tick": tick.isoformat()})
                assert job_id is not None  # it has no unique key
                _record(unit, entry.name, tick, job_id)
        except sa.exc.IntegrityError:
            return False  # the tick has its row: another clock's job runs, this one was rolled back
        return True


def _due(catch_up: CatchUp, missed: Sequence[datetime], now: datetime) -> Sequence[datetime]:
    if catch_up is CatchUp.SKIP:
        return [tick for tick in missed[-1:] if now - tick <= PUNCTUAL]
    return missed


def _move(unit: Unit, entry: str, tick: datetime) -> bool:
    """Move the entry's place on to this tick; false when it is there or further: the tick was dealt with."""
    return unit.execute(_MOVE, {"entry": entry, "at": tick}).rowcount == 1


def _record(unit: Unit, entry: str, tick: datetime, job_id: UUID) -> None:
    """Write the tick's row. Raises `IntegrityError` when it has one."""
    unit.execute(_TICK, {"entry": entry, "tick": tick, "job_id": job_id, "created_at": unit.at})
