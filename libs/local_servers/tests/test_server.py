"""Whose life a server shares."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bharat_local_servers import Postgres, ServerFailed, Valkey, processes, scratch, spawning
from bharat_local_servers.processes import poll

START = """
import sys, time
from pathlib import Path
from bharat_local_servers import Postgres, Valkey
servers = [Valkey(), Postgres(durable=False)]
for server in servers:
    server.start()
print(*(f"{s.pid} {s.folder}" for s in servers), sep="\\n", flush=True)
"""


def start_in_a_child(ending: str) -> tuple["subprocess.Popen[str]", dict[int, Path]]:
    child = subprocess.Popen([sys.executable, "-c", START + ending], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    lines = [child.stdout.readline().split() for _ in range(2)]
    return child, {int(pid): Path(folder) for pid, folder in lines}


def shared_memory_segments() -> set[str]:
    """Of PostgreSQL servers nobody is attached to."""
    lines = Path("/proc/sysvipc/shm").read_text().splitlines()[1:]
    return {line.split()[1] for line in lines if line.split()[6] == "0"}


def gone(pids: list[int]) -> Callable[[], bool]:
    return lambda: all(processes.started(pid) is None for pid in pids)


def test_servers_and_folders_go_when_their_process_exits() -> None:
    child, servers = start_in_a_child("sys.exit(3)")
    with child:
        assert child.wait(30) == 3
    assert gone(list(servers))()
    assert not any(folder.exists() for folder in servers.values())


def test_servers_die_with_a_killed_process_and_its_folders_are_swept() -> None:
    child, servers = start_in_a_child("time.sleep(600)")
    with child:
        child.kill()
    assert poll(gone(list(servers)), 10)
    scratch.sweep()
    assert not any(folder.exists() for folder in servers.values())


def test_without_the_death_signal_a_killed_process_would_leave_its_servers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Mutant: `--pdeathsig` in spawning.command is what the test above protects."""
    segments = shared_memory_segments()
    patch = """
from bharat_local_servers import spawning
plain = spawning.command
spawning.command = lambda argv, *, death_signal, drop: plain(argv, death_signal=None, drop=drop)
"""
    monkeypatch.setattr(sys.modules[__name__], "START", patch + START)
    child, servers = start_in_a_child("time.sleep(600)")
    with child:
        child.kill()
    assert not poll(gone(list(servers)), 1)
    scratch.sweep()  # finds the folders of the dead process, and ends what still runs in them
    assert gone(list(servers))()
    assert shared_memory_segments() <= segments
    assert not any(folder.exists() for folder in servers.values())


def test_a_server_outlives_the_thread_that_started_it() -> None:
    server = Valkey()
    thread = threading.Thread(target=server.start)
    thread.start()
    thread.join()
    try:
        assert not poll(lambda: not server.running, 0.5)
    finally:
        server.close()


def test_started_directly_it_would_die_with_the_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Mutant: the starting thread in spawning.spawn is what the test above protects."""

    class Inline:
        def put(self, job: Any) -> None:
            future, words, cwd, stdin, log, env, pass_fds = job
            process = subprocess.Popen(words, cwd=cwd, stdin=stdin, stdout=log, stderr=log, env=env, pass_fds=pass_fds)
            future.set_result(process)

    monkeypatch.setattr(spawning, "_start_thread", lambda: None)
    monkeypatch.setattr(spawning, "_queue", Inline())
    server = Valkey()
    thread = threading.Thread(target=server.start)
    thread.start()
    thread.join()
    try:
        assert poll(lambda: not server.running, 5)
    finally:
        server.close()


def test_a_forked_child_does_not_stop_its_parents_server() -> None:
    script = """
import os, sys
from bharat_local_servers import Valkey
server = Valkey()
server.start()
if os.fork() == 0:
    sys.exit(0)
os.wait()
print(server.running)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert done.stdout.splitlines() == ["True"], done.stderr


def test_a_detached_server_goes_on_and_is_adopted(tmp_path: Path) -> None:
    script = f"""
from pathlib import Path
from bharat_local_servers import Postgres
Postgres(Path({str(tmp_path)!r}), durable=False, die_with_parent=False).start()
"""
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)
    server = Postgres(tmp_path, durable=False)
    assert not server.running
    with pytest.raises(ServerFailed, match=r"already runs in .* adopt\(\) it"):
        server.start()
    assert server.adopt()
    assert server.create_database("x").endswith(f":{server.port}/x")
    server.restart()
    server.drop_database("x")
    server.close()
    assert not server.adopt()


def test_a_server_that_outlives_us_needs_a_folder() -> None:
    with pytest.raises(ValueError, match="needs a folder"):
        Valkey(die_with_parent=False)


def test_a_stopped_server_has_no_pid(valkey: Valkey) -> None:
    valkey.stop()
    with pytest.raises(ServerFailed, match=r"is not running; start\(\) it first"):
        _ = valkey.pid


def test_ctrl_c_reaches_us_and_not_the_server(valkey: Valkey) -> None:
    assert os.getsid(valkey.pid) != os.getsid(0)


def test_a_server_that_ignores_its_signal_is_killed(valkey: Valkey, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Valkey, "_stop_signal", signal.SIGWINCH)  # which every program ignores
    pid = valkey.pid
    valkey.stop(seconds=0.3)
    assert gone([pid])()


def test_sweeping_spares_folders_of_living_processes_and_links(tmp_path: Path) -> None:
    mine = scratch.make_scratch("test")
    link = mine.with_name(f"bls-{scratch._namespace()}-999999999-1-test-link")
    link.symlink_to(tmp_path)
    try:
        scratch.sweep()
        assert mine.is_dir()
        assert link.is_symlink()
        assert tmp_path.is_dir()
    finally:
        link.unlink()
        mine.rmdir()
