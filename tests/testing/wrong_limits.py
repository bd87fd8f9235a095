"""Wrong limits backends, each with its suite; `test_suites_bite.py` runs them. `TestRight` is what they derive from."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import ClassVar

import pytest

from bharat.contracts.limits import Verdict
from bharat.testing.limits import LimitsSuite
from bharat.testing.platform import SmallPlatform
from bharat.testing.suite import CutOff, OnShiftedClock
from tests.testing.away import RemoteLimits


class TestRight(OnShiftedClock, LimitsSuite):
    backend: ClassVar[type[RemoteLimits]] = RemoteLimits

    @pytest.fixture
    def limits(self, platform: SmallPlatform) -> RemoteLimits:
        return self.backend(platform)

    @pytest.fixture
    def cut_off(self, limits: RemoteLimits) -> CutOff:
        return lambda: setattr(limits, "answers", False)


class Wrong(TestRight):
    """What is never going to happen is not waited for as long as what may be slow."""

    patience = timedelta(seconds=0.5)


class TestEveryHitLengthensTheWindow(Wrong):
    class backend(RemoteLimits):  # noqa: N801
        def hit(self, key: str, *, limit: int, window: timedelta) -> Verdict:
            verdict = super().hit(key, limit=limit, window=window)
            with self._counted() as (counts, now):
                counts.windows[key] = (counts.windows[key][0], now + window.total_seconds())
            return verdict


class TestReadsAndThenWrites(Wrong):
    class backend(RemoteLimits):  # noqa: N801
        def hit(self, key: str, *, limit: int, window: timedelta) -> Verdict:
            with self._counted() as (counts, _):
                before = counts.windows.get(key)
            time.sleep(0.002)
            with self._counted() as (counts, _):
                counts.windows.pop(key, None)
                if before is not None:
                    counts.windows[key] = before
                return super().hit(key, limit=limit, window=window)


class TestTakesWhatThereIs(Wrong):
    class backend(RemoteLimits):  # noqa: N801
        def take(self, key: str, *, capacity: int, per_second: float, amount: int = 1) -> Verdict:
            verdict = super().take(key, capacity=capacity, per_second=per_second, amount=amount)
            if not verdict.allowed and verdict.remaining:
                super().take(key, capacity=capacity, per_second=per_second, amount=verdict.remaining)
            return verdict


class TestGivesBackMoreThanWasCounted(Wrong):
    class backend(RemoteLimits):  # noqa: N801
        def give_back(self, key: str) -> None:
            super().give_back(key)
            with self._counted() as (counts, _):
                count, ends = counts.windows.get(key, (0, 0.0))
                if not count:
                    counts.windows[key] = (-1, ends)


class TestGivesBackTheWindowToo(Wrong):
    class backend(RemoteLimits):  # noqa: N801
        def give_back(self, key: str) -> None:
            super().give_back(key)
            with self._counted() as (counts, _):
                count, _ = counts.windows.get(key, (0, 0.0))
                if not count:
                    counts.windows.pop(key, None)
