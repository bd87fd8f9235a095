"""A cluster of two application servers and a worker that keep every kind of state in a store of its own: Redis, S3, Qdrant, PostgreSQL.

The S3 server is Ceph's RADOS gateway; Qdrant's engine answers behind the server's REST API (see `tests/fixtures/qdrant.py`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bharat_dev_cluster.local_cluster import LocalCluster
from bharat_local_servers import RadosGateway
from bharat_local_servers.pytest_fixtures import required
from bharat_storage_spaces import SpacesOptions
from bharat_storage_spaces.client import open_client
from tests.cluster.browser import Browser
from tests.cluster.sites import ClusterSite, add_administrator
from tests.fixtures.qdrant import QdrantFacade

PLUGINS = ("crm", "session_redis", "locks_redis", "cache_redis", "storage_spaces", "vector_qdrant")
BUCKET = "bharat-files"


@dataclass
class SharedSite(ClusterSite):
    gateway: RadosGateway

    def unfinished(self) -> list[str]:
        """The names of what is being uploaded in parts, as S3 says."""
        client = open_client(_options(self.gateway))
        try:
            return [each["Key"] for each in client.list_multipart_uploads(Bucket=BUCKET).get("Uploads", [])]
        finally:
            client.close()

    def objects(self) -> list[str]:
        """The names of everything in the bucket."""
        client = open_client(_options(self.gateway))
        try:
            return [each["Key"] for each in client.list_objects_v2(Bucket=BUCKET).get("Contents", [])]
        finally:
            client.close()


@contextmanager
def shared_cluster(folder: Path) -> Iterator[SharedSite]:
    with ExitStack() as stack:
        gateway = stack.enter_context(required(RadosGateway))
        qdrant = stack.enter_context(required(QdrantFacade))
        options = _options(gateway)
        client = open_client(options)
        client.create_bucket(Bucket=BUCKET)
        client.close()

        def sections(redis_url: str) -> Mapping[str, Mapping[str, object]]:
            redis = {"url": redis_url}
            return {
                "storage": {"provider": "spaces"},
                "storage.spaces": {
                    "bucket": options.bucket, "key": options.key, "secret": options.secret,
                    "endpoint": gateway.url, "path_style": True,
                },
                "locks": {"provider": "redis"},
                "locks.redis": redis,
                "limits": {"provider": "redis"},
                "limits.redis": redis,
                "cache": {"provider": "redis"},
                "cache.redis": redis,
                "vectors": {"provider": "qdrant"},
                "vectors.qdrant": {"url": qdrant.url, "api_key": qdrant.api_key},
            }  # fmt: skip

        cluster = stack.enter_context(LocalCluster(folder, plugins=PLUGINS, more=sections))
        found = SharedSite(cluster, gateway)
        add_administrator(found)
        yield found


def _options(gateway: RadosGateway) -> SpacesOptions:
    return SpacesOptions(
        bucket=BUCKET, key=gateway.access_key, secret=gateway.secret_key, endpoint=gateway.url, path_style=True
    )


def new_contact(browser: Browser, server: str, name: str) -> dict[str, Any]:
    answer = browser.post(f"{server}/api/v1/contacts", {"name": name})
    assert answer.status == 201, answer
    made: dict[str, Any] = answer.body
    return made


def files_of(contact: Mapping[str, Any]) -> str:
    return f"/api/v1/contacts/{contact['id']}/files"
