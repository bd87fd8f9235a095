"""Who is measured, and how each is started: one server process each, on a port of its own."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.dataset import Dataset
from benchmarks.load import Unexpected, read_answer
from bharat_local_servers.ports import free_port

ROOT = Path(__file__).parent.parent
PATIENCE = 60.0
"""Seconds that a server may take to answer for the first time."""


@dataclass(frozen=True)
class Contender:
    """`arguments` follow `python`; `{port}` in them is the port."""

    name: str
    arguments: tuple[str, ...]
    environ: tuple[tuple[str, str], ...] = ()


BHARAT = Contender("bharat", ("-m", "bharat.server", "--bind", "127.0.0.1:{port}"))
HANDWRITTEN = Contender(
    "handwritten", ("-m", "benchmarks.rivals.gevent_server", "benchmarks.rivals.handwritten", "{port}")
)
BARE = Contender("bare falcon", ("-m", "benchmarks.rivals.gevent_server", "benchmarks.rivals.bare", "{port}"))
_UVICORN = (
    "-m", "uvicorn", "benchmarks.rivals.fast:app", "--port", "{port}", "--no-access-log", "--log-level", "warning",
    "--no-server-header",
)  # fmt: skip
FAST_CORE = Contender("fastapi core", _UVICORN, (("BENCH_STORE", "core"),))
FAST_ORM = Contender("fastapi orm", _UVICORN, (("BENCH_STORE", "orm"),))
DRF = Contender(
    "django rest",
    (
        "-m", "gunicorn", "benchmarks.rivals.drf.wsgi:application", "--bind", "127.0.0.1:{port}", "--worker-class",
        "gthread", "--threads", "4", "--keep-alive", "75", "--no-control-socket", "--log-level", "warning",
    ),
)  # fmt: skip
ALL = (BHARAT, HANDWRITTEN, FAST_CORE, FAST_ORM, DRF)


@dataclass(frozen=True)
class Running:
    contender: Contender
    port: int
    pid: int
    first_answer: float
    """Seconds from the start of the process to its first answer."""


@contextmanager
def running(
    contender: Contender, dataset: Dataset, path: str = "/livez", expect: Sequence[int] = (200, 401, 404)
) -> Iterator[Running]:
    """A server that has answered `path`. Its output goes to ours."""
    port = free_port()
    environ = {
        **os.environ, **dataset.environ, "BENCH_DATABASE_URL": dataset.url, "BENCH_KEY": secrets.token_hex(16),
        "DJANGO_SETTINGS_MODULE": "benchmarks.rivals.drf.settings", **dict(contender.environ),
    }  # fmt: skip
    arguments = [argument.format(port=port) for argument in contender.arguments]
    started = time.perf_counter()
    process = subprocess.Popen([sys.executable, *arguments], cwd=ROOT, env=environ, start_new_session=True)
    try:
        while not _answers(port, path, expect):
            if process.poll() is not None:
                raise Unexpected(f"{contender.name} ended with {process.returncode} before its first answer")
            if time.perf_counter() - started > PATIENCE:
                raise Unexpected(f"{contender.name} does not answer within {PATIENCE:g} s")
            time.sleep(0.01)
        yield Running(contender, port, process.pid, time.perf_counter() - started)
    finally:
        # The keep-alive connections are closed by now, so a graceful end takes no time.
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(40)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _answers(port: int, path: str, expect: Sequence[int]) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
            connection.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
            return read_answer(connection)[0] in expect
    except (OSError, Unexpected):
        return False
