"""Who may connect, from where, and how many."""

from __future__ import annotations

import http.client
import resource
import signal
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from bharat.config import load
from bharat.server.launch import CONNECTIONS, Server, address, connections
from tests.server.test_draining import NORMAL, serving

OLD_LIMIT = (
    "import bharat.server.launch as launch; launch.connections = lambda: 100; "  # as the constant was, only smaller
    + NORMAL
)
BELIEVES_ANYBODY = (
    "from gunicorn.config import Config; take = Config.set; "
    "Config.set = lambda self, name, value: None if name == 'forwarder_headers' else take(self, name, value); " + NORMAL
)


@pytest.mark.parametrize(
    ("host", "shown"), [("127.0.0.1", "127.0.0.1:8000"), ("::", "[::]:8000"), ("fe80::1", "[fe80::1]:8000")]
)
def test_an_address_of_ipv6_is_bracketed(tmp_path: Path, host: str, shown: str) -> None:
    assert address(host, 8000) == shown
    server = Server(load(None, {"BHARAT_HOME": str(tmp_path), "BHARAT_SERVER__HOST": host}), bind=())
    assert server.cfg.address == [(host, 8000)]


def test_the_limit_of_descriptors_is_raised_for_connections() -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (300, before[1]))
        found = connections()
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        assert 300 < found <= CONNECTIONS
        assert found < soft
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


@contextmanager
def idle(port: int, number: int) -> Iterator[None]:
    """Connections on which nothing is sent."""
    with ExitStack() as stack:
        for _ in range(number):
            stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=10))
        yield


def status(port: int, path: str, **headers: str) -> int:
    """0 when there is no answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path, headers=headers)
        return connection.getresponse().status
    except OSError:
        return 0
    finally:
        connection.close()


def answered_beside(home: Path, code: str, number: int) -> bool:
    with serving(home, code) as (process, port, _), idle(port, number):
        answered = status(port, "/livez") == 200
        process.send_signal(signal.SIGKILL)
        return answered


def test_idle_connections_hold_up_nobody(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 2500:
        pytest.skip("the test itself may not open so many connections")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 2500), hard))
    try:
        assert answered_beside(tmp_path, NORMAL, 1100)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_beyond_the_limit_they_do(tmp_path: Path) -> None:
    """Mutant of `"worker_connections": connections()` in `Server.load_config`."""
    assert not answered_beside(tmp_path, OLD_LIMIT, 110)


def test_a_header_of_a_caller_moves_no_path(tmp_path: Path) -> None:
    with serving(tmp_path, NORMAL) as (_, port, _):
        assert [status(port, "/livez", **{name: "/zzz"}) for name in ("SCRIPT_NAME", "PATH_INFO")] == [200, 200]


def test_with_gunicorns_own_choice_of_headers_it_does(tmp_path: Path) -> None:
    """Mutant of `"forwarder_headers": ""` in `Server.load_config`."""
    with serving(tmp_path, BELIEVES_ANYBODY) as (_, port, _):
        assert status(port, "/livez", SCRIPT_NAME="/zzz") == 500
