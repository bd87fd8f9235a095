"""A real Valkey; a missing one is a loud skip on a laptop and a failure when CI is set."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from bharat_local_servers import ServerUnavailable, Valkey
from bharat_redis import RedisOptions, open_redis
from bharat_redis.clients import RedisClients

Open = Callable[..., RedisClients]


@pytest.fixture
def valkey() -> Iterator[Valkey]:
    try:
        server = Valkey(appendonly=True, acl=["worker on >s€cret/@: ~bharat:jobs:* +@all"])
    except ServerUnavailable as reason:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(reason))
    with server:
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
