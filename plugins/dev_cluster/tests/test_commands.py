"""`bharat cluster …`, as people run it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bharat_local_servers import processes

Run = Callable[..., subprocess.CompletedProcess[str]]
SECONDS = 120
PLUGINS = ("--plugin", "session_redis")


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("BHARAT_", "DATABASE_", "REDIS_"))
    }
    return {**kept, "BHARAT_PLUGINS": "dev_cluster", "BHARAT_HOME": str(tmp_path / "home")}


@pytest.fixture
def command() -> list[str]:
    return [sys.executable, "-m", "bharat", "cluster"]


@pytest.fixture
def run(tmp_path: Path, environment: dict[str, str], command: list[str]) -> Run:
    def runner(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*command, *arguments],
            cwd=tmp_path,
            env={**environment, **variables},
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )

    return runner


@pytest.fixture
def held(
    tmp_path: Path, environment: dict[str, str], command: list[str], all_programs: None
) -> Iterator[subprocess.Popen[str]]:
    """`bharat cluster up`, which has said that it is up."""
    with subprocess.Popen(
        [*command, "up", "--app-servers", "1", *PLUGINS],
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout is not None
        lines: list[str] = []
        while not lines or (lines[-1] and "Ctrl-C" not in lines[-1]):
            lines.append(process.stdout.readline())
        assert lines[-1], "".join(lines)
        yield process
        process.terminate()


def pids(run: Run) -> list[int]:
    rows = json.loads(run("status", "--json").stdout)
    return [row["pid"] for row in rows if row["pid"]]


def logs_in(url: str, email: str, password: str) -> bool:
    body = json.dumps({"email": email, "password": password}).encode()
    request = urllib.request.Request(f"{url}/api/v1/login", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=20) as answer:
        return bool(json.load(answer)["role"] == "admin")


def all_gone(found: list[int]) -> bool:
    return processes.poll(lambda: all(processes.started(pid) is None for pid in found), 20)


def test_held_in_the_foreground_it_ends_in_order_with_ctrl_c(held: subprocess.Popen[str], run: Run) -> None:
    found = pids(run)
    assert len(found) == 5
    held.send_signal(signal.SIGINT)
    output, _ = held.communicate(timeout=SECONDS)
    assert (held.returncode, output.splitlines()[-1]) == (0, "stopped")
    assert all_gone(found)


def test_nothing_outlives_the_one_who_holds_it_even_if_killed(held: subprocess.Popen[str], run: Run) -> None:
    found = pids(run)
    held.kill()
    held.wait(SECONDS)
    assert all_gone(found)


def test_it_can_be_stopped_from_another_terminal_which_sends_sigterm(held: subprocess.Popen[str], run: Run) -> None:
    found = pids(run)
    assert run("up").returncode == 1
    done = run("down")
    assert (done.returncode, done.stdout.startswith("stopped postgres")) == (0, True)
    assert held.wait(SECONDS) == 0
    assert all_gone(found)


def test_detached_it_goes_on_and_shows_its_state(run: Run, tmp_path: Path, all_programs: None) -> None:
    up = run("up", "--detach", "--app-servers", "2", *PLUGINS, "--folder", "there")
    try:
        assert up.returncode == 0, up.stderr
        url = next(word for word in up.stdout.split() if word.startswith("http://"))
        with urllib.request.urlopen(f"{url}/api/health", timeout=10) as answer:
            assert json.loads(answer.read())["status"] == "ok"
        password = up.stdout.partition("password")[2].split()[0]
        assert logs_in(url, "admin@demo.example", password)
        secrets = [
            (tmp_path / "there" / path).read_text() for path in ("valkey/valkey.password", "postgres/owner.password")
        ]
        assert not any(secret in up.stdout + up.stderr for secret in secrets)

        status = run("status", "--folder", "there")
        assert status.returncode == 0
        assert [line.split()[:2] for line in status.stdout.splitlines()[1:]] == [
            [name, "running"] for name in ("postgres", "valkey", "node-a", "node-b", "worker", "nginx")
        ]
        assert status.stdout.count(" ready") == 2

        rows = {row["name"]: row for row in json.loads(run("status", "--json", "--folder", "there").stdout)}
        os.kill(rows["worker"]["pid"], signal.SIGKILL)
        assert all_gone([rows["worker"]["pid"]])
        status = run("status", "--folder", "there")
        assert status.returncode == 1
        assert "worker    down" in status.stdout
    finally:
        down = run("down", "--folder", "there")
    assert down.returncode == 0
    assert run("down", "--folder", "there").stdout.strip() == "nothing ran"


def test_where_there_is_no_cluster_the_way_to_one_is_told(run: Run) -> None:
    for words in (("status",), ("down",), ("restart", "a")):
        done = run(*words, "--folder", "nowhere")
        assert done.returncode == 1
        assert "there is no cluster in nowhere; `bharat cluster up --folder nowhere` makes one" in done.stderr
        assert "Traceback" not in done.stderr


def test_a_killed_process_is_told_and_brought_back_and_held_again(held: subprocess.Popen[str], run: Run) -> None:
    first = {row["name"]: row["pid"] for row in json.loads(run("status", "--json").stdout)}
    os.kill(first["worker"], signal.SIGKILL)
    assert held.stdout is not None
    assert "bharat cluster restart worker --folder " in held.stdout.readline()
    done = run("restart", "worker")
    assert (done.returncode, done.stdout) == (0, "worker runs\n"), done.stderr
    assert held.stdout.readline() == "worker runs again\n"
    found = pids(run)
    assert len(found) == 5
    held.send_signal(signal.SIGINT)
    assert held.wait(SECONDS) == 0
    assert all_gone(found)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--plugin", "crmm"), "plugin 'crmm' is not installed; did you mean 'crm'?"),
        (("--folder", "/proc/x"), "the cluster's folder /proc/x can't be made: "),
    ],
)
def test_what_can_t_be_is_told_in_one_line_before_anything_is_made(
    run: Run, tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    done = run("up", *arguments)
    assert done.returncode == 1
    assert done.stderr.startswith(f"bharat: error: {said}")
    assert len(done.stderr.splitlines()) == 1
    assert not list(tmp_path.iterdir())


def test_a_missing_part_is_told_in_one_line(run: Run) -> None:
    done = run("up", BHARAT_TEST_NGINX="/nonexistent/nginx")
    assert done.returncode == 1
    assert done.stderr.startswith("bharat: error: ")
    assert "BHARAT_TEST_NGINX names /nonexistent/nginx" in done.stderr
    assert len(done.stderr.splitlines()) == 1
