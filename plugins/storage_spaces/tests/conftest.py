"""A bucket of its own for each test, in a real S3, and ways to it."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

from bharat.testing.platform import SmallPlatform
from bharat_local_servers import RadosGateway
from bharat_storage_spaces import SpacesOptions
from bharat_storage_spaces.client import open_client
from bharat_storage_spaces.storage import SpacesStorage
from plugins.storage_spaces.tests.faulty_way import FaultyWay, faulty_way

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

Build = Callable[..., SpacesStorage]


@pytest.fixture
def options(gateway: RadosGateway) -> SpacesOptions:
    """For a bucket that is made for this test."""
    found = SpacesOptions(
        bucket=f"files-{secrets.token_hex(6)}",
        key=gateway.access_key,
        secret=gateway.secret_key,
        endpoint=gateway.url,
        path_style=True,
        concurrency=2,
        connect_timeout=1,
        read_timeout=1,
    )
    client = open_client(found)
    client.create_bucket(Bucket=found.bucket)
    client.close()
    return found


@pytest.fixture
def build(options: SpacesOptions, platform: SmallPlatform) -> Iterator[Build]:
    """Builds the storage as one more process does, with options of its own."""
    with ExitStack() as stack:

        def builder(**more: Any) -> SpacesStorage:
            fields = {name: getattr(options, name) for name in options.__struct_fields__}
            built = SpacesStorage(SpacesOptions(**{**fields, **more}), platform)
            stack.callback(built.close)
            return built

        yield builder


@pytest.fixture
def storage(build: Build) -> SpacesStorage:
    return build()


@pytest.fixture
def raw(options: SpacesOptions) -> Iterator[S3Client]:
    """A plain client, to look at what is stored."""
    client = open_client(options)
    yield client
    client.close()


@pytest.fixture
def way(gateway: RadosGateway) -> Iterator[FaultyWay]:
    with faulty_way(gateway.url) as between:
        yield between
