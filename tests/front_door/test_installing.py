"""Installing for real, dependencies and all, into an environment that holds nothing else.

These take minutes and a package index, so they run where `CI` is set; elsewhere with BHARAT_TEST_INSTALL=1."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from bharat_local_servers import free_port
from tests.packaging.distributions import CORE, PLUGINS, ROOT, Distribution
from tests.server.process import Running, clean_environment

CRM = next(one for one in PLUGINS if one.name == "bharat-crm")
WANTED = bool(os.environ.get("CI") or os.environ.get("BHARAT_TEST_INSTALL"))

pytestmark = pytest.mark.skipif(not WANTED, reason="installs from a package index: set CI or BHARAT_TEST_INSTALL=1")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of what installing Bharat and its CRM needs; building leaves no trace in the repository."""
    folder = tmp_path / "checkout"
    folder.mkdir()
    for name in ("Makefile", "constraints.txt"):
        shutil.copy(ROOT / name, folder)
    shutil.copytree(ROOT / "scripts", folder / "scripts")
    for distribution in (CORE, CRM):
        _copy(distribution, folder / distribution.folder.relative_to(ROOT))
    return folder


def test_the_wheels_and_what_they_ask_for_are_enough_to_serve(checkout: Path, tmp_path: Path) -> None:
    """A dependency that setup.cfg forgets is missing here, and nowhere in the environment of developers."""
    wheels = tmp_path / "wheels"
    _run([sys.executable, "-m", "pip", "wheel", "--no-deps", "-w", str(wheels), ".", "./plugins/crm"], checkout)
    venv = tmp_path / "venv"
    _run([str(checkout / "scripts" / "make-venv"), str(venv)], checkout)
    found = [str(wheel) for wheel in wheels.glob("*.whl")]
    assert len(found) == 2
    _run([str(venv / "bin" / "python"), "-m", "pip", "install", "-c", "constraints.txt", *found], checkout)
    _run([str(venv / "bin" / "python"), "-m", "pip", "check"], checkout)
    with _served([str(venv / "bin" / "bharat"), "dev"], tmp_path, BHARAT_PLUGINS="crm"):
        pass


def test_make_run_installs_and_serves(checkout: Path) -> None:
    with _served(["make", "run"], checkout, seconds=600):
        assert list((checkout / ".venv").glob("installed-run-*"))


@contextmanager
def _served(command: Sequence[str], cwd: Path, *, seconds: float = 60, **more: str) -> Iterator[None]:
    port = free_port()
    environ = _environment(BHARAT_HOME=str(cwd / "home"), BHARAT_SERVER__PORT=str(port), **more)
    url = f"http://127.0.0.1:{port}"
    server = Running(command, url=url, cwd=cwd, environ=environ, output=cwd / "log")
    try:
        server.started(seconds)
        status, health = server.get("/api/health")
        assert (status, health["status"]) == (200, "ok")
        assert server.get("/api/v1/deals")[0] == 401, "the CRM is there, and asks who calls"
        yield
    finally:
        server.end()


def _copy(distribution: Distribution, target: Path) -> None:
    for name in ("setup.cfg", "pyproject.toml", "README.md"):
        if (distribution.folder / name).exists():
            target.mkdir(parents=True, exist_ok=True)
            shutil.copy(distribution.folder / name, target)
    for package in distribution.packages:
        place = target / package.relative_to(distribution.folder)
        shutil.copytree(package, place, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))


def _environment(**more: str) -> Mapping[str, str]:
    """This run's own, whose pip knows its index, without what would lend the new environment this one's packages."""
    kept = clean_environment(**more)
    return {name: value for name, value in kept.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}


def _run(command: Sequence[str], cwd: Path) -> None:
    done = subprocess.run(command, cwd=cwd, env=_environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"
