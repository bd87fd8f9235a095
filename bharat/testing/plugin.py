"""The pytest plugin: `pytest_plugins = ["bharat.testing.plugin"]` in the conftest gives these fixtures."""

from __future__ import annotations

from pathlib import Path

import pytest

from bharat.testing.platform import CountingFences, ShiftableClock, SmallPlatform


@pytest.fixture
def clock() -> ShiftableClock:
    """The platform's clock; `clock.advance(timedelta)` lets time pass at once."""
    return ShiftableClock()


@pytest.fixture
def fences() -> CountingFences:
    """The platform's issuer of fencing tokens."""
    return CountingFences()


@pytest.fixture
def platform(tmp_path: Path, clock: ShiftableClock, fences: CountingFences) -> SmallPlatform:
    """A platform without a database, its home a folder of this test's own."""
    home = tmp_path / "home"
    home.mkdir()
    return SmallPlatform(home, clock=clock, fences=fences)
