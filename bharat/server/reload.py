"""`bharat dev --reload`: start the server anew whenever a source file changes, and outlive every mistake in one.

A small process of its own, so that a change is loaded wherever it is, in the core too, and a server that can't start is
tried again after the next change. Started with `python -m bharat.server.reload`."""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from types import FrameType

import bharat
from bharat.config import load, places
from bharat.contracts.errors import BharatError
from bharat.plugins import installed
from bharat.server import CHECK_TABLES, END_ON_HANGUP

LOOK_EVERY = 0.3
"""Seconds between looks at the files."""
PATIENCE = 2.0
"""Seconds that requests in flight have to finish: long ones, and idle connections of a browser, must not delay a restart."""
LAST_PATIENCE = 10.0
"""Seconds after which a server that was told to end at once is killed."""

Stamps = Mapping[Path, tuple[int, int]]


class Watched:
    """The files that the server is made of: those of Bharat, of the enabled plugins, and the configuration."""

    def __init__(self, config: Path | None, environ: Mapping[str, str]) -> None:
        self._config = config
        self._environ = environ
        self._plugins: tuple[str, ...] = ()
        self._roots: tuple[Path, ...] = ()
        self.look_up()

    def look_up(self) -> None:
        """Read which plugins are enabled. While the configuration is broken, it's those that were."""
        with contextlib.suppress(BharatError):  # the server, which reads the same file, says what is wrong with it
            self._plugins = load(self._config, self._environ).plugins
        self._roots = (Path(bharat.__file__).parent, *_packages(self._plugins))

    def stamps(self) -> Stamps:
        """When each file was last changed, in nanoseconds, and its size."""
        found = {}
        for path in [*places(self._config, self._environ), *_sources(self._roots)]:
            try:
                status = path.stat()
            except OSError:
                continue  # not there, or removed while we look
            found[path] = (status.st_mtime_ns, status.st_size)
        return found


class Supervisor:
    """Keeps a server running until it is told to stop."""

    def __init__(self, command: Sequence[str], watched: Watched) -> None:
        self._command = list(command)
        self._watched = watched
        self._stopping = threading.Event()

    def run(self) -> int:
        """Until SIGINT, SIGTERM or the end of the terminal; the exit code."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if (
                number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN
            ):  # nohup: it outlives the terminal
                signal.signal(number, self._stop)
        while not self._stopping.is_set():
            self._watched.look_up()
            before = self._watched.stamps()
            server = subprocess.Popen(self._command)  # noqa: S603 - our own interpreter, no shell
            try:
                changed = self._until_change(server, before)
            finally:
                _end(server)
            if changed:
                _say(f"{changed[0]}{f' and {len(changed) - 1} more' if changed[1:] else ''} changed: starting anew")
        return 0

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self._stopping.set()

    def _until_change(self, server: subprocess.Popen[bytes], before: Stamps) -> list[Path]:
        told = False
        while not self._stopping.is_set():
            time.sleep(LOOK_EVERY)
            now = self._watched.stamps()
            if now != before:
                return sorted(path for path in {*now, *before} if now.get(path) != before.get(path))
            if not told and not self._stopping.is_set() and (code := server.poll()) is not None:
                _say(f"the server has ended (exit code {code}); it is started again when a file changes")
                told = True
        return []


def _end(server: subprocess.Popen[bytes]) -> None:
    for number, seconds in ((signal.SIGTERM, PATIENCE), (signal.SIGINT, LAST_PATIENCE), (signal.SIGKILL, None)):
        if server.poll() is not None:
            return
        server.send_signal(number)
        try:
            server.wait(seconds)
        except subprocess.TimeoutExpired:
            continue


def _packages(plugins: Iterable[str]) -> Iterator[Path]:
    """Where the plugins' code lies: a folder, or the file of a module. Nothing is imported."""
    found = installed()
    for name in plugins:
        for offer in found.get(name, ()):
            try:
                spec = find_spec(offer.entry_point.module.partition(".")[0])
            except (ImportError, ValueError):
                continue
            if spec is not None and spec.submodule_search_locations:
                yield from map(Path, spec.submodule_search_locations)
            elif spec is not None and spec.origin:
                yield Path(spec.origin)


def _sources(roots: Iterable[Path]) -> Iterator[Path]:
    for root in roots:
        if root.is_file():
            yield root
        for folder, folders, files in os.walk(root):
            folders[:] = [name for name in folders if name != "__pycache__" and not name.startswith(".")]
            # Editors keep what they are about to write under names that begin with a dot or end with a tilde.
            yield from (Path(folder, name) for name in files if not name.startswith(".") and not name.endswith("~"))


def _say(message: str) -> None:
    sys.stderr.write(f"bharat: {message}\n")
    sys.stderr.flush()


def main(arguments: Sequence[str]) -> int:
    """Serve and start anew until SIGTERM, SIGINT or SIGHUP; the exit code. Arguments: `--config FILE`."""
    parser = argparse.ArgumentParser(prog="python -m bharat.server.reload")
    parser.add_argument("--config", type=Path)
    options = parser.parse_args(arguments)
    command = [sys.executable, "-m", "bharat.server", END_ON_HANGUP, CHECK_TABLES]
    if options.config is not None:
        command += ["--config", str(options.config)]
    return Supervisor(command, Watched(options.config, os.environ)).run()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
