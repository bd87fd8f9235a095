"""Two application servers and a worker that keep every kind of state in a store of its own: Redis, S3, Qdrant, PostgreSQL."""

from __future__ import annotations

import hashlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote, urlsplit
from uuid import uuid4

import pytest

from bharat.app import build
from bharat.data.clock import OffsetClock
from bharat.records.files import jobs
from bharat.testing.files import MEBI
from bharat.testing.suite import eventually
from bharat_dev_cluster.programs import bharat_environment
from bharat_local_servers import spawning
from tests.cluster.browser import Browser
from tests.cluster.shared import SharedSite, files_of, new_contact
from tests.cluster.sites import configuration, logged_in

SOON = timedelta(seconds=2)
"""Within which a new contact is found."""
HOLDER = Path(__file__).parent / "programs" / "hold_lock.py"


@pytest.fixture
def site(everything_shared: SharedSite) -> SharedSite:
    return everything_shared


def test_what_goes_up_at_a_comes_down_from_b_byte_for_byte(site: SharedSite, asha: Browser) -> None:
    content = os.urandom(12 * 1024 * 1024 + 17)
    files = files_of(new_contact(asha, site.server("a"), "Vicki Laflamme"))
    added = asha.upload(f"{site.server('a')}{files}?name=scan.pdf", content, "application/pdf")
    assert (added.status, added.body["sha256"]) == (201, hashlib.sha256(content).hexdigest())
    assert asha.download(f"{site.server('b')}{files}/{added.body['id']}/content") == content


def test_presigned_bytes_pass_by_the_servers(site: SharedSite, asha: Browser) -> None:
    """Up and down while no server runs."""
    content = os.urandom(100_000)
    files = files_of(new_contact(asha, site.server("a"), "Elease Gluck"))
    body = {"name": "film.mp4", "size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    begun = asha.post(f"{site.server('a')}{files}/uploads", body).body
    with without_servers(site):
        _moved(site, begun["method"], begun["url"], begun["headers"], content)
    one = f"{site.server('b')}{files}/{begun['file']['id']}"
    assert asha.post(f"{one}/complete").status == 202
    eventually(lambda: asha.get(one).body["state"] == "ready", within=timedelta(seconds=30), what="it is verified")
    url = asha.get(f"{one}/link").body["url"]
    with without_servers(site):
        assert _moved(site, "GET", url, {}) == content


@contextmanager
def without_servers(site: SharedSite) -> Iterator[None]:
    """Both are killed; afterwards they are there again."""
    for name in ("a", "b"):
        site.lose(name)
    try:
        for name in ("a", "b"):
            with pytest.raises(OSError):
                Browser().get(f"{site.server(name)}/livez")
        yield
    finally:
        for name in ("a", "b"):
            site.replace(name)


def _moved(site: SharedSite, method: str, url: str, headers: Mapping[str, str], content: bytes | None = None) -> bytes:
    """What curl gets from a URL of the S3, which is asked without credentials."""
    assert url.startswith(f"{site.gateway.url}/")
    done = subprocess.run(
        ["curl", "-sS", "-f", "-X", method, *(() if content is None else ("--data-binary", "@-")), url,
         *(part for name, value in headers.items() for part in ("-H", f"{name}: {value}"))],
        input=content, capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_half_an_upload_to_a_server_that_dies_leaves_nothing(site: SharedSite, asha: Browser) -> None:
    """Of what broke off, B lists nothing, and after a day neither the database nor the bucket has any of it."""
    files = files_of(new_contact(asha, site.server("a"), "Rozella Ostrosky"))
    before = site.objects()
    with half_an_upload(site, asha, f"{files}?name=film.mp4", size=32 * MEBI):
        eventually(lambda: site.unfinished() != [], within=timedelta(seconds=30), what="parts of it have arrived in S3")
        site.lose("a")
    try:
        assert asha.get(f"{site.server('b')}{files}").body == {"items": []}
        with build(configuration(site), clock=OffsetClock(timedelta(days=2))) as later:
            assert jobs.sweep(later) >= 1
            # S3 has a clock of its own, which can't be moved: to it, what was begun until now is old.
            later.storage.sweep(older_than=timedelta(0))
        assert (site.unfinished(), site.objects()) == ([], before)
        assert asha.get(f"{site.server('b')}{files}").body == {"items": []}
    finally:
        site.replace("a")


@contextmanager
def half_an_upload(site: SharedSite, browser: Browser, path: str, *, size: int) -> Iterator[None]:
    """The first half of the body has been sent to A, which waits for the other."""
    address = urlsplit(site.server("a"))
    cookies = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {address.netloc}\r\nCookie: {cookies}\r\nIdempotency-Key: {uuid4().hex}\r\n"
        f"Content-Type: video/mp4\r\nContent-Length: {size}\r\n\r\n"
    )
    with socket.create_connection((address.hostname or "", address.port or 0), timeout=30) as connection:
        connection.sendall(head.encode() + os.urandom(size // 2))
        yield


def test_a_lock_held_by_one_keeps_the_other_out(site: SharedSite) -> None:
    """Each is a process of its own, in the environment of a server."""
    with holding_at(site, "a") as (first, held), holding_at(site, "b") as (other, refused):
        assert (held.isdecimal(), refused) == (True, "kept out")
        assert other.pid != first.pid
    with holding_at(site, "b") as (_, later):
        assert int(later) > int(held)


@contextmanager
def holding_at(site: SharedSite, name: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A process that tries to take the lock and keeps it, with the fence that it got or `kept out`."""
    home = site.cluster.node(name).home
    with subprocess.Popen(
        [sys.executable, str(HOLDER), str(site.config)], cwd=home, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        env=spawning.environment(bharat_environment(home) | {"PYTHONPATH": str(HOLDER.parents[3])}),
    ) as process:  # fmt: skip
        assert process.stdin is not None
        assert process.stdout is not None
        yield process, process.stdout.readline().strip()
        process.stdin.close()
        assert process.wait(30) == 0


def test_a_contact_made_at_a_is_found_by_a_misspelt_name_at_b(site: SharedSite, asha: Browser) -> None:
    contact = new_contact(asha, site.server("a"), "Marcel Schlecht")
    made = time.monotonic()
    url = f"{site.server('b')}/api/v1/search?q={quote('marzel shlecht')}"

    def found() -> bool:
        return contact["id"] in [hit["id"] for hit in asha.get(url).body["items"]]

    eventually(found, within=SOON, what="the contact is found by a misspelt name")
    assert time.monotonic() - made <= SOON.total_seconds(), "the answer that has it came too late"


def test_a_logout_at_b_ends_the_session_at_a(site: SharedSite) -> None:
    browser = logged_in(site)
    stolen = Browser(dict(browser.cookies))
    assert browser.post(f"{site.server('b')}/api/v1/logout").status < 300
    assert stolen.get(f"{site.server('a')}/api/v1/me").status == 401


def test_a_server_whose_disk_is_lost_is_missed_by_nobody(site: SharedSite, asha: Browser) -> None:
    files = files_of(new_contact(asha, site.server("a"), "Darcel Slabaugh"))
    added = asha.upload(f"{site.server('a')}{files}?name=a.txt", b"kept")
    site.lose("a")
    site.replace("a")
    assert asha.download(f"{site.server('a')}{files}/{added.body['id']}/content") == b"kept"
    assert asha.get(f"{site.server('a')}/api/v1/me").status == 200
