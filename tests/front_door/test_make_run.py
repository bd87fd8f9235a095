"""`make run`, as whoever cloned the repository calls it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bharat_local_servers import free_port
from tests.packaging.distributions import ROOT
from tests.server.process import Running, clean_environment


def run_make(home: Path) -> Running:
    """`make run` on a free port, with its data in `home`."""
    port = free_port()
    # This test's own environment stands in for .venv, as installed: the stamp is a file that is there.
    command = ["make", "run", f"VENV={sys.prefix}", "RUN_STAMP=Makefile", f"PORT={port}", f"BHARAT_HOME={home}"]
    output = home.with_suffix(f".{port}.log")
    return Running(command, url=f"http://127.0.0.1:{port}", cwd=ROOT, environ=clean_environment(), output=output)


@pytest.fixture
def make_run(tmp_path: Path) -> Iterator[Callable[[], Running]]:
    running: list[Running] = []

    def start() -> Running:
        running.append(run_make(tmp_path / "home"))
        running[-1].started()
        return running[-1]

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


@pytest.mark.parametrize("stop", [Running.terminate, Running.press_ctrl_c])
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
    first.terminate()
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
