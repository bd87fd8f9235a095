"""Wrong cache backends, each with its suite; `test_suites_bite.py` runs them. `TestRight` is what they derive from."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import ClassVar

import pytest

from bharat.local.memory import MemoryCache
from bharat.local.options import MemoryOptions
from bharat.testing.cache import CacheSuite
from bharat.testing.platform import SmallPlatform
from bharat.testing.suite import OnShiftedClock


class Stopped(Exception):
    """Carries what ended one caller to the others."""

    def __init__(self, error: BaseException) -> None:
        self.error = error


class TestRight(OnShiftedClock, CacheSuite):
    backend: ClassVar[type[MemoryCache]] = MemoryCache

    @pytest.fixture
    def cache(self, platform: SmallPlatform) -> MemoryCache:
        return self.backend(MemoryOptions(), platform)


class Wrong(TestRight):
    """What is never going to happen is not waited for as long as what may be slow."""

    patience = timedelta(seconds=0.5)


class TestForgetsTheTtl(Wrong):
    class backend(MemoryCache):  # noqa: N801
        def _keep(self, key: str, value: bytes, ttl: timedelta) -> None:
            super()._keep(key, value, timedelta(days=1))


class TestEveryoneComputes(Wrong):
    class backend(MemoryCache):  # noqa: N801
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
                except Exception:
                    raise
                except BaseException as error:
                    raise Stopped(error) from error

            try:
                return super().get_or_compute(key, telling, ttl=ttl)
            except Stopped as stopped:
                raise stopped.error from None


class TestKeepsAFailure(Wrong):
    class backend(MemoryCache):  # noqa: N801
        def get_or_compute(self, key: str, compute: Callable[[], bytes], *, ttl: timedelta) -> bytes:
            try:
                return super().get_or_compute(key, compute, ttl=ttl)
            except Exception:
                self.set(key, b"", ttl=ttl)
                raise
