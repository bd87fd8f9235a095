"""Bharat's own processes as local servers: they start, stop, die and pause like the database does."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import IO, ClassVar

import msgspec

from bharat.contracts.errors import BharatError
from bharat_local_servers import LocalServer, ServerFailed, spawning


def bharat_environment(home: Path) -> dict[str, str]:
    """What a process of the cluster sees: nothing of ours, so that no DATABASE_URL of a shell reaches it."""
    return {"BHARAT_HOME": str(home), "HOME": str(home), "PYTHONUNBUFFERED": "1"}


def command(config: Path | None, *arguments: str) -> list[str]:
    """`bharat` of the environment that runs us."""
    return [sys.executable, "-m", "bharat", *(["--config", str(config)] if config else []), *arguments]


def run_bharat(
    config: Path | None, *arguments: str, home: Path, extra: Mapping[str, str] | None = None, seconds: float = 120
) -> str:
    """Run a command of `bharat` and return what it prints. Raises `BharatError` with what it said when it fails."""
    done = subprocess.run(  # noqa: S603 - our own interpreter, no shell
        command(config, *arguments),
        cwd=home,
        env=spawning.environment({**bharat_environment(home), **(extra or {})}),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=seconds,
    )
    if done.returncode != 0:
        said = (done.stderr.strip() or done.stdout.strip()).removeprefix("bharat: error: ")
        raise BharatError(f"`bharat {' '.join(arguments)}` failed in the cluster: {said}")
    return done.stdout


class _Process(LocalServer):
    """A process of Bharat with a home folder of its own."""

    def __init__(self, config: Path, folder: Path, *, port: int | None = None, die_with_parent: bool = True) -> None:
        super().__init__(folder, port=port, die_with_parent=die_with_parent, seconds=60)
        self._config = config
        self.home = folder / "home"
        self.home.mkdir(exist_ok=True)

    def wipe(self) -> None:
        """Empty the home folder, as on a machine that was just installed. Only while it is down."""
        if self.running:
            raise BharatError(f"{self.folder.name} runs: stop or kill it before its home is wiped")
        shutil.rmtree(self.home)
        self.home.mkdir()

    def restart(self, *, wipe: bool = False) -> None:
        """Stop it if it runs, start it again, with `wipe` on an empty home folder."""
        self.stop()
        if wipe:
            self.wipe()
        self.start()

    def _arguments(self) -> list[str]:
        raise NotImplementedError

    def _launch(self, log: IO[bytes]) -> subprocess.Popen[bytes]:
        return spawning.spawn(
            command(self._config, *self._arguments()),
            cwd=self.home,
            log=log,
            extra_environment=bharat_environment(self.home),
            death_signal=self._death,
            drop=False,
        )


class Node(_Process):
    """An application server. `restart(wipe=True)` starts it on an empty home."""

    name: ClassVar[str] = "node"
    _said = ""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def ready(self) -> bool:
        """Whether it says that it may get traffic."""
        return self.readiness() == "ready"

    def readiness(self) -> str:
        """What `/readyz` says: `ready`, `no answer`, or why not."""
        try:
            with urllib.request.urlopen(f"{self.url}/readyz", timeout=2):  # noqa: S310 - an http URL of ours
                return "ready"
        except urllib.error.HTTPError as error:
            with error:
                return _why(error.read()) or f"not ready ({error.code})"
        except OSError:
            return "no answer"

    def _arguments(self) -> list[str]:
        return ["serve", "--bind", f"127.0.0.1:{self.port}"]

    def _ready(self) -> bool:
        self._said = self.readiness()
        if self._said not in ("ready", "no answer"):
            time.sleep(0.2)  # its log would fill with our questions
        return self._said == "ready"

    def _failure(self, message: str) -> ServerFailed:
        return super()._failure(f"{message}; it says: {self._said}" if self._said else message)


class WorkerProcess(_Process):
    """A worker. It listens nowhere; it is ready when its log says that it works."""

    name: ClassVar[str] = "worker"
    _log_start = 0

    @property
    def url(self) -> str:
        """Nothing connects to a worker."""
        return ""

    def _arguments(self) -> list[str]:
        return ["worker"]

    def _prepare(self) -> None:
        self._log_start = os.path.getsize(self.log_path) if self.log_path.exists() else 0

    def _ready(self) -> bool:
        with self.log_path.open("rb") as log:
            log.seek(self._log_start)
            return b"working:" in log.read()


def _why(body: bytes) -> str:
    """The detail of a problem document (RFC 9457); empty when it is none."""
    try:
        return str(msgspec.json.decode(body, type=dict[str, object]).get("detail", ""))
    except msgspec.DecodeError:
        return ""
