"""A real Valkey, and clients of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from bharat_local_servers import Valkey
from bharat_local_servers.pytest_fixtures import required
from bharat_redis import RedisOptions, open_redis
from bharat_redis.clients import RedisClients

Open = Callable[..., RedisClients]


@pytest.fixture
def valkey() -> Iterator[Valkey]:
    """One for each test: most of them change who may do what on it."""
    with required(lambda: Valkey(appendonly=True, acl=["worker on >s€cret/@: ~bharat:jobs:* +@all"])) as server:
        yield server


@pytest.fixture
def connect(valkey: Valkey) -> Iterator[Open]:
    """Opens clients: `connect(url, **options)`; without a URL, as the default user."""
    opened: list[RedisClients] = []

    def opener(url: str | None = None, **options: Any) -> RedisClients:
        opened.append(open_redis(RedisOptions(url or valkey.url, **options)))
        return opened[-1]

    yield opener
    for clients in opened:
        clients.close()
