"""What a suite says to an author who has not given it what it needs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SUITE = """
from bharat.testing.cache import CacheSuite

class TestMine(CacheSuite):
    pass
"""


def run(folder: Path, *options: str) -> str:
    """What pytest says of a suite whose author did nothing but subclass it."""
    (folder / "test_mine.py").write_text(SUITE, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *options, "test_mine.py"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=120).stdout


def test_fixtures_that_were_not_asked_for_are_named_with_the_line_that_brings_them(tmp_path: Path) -> None:
    assert 'put `pytest_plugins = ["bharat.testing.plugin"]` into the topmost conftest.py' in run(tmp_path)


def test_a_fixture_that_must_be_overridden_is_named(tmp_path: Path) -> None:
    said = run(tmp_path, "-p", "bharat.testing.plugin")
    assert "override the fixture `cache` in your subclass of CacheSuite" in said
    assert "pytest_plugins" not in said
