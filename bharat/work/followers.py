"""Followers: one job for many events, where it matters what they are about and not how many there were.

A subscriber gets a job for each event. A follower's job is woken when events that match were published, at most one for each
organisation, and reads what was published since its last time by their numbers. So an import of thousands of rows costs one job, and
while what it works for is away one job waits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

import sqlalchemy as sa

from bharat.contracts.database import Reader, Unit
from bharat.contracts.work import JobSpec
from bharat.work.tables import event_counters, events

KEY = "follower"
"""The unique key of the job."""

LOCKED_COUNTER = sa.select(event_counters.c.last_number).with_for_update()
_COUNTER = sa.select(event_counters.c.last_number)
_LOWEST = sa.select(sa.func.min(events.c.number))
_PUBLISHED = (
    sa.select(events.c.number, events.c.type, events.c.subject_type, events.c.subject_id)
    .where(events.c.number > sa.bindparam("since", type_=sa.BigInteger))
    .order_by(events.c.number)
    .limit(sa.bindparam("row_limit", type_=sa.Integer))
)


@dataclass(frozen=True, slots=True)
class Follower:
    """`job` is woken by events whose type matches a pattern. It must end with `caught_up` in the unit that finishes it."""

    job: JobSpec
    patterns: tuple[str, ...]

    def follows(self, types: Sequence[str]) -> bool:
        """Whether one of the event types matches."""
        return any(fnmatchcase(type, pattern) for type in set(types) for pattern in self.patterns)


def published_since(reader: Reader, number: int, limit: int) -> Sequence[sa.Row[Any]]:
    """The next events after `number`, in their order: number, type, subject_type, subject_id."""
    return reader.rows(_PUBLISHED, {"since": number, "row_limit": limit})


def last_number(reader: Reader) -> int:
    """The number of the event that was published last; 0 when there was none."""
    return int(reader.scalar(_COUNTER) or 0)


def is_gap(reader: Reader, number: int) -> bool:
    """Whether events after `number` were forgotten before they were read."""
    lowest = reader.scalar(_LOWEST)
    return number < last_number(reader) if lowest is None else int(lowest) > number + 1


def caught_up(unit: Unit, number: int) -> bool:
    """Whether nothing was published after `number`, and nothing will be before the unit ends. A job that finishes in this unit misses
    nothing: whoever publishes next finds it finished, and enqueues another."""
    return int(unit.scalar(LOCKED_COUNTER) or 0) <= number
