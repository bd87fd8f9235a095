"""A server whose database is not migrated yet."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.server.process import Running, clean_environment


def test_the_worker_in_the_server_waits_for_the_migrations(tmp_path: Path) -> None:
    """The server is up and says why it is not ready; nothing fails meanwhile for want of a table."""
    environ = clean_environment(BHARAT_HOME=str(tmp_path / "home"), BHARAT_SERVER__PORT="0")
    bharat = [sys.executable, "-m", "bharat"]
    server = Running([*bharat, "serve"], url="", cwd=tmp_path, environ=environ, output=tmp_path / "log")
    try:
        server.until(lambda: "waiting: Migrations are pending" in server.said, "the worker waits")
        subprocess.run([*bharat, "migrate"], cwd=tmp_path, env=environ, check=True, capture_output=True, timeout=60)
        server.until(lambda: "working: " in server.said, "the worker works")
        assert "Traceback" not in server.said
    finally:
        server.end()
