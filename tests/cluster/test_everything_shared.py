"""Two application servers and a worker that keep every kind of state in a store of its own: Redis, S3, Qdrant, PostgreSQL.

The S3 server is Ceph's RADOS gateway; Qdrant's engine answers behind the server's REST API (see `tests/fixtures/qdrant.py`).
"""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote

import pytest

from bharat.app import Bharat, build
from bharat.contracts.locks import Lease
from bharat.testing.suite import eventually
from bharat_dev_cluster.local_cluster import LocalCluster
from bharat_dev_cluster.programs import Node, bharat_environment, command
from bharat_local_servers import RadosGateway, spawning
from bharat_local_servers.pytest_fixtures import missing, required
from bharat_storage_spaces import SpacesOptions
from bharat_storage_spaces.client import open_client
from tests.cluster.browser import Browser
from tests.cluster.conftest import need_all_programs
from tests.cluster.sites import ClusterSite, add_administrator, configuration, logged_in
from tests.fixtures.qdrant import QdrantFacade

PLUGINS = ("crm", "session_redis", "locks_redis", "cache_redis", "storage_spaces", "vector_qdrant")
SOON = timedelta(seconds=2)
"""Within which a new contact is found."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClusterSite]:
    need_all_programs()
    with ExitStack() as stack:
        gateway = stack.enter_context(required(RadosGateway))
        qdrant = stack.enter_context(required(QdrantFacade))
        spaces = {
            "bucket": "bharat-files", "key": gateway.access_key, "secret": gateway.secret_key, "endpoint": gateway.url,
            "path_style": True,
        }  # fmt: skip
        client = open_client(SpacesOptions(**spaces))  # type: ignore[arg-type] # each is of its option's type
        client.create_bucket(Bucket="bharat-files")
        client.close()

        def sections(redis_url: str) -> Mapping[str, Mapping[str, object]]:
            redis = {"url": redis_url}
            return {
                "storage": {"provider": "spaces"},
                "storage.spaces": spaces,
                "locks": {"provider": "redis"},
                "locks.redis": redis,
                "limits": {"provider": "redis"},
                "limits.redis": redis,
                "cache": {"provider": "redis"},
                "cache.redis": redis,
                "vectors": {"provider": "qdrant"},
                "vectors.qdrant": {"url": qdrant.url, "api_key": qdrant.api_key},
            }

        folder = tmp_path_factory.mktemp("shared")
        cluster = stack.enter_context(LocalCluster(folder, plugins=PLUGINS, more=sections))
        found = ClusterSite(cluster)
        add_administrator(found)
        yield found


@pytest.fixture
def asha(site: ClusterSite) -> Browser:
    return logged_in(site)


def new_contact(browser: Browser, server: str, name: str) -> dict[str, Any]:
    answer = browser.post(f"{server}/api/v1/contacts", {"name": name})
    assert answer.status == 201, answer
    made: dict[str, Any] = answer.body
    return made


def files_of(contact: Mapping[str, Any]) -> str:
    return f"/api/v1/contacts/{contact['id']}/files"


def test_what_goes_up_at_a_comes_down_from_b_byte_for_byte(site: ClusterSite, asha: Browser) -> None:
    content = os.urandom(12 * 1024 * 1024 + 17)
    files = files_of(new_contact(asha, site.server("a"), "Vicki Laflamme"))
    added = asha.upload(f"{site.server('a')}{files}?name=scan.pdf", content, "application/pdf")
    assert (added.status, added.body["sha256"]) == (201, hashlib.sha256(content).hexdigest())
    assert asha.download(f"{site.server('b')}{files}/{added.body['id']}/content") == content


def test_presigned_bytes_pass_by_the_servers(site: ClusterSite, asha: Browser) -> None:
    content = os.urandom(100_000)
    files = files_of(new_contact(asha, site.server("a"), "Elease Gluck"))
    body = {"name": "film.mp4", "size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    begun = asha.post(f"{site.server('a')}{files}/uploads", body).body
    assert not begun["url"].startswith((site.server("a"), site.server("b"), site.edge))
    sent = subprocess.run(
        ["curl", "-sS", "-f", "-X", begun["method"], "--data-binary", "@-", begun["url"],
         *(part for name, value in begun["headers"].items() for part in ("-H", f"{name}: {value}"))],
        input=content, capture_output=True, check=False,
    )  # fmt: skip
    assert sent.returncode == 0, sent.stderr
    one = f"{site.server('b')}{files}/{begun['file']['id']}"
    assert asha.post(f"{one}/complete").status == 202
    eventually(lambda: asha.get(one).body["state"] == "ready", within=timedelta(seconds=30), what="it is verified")
    assert asha.download(asha.get(f"{one}/link").body["url"]) == content


def test_a_lock_held_by_one_keeps_the_other_out(site: ClusterSite) -> None:
    with build(configuration(site)) as one, build(configuration(site)) as other:
        lease = _acquired(one)
        assert lease is not None
        try:
            assert _acquired(other) is None
        finally:
            one.locks.release(lease)
        later = _acquired(other)
        assert later is not None
        assert later.fence > lease.fence


def _acquired(app: Bharat) -> Lease | None:
    return app.locks.acquire("nightly", ttl=timedelta(seconds=30))


def test_a_contact_made_at_a_is_found_by_a_misspelt_name_at_b(site: ClusterSite, asha: Browser) -> None:
    contact = new_contact(asha, site.server("a"), "Marcel Schlecht")
    url = f"{site.server('b')}/api/v1/search?q={quote('marzel shlecht')}"

    def found() -> bool:
        return contact["id"] in [hit["id"] for hit in asha.get(url).body["items"]]

    eventually(found, within=SOON, what="the contact is found by a misspelt name")


def test_a_logout_at_b_ends_the_session_at_a(site: ClusterSite) -> None:
    browser = logged_in(site)
    stolen = Browser(dict(browser.cookies))
    assert browser.post(f"{site.server('b')}/api/v1/logout").status < 300
    assert stolen.get(f"{site.server('a')}/api/v1/me").status == 401


def test_a_server_whose_disk_is_lost_is_missed_by_nobody(site: ClusterSite, asha: Browser) -> None:
    files = files_of(new_contact(asha, site.server("a"), "Darcel Slabaugh"))
    added = asha.upload(f"{site.server('a')}{files}?name=a.txt", b"kept")
    site.lose("a")
    site.replace("a")
    assert asha.download(f"{site.server('a')}{files}/{added.body['id']}/content") == b"kept"
    assert asha.get(f"{site.server('a')}/api/v1/me").status == 200


class Confined(Node):
    """A server for which every file system but `/dev` and what lies below it is read-only: it can write to the pipe of its log, to
    devices and to shared memory."""

    def _launch(self, log: IO[bytes]) -> subprocess.Popen[bytes]:
        confine = 'mount --make-rprivate / && mount -o remount,bind,ro / && exec "$@"'
        return spawning.spawn(
            ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", confine, "sh",
             *command(self._config, *self._arguments())],
            cwd=self.home, log=log, extra_environment=bharat_environment(self.home), death_signal=self._death, drop=False,
        )  # fmt: skip


@pytest.fixture
def confined(site: ClusterSite, tmp_path: Path) -> Iterator[Confined]:
    probe = 'mount --make-rprivate / && mount -o remount,bind,ro / && ! touch "$1" 2>/dev/null'
    namespace = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", probe, "sh", str(tmp_path / "probe")]
    tried = subprocess.run(namespace, check=False)
    if tried.returncode != 0:
        missing("this machine lets nobody make a namespace of mounts: see user_namespaces(7)")
    with Confined(site.config, tmp_path / "confined") as server:
        yield server


def test_a_server_that_can_write_nowhere_serves_everything(
    site: ClusterSite, asha: Browser, confined: Confined
) -> None:
    """Log in, change, upload, import, search and log out at a server whose disk is read-only."""
    url = confined.url
    browser = logged_in(site, url)
    contact = new_contact(browser, url, "Kanisha Wren")
    added = browser.upload(f"{url}{files_of(contact)}?name=a.bin", os.urandom(9 * 1024 * 1024))
    assert added.status == 201, added
    assert len(browser.download(f"{url}{files_of(contact)}/{added.body['id']}/content")) == 9 * 1024 * 1024
    imported = browser.upload(f"{url}/api/v1/contacts/import", b"name\nLezlie Dunn\nMarkita Hansen\n", "text/csv")
    assert (imported.status, imported.body["created"]) == (200, 2), imported
    assert b"Kanisha Wren" in browser.download(f"{url}/api/v1/contacts/export")
    hits = browser.get(f"{url}/api/v1/search?q=kanisha").body["items"]
    assert contact["id"] in [hit["id"] for hit in hits]
    assert browser.post(f"{url}/api/v1/logout").status < 300
    assert list(confined.home.iterdir()) == []
