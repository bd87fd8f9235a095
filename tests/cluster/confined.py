"""Application servers that can write nowhere but to the pipe of their log and to shared memory."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import IO

from bharat_dev_cluster.programs import Node, command
from bharat_local_servers import processes, spawning
from bharat_local_servers.pytest_fixtures import missing
from tests.cluster import confine
from tests.fixtures.homes import NOWHERE

SHARED_MEMORY = "/dev/shm"
ROOT = Path(__file__).parents[2]


def confined(*words: str, writable: Sequence[str] = (SHARED_MEMORY,)) -> list[str]:
    return [sys.executable, confine.__file__, ":".join(writable), "--", *words]


@cache
def drops_root() -> bool:
    """Whether a confined process can be one of another user on this machine, should we be root: it must reach Python and our code.
    Where it can't, it is root to who looks from outside, and a user without any capability inside. `missing` where nobody can be
    confined."""
    why = b""
    for drop in (True, False):
        words = spawning.command(confined(sys.executable, "-c", "import bharat"), death_signal=None, drop=drop)
        tried = subprocess.run(words, cwd=ROOT, env=spawning.environment(), capture_output=True, check=False)
        if tried.returncode == 0:
            return drop
        why = tried.stderr
    return missing(
        f"this machine lets nobody make a namespace of mounts, see user_namespaces(7): {why.decode()[-300:]}"
    )


@contextmanager
def memory_of_the_confined() -> Iterator[Path]:
    """A folder in shared memory, of the user that a confined process is."""
    with tempfile.TemporaryDirectory(prefix="bharat-confined-", dir=SHARED_MEMORY) as name:
        if spawning.is_root() and drops_root():
            os.chown(name, spawning.UNPRIVILEGED, spawning.UNPRIVILEGED)
        yield Path(name)


class Confined(Node):
    """Its log is a pipe, which this process reads. `writable` are the mounts that it may write to; its configuration is in shared memory."""

    def __init__(self, config: Path, folder: Path, *, writable: Sequence[str] = (SHARED_MEMORY,)) -> None:
        super().__init__(config, folder)
        self._writable = writable

    def _launch(self, log: IO[bytes]) -> subprocess.Popen[bytes]:
        reading, writing = os.pipe()
        threading.Thread(target=_copy, args=(reading, self.log_path), daemon=True).start()
        with os.fdopen(writing, "wb") as pipe:
            return spawning.spawn(
                confined(*command(self._config, *self._arguments()), writable=self._writable),
                cwd=Path("/"), log=pipe, extra_environment={"BHARAT_HOME": NOWHERE, "PYTHONPATH": str(ROOT)},
                death_signal=self._death, drop=drops_root(),
            )  # fmt: skip


def _copy(reading: int, path: Path) -> None:
    with os.fdopen(reading, "rb", buffering=0) as pipe, path.open("ab", buffering=0) as file:
        shutil.copyfileobj(pipe, file)


@contextmanager
def confined_server(config: Path, folder: Path, *, writable: Sequence[str] = (SHARED_MEMORY,)) -> Iterator[Confined]:
    """A further server of the cluster with this configuration."""
    drops_root()
    with memory_of_the_confined() as memory:
        copied = memory / "bharat.toml"
        shutil.copyfile(config, copied)
        copied.chmod(0o400)
        os.chown(copied, memory.stat().st_uid, memory.stat().st_gid)
        with Confined(copied, folder, writable=writable) as server:
            yield server


def writable_mounts(process: int) -> set[str]:
    """Where it or any process below it may write, as the kernel says."""
    return {mount.point for each in tree(process) for mount in confine.reachable(each) if "rw" in mount.options}


def open_for_writing(process: int) -> set[str]:
    """What they hold open for writing, without pipes, sockets and other things that are no files."""
    found = set()
    for each in tree(process):
        for link in Path(f"/proc/{each}/fd").iterdir():
            try:
                target, lines = os.readlink(link), Path(f"/proc/{each}/fdinfo/{link.name}").read_text().splitlines()
            except FileNotFoundError:  # closed by now
                continue
            flags = next(int(line.split()[1], 8) for line in lines if line.startswith("flags:"))
            if flags & os.O_ACCMODE != os.O_RDONLY and target.startswith("/"):
                found.add(target)
    return found


def users(process: int) -> set[tuple[int, int]]:
    """Who they are, outside and inside; none of them has a capability."""
    found = set()
    for each in tree(process):
        status = dict(line.split(":", 1) for line in Path(f"/proc/{each}/status").read_text().splitlines())
        assert int(status["CapEff"], 16) == 0
        inside, outside, count = Path(f"/proc/{each}/uid_map").read_text().split()
        assert count == "1"
        found.add((int(outside), int(inside)))
    return found


def tree(process: int) -> list[int]:
    return [process, *processes.descendants(process)]
