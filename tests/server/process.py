"""A server in a process group of its own, watched from outside."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

DEADLINE = 60


def clean_environment(**more: str) -> dict[str, str]:
    """This process's environment without what configures Bharat or belongs to a make that runs us."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("BHARAT_", "MAKE"))}
    return {name: value for name, value in kept.items() if name != "DATABASE_URL"} | more


class Running:
    """A command that serves `url`. What it says goes to `output`, a file."""

    def __init__(
        self, command: Sequence[str], *, url: str, cwd: Path, environ: Mapping[str, str], output: Path
    ) -> None:
        self.url = url
        self.output = output
        with output.open("wb") as log:
            self.process = subprocess.Popen(
                list(command), cwd=cwd, env=dict(environ), stdout=log, stderr=subprocess.STDOUT, start_new_session=True
            )

    @property
    def said(self) -> str:
        return self.output.read_text(encoding="utf-8")

    def answers(self, path: str) -> bool:
        return self.get(path)[0] == 200

    def get(self, path: str) -> tuple[int, Any]:
        """Status and JSON body; status 0 when nobody answers. What is not JSON is `None`."""
        try:
            with urllib.request.urlopen(self.url + path, timeout=15) as answer:
                return answer.status, _decoded(answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return error.code, _decoded(error.read())
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return 0, None

    def until(self, condition: Callable[[], bool], what: str, seconds: float = DEADLINE) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                pytest.fail(f"not within {seconds} s: {what}\n{self.said}")
            time.sleep(0.05)

    def started(self, seconds: float = DEADLINE) -> None:
        self.until(
            lambda: self.process.poll() is not None or self.answers("/api/health"), "the server answers", seconds
        )
        assert self.process.poll() is None, self.said

    @property
    def members(self) -> list[int]:
        """The processes of its group that still live."""
        found = []
        for entry in Path("/proc").iterdir():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except (OSError, ValueError):
                continue
            if entry.name.isdigit() and fields[2] == str(self.process.pid) and fields[0] != "Z":
                found.append(int(entry.name))
        return found

    def terminate(self) -> None:
        self.process.send_signal(signal.SIGTERM)

    def press_ctrl_c(self) -> None:
        os.killpg(self.process.pid, signal.SIGINT)  # a terminal sends it to the whole foreground group

    def close_terminal(self) -> None:
        os.killpg(self.process.pid, signal.SIGHUP)  # the kernel sends it to the whole foreground group

    def end(self) -> None:
        """Leave nothing behind, whatever the test did."""
        if self.process.poll() is None or self.members:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


def _decoded(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return None
