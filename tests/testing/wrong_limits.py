"""Wrong limits backends, each with its suite; `test_suites_bite.py` runs them. `TestRight` is what they derive from."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import ClassVar

import pytest

from bharat.contracts.limits import Verdict
from bharat.testing.limits import LimitsSuite
from bharat.testing.platform import ShiftableClock
from bharat.testing.suite import CutOff, OnShiftedClock
from tests.testing.right_limits import MemoryLimits


class TestRight(OnShiftedClock, LimitsSuite):
    backend: ClassVar[type[MemoryLimits]] = MemoryLimits

    @pytest.fixture
    def limits(self, clock: ShiftableClock) -> MemoryLimits:
        return self.backend(clock)

    @pytest.fixture
    def cut_off(self, limits: MemoryLimits) -> CutOff:
        def fall_silent() -> None:
            limits.answers = False

        return fall_silent


class Wrong(TestRight):
    """What is never going to happen is not waited for as long as what may be slow."""

    patience = timedelta(seconds=0.5)


class TestEveryHitLengthensTheWindow(Wrong):
    class backend(MemoryLimits):  # noqa: N801
        def hit(self, key: str, *, limit: int, window: timedelta) -> Verdict:
            verdict = super().hit(key, limit=limit, window=window)
            self.counters[key] = (self.counters[key][0], self.clock.monotonic() + window.total_seconds())
            return verdict


class TestReadsAndThenWrites(Wrong):
    class backend(MemoryLimits):  # noqa: N801
        def hit(self, key: str, *, limit: int, window: timedelta) -> Verdict:
            before = self.counters.get(key)
            time.sleep(0.002)
            with self.lock:
                self.counters.pop(key, None)
                if before is not None:
                    self.counters[key] = before
                return super().hit(key, limit=limit, window=window)


class TestTakesWhatThereIs(Wrong):
    class backend(MemoryLimits):  # noqa: N801
        def take(self, key: str, *, capacity: int, per_second: float, amount: int = 1) -> Verdict:
            verdict = super().take(key, capacity=capacity, per_second=per_second, amount=amount)
            if not verdict.allowed and verdict.remaining:
                super().take(key, capacity=capacity, per_second=per_second, amount=verdict.remaining)
            return verdict


class TestGivesBackMoreThanWasCounted(Wrong):
    class backend(MemoryLimits):  # noqa: N801
        def give_back(self, key: str) -> None:
            super().give_back(key)
            with self.lock:
                count, ends = self.counters.get(key, (0, 0.0))
                if not count:
                    self.counters[key] = (-1, ends)


class TestGivesBackTheWindowToo(Wrong):
    class backend(MemoryLimits):  # noqa: N801
        def give_back(self, key: str) -> None:
            super().give_back(key)
            with self.lock:
                count, _ = self.counters.get(key, (0, 0.0))
                if not count:
                    self.counters.pop(key, None)
