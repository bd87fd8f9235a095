"""Fixtures for tests that need real servers, loaded by `pytest_plugins = ["bharat_local_servers.pytest_fixtures"]` in the top conftest.

A server that is missing from the machine is a skip that says so, and a failure where `CI` is set. Needs pytest and, for `raw`, the
driver `redis`: the extra `testing`.
"""

import os
from collections.abc import Callable, Iterator
from typing import Any, NoReturn, TypeVar

import pytest

from bharat_local_servers.ceph_binary import CephBinary, find_ceph
from bharat_local_servers.errors import ServerUnavailable
from bharat_local_servers.nginx_binary import NginxBinary, find_nginx
from bharat_local_servers.rados_gateway import RadosGateway
from bharat_local_servers.valkey import Valkey

T = TypeVar("T")


def missing(reason: str) -> NoReturn:
    """Skip a test for a part that it needs and this machine lacks; fail it where `CI` is set."""
    if os.environ.get("CI"):
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def required(find: Callable[[], T]) -> T:
    """What `find` gives; `missing` when it raises `ServerUnavailable`."""
    try:
        return find()
    except ServerUnavailable as reason:
        missing(str(reason))


@pytest.fixture(scope="module")
def valkey_settings() -> dict[str, Any]:
    """The keywords of `Valkey` for the tests of a file; override it in a conftest or a file."""
    return {}


@pytest.fixture(scope="module")
def running_valkey(valkey_settings: dict[str, Any]) -> Iterator[Valkey]:
    """One Valkey for the tests of a file."""
    with required(lambda: Valkey(**valkey_settings)) as server:
        yield server


@pytest.fixture
def valkey(running_valkey: Valkey) -> Valkey:
    """A Valkey that runs, is empty, and is this test's alone: it may be stopped, killed and configured."""
    from redis import Redis  # only for whom these fixtures are

    running_valkey.resume()
    running_valkey.start()  # a test before may have stopped it
    with Redis.from_url(running_valkey.url) as client:
        client.config_set("maxmemory", 0)
        client.config_set("maxmemory-policy", "noeviction")
        client.flushall()
    return running_valkey


@pytest.fixture
def raw(valkey: Valkey) -> Iterator[Any]:
    """A plain client of `valkey`, to look at what is stored."""
    from redis import Redis

    with Redis.from_url(valkey.url) as client:
        yield client


@pytest.fixture(scope="session")
def nginx_binary() -> NginxBinary:
    return required(find_nginx)


@pytest.fixture(scope="session")
def ceph_binary() -> CephBinary:
    return required(find_ceph)


@pytest.fixture(scope="module")
def running_gateway(ceph_binary: CephBinary) -> Iterator[RadosGateway]:
    """One S3 for the tests of a file."""
    with RadosGateway(binary=ceph_binary) as server:
        yield server


@pytest.fixture
def gateway(running_gateway: RadosGateway) -> RadosGateway:
    """An S3 that runs and is this test's alone: it may be stopped, killed and paused. Buckets of tests before may be in it."""
    running_gateway.resume()
    running_gateway.start()  # a test before may have stopped it
    return running_gateway
