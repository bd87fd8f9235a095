"""A terminal that is closed ends `bharat dev`, but one that was told to outlive it."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

from bharat_local_servers import free_port
from tests.server.process import Running, clean_environment


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return clean_environment(BHARAT_HOME=str(tmp_path / "home"), BHARAT_SERVER__PORT=str(free_port()))


def running(tmp_path: Path, environ: dict[str, str], *before: str) -> Running:
    return Running(
        [*before, sys.executable, "-m", "bharat", "dev"],
        url=f"http://127.0.0.1:{environ['BHARAT_SERVER__PORT']}",
        cwd=tmp_path,
        environ=environ,
        output=tmp_path / "log",
    )


def test_it_ends_with_its_terminal(tmp_path: Path, environ: dict[str, str]) -> None:
    server = running(tmp_path, environ)
    try:
        server.started()
        server.close_terminal()
        server.until(lambda: server.process.poll() is not None, "it has ended")
        server.until(lambda: not server.members, "every process of it has ended")
        assert server.process.returncode == 0
        assert "Traceback" not in server.said
    finally:
        server.end()


def test_it_outlives_its_terminal_when_told_to(tmp_path: Path, environ: dict[str, str]) -> None:
    server = running(tmp_path, environ, "nohup")
    try:
        server.started()
        before = server.members
        server.close_terminal()
        time.sleep(2)
        assert server.answers("/api/health")
        assert server.members == before
    finally:
        server.end()
