"""Everything that was declared of background work, checked and ready to run."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from bharat.contracts.errors import PluginError
from bharat.contracts.work import CronEntry, GiveUp, JobContext, JobSpec, Subscriber
from bharat.work.events import event_of
from bharat.work.followers import Follower
from bharat.work.payload import checked
from bharat.work.schedule import Schedule
from bharat.work.tables import events

_NAME = re.compile(r"[a-z0-9][a-z0-9_.:-]{0,99}")
_PATTERN = re.compile(r"[a-z0-9_.*]{1,100}")
_QUEUE = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_EVENT = sa.select(events).where(events.c.id == sa.bindparam("event"), events.c.number.is_not(None))


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Job kinds, with those that carry events to subscribers (`on:<name>`); cron entries with their schedules read."""

    jobs: Mapping[str, JobSpec]
    subscribers: Sequence[tuple[Subscriber, JobSpec]]
    cron: Sequence[tuple[CronEntry, Schedule]]
    followers: Sequence[Follower] = ()

    @classmethod
    def of(
        cls,
        jobs: Iterable[JobSpec],
        subscribers: Iterable[Subscriber] = (),
        cron: Iterable[CronEntry] = (),
        followers: Iterable[Follower] = (),
    ) -> Catalogue:
        """Raises `PluginError` for a name that is malformed, a kind that is taken, a schedule or zone that can't be read, and
        a payload that a job can't have. That cron entries have different names and jobs that exist is seen to where
        plugins are loaded (`bharat.plugins`)."""
        kinds: dict[str, JobSpec] = {}
        for spec in jobs:
            _add(kinds, spec)
        carriers: list[tuple[Subscriber, JobSpec]] = []
        for subscriber in subscribers:
            for pattern in subscriber.patterns:
                if not _PATTERN.fullmatch(pattern):
                    raise PluginError(
                        f"the subscriber {subscriber.name!r} asks for events like {pattern!r}; write 'deal.*', '*.created' or '*'"
                    )
            carriers.append((subscriber, _add(kinds, _carrier(subscriber))))
        entries: list[tuple[CronEntry, Schedule]] = []
        for entry in cron:
            _check_name("cron entry", entry.name)
            try:
                checked(entry.payload, "its payload")
                entries.append((entry, Schedule(entry.schedule, entry.timezone)))
            except ValueError as error:
                raise PluginError(f"the cron entry {entry.name!r}: {error}") from None
        return cls(kinds, tuple(carriers), tuple(entries), tuple(followers))

    @classmethod
    def declared(cls, registry: Mapping[str, Any]) -> Catalogue:
        """From `Application.registry`, whose items are kept with their owners."""
        found = {name: [owned.item for owned in registry[name]] for name in ("jobs", "subscribers", "cron")}
        return cls.of(found["jobs"], found["subscribers"], found["cron"], registry.get("followers", ()))

    @property
    def queues(self) -> tuple[str, ...]:
        """Every queue that a job declares."""
        return tuple(sorted({spec.queue for spec in self.jobs.values()}))


def _add(kinds: dict[str, JobSpec], spec: JobSpec) -> JobSpec:
    _check_name("job", spec.kind)
    if not _QUEUE.fullmatch(spec.queue):
        raise PluginError(f"the job {spec.kind!r} has the queue {spec.queue!r}; use lower case, digits, _ and -")
    if (spec.max_attempts is not None and spec.max_attempts < 1) or spec.time_limit.total_seconds() <= 0:
        raise PluginError(f"the job {spec.kind!r} needs at least one attempt and some time")
    if spec.kind in kinds:
        raise PluginError(f"two jobs are of the kind {spec.kind!r}; each needs a kind of its own")
    kinds[spec.kind] = spec
    return spec


def _check_name(what: str, name: str) -> None:
    if not _NAME.fullmatch(name):
        raise PluginError(
            f"the {what} {name[:120]!r} is misnamed; use up to 100 of a-z 0-9 _ . : -, first a letter or digit"
        )


def _carrier(subscriber: Subscriber) -> JobSpec:
    return JobSpec(
        kind=f"on:{subscriber.name}",
        run=_carry(subscriber),
        queue=subscriber.queue,
        summary=f"Hand events ({', '.join(subscriber.patterns)}) to {subscriber.name}",
    )


def _carry(subscriber: Subscriber) -> Callable[[JobContext], None]:
    def carry(job: JobContext) -> None:
        row = job.app.database.read(job.organisation_id).row(_EVENT, {"event": UUID(job.payload["event"])})
        if row is None:
            raise GiveUp(f"the event {job.payload['event']} is not kept any more")
        subscriber.handle(job, event_of(row))

    return carry
