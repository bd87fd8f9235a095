"""Wrong cache backends, each with its suite; `test_suites_bite.py` runs them. `TestRight` is what they derive from."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import ClassVar

import pytest

from bharat.contracts.cache import Cache
from bharat.contracts.flights import Flights
from bharat.local.memory import MemoryCache
from bharat.local.options import MemoryOptions
from bharat.testing.cache import CacheSuite, Neighbour
from bharat.testing.platform import SmallPlatform
from bharat.testing.suite import CutOff, OnShiftedClock


class SharedCache(MemoryCache):
    """A cache in a store that may be away, and that holds entries of others."""

    def __init__(self, options: MemoryOptions, platform: SmallPlatform) -> None:
        super().__init__(options, platform)
        self.others: dict[str, bytes] = {}
        self.answers = True

    def reached(self) -> bool:
        """Whether the store answers: to what does not, everything is a miss."""
        return self.answers

    def clear(self) -> None:
        if self.reached():
            super().clear()

    def close(self) -> None:
        """The store lives on."""

    def _look_up(self, key: str) -> bytes | None:
        return super()._look_up(key) if self.reached() else None

    def _keep(self, key: str, value: bytes, ttl: timedelta) -> None:
        if self.reached():
            super()._keep(key, value, ttl)

    def _drop(self, key: str) -> None:
        if self.reached():
            super()._drop(key)


class Stopped(Exception):
    """Carries what ended one caller to the others."""

    def __init__(self, error: BaseException) -> None:
        self.error = error


class TestRight(OnShiftedClock, CacheSuite):
    backend: ClassVar[type[SharedCache]] = SharedCache

    @pytest.fixture
    def cache(self, platform: SmallPlatform) -> SharedCache:
        return self.backend(MemoryOptions(), platform)

    @pytest.fixture
    def cut_off(self, cache: SharedCache) -> CutOff:
        return lambda: setattr(cache, "answers", False)

    @pytest.fixture
    def other(self, cache: SharedCache) -> Cache:
        return Handle(cache)

    @pytest.fixture
    def neighbour(self, cache: SharedCache) -> Neighbour:
        cache.others["theirs"] = b"x"
        return lambda: "theirs" in cache.others


class Handle(SharedCache):
    """Another process's: the same entries, and the same marks of what is changed."""

    def __init__(self, shared: SharedCache) -> None:
        self.__dict__.update(shared.__dict__)


class Wrong(TestRight):
    """What is never going to happen is not waited for as long as what may be slow."""

    patience = timedelta(seconds=0.5)


class TestForgetsTheTtl(Wrong):
    class backend(SharedCache):  # noqa: N801
        def _keep(self, key: str, value: bytes, ttl: timedelta) -> None:
            super()._keep(key, value, timedelta(days=1))


class TestEveryoneComputes(Wrong):
    class backend(SharedCache):  # noqa: N801
        def get_or_compute(self, key: str, compute: Callable[[], bytes], *, ttl: timedelta) -> bytes:
            found = self.get(key)
            if found is None:
                found = compute()
                self.set(key, found, ttl=ttl)
            return found


class TestStopsEverybody(Wrong):
    class backend(MemoryCache):  # noqa: N801
        def get_or_compute(self, key: str, compute: Callable[[], bytes], *, ttl: timedelta) -> bytes:
            def telling() -> bytes:
                try:
                    return compute()
                except Exception:  # is everybody's anyway
                    raise
                except BaseException as error:
                    raise Stopped(error) from error

            try:
                return super().get_or_compute(key, telling, ttl=ttl)
            except Stopped as stopped:
                raise stopped.error from None


class Unmarked(Flights):
    """Does not notice that an entry is changed."""

    @contextmanager
    def changing(self, key: str) -> Iterator[None]:
        yield

    @contextmanager
    def changing_all(self) -> Iterator[None]:
        yield


class TestBringsBackWhatWasDeleted(Wrong):
    class backend(SharedCache):  # noqa: N801
        def __init__(self, options: MemoryOptions, platform: SmallPlatform) -> None:
            super().__init__(options, platform)
            self._flights = Unmarked()


class TestMarksWhatItChangesForItselfAlone(Wrong):
    @pytest.fixture
    def other(self, cache: SharedCache) -> Cache:
        handle = Handle(cache)
        handle._flights = Flights()
        return handle


class TestClearsAtTheEnd(Wrong):
    class backend(SharedCache):  # noqa: N801
        def close(self) -> None:
            self.clear()


class TestKeepsAFailure(Wrong):
    class backend(SharedCache):  # noqa: N801
        def get_or_compute(self, key: str, compute: Callable[[], bytes], *, ttl: timedelta) -> bytes:
            try:
                return super().get_or_compute(key, compute, ttl=ttl)
            except Exception:  # the fault is what is kept of it
                self.set(key, b"", ttl=ttl)
                raise


class TestRaisesWhenItIsAway(Wrong):
    class backend(SharedCache):  # noqa: N801
        def reached(self) -> bool:
            if not self.answers:
                raise ConnectionError("the store does not answer")
            return True


class TestClearsTheNeighbour(Wrong):
    class backend(SharedCache):  # noqa: N801
        def clear(self) -> None:
            super().clear()
            self.others.clear()
