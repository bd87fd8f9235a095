"""What `/api/health` tells: states of parts, to anybody, at a price that no caller can drive up."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import Any

from bharat.contracts.application import Application
from bharat.contracts.check import Check, Finding, Status
from bharat.contracts.platform import Clock
from bharat.contracts.provider import Capability
from bharat.data.health import answers
from bharat.plugins import Plugins
from bharat.plugins.examining import Examination, Examined, Examiner

log = logging.getLogger(__name__)

LIMIT = timedelta(seconds=5)
"""How long a part may take to answer."""
REMEMBERED = 15.0
"""Seconds for which what was found is told again: callers need no credentials, and checks ask servers."""

_TOLD = {
    Status.OK: Finding(Status.OK, "works"),
    Status.DEGRADED: Finding(Status.DEGRADED, "works with less", "run `bharat doctor` on a node: it says what and why"),
    Status.FAILED: Finding(Status.FAILED, "does not work", "run `bharat doctor` on a node: it says what and why"),
}
"""What is told of a provider. What its check found is for operators: it may name servers, versions and folders."""


class HealthWatch:
    """Looks at most every `REMEMBERED` seconds, however many ask. Who asks while another looks is told what was found before;
    at the very first, it waits for what is found."""

    def __init__(self, parts: Sequence[Examination], clock: Clock) -> None:
        self._parts = parts
        self._clock = clock
        self._examiner = Examiner(LIMIT)
        self._looking = threading.Lock()
        self._found: Sequence[Examined] | None = None
        self._at = 0.0

    def look(self) -> Sequence[Examined]:
        """What is to be told of each part."""
        found = self._found
        if found is not None and self._clock.monotonic() - self._at < REMEMBERED:
            return found
        if not self._looking.acquire(blocking=found is None):
            assert found is not None
            return found
        try:
            if self._found is None or self._clock.monotonic() - self._at >= REMEMBERED:
                self._found = self._examiner.run(self._parts)
                self._at = self._clock.monotonic()
            return self._found
        finally:
            self._looking.release()


def public_parts(app: Application, plugins: Plugins) -> list[Examination]:
    """The database, each chosen provider that has a check, and the checks of plugins."""
    return [
        Examination("database", lambda: [answers(app.database)]),
        *(
            Examination(capability.value, _summed_up(app, plugins, capability))
            for capability in Capability
            if plugins.chosen(capability).provider.check is not None
        ),
        *(Examination(owned.item.name, _run(owned.item, app)) for owned in plugins.checks()),
    ]


def _summed_up(app: Any, plugins: Plugins, capability: Capability) -> Callable[[], Iterator[Finding]]:
    check = plugins.chosen(capability).provider.check
    assert check is not None

    def run() -> Iterator[Finding]:
        try:
            worst = Examined("", tuple(check(getattr(app, capability.value), app))).worst.status
        except Exception as error:
            log.warning("the check of %s failed: %s", capability, type(error).__name__, exc_info=error)
            worst = Status.FAILED
        yield _TOLD[worst]

    return run


def _run(check: Check, app: Application) -> Callable[[], Iterator[Finding]]:
    def run() -> Iterator[Finding]:
        try:
            yield check.run(app)
        except Exception as error:
            # Its text may be meant for operators.
            log.warning("the check %s failed: %s", check.name, type(error).__name__, exc_info=error)
            yield Finding(Status.FAILED, f"the check failed: {type(error).__name__}", "look into the log of this node")

    return run
