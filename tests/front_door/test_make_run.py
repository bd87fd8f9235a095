"""`make run`, as whoever cloned the repository calls it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bharat_local_servers import free_port
from tests.packaging.distributions import ROOT
from tests.server.process import Running, clean_environment


def run_make(folder: Path) -> Running:
    """`make run` on a free port in a checkout, as far as it is needed, whose data lies in `home`."""
    checkout = folder / "checkout"
    if not checkout.exists():
        checkout.mkdir()
        shutil.copy(ROOT / "Makefile", checkout)
    port = free_port()
    # This test's own environment stands in for .venv, as installed: the stamp is a file that is there.
    command = [
        "make",
        "run",
        f"VENV={sys.prefix}",
        "RUN_STAMP=Makefile",
        f"PORT={port}",
        f"BHARAT_HOME={folder / 'home'}",
    ]
    output = folder / f"{port}.log"
    return Running(command, url=f"http://127.0.0.1:{port}", cwd=checkout, environ=clean_environment(), output=output)


@pytest.fixture
def make_run(tmp_path: Path) -> Iterator[Callable[[], Running]]:
    running: list[Running] = []

    def start() -> Running:
        running.append(run_make(tmp_path))
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


def test_a_plugin_enabled_before_the_first_start_does_not_keep_the_crm_away(
    make_run: Callable[[], Running], tmp_path: Path
) -> None:
    """As README's section on clusters has it: `bharat plugins enable dev_cluster` writes ./bharat.toml."""
    (tmp_path / "checkout").mkdir()
    shutil.copy(ROOT / "Makefile", tmp_path / "checkout")
    toml = tmp_path / "checkout" / "bharat.toml"
    toml.write_text('plugins = ["sample"]\n')
    server = make_run()
    assert toml.read_text() == 'plugins = ["sample", "crm"]\n'
    assert "Enabled crm in bharat.toml" in server.said
    assert server.get("/api/v1/deals")[0] == 401


def test_who_disables_the_crm_is_not_overruled_by_a_later_start(
    make_run: Callable[[], Running], tmp_path: Path
) -> None:
    first = make_run()
    first.terminate()
    first.until(lambda: not first.members, "every process of it has ended")
    toml = tmp_path / "home" / "bharat.toml"
    assert toml.read_text() == 'plugins = ["crm"]\n'
    toml.write_text("plugins = []\n")
    assert make_run().get("/api/v1/deals")[0] == 404
    assert toml.read_text() == "plugins = []\n"


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
