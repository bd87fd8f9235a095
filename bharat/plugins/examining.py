"""Running health checks: beside one another, each within a limit, so that one that hangs holds up nobody."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from bharat.contracts.check import Finding, Status
from bharat.contracts.errors import BharatError

log = logging.getLogger(__name__)

SEVERITY: Mapping[Status, int] = {Status.OK: 0, Status.DEGRADED: 1, Status.FAILED: 2}


@dataclass(frozen=True, slots=True)
class Examination:
    """Something to be looked at. `run` may take its time, hang or raise: what it found until then counts."""

    name: str
    run: Callable[[], Iterable[Finding]]


@dataclass(frozen=True, slots=True)
class Examined:
    """What was found; nothing is as good as ok."""

    name: str
    findings: tuple[Finding, ...]

    @property
    def worst(self) -> Finding:
        """The first of the most severe."""
        return max(self.findings, key=lambda finding: SEVERITY[finding.status], default=Finding(Status.OK, ""))


class Examiner:
    """Runs examinations in threads, or greenlets where threads are patched. What did not end within `limit` is a failure, and
    is not begun again under its name before it has: one that hangs takes one thread, however often it is asked for."""

    def __init__(self, limit: timedelta) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._running: dict[str, threading.Thread] = {}

    def run(self, examinations: Sequence[Examination]) -> list[Examined]:
        """What each found, in their order; within `limit`, all of them together."""
        deadline = time.monotonic() + self._limit.total_seconds()
        runs = [self._begin(one) for one in examinations]
        return [run.result(deadline) for run in runs]

    def _begin(self, examination: Examination) -> _Run:
        run = _Run(examination, self._limit)
        with self._lock:
            before = self._running.get(examination.name)
            if before is None or not before.is_alive():
                # A daemon: one that never ends must not keep the process from ending.
                thread = threading.Thread(target=run.go, name=f"bharat-check-{examination.name}", daemon=True)
                self._running[examination.name] = thread
                thread.start()
        return run


class _Run:
    """One examination under way."""

    def __init__(self, examination: Examination, limit: timedelta) -> None:
        self._examination = examination
        self._limit = limit
        self._findings: list[Finding] = []
        self._ended = threading.Event()

    def go(self) -> None:
        name = self._examination.name
        try:
            for finding in self._examination.run():
                self._findings.append(finding)
        except BharatError as error:
            self._findings.append(Finding(Status.FAILED, str(error), _SEE_LOG))
        except Exception as error:
            log.warning("the health check %s failed: %s", name, type(error).__name__, exc_info=error)
            self._findings.append(Finding(Status.FAILED, f"the check failed: {type(error).__name__}", _SEE_LOG))
        finally:
            self._ended.set()

    def result(self, deadline: float) -> Examined:
        ended = self._ended.wait(max(0.0, deadline - time.monotonic()))
        found = tuple(self._findings)
        if not ended:
            more = "nothing more" if found else "no answer"
            detail = f"{more} within {self._limit.total_seconds():g} s"
            found = (*found, Finding(Status.FAILED, detail, _HANGS, "time"))
        return Examined(self._examination.name, found)


_SEE_LOG = "look into the log of this node"
_HANGS = "see that it runs and can be reached from this node; it may be overloaded, or stopped"
