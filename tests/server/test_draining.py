"""A server that is told to stop, or whose master was killed, finishes what it has begun."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bharat.accounts.keys import add_key
from bharat.accounts.seeding import create_organisation, create_user
from bharat.app import Bharat, load_plugins, migrator
from bharat.config import load
from bharat.contracts.principal import SYSTEM, Role
from bharat_local_servers import free_port

NORMAL = "from bharat.server.launch import serve; serve([])"
ENDS_AT_ONCE = (
    "import bharat.server.worker as worker; from gunicorn.workers.ggevent import GeventWorker; "
    "worker.DrainingWorker.notify = GeventWorker.notify; " + NORMAL
)
CSV = b"subject,planned_on\nSurvey,2026-03-01\n"


@contextmanager
def serving(home: Path, code: str) -> Iterator[tuple[subprocess.Popen[bytes], int, str]]:
    """A server process on SQLite, its port, and an administrator's API key."""
    port = free_port()
    settings = {"BHARAT_HOME": str(home), "BHARAT_PLUGINS": "sample", "BHARAT_SERVER__PORT": str(port)}
    config = load(None, settings)
    tool = migrator(config, load_plugins(config))
    tool.upgrade()
    tool.close()
    app = Bharat(config, load_plugins(config))
    organisation = create_organisation(app.database, "Acme", slug="acme", actor=SYSTEM)
    with app.database.write(organisation, SYSTEM) as unit:
        user = create_user(unit, name="Admin", role=Role.ADMIN)
        _, key = add_key(unit, user, name="test", scopes=["*"])
    app.close()
    program = f"from gevent import monkey; monkey.patch_all(); {code}"
    with (home / "server.log").open("wb") as log:
        environ = {**os.environ, **settings}
        process = subprocess.Popen([sys.executable, "-c", program], env=environ, stdout=log, stderr=log)
    try:
        _wait_for_worker(port)
        yield process, port, key
    finally:
        process.kill()
        process.wait()


def _wait_for_worker(port: int) -> None:
    """The master listens long before a worker takes what comes."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/livez", timeout=30).close()
            return
        except OSError:
            time.sleep(0.1)  # asks again until the deadline
    raise AssertionError("the server did not come up")


def _is_closed(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return True
    return False


def import_across(home: Path, code: str, sign: signal.Signals) -> bytes:
    """Send half of an import, signal the master, wait until nobody accepts any more, send the rest; the status line."""
    with serving(home, code) as (process, port, key), socket.create_connection(("127.0.0.1", port)) as connection:
        head = (
            "POST /api/v1/site_visits/import HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: text/csv\r\n"
            f"Authorization: Bearer {key}\r\nContent-Length: {len(CSV)}\r\n\r\n"
        )
        connection.sendall(head.encode() + CSV[:10])
        time.sleep(0.5)  # until the request is in its handler, which nothing outside shows
        process.send_signal(sign)
        deadline = time.monotonic() + 20
        while not _is_closed(port) and time.monotonic() < deadline:
            time.sleep(0.1)  # asks again until the deadline
        connection.settimeout(20)
        try:
            connection.sendall(CSV[10:])
            return connection.recv(65536).split(b"\r\n")[0]
        except OSError:
            return b""


@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGTERM])
def test_a_request_in_flight_is_finished(tmp_path: Path, sign: signal.Signals) -> None:
    """The protected line: `self._stop_accepting()` in `DrainingWorker.notify`, in place of gunicorn's exit."""
    assert import_across(tmp_path, NORMAL, sign) == b"HTTP/1.1 200 OK"


def test_with_gunicorns_own_worker_a_killed_master_takes_requests_with_it(tmp_path: Path) -> None:
    """The mutant of the test above: the worker ends at once."""
    assert import_across(tmp_path, ENDS_AT_ONCE, signal.SIGKILL) != b"HTTP/1.1 200 OK"
