"""Start a server so that it ends with this process and never runs as root when it need not."""

import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path
from queue import SimpleQueue
from typing import IO

from bharat_local_servers.errors import ServerUnavailable

UNPRIVILEGED = 65534
"""The user and group id `nobody` / `nogroup`, which servers get when this process is root."""

_Job = tuple["Future[subprocess.Popen[bytes]]", list[str], Path, int | IO[bytes], IO[bytes], dict[str, str], list[int]]

_queue: "SimpleQueue[_Job]" = SimpleQueue()
_queue_owner: int | None = None
_queue_lock = threading.Lock()


def is_root() -> bool:
    return os.geteuid() == 0


def command(argv: Sequence[str], *, death_signal: signal.Signals | None, drop: bool) -> list[str]:
    """The command behind `setpriv`, which execs it: the process id stays, and so does the wish to die with us."""
    words: list[str] = []
    if drop and is_root():
        words += [f"--reuid={UNPRIVILEGED}", f"--regid={UNPRIVILEGED}", "--clear-groups", "--no-new-privs"]
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        if words:
            raise ServerUnavailable(
                "running as root needs `setpriv` to start servers under another user; "
                "it was looked for on PATH. Install it with: apt-get install util-linux"
            )
        return list(argv)
    if death_signal is not None:
        words.append(f"--pdeathsig={death_signal.name.removeprefix('SIG')}")
    return [setpriv, *words, "--", *argv] if words else list(argv)


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """A small environment: the servers see neither our secrets nor stray PG* settings."""
    return {"PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C.UTF-8", "TZ": "UTC", **(extra or {})}


def spawn(
    argv: Sequence[str],
    *,
    cwd: Path,
    log: IO[bytes],
    stdin: IO[bytes] | None = None,
    extra_environment: Mapping[str, str] | None = None,
    pass_fds: Sequence[int] = (),
    death_signal: signal.Signals | None,
    drop: bool,
) -> "subprocess.Popen[bytes]":
    """Start it in a session of its own, so that Ctrl-C reaches us first and the servers stop in order."""
    words = command(argv, death_signal=death_signal, drop=drop)
    future: Future[subprocess.Popen[bytes]] = Future()
    source: int | IO[bytes] = subprocess.DEVNULL if stdin is None else stdin
    _start_thread()
    _queue.put((future, words, cwd, source, log, environment(extra_environment), list(pass_fds)))
    return future.result()


def _start_thread() -> None:
    """One thread starts all servers and lives as long as the process.

    PR_SET_PDEATHSIG fires when the *thread* that forked ends (prctl(2)): a server started in a short-lived thread would
    die with it.
    """
    global _queue, _queue_owner
    with _queue_lock:
        if _queue_owner != os.getpid():  # the first call, or the first after a fork, which copies no threads
            _queue, _queue_owner = SimpleQueue(), os.getpid()
            threading.Thread(target=_serve, args=(_queue,), name="local-servers", daemon=True).start()


def _serve(queue: "SimpleQueue[_Job]") -> None:
    while True:
        future, words, cwd, stdin, log, env, pass_fds = queue.get()
        try:
            process = subprocess.Popen(
                words,
                cwd=cwd,
                stdin=stdin,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=env,
                pass_fds=pass_fds,
                start_new_session=True,
            )
        except BaseException as error:
            future.set_exception(error)
        else:
            future.set_result(process)
