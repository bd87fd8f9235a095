"""The life of one local server: start, stop, and the faults a test wants to cause."""

import atexit
import contextlib
import json
import os
import secrets
import shutil
import signal
import subprocess
import time
from abc import ABC, abstractmethod
from pathlib import Path
from typing import IO, ClassVar, Self

from bharat_local_servers import processes
from bharat_local_servers.errors import ServerFailed
from bharat_local_servers.ports import free_port
from bharat_local_servers.scratch import make_scratch


class LocalServer(ABC):
    """A server process on 127.0.0.1.

    `folder` holds its data and log; without one it is a temporary folder that `close()` (and leaving the `with` block)
    removes. `port` defaults to the one last used in `folder`, else a free one, and stays the same over restarts.
    With `die_with_parent` the server ends when this process does, however it ends; without it the server goes on, and
    a later process takes it over with `adopt()`. `seconds` is the deadline for starting.
    """

    name: ClassVar[str]
    controllable: ClassVar[bool] = True
    """It can be stopped, killed and paused (a server named in the environment cannot)."""
    _stop_signal: ClassVar[signal.Signals] = signal.SIGTERM
    _death_signal: ClassVar[signal.Signals] = signal.SIGTERM

    def __init__(
        self,
        folder: Path | None = None,
        *,
        port: int | None = None,
        die_with_parent: bool = True,
        seconds: float = 30,
    ) -> None:
        if folder is None and not die_with_parent:
            raise ValueError(f"a {self.name} that outlives this process needs a folder: pass folder=…")
        self._is_scratch = folder is None
        self.folder = make_scratch(self.name) if folder is None else folder.absolute()
        self.folder.mkdir(parents=True, exist_ok=True)
        self.port = port or self._recorded().get("port") or free_port()
        self.seconds = seconds
        self._die_with_parent = die_with_parent
        self._owner = os.getpid()
        self._process: subprocess.Popen[bytes] | None = None
        self._pid: int | None = None
        self._started: int | None = None
        self._paused: list[int] = []
        if die_with_parent:
            atexit.register(self._at_exit)

    @property
    @abstractmethod
    def url(self) -> str:
        """Where clients connect, with the password if there is one."""

    @property
    def log_path(self) -> Path:
        return self.folder / f"{self.name}.log"

    @property
    def running(self) -> bool:
        """Whether the process lives; a paused one does."""
        if self._process is not None and self._process.poll() is not None:
            return False
        return self._pid is not None and processes.started(self._pid) == self._started

    @property
    def pid(self) -> int:
        """The id of the server's main process. Raises ServerFailed when it is not running."""
        if self._pid is None or not self.running:
            raise ServerFailed(f"{self.name} on port {self.port} is not running; start() it first")
        return self._pid

    def start(self) -> None:
        """Start and wait until it serves; nothing happens when it already runs.

        Raises ServerUnavailable when a part is not installed, and ServerFailed when it does not serve in time.
        """
        if self.running:
            return
        record = self._recorded()
        if record and processes.started(record["pid"]) == record["started"]:
            raise ServerFailed(
                f"{self.name} already runs in {self.folder} (process {record['pid']}, port {record['port']}); "
                "adopt() it, stop it, or use another folder"
            )
        self._prepare()
        with self.log_path.open("ab") as log:
            self._process = self._launch(log)
        self._pid = self._process.pid
        self._started = processes.started(self._pid)
        self._record()
        deadline = time.monotonic() + self.seconds
        try:
            while not self._ready():
                if not self.running:
                    code = self._process.returncode
                    raise self._failure(f"{self.name} ended with {code} while starting on port {self.port}")
                if time.monotonic() > deadline:
                    raise self._failure(f"{self.name} was not ready on port {self.port} within {self.seconds:g} s")
                time.sleep(0.01)
        except BaseException:
            self.kill()
            raise

    def stop(self, seconds: float = 10) -> None:
        """End it in order, so that its data is whole; after `seconds` it is killed. Nothing happens when it is down."""
        if not self.running:
            self._forget()
            return
        pid = self.pid
        tree = [pid, *processes.descendants(pid)]
        self.resume()
        processes.send([pid], self._stop_signal)
        if not processes.poll(lambda: not self.running, seconds):
            self.kill()
            return
        # The last children end a moment after the main process.
        if not processes.poll(lambda: all(processes.started(each) is None for each in tree), 2):
            processes.send(tree[1:], signal.SIGKILL)
        self._forget()

    def kill(self) -> None:
        """SIGKILL the server and all its processes at once, as a power cut would; returns when they are gone."""
        if self.running:
            processes.kill_tree(self.pid)
            processes.poll(lambda: not self.running, 10)
            self._after_kill()
        self._forget()

    def pause(self) -> None:
        """SIGSTOP all its processes: connections open but nothing answers, as with a stalled machine."""
        self._paused = processes.stop_tree(self.pid)

    def resume(self) -> None:
        """SIGCONT what `pause()` stopped."""
        processes.send(reversed(self._paused), signal.SIGCONT)
        self._paused = []

    def restart(self) -> None:
        self.stop()
        self.start()

    def adopt(self) -> bool:
        """Take over the server that another process started in this folder; False when none runs there."""
        record = self._recorded()
        if not record or processes.started(record["pid"]) != record["started"]:
            return False
        self._process, self._pid, self._started = None, record["pid"], record["started"]
        self.port = record["port"]
        return True

    def close(self) -> None:
        """Stop, and remove the folder if it was a temporary one. The server can't be started again after that."""
        self.stop()
        if self._is_scratch:
            shutil.rmtree(self.folder, ignore_errors=True)
        atexit.unregister(self._at_exit)

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _at_exit(self) -> None:
        if os.getpid() == self._owner:  # a forked child inherits the handler, but not the server
            self.close()

    def _prepare(self) -> None:  # noqa: B027 - most servers need nothing
        """Make what the server needs in its folder. Called before each start."""

    @abstractmethod
    def _launch(self, log: IO[bytes]) -> "subprocess.Popen[bytes]":
        """Start the process with its output in `log`."""

    @abstractmethod
    def _ready(self) -> bool:
        """Whether *this* process serves, rather than a stranger on the same port. Must not block for long."""

    def _after_kill(self) -> None:  # noqa: B027 - most servers leave nothing
        """Clear away what a killed server leaves outside of its folder."""

    @property
    def _death(self) -> signal.Signals | None:
        return self._death_signal if self._die_with_parent else None

    def _secret(self, name: str, given: str | None = None) -> str:
        """A password that is made once per folder and readable by its owner alone."""
        path = self.folder / name
        if given is None and path.exists():
            return path.read_text()
        value = given or secrets.token_urlsafe(24)
        self._write_private(path, value)
        return value

    @staticmethod
    def _write_private(path: Path, text: str) -> None:
        path.unlink(missing_ok=True)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(text)

    def _failure(self, message: str) -> ServerFailed:
        try:
            lines = self.log_path.read_text(errors="replace").splitlines()[-15:]
        except OSError:
            lines = []
        return ServerFailed("\n  ".join([f"{message}. Its log, {self.log_path}, ends:", *lines]))

    def _record(self) -> None:
        path = self.folder / "server.json"
        path.write_text(json.dumps({"pid": self._pid, "started": self._started, "port": self.port}))

    def _recorded(self) -> dict[str, int]:
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            record = json.loads((self.folder / "server.json").read_text())
            return {key: int(record[key]) for key in ("pid", "started", "port")}
        return {}

    def _forget(self) -> None:
        if self._process is not None:
            self._process.wait(10)  # it has ended; this reaps it
        self._process, self._pid, self._started, self._paused = None, None, None, []
