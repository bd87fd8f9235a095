"""The cache provider `memory`."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bharat.contracts.cache import Cache
from bharat.local.memory import MemoryCache
from bharat.local.options import MemoryOptions
from bharat.testing.cache import CacheSuite
from bharat.testing.platform import SmallPlatform
from bharat.testing.suite import OnShiftedClock

HOUR = timedelta(hours=1)


class TestTheMemoryCache(OnShiftedClock, CacheSuite):
    @pytest.fixture
    def cache(self, platform: SmallPlatform) -> Cache:
        return MemoryCache(MemoryOptions(), platform)


@pytest.fixture
def small(platform: SmallPlatform) -> MemoryCache:
    return MemoryCache(MemoryOptions(max_bytes=10_000), platform)


def test_the_least_recently_used_goes_first(small: MemoryCache) -> None:
    for name in ("a", "b", "c"):
        small.set(name, b"x" * 3000, ttl=HOUR)
    small.get("a")
    small.set("d", b"x" * 3000, ttl=HOUR)
    assert [name for name in "abcd" if small.get(name)] == ["a", "c", "d"]


def test_what_is_larger_than_the_cache_is_not_kept(small: MemoryCache) -> None:
    small.set("a", b"x", ttl=HOUR)
    small.set("big", b"x" * 10_001, ttl=HOUR)
    assert small.get("big") is None
    assert small.get("a") == b"x"
    assert small.get_or_compute("big", lambda: b"y" * 20_000, ttl=HOUR) == b"y" * 20_000


def test_many_small_entries_are_bounded_too(small: MemoryCache) -> None:
    for number in range(1000):
        small.set(str(number), b"", ttl=HOUR)
    assert len([number for number in range(1000) if small.get(str(number)) is not None]) < 40


def test_replacing_and_deleting_gives_room_back(small: MemoryCache) -> None:
    for _ in range(100):
        small.set("a", b"x" * 4000, ttl=HOUR)
        small.set("b", b"x" * 4000, ttl=HOUR)
        small.delete("b")
    assert small.get("a") is not None


@pytest.mark.parametrize("forget", ["delete", "clear", "set"])
def test_a_value_computed_before_a_change_is_not_kept(small: MemoryCache, forget: str) -> None:
    def compute() -> bytes:
        if forget == "delete":
            small.delete("a")
        elif forget == "clear":
            small.clear()
        else:
            small.set("a", b"newer", ttl=HOUR)
        return b"stale"

    assert small.get_or_compute("a", compute, ttl=HOUR) == b"stale"
    assert small.get("a") == (b"newer" if forget == "set" else None)
    assert small.get_or_compute("a", lambda: b"fresh", ttl=HOUR) == (b"newer" if forget == "set" else b"fresh")


def test_a_computation_that_asks_for_itself_is_an_error(small: MemoryCache) -> None:
    def compute() -> bytes:
        return small.get_or_compute("a", compute, ttl=HOUR)

    with pytest.raises(RuntimeError, match="asks for that very entry"):
        small.get_or_compute("a", compute, ttl=HOUR)
    assert small.get_or_compute("a", lambda: b"x", ttl=HOUR) == b"x"


def test_a_ttl_under_a_millisecond_is_a_value_error(small: MemoryCache) -> None:
    with pytest.raises(ValueError, match="1 ms"):
        small.set("a", b"x", ttl=timedelta(microseconds=999))
