"""`Runner`: claims jobs, runs each in a thread of its own within its time limit, and records the outcome."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping, Sequence
from datetime import timedelta
from uuid import UUID

from bharat.contracts.application import Application
from bharat.contracts.database import Unit
from bharat.contracts.errors import BharatError, Unavailable
from bharat.contracts.work import GiveUp, JobContext, JobSpec, Retry
from bharat.work import backoff
from bharat.work.failure import describe, origin
from bharat.work.keeper import Keeper
from bharat.work.leases import Attempt, Leases

log = logging.getLogger(__name__)

LEASE = timedelta(seconds=60)
"""How long a killed worker's job stays claimed."""

_PATIENCE = (0.1, 0.5, 2.0, 5.0)
"""Seconds between tries to record an outcome while the database is away."""


class Runner:
    """See `bharat.contracts.jobs.JobRunner`. Safe to share by threads; kinds that it does not know it leaves to others.

    A job that runs out of its time limit is failed in the database, so that it can't complete; its thread can't be ended
    from outside and goes on until it returns or asks `still_mine`."""

    def __init__(self, app: Application, jobs: Mapping[str, JobSpec], *, lease: timedelta = LEASE) -> None:
        self._app = app
        self._jobs = dict(jobs)
        self._kinds = sorted(self._jobs)
        self._leases = Leases(app.database, lease)
        self._keeper = Keeper(self._leases)
        self._stopping = threading.Event()
        self._running: dict[Attempt, _Run] = {}

    @property
    def stopping(self) -> bool:
        return self._stopping.is_set()

    @property
    def busy(self) -> int:
        """How many jobs run now."""
        return len(self._running)

    def run(self, job_id: UUID) -> bool:
        attempt = None if self.stopping else self._leases.claim_this(job_id, self._kinds)
        if attempt is None:
            return False
        self._carry_out(attempt)
        return True

    def run_due(self, queues: Sequence[str]) -> int:
        ran = 0
        while not self.stopping:
            promote, ready = self._leases.waiting(queues, self._kinds)
            if promote and self._leases.promote():
                continue
            if not ready:
                break
            attempt = self._leases.claim(queues, self._kinds)
            if attempt is not None:
                self._carry_out(attempt)
                ran += 1
        return ran

    def stop(self) -> None:
        """Ask to stop: running jobs finish, no other is claimed."""
        self._stopping.set()

    def give_back(self) -> int:
        """Stop, and let others run what is running here still; how many jobs that were. Each may run to its end in its thread,
        but can't complete any more."""
        self.stop()
        runs = list(self._running.values())
        given = self._leases.give_back([run.attempt for run in runs]) if runs else 0
        for run in runs:
            run.abandon()
        self._keeper.rest()
        return given

    def _carry_out(self, attempt: Attempt) -> None:
        spec = self._jobs[attempt.kind]
        run = _Run(spec, attempt, self._app, self._leases)
        self._running[attempt] = run
        try:
            with self._keeper.holding(attempt, run.abandon):
                started = time.monotonic()
                in_time = run.within(spec.time_limit)
                if run.abandoned:
                    return
                self._record(run, in_time)
            log.info("job %s %s attempt %d took %.3f s, request %s", attempt.kind, attempt.id, attempt.number,
                     time.monotonic() - started, attempt.request_id)  # fmt: skip
        finally:
            del self._running[attempt]

    def _record(self, run: _Run, in_time: bool) -> None:
        """Write the outcome, patiently: losing it costs a second run."""
        for pause in (*_PATIENCE, None):
            try:
                if run.finished:
                    if run.error is not None:
                        log.warning("job %s %s failed after it was done: %s", run.attempt.kind, run.attempt.id,
                                    describe(run.error))  # fmt: skip
                elif not in_time:
                    self._fail(run.attempt, TimeoutError(f"it ran longer than {run.spec.time_limit}"))
                elif run.error is not None:
                    self._fail(run.attempt, run.error)
                elif not self._leases.finish(run.attempt):
                    log.warning("job %s %s had been taken over before it ended", run.attempt.kind, run.attempt.id)
                return
            except Unavailable:
                if pause is None:
                    log.exception("the outcome of job %s %s is lost; it runs again", run.attempt.kind, run.attempt.id)
                else:
                    time.sleep(pause)  # the database may answer the next time

    def _fail(self, attempt: Attempt, error: BaseException) -> None:
        spent = attempt.max_attempts is not None and attempt.number >= attempt.max_attempts
        last = spent or isinstance(error, GiveUp)
        try:
            told, retry = describe(error), None if last else _wait(attempt, error)
            held = self._leases.fail(attempt, told, retry)
        except Unavailable:
            raise
        except Exception as unrecorded:
            # An error that can't be written down, or a wait that no calendar holds, is a failure none the less.
            log.error("the error of job %s %s could not be noted:\n%s", attempt.kind, attempt.id, origin(unrecorded))
            told, retry = type(error).__name__, None if last else backoff.delay(attempt.number)
            held = self._leases.fail(attempt, told, retry)
        if not held:
            log.warning("job %s %s failed, but was no longer this worker's", attempt.kind, attempt.id)
        elif not isinstance(error, Retry):
            then = "it is dead now" if retry is None else f"next attempt in {retry.total_seconds():.1f} s"
            # A BharatError says all there is to say; of anything else the log keeps where it came from.
            where = "" if isinstance(error, BharatError) else f"\n{origin(error)}"
            log.error(
                "job %s %s attempt %d failed: %s; %s%s", attempt.kind, attempt.id, attempt.number, told, then, where
            )


class _Run:
    """One attempt in its thread."""

    def __init__(self, spec: JobSpec, attempt: Attempt, app: Application, leases: Leases) -> None:
        self.spec = spec
        self.attempt = attempt
        self.error: BaseException | None = None
        self.finished = False
        self.abandoned = False
        self._app = app
        self._leases = leases
        self._over = threading.Event()
        self._returned = False

    def within(self, limit: timedelta) -> bool:
        """Run it; whether it returned in time. Returns early, and false, when it is abandoned."""
        name = f"bharat-job-{self.attempt.kind}"
        threading.Thread(target=self._call, name=name, daemon=True).start()
        self._over.wait(limit.total_seconds())
        return self._returned

    def abandon(self) -> None:
        """Stop waiting for it: it belongs to another now."""
        self.abandoned = True
        self._over.set()

    def _call(self) -> None:
        attempt = self.attempt
        context = JobContext(
            app=self._app,
            id=attempt.id,
            kind=attempt.kind,
            attempt=attempt.number,
            payload=attempt.payload,
            organisation_id=attempt.organisation_id,
            request_id=attempt.request_id,
            still_mine=self._still_mine,
            finish_in=self._finish_in,
        )
        try:
            self.spec.run(context)
        except BaseException as error:  # a SystemExit in a job ends the job, not the worker
            self.error = error
        self._returned = True
        self._over.set()

    def _still_mine(self) -> bool:
        return not self.abandoned and self._leases.still_mine(self.attempt)

    def _finish_in(self, unit: Unit) -> None:
        self._leases.finish_in(unit, self.attempt)
        unit.on_commit(self._set_finished)

    def _set_finished(self) -> None:
        self.finished = True


def _wait(attempt: Attempt, error: BaseException) -> timedelta:
    """How long until the next attempt: as long as the job asked for, else a while."""
    if isinstance(error, Retry) and error.delay is not None:
        return max(error.delay, timedelta(0))
    return backoff.delay(attempt.number)
