"""`port = 0`: a free port, known before anything that tells of it."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from tests.server.process import Running, clean_environment


@pytest.mark.parametrize("command", ["dev", "serve"])
def test_port_0_is_a_free_port_and_every_url_names_it(tmp_path: Path, command: str) -> None:
    environ = clean_environment(BHARAT_HOME=str(tmp_path / "home"), BHARAT_SERVER__PORT="0")
    arguments = [sys.executable, "-m", "bharat", command]
    server = Running(arguments, url="", cwd=tmp_path, environ=environ, output=tmp_path / "log")
    try:
        if command == "dev":
            server.until(lambda: "Ctrl-C stops it." in server.said or server.process.poll() is not None, "it greets")
            assert ":0" not in server.said
        server.until(lambda: bool(_listening(server)), "it listens")
        server.url = f"http://127.0.0.1:{_listening(server)}"
        server.until(lambda: server.get("/livez")[0] != 0, "it answers")
        assert server.get("/openapi.json")[1]["servers"] == [{"url": server.url}]
        if command == "dev":
            assert f"Bharat serves {server.url} (" in server.said
    finally:
        server.end()


def _listening(server: Running) -> int:
    """The port that a process of the group listens on (Linux: /proc/net/tcp, state 0A)."""
    sockets = set()
    for pid in server.members:
        for link in Path(f"/proc/{pid}/fd").glob("*"):
            try:
                found = re.fullmatch(r"socket:\[(\d+)\]", str(link.readlink()))
            except OSError:
                continue
            if found:
                sockets.add(found[1])
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[3] == "0A" and fields[9] in sockets:
            return int(fields[1].partition(":")[2], 16)
    return 0
