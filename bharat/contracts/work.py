"""What plugins declare of background work: jobs, cron entries, event subscribers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any
from uuid import UUID

from bharat.contracts.errors import BharatError

if TYPE_CHECKING:
    from bharat.contracts.application import Application
    from bharat.contracts.database import Unit

DEFAULT_QUEUE = "default"


class Retry(BharatError):
    """Raised by a job to be tried again, after `delay` when given, else after the ordinary backoff."""

    def __init__(self, reason: str, *, delay: timedelta | None = None) -> None:
        super().__init__(reason)
        self.delay = delay


class GiveUp(BharatError):
    """Raised by a job that no retry will help: it goes to the dead set at once, where it can be looked at and replayed."""


@dataclass(frozen=True, slots=True)
class JobContext:
    """What a running job knows of itself. `attempt` counts from 1. `payload` is the JSON it was enqueued with."""

    app: Application
    id: UUID
    kind: str
    attempt: int
    payload: Mapping[str, Any]
    organisation_id: UUID | None
    request_id: str | None
    still_mine: Callable[[], bool]
    """Whether the lease is still this attempt's. Long work asks before an effect that can't be undone."""
    finish_in: Callable[[Unit], None]
    """Mark the job done inside the caller's unit of work, so that its effect and its completion are one commit.
    Raises `LeaseLost` (and so rolls the unit back) when another worker took the job over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSpec:
    """A kind of job. It may run more than once (a killed worker): make the effect idempotent or use `finish_in`.

    `time_limit` ends an attempt that runs longer; `max_attempts` counts all of them; a lower `priority` runs first.
    With `max_attempts=None` it is tried until it succeeds or raises `GiveUp`, an hour apart in the end: for what must be done
    however long a service is away."""

    kind: str
    run: Callable[[JobContext], None]
    queue: str = DEFAULT_QUEUE
    priority: int = 100
    max_attempts: int | None = 8
    time_limit: timedelta = timedelta(minutes=5)
    summary: str = ""


class CatchUp(StrEnum):
    """What happens to ticks that passed while no clock ran."""

    SKIP = "skip"
    """Forget them; wait for the next."""
    LATEST = "latest"
    """Run once for the most recent."""
    ALL = "all"
    """Run each, oldest first, at most 100."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CronEntry:
    """Enqueues `job` at each tick of `schedule` (five-field cron syntax) read in the IANA zone `timezone`.

    A tick happens exactly once however many clocks run: a row `(name, tick)` decides. The job's payload is `payload` with
    `tick` (ISO 8601, UTC) added."""

    name: str
    schedule: str
    job: str
    catch_up: CatchUp
    timezone: str = "UTC"
    payload: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Event:
    """A published event. `number` counts from 1 per organisation, without gaps, in the order of publication."""

    id: UUID
    organisation_id: UUID
    number: int
    type: str
    subject_type: str
    subject_id: UUID | None
    data: Mapping[str, Any]
    actor_kind: str
    actor_id: UUID | None
    request_id: str | None
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscriber:
    """Receives every event whose type matches a pattern (`deal.*`, `*.created`, `*`), as a job of its own, so that each is
    handled at least once, retried alone, and its failure holds up nobody. A handler that writes to the database ends with
    `job.finish_in(unit)`, so that what it did and that it did it are one commit."""

    name: str
    patterns: tuple[str, ...]
    handle: Callable[[JobContext, Event], None]
    queue: str = DEFAULT_QUEUE
