"""The small platform that authors build their providers with."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bharat.contracts.errors import Unavailable
from bharat.contracts.platform import Platform
from bharat.testing.platform import CountingFences, ShiftableClock, SmallPlatform


def test_the_clock_jumps_when_it_is_told(clock: ShiftableClock) -> None:
    wall, steady = clock.now(), clock.monotonic()
    clock.advance(timedelta(hours=1))
    assert timedelta(hours=1) <= clock.now() - wall < timedelta(hours=1, seconds=30)
    assert 3600 <= clock.monotonic() - steady < 3630
    assert clock.now().tzinfo is UTC


def test_the_clock_agrees_with_the_system_until_then(clock: ShiftableClock) -> None:
    assert abs(clock.now() - datetime.now(UTC)) < timedelta(seconds=30)


def test_time_does_not_run_back(clock: ShiftableClock) -> None:
    with pytest.raises(ValueError, match="can't be advanced"):
        clock.advance(timedelta(seconds=-1))


def test_keys_are_derived_as_rfc_5869_says(tmp_path: Path) -> None:
    """Test case 3 of appendix A: no salt, no info; the first 32 bytes."""
    key = SmallPlatform(tmp_path, secret=b"\x0b" * 22).key("")
    assert key.hex() == "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d"


def test_a_key_depends_on_purpose_and_secret_alone(tmp_path: Path) -> None:
    one, other = SmallPlatform(tmp_path), SmallPlatform(tmp_path / "other")
    assert one.key("a") == other.key("a")
    assert one.key("a") != one.key("b")
    assert one.key("a") != SmallPlatform(tmp_path, secret=b"x").key("a")
    assert len(one.key("a")) == 32


def test_a_platform_without_a_database_says_so(platform: SmallPlatform) -> None:
    with pytest.raises(RuntimeError, match="pass `database=`"):
        _ = platform.database


def test_a_database_is_built_once(tmp_path: Path) -> None:
    built: list[Platform] = []

    def build(platform: Platform) -> Any:
        built.append(platform)
        return SimpleNamespace()

    platform = SmallPlatform(tmp_path, database=build)
    assert platform.database is platform.database
    assert built == [platform]


def test_fences_rise_by_name(fences: CountingFences) -> None:
    assert [fences.issue(name) for name in ("a", "a", "b", "a")] == [1, 2, 1, 3]
    fences.answers = False
    with pytest.raises(Unavailable):
        fences.issue("a")


def test_the_platform_s_parts_are_the_fixtures(
    platform: SmallPlatform, clock: ShiftableClock, fences: CountingFences
) -> None:
    assert platform.clock is clock
    assert platform.fences is fences
    assert platform.home.is_dir()
