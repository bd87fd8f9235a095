"""The limits keep every promise of their contract."""

from __future__ import annotations

from datetime import timedelta

import pytest
from bharat.contracts.limits import Limits, LimitsUnavailable
from bharat.testing.limits import LimitsSuite
from bharat.testing.platform import ShiftableClock, SmallPlatform
from bharat.testing.suite import OnShiftedClock

from bharat.cli.templates.limits import NewPluginOptions
from bharat.cli.templates.limits.limits import NewPluginLimits

MINUTE = timedelta(minutes=1)


class TestNewPlugin(OnShiftedClock, LimitsSuite):
    @pytest.fixture
    def limits(self, platform: SmallPlatform) -> Limits:
        return NewPluginLimits(NewPluginOptions(), platform)


def test_a_full_store_forgets_no_counter_that_runs(platform: SmallPlatform, clock: ShiftableClock) -> None:
    limits = NewPluginLimits(NewPluginOptions(max_keys=2), platform)
    limits.hit("first", limit=1, window=MINUTE)
    limits.take("second", capacity=1, per_second=0.1)
    with pytest.raises(LimitsUnavailable):
        limits.hit("third", limit=1, window=MINUTE)
    assert not limits.hit("first", limit=1, window=MINUTE).allowed
    clock.advance(MINUTE)
    assert limits.hit("third", limit=1, window=MINUTE).allowed
