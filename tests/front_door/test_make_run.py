"""`make run`, as whoever cloned the repository calls it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.packaging.distributions import ROOT

DEADLINE = 60


class Running:
    """`make run` in a process group of its own, on a free port, with its data in `home`."""

    def __init__(self, home: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.output = home.with_suffix(f".{self.port}.log")
        # This test's own environment stands in for .venv, as installed: the stamp is a file that is there.
        command = [
            "make",
            "run",
            f"VENV={sys.prefix}",
            "RUN_STAMP=Makefile",
            f"PORT={self.port}",
            f"BHARAT_HOME={home}",
        ]
        environ = {name: value for name, value in os.environ.items() if not name.startswith(("BHARAT_", "MAKE"))}
        with self.output.open("wb") as log:
            self.process = subprocess.Popen(
                command, cwd=ROOT, env=environ, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
            )

    @property
    def said(self) -> str:
        return self.output.read_text(encoding="utf-8")

    def answers(self, path: str) -> bool:
        try:
            with urllib.request.urlopen(self.url + path, timeout=5) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return False

    def until(self, condition: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + DEADLINE
        while not condition():
            if time.monotonic() > deadline:
                pytest.fail(f"not within {DEADLINE} s: {what}\n{self.said}")
            time.sleep(0.05)

    def started(self) -> Running:
        self.until(lambda: self.process.poll() is not None or self.answers("/api/health"), "the server answers")
        assert self.process.poll() is None, self.said
        return self

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

    def end(self) -> None:
        if self.process.poll() is None or self.members:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@pytest.fixture
def make_run(tmp_path: Path) -> Iterator[Callable[[], Running]]:
    running: list[Running] = []

    def start() -> Running:
        running.append(Running(tmp_path / "home"))
        return running[-1].started()

    yield start
    for one in running:
        one.end()


def test_it_serves_the_crm_with_a_demo_organisation(make_run: Callable[[], Running], tmp_path: Path) -> None:
    server = make_run()
    login = json.loads((tmp_path / "home" / "demo-login.json").read_text())
    assert login["password"] in server.said
    assert server.answers("/")
    body = json.dumps({"email": login["email"], "password": login["password"]}).encode()
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(f"{server.url}/api/v1/login", data=body, headers=headers)
    with urllib.request.urlopen(request, timeout=20) as answer:
        cookie = answer.headers["Set-Cookie"].partition(";")[0]
    listed = urllib.request.Request(f"{server.url}/api/v1/deals", headers={"Cookie": cookie})
    with urllib.request.urlopen(listed, timeout=20) as answer:
        assert json.load(answer)["items"], "the demo organisation has sample deals"


def terminate(server: Running) -> None:
    server.process.send_signal(signal.SIGTERM)


def press_ctrl_c(server: Running) -> None:
    os.killpg(server.process.pid, signal.SIGINT)  # a terminal sends it to the whole foreground group


@pytest.mark.parametrize("stop", [terminate, press_ctrl_c])
def test_it_stops_leaving_no_process_and_no_noise(
    make_run: Callable[[], Running], stop: Callable[[Running], None]
) -> None:
    server = make_run()
    stop(server)
    server.until(lambda: server.process.poll() is not None, "make has ended")
    server.until(lambda: not server.members, "every process of it has ended")
    assert not server.answers("/livez")
    assert "Traceback" not in server.said
    assert "***" not in server.said


def test_started_again_it_has_its_data_and_the_same_login(make_run: Callable[[], Running], tmp_path: Path) -> None:
    first = make_run()
    login = (tmp_path / "home" / "demo-login.json").read_text()
    terminate(first)
    first.until(lambda: not first.members, "every process of it has ended")
    assert json.loads(login)["password"] in make_run().said
    assert (tmp_path / "home" / "demo-login.json").read_text() == login


def test_a_python_that_is_too_old_is_named_with_the_remedy(tmp_path: Path) -> None:
    run = subprocess.run(
        [ROOT / "scripts" / "make-venv", tmp_path / "venv"],
        env={**os.environ, "PYTHON": "false"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 1
    assert "Bharat needs Python 3.11 or newer" in run.stderr
    assert "apt-get install python3 python3-venv" in run.stderr
    assert not (tmp_path / "venv").exists()
