"""A wheel holds everything that lies in its packages, and nothing that does not."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.packaging.distributions import ALL, Distribution


@pytest.mark.parametrize("distribution", ALL, ids=lambda one: one.place)
def test_the_wheel_holds_every_file_of_its_packages_and_nothing_else(
    distribution: Distribution, tmp_path: Path
) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for name in ("setup.cfg", "pyproject.toml", "README.md"):
        if (distribution.folder / name).exists():
            shutil.copy(distribution.folder / name, source)
    expected = set()
    for package in distribution.packages:
        place = source / package.relative_to(distribution.folder)
        shutil.copytree(package, place, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
        expected |= {
            path.relative_to(place.parent).as_posix()
            for path in place.rglob("*")
            if path.is_file() and not path.name.startswith(".")
        }
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "."]
    subprocess.run([*command, "--wheel-dir", str(tmp_path)], cwd=source, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert held == expected
