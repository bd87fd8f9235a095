"""A server of a cluster whose user can write nowhere but to the pipe of its log and to shared memory serves everything."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from bharat_local_servers import spawning
from tests.cluster import confine
from tests.cluster.confined import (
    SHARED_MEMORY,
    Confined,
    confined_server,
    drops_root,
    open_for_writing,
    users,
    writable_mounts,
)
from tests.cluster.shared import SharedSite, files_of, new_contact
from tests.cluster.sites import logged_in


def can_write_nowhere(server: Confined) -> None:
    """What holds of it in all its processes, as the kernel says."""
    assert writable_mounts(server.pid) == {SHARED_MEMORY}
    assert {name for name in open_for_writing(server.pid) if not name.startswith((f"{SHARED_MEMORY}/", "/memfd:"))} <= {
        "/dev/null"
    }
    assert stat.S_ISFIFO(Path(f"/proc/{server.pid}/fd/1").stat().st_mode)
    assert stat.S_ISFIFO(Path(f"/proc/{server.pid}/fd/2").stat().st_mode)
    outside = spawning.UNPRIVILEGED if spawning.is_root() and drops_root() else os.geteuid()
    assert users(server.pid) == {(outside, confine.NOBODY)}


def test_a_server_that_can_write_nowhere_serves_everything(everything_shared: SharedSite, tmp_path: Path) -> None:
    """Log in, change, upload, import, search and log out. Mutant: `test_mutant_with_one_writable_file_system_is_found`."""
    with confined_server(everything_shared.config, tmp_path / "confined") as server:
        can_write_nowhere(server)
        serves_everything(everything_shared, server.url)
        can_write_nowhere(server)


def serves_everything(site: SharedSite, url: str) -> None:
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


@pytest.mark.parametrize("left", ["/", "/proc"])
def test_mutant_with_one_writable_file_system_is_found(
    everything_shared: SharedSite, tmp_path: Path, left: str
) -> None:
    """Protected by the loop over `reachable()` in `confine`."""
    with (
        confined_server(everything_shared.config, tmp_path / "confined", writable=(SHARED_MEMORY, left)) as server,
        pytest.raises(AssertionError, match=f"'{left}'"),
    ):
        can_write_nowhere(server)
