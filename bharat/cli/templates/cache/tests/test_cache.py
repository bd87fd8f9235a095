"""The cache keeps every promise of its contract."""

from __future__ import annotations

from datetime import timedelta

import pytest
from bharat.contracts.cache import Cache
from bharat.testing.cache import CacheSuite
from bharat.testing.platform import SmallPlatform
from bharat.testing.suite import OnShiftedClock

from bharat.cli.templates.cache import NewPluginOptions
from bharat.cli.templates.cache.cache import NewPluginCache


class TestNewPlugin(OnShiftedClock, CacheSuite):
    @pytest.fixture
    def cache(self, platform: SmallPlatform) -> Cache:
        return NewPluginCache(NewPluginOptions(), platform)


def test_the_oldest_entries_give_way(platform: SmallPlatform) -> None:
    cache = NewPluginCache(NewPluginOptions(max_entries=2), platform)
    for key in ("first", "second", "third"):
        cache.set(key, b"x", ttl=timedelta(hours=1))
    assert [cache.get(key) for key in ("first", "second", "third")] == [None, b"x", b"x"]
