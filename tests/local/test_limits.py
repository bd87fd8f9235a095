"""The limits provider `database`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bharat.data import BharatDatabase
from bharat.data.engine import EngineOptions
from bharat.local.limits import DatabaseLimits
from bharat.testing.limits import LimitsSuite
from bharat.testing.platform import ShiftableClock
from bharat.testing.suite import CutOff, OnShiftedClock
from tests.local.cutting_off import exhaustible


@pytest.fixture
def opened(database_options: EngineOptions, clock: ShiftableClock) -> Iterator[tuple[BharatDatabase, CutOff]]:
    with exhaustible(database_options, clock) as opened:
        yield opened


class TestDatabaseLimits(OnShiftedClock, LimitsSuite):
    @pytest.fixture
    def limits(self, opened: tuple[BharatDatabase, CutOff], clock: ShiftableClock) -> DatabaseLimits:
        return DatabaseLimits(opened[0], clock)

    @pytest.fixture
    def cut_off(self, opened: tuple[BharatDatabase, CutOff]) -> CutOff:
        return opened[1]
