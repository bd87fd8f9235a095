"""Installing for real, dependencies and all, into an environment that holds nothing else.

These take minutes and a package index, so they run where `CI` is set; elsewhere with BHARAT_TEST_INSTALL=1."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from bharat_local_servers import free_port
from tests.packaging.distributions import CORE, LIBRARIES, PLUGINS, ROOT
from tests.server.process import Running, clean_environment

WANTED = bool(os.environ.get("CI") or os.environ.get("BHARAT_TEST_INSTALL"))

pytestmark = pytest.mark.skipif(not WANTED, reason="installs from a package index: set CI or BHARAT_TEST_INSTALL=1")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The repository as it is cloned: what was never committed is not there, and building leaves no trace in it."""
    folder = tmp_path / "checkout"
    _run(["git", "clone", "--quiet", "--depth", "1", ROOT.as_uri(), str(folder)], tmp_path)
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


def test_make_wheels_builds_one_of_every_distribution(checkout: Path) -> None:
    _run(["make", "wheels"], checkout)
    built = sorted(wheel.name.partition("-")[0] for wheel in (checkout / "dist").iterdir())
    assert built == sorted(one.name.replace("-", "_") for one in (CORE, *LIBRARIES, *PLUGINS))
    assert list(checkout.glob("**/build/lib")) == []


def test_a_python_without_ensurepip_makes_an_environment_with_pip(checkout: Path, tmp_path: Path) -> None:
    """As Debian's: its `venv` succeeds only when it is told to leave pip out."""
    shim = tmp_path / "python-without-ensurepip"
    shim.write_text(
        f"""#!/bin/sh
case "$* " in
    "-m venv --without-pip "*) ;;
    "-m venv "*) echo "ensurepip is not available" >&2; exit 1 ;;
esac
exec {shlex.quote(sys.executable)} "$@"
""",
        encoding="utf-8",
    )
    shim.chmod(0o755)
    venv = tmp_path / "venv"
    told = _run([str(checkout / "scripts" / "make-venv"), str(venv)], checkout, PYTHON=str(shim))
    assert "has no ensurepip" in told
    assert "pip" in _run([str(venv / "bin" / "pip"), "--version"], tmp_path)


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


def _environment(**more: str) -> Mapping[str, str]:
    """This run's own, whose pip knows its index, without what would lend the new environment this one's packages."""
    kept = clean_environment(**more)
    return {name: value for name, value in kept.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}


def _run(command: Sequence[str], cwd: Path, **more: str) -> str:
    """What it said, standard error too."""
    done = subprocess.run(command, cwd=cwd, env=_environment(**more), capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"
    return done.stdout + done.stderr
