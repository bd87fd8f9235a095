"""The storage provider `folder`."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest

from bharat.contracts.storage import FileMissing, Storage, StorageUnavailable, UploadMissing
from bharat.local.folder import FolderStorage
from bharat.local.options import FolderOptions
from bharat.testing.files import Answer, Fetch, fetch_over_http, keys, read
from bharat.testing.platform import SmallPlatform
from bharat.testing.storage import StorageSuite
from bharat.testing.suite import CutOff, OnShiftedClock
from tests.local.signed_calls import served


@pytest.fixture
def root(platform: SmallPlatform) -> Path:
    return platform.home / "files"


@pytest.fixture
def storage(platform: SmallPlatform) -> FolderStorage:
    return FolderStorage(FolderOptions(), platform)


@pytest.fixture
def fetch(platform: SmallPlatform, storage: Storage) -> Iterator[Fetch]:
    with served(platform, storage) as address:

        def call(
            url: str, method: str = "GET", body: bytes | None = None, headers: dict[str, str] | None = None
        ) -> Answer:
            return fetch_over_http(url.replace(platform.public_url, address), method, body, headers)

        yield call


class TestTheFolder(OnShiftedClock, StorageSuite):
    @pytest.fixture
    def storage(self, platform: SmallPlatform) -> Storage:
        return FolderStorage(FolderOptions(), platform)

    @pytest.fixture
    def fetch(self, platform: SmallPlatform, storage: Storage) -> Iterator[Fetch]:
        with served(platform, storage) as address:

            def call(
                url: str, method: str = "GET", body: bytes | None = None, headers: dict[str, str] | None = None
            ) -> Answer:
                return fetch_over_http(url.replace(platform.public_url, address), method, body, headers)

            yield call

    @pytest.fixture
    def cut_off(self, root: Path) -> CutOff:
        return lambda: os.rename(root, root.with_name("gone"))


def test_the_root_is_an_option(platform: SmallPlatform, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere" / "files"
    FolderStorage(FolderOptions(root=str(elsewhere)), platform).put("a", [b"x"])
    assert (elsewhere / "=a").read_bytes().startswith(b"x")


def test_only_its_owner_may_read_the_folder(storage: Storage, root: Path) -> None:
    storage.put("a/b", [b"x"])
    assert [path.stat().st_mode & 0o077 for path in (root, root / "a", root / ".uploads")] == [0, 0, 0]


def test_only_its_owner_may_read_a_file_whatever_the_folder(platform: SmallPlatform, tmp_path: Path) -> None:
    mounted = tmp_path / "mounted"
    mounted.mkdir()
    mounted.chmod(0o777)
    storage = FolderStorage(FolderOptions(root=str(mounted)), platform)
    before = os.umask(0)
    try:
        storage.put("a", [b"x"])
        storage.put("b/c", [b"x"])
    finally:
        os.umask(before)
    assert [(mounted / path).stat().st_mode & 0o777 for path in ("=a", "b/=c")] == [0o600, 0o600]


def test_files_outlive_the_process(storage: Storage, platform: SmallPlatform) -> None:
    storage.put("a/b", [b"x"], filename="ü.txt")
    again = FolderStorage(FolderOptions(), platform)
    assert read(again, "a/b") == b"x"
    assert again.stat("a/b") == storage.stat("a/b")


def test_a_symbolic_link_to_a_file_is_no_file(storage: Storage, root: Path, tmp_path: Path) -> None:
    FolderStorage(FolderOptions(root=str(tmp_path / "other")), SmallPlatform(tmp_path)).put("secret", [b"secret"])
    (root / "=link").symlink_to(tmp_path / "other" / "=secret")
    with pytest.raises(FileMissing):
        storage.open("link")
    assert keys(storage.list()) == []


def test_a_put_onto_a_symbolic_link_replaces_the_link(storage: Storage, root: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_bytes(b"untouched")
    (root / "=link").symlink_to(outside)
    storage.put("link", [b"new"])
    assert read(storage, "link") == b"new"
    assert outside.read_bytes() == b"untouched"


def test_nothing_goes_through_a_symbolic_link_to_a_folder(storage: Storage, root: Path, tmp_path: Path) -> None:
    FolderStorage(FolderOptions(root=str(tmp_path / "other")), SmallPlatform(tmp_path)).put("secret", [b"secret"])
    (root / "link").symlink_to(tmp_path / "other")
    with pytest.raises(FileMissing):
        storage.open("link/secret")
    with pytest.raises(StorageUnavailable):
        storage.put("link/new", [b"x"])
    storage.delete("link/secret")
    assert (tmp_path / "other" / "=secret").exists()
    assert not (tmp_path / "other" / "=new").exists()
    assert keys(storage.list()) == []


@pytest.mark.parametrize("content", [b"", b"short", b"x" * 5000, b"{}" + (2).to_bytes(4, "big") + b"BHARAT1\n"])
def test_a_file_that_storage_did_not_write_is_not_shown(storage: Storage, root: Path, content: bytes) -> None:
    (root / "=foreign").write_bytes(content)
    with pytest.raises(FileMissing):
        storage.stat("foreign")
    assert keys(storage.list()) == []


def test_an_interrupted_put_leaves_nothing_on_the_disk(storage: Storage, root: Path) -> None:
    def chunks() -> Iterator[bytes]:
        yield b"x" * 1000
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        storage.put("a/b", chunks())
    assert [path for path in root.rglob("*") if path.is_file()] == []


KILLED = """
import os, signal, sys
from pathlib import Path
from bharat.local.folder import FolderStorage
from bharat.local.options import FolderOptions
from bharat.testing.platform import SmallPlatform

def chunks():
    yield b"new" * 100_000
    os.kill(os.getpid(), signal.SIGKILL)

FolderStorage(FolderOptions(), SmallPlatform(Path(sys.argv[1]))).put("a", chunks())
"""


def test_a_killed_process_leaves_the_old_file_and_a_sweep_cleans_up(
    storage: Storage, platform: SmallPlatform, root: Path
) -> None:
    storage.put("a", [b"old"])
    ended = subprocess.run([sys.executable, "-c", KILLED, str(platform.home)], check=False)
    assert ended.returncode == -signal.SIGKILL
    assert read(storage, "a") == b"old"
    assert len(list((root / ".uploads").iterdir())) == 1
    assert storage.sweep(older_than=timedelta(hours=1)) == 0
    assert storage.sweep(older_than=timedelta(0)) == 1
    assert list((root / ".uploads").iterdir()) == []


FULL = """
import resource, sys
from pathlib import Path
from bharat.contracts.storage import FileMissing, StorageUnavailable
from bharat.local.folder import FolderStorage
from bharat.local.options import FolderOptions
from bharat.testing.platform import SmallPlatform

class Gone(Exception):
    pass

def interrupted():
    yield b"x" * 1500
    raise Gone

storage = FolderStorage(FolderOptions(), SmallPlatform(Path(sys.argv[1])))
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
for chunks in ([b"x" * 600] * 2, [b"x" * 2_000_000], [b"x" * 65536] * 40, [b"x" * 990], interrupted()):
    try:
        storage.put("a", chunks)
    except Exception as error:
        print(type(error).__name__, error)
"""


def test_a_full_disk_is_storage_that_does_not_serve_and_leaves_the_old_file(
    storage: Storage, platform: SmallPlatform, root: Path
) -> None:
    """No file may grow over 1000 bytes: in the first chunks, later ones, the trailer. Whose client goes away hears of that."""
    storage.put("a", [b"old"])
    ended = subprocess.run([sys.executable, "-c", FULL, str(platform.home)], check=True, capture_output=True, text=True)
    refused = "StorageUnavailable the storage folder does not serve: File too large"
    assert ended.stdout.splitlines() == [refused] * 4 + ["Gone "]
    assert read(storage, "a") == b"old"
    assert list((root / ".uploads").iterdir()) == []


def test_a_sweep_removes_folders_that_became_empty(storage: Storage, root: Path) -> None:
    storage.put("a/b/c", [b"x"])
    storage.put("a/d", [b"x"])
    storage.delete("a/b/c")
    storage.sweep(older_than=timedelta(hours=1))
    assert (root / "a" / "b").exists(), "a put may have made it a moment ago"
    storage.sweep(older_than=timedelta(0))
    assert sorted(path.name for path in root.rglob("*")) == [".uploads", "=d", "a"]


@pytest.mark.parametrize("moment", ["mkdir", "open"])
def test_a_put_makes_a_directory_again_that_a_sweep_took_away(
    storage: Storage, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    """Just after it was made, and just after it was opened."""
    taken: list[str] = []
    call = getattr(os, moment)

    def interrupted(path: str, *arguments: int, dir_fd: int | None = None) -> object:
        result = call(path, *arguments, dir_fd=dir_fd)
        if path == "b" and len(taken) < 3:
            taken.append(path)
            os.rmdir(path, dir_fd=dir_fd)
        return result

    monkeypatch.setattr(os, moment, interrupted)
    storage.put("a/b/c", [b"x"])
    monkeypatch.undo()
    assert len(taken) == 3
    assert read(storage, "a/b/c") == b"x"


def test_dropping_a_half_read_file_closes_it(storage: Storage) -> None:
    storage.put("a", [b"x"])
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(20):
        storage.open("a")
    assert len(os.listdir("/proc/self/fd")) == before


# The signed URLs.


@pytest.mark.parametrize("name", ["expires", "signature", "filename", "inline_type"])
def test_an_altered_url_is_refused(storage: Storage, fetch: Fetch, name: str) -> None:
    storage.put("a", [b"x"])
    url = storage.presign_get("a", expires=timedelta(minutes=1), filename="a.png", inline_type="image/png")
    query = dict(parse_qsl(urlsplit(url).query))
    query[name] = "image/gif" if name == "inline_type" else query[name][:-1] + ("1" if query[name][-1] != "1" else "2")
    answer = fetch(f"{url.partition('?')[0]}?{urlencode(query)}")
    assert answer.status == 403
    assert b"altered" in answer.body


def test_the_expiry_is_told_from_a_bad_signature(storage: Storage, fetch: Fetch, platform: SmallPlatform) -> None:
    storage.put("a", [b"x"])
    url = storage.presign_get("a", expires=timedelta(milliseconds=1))
    platform.clock.advance(timedelta(seconds=1))  # type: ignore[attr-defined]
    assert b"expired" in fetch(url).body


def test_another_platform_s_signature_is_refused(storage: Storage, fetch: Fetch, tmp_path: Path) -> None:
    storage.put("a", [b"x"])
    stranger = FolderStorage(FolderOptions(), SmallPlatform(tmp_path, secret=b"another secret"))
    assert fetch(stranger.presign_get("a", expires=timedelta(minutes=1))).status == 403


def test_another_node_s_signature_is_accepted(storage: Storage, fetch: Fetch, tmp_path: Path) -> None:
    storage.put("a", [b"x"])
    other_node = FolderStorage(FolderOptions(), SmallPlatform(tmp_path))
    assert fetch(other_node.presign_get("a", expires=timedelta(minutes=1))).status == 200


def test_a_url_for_a_file_that_is_gone_is_not_found(storage: Storage, fetch: Fetch) -> None:
    assert fetch(storage.presign_get("never", expires=timedelta(minutes=1))).status == 404


def test_a_download_can_do_no_harm_in_the_browser(storage: Storage, fetch: Fetch) -> None:
    storage.put("a", [b"<script>"], content_type="text/html", filename='"evil"\r\nX-Evil: 1/ü.html')
    headers = fetch(storage.presign_get("a", expires=timedelta(minutes=1))).headers
    assert headers["content-disposition"] == (
        "attachment; filename=\"_evil___X-Evil: 1__.html\"; filename*=UTF-8''_evil___X-Evil%3A%201_%C3%BC.html"
    )
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["content-security-policy"] == "sandbox; default-src 'none'"
    assert "x-evil" not in headers


@pytest.mark.parametrize(
    ("asked", "status", "body", "content_range"),
    [
        ("bytes=2-4", 206, b"234", "bytes 2-4/10"),
        ("bytes=7-", 206, b"789", "bytes 7-9/10"),
        ("bytes=0-99", 206, b"0123456789", "bytes 0-9/10"),
        ("bytes=10-", 416, b"", "bytes */10"),
        ("bytes=-3", 200, b"0123456789", None),
        ("bytes=4-2", 200, b"0123456789", None),
        ("lines=1-2", 200, b"0123456789", None),
    ],
)
def test_a_download_can_be_resumed(
    storage: Storage, fetch: Fetch, asked: str, status: int, body: bytes, content_range: str | None
) -> None:
    storage.put("digits", [b"0123456789"])
    answer = fetch(storage.presign_get("digits", expires=timedelta(minutes=1)), headers={"Range": asked})
    assert (answer.status, answer.headers.get("content-range")) == (status, content_range)
    assert answer.body == body if status < 400 else b"range" in answer.body


def test_a_download_that_changed_meanwhile_begins_anew(storage: Storage, fetch: Fetch) -> None:
    storage.put("digits", [b"0123456789"])
    url = storage.presign_get("digits", expires=timedelta(minutes=1))
    etag = fetch(url).headers["etag"]
    resumed = {"Range": "bytes=5-", "If-Range": etag}
    assert (fetch(url, headers=resumed).status, fetch(url, headers=resumed).body) == (206, b"56789")
    storage.put("digits", [b"9876543210"])
    assert (fetch(url, headers=resumed).status, fetch(url, headers=resumed).body) == (200, b"9876543210")


@pytest.mark.parametrize(
    ("asked", "status", "content_range"),
    [("bytes=0-", 416, "bytes */0"), ("bytes=0-0", 416, "bytes */0"), ("", 200, None)],
)
def test_an_empty_file_has_no_range(
    storage: Storage, fetch: Fetch, asked: str, status: int, content_range: str | None
) -> None:
    storage.put("empty", [])
    url = storage.presign_get("empty", expires=timedelta(minutes=1))
    answer = fetch(url, headers={"Range": asked} if asked else {})
    assert (answer.status, answer.headers.get("content-range")) == (status, content_range)
    assert answer.body == b"" if status < 400 else b"range" in answer.body


def test_an_upload_larger_than_agreed_stores_nothing(storage: Storage, fetch: Fetch) -> None:
    put = storage.presign_put(expires=timedelta(minutes=1), content_type="text/plain", max_size=10)
    assert fetch(put.url, "PUT", b"x" * 11, dict(put.headers)).status == 413
    with pytest.raises(UploadMissing):
        storage.complete(put.upload, "up", max_size=10)
    assert fetch(put.url, "PUT", b"x" * 10, dict(put.headers)).status == 204
    assert storage.complete(put.upload, "up", max_size=10).size == 10


def test_an_upload_may_be_sent_again(storage: Storage, fetch: Fetch) -> None:
    put = storage.presign_put(expires=timedelta(minutes=1), content_type="text/plain", max_size=10)
    for body in (b"first", b"second"):
        assert fetch(put.url, "PUT", body, dict(put.headers)).status == 204
    storage.complete(put.upload, "up", max_size=10)
    assert read(storage, "up") == b"second"


def test_a_completed_upload_leaves_nothing_aside(storage: Storage, fetch: Fetch, root: Path) -> None:
    put = storage.presign_put(expires=timedelta(minutes=1), content_type="text/plain", max_size=10)
    fetch(put.url, "PUT", b"x", dict(put.headers))
    assert len(list((root / ".uploads").iterdir())) == 1
    storage.complete(put.upload, "up", max_size=10)
    assert list((root / ".uploads").iterdir()) == []


def test_a_url_to_upload_does_not_download(storage: Storage, fetch: Fetch) -> None:
    storage.put("a", [b"x"])
    put = storage.presign_put(expires=timedelta(minutes=1), content_type="text/plain", max_size=10)
    expires, signature = (dict(parse_qsl(urlsplit(put.url).query))[name] for name in ("expires", "signature"))
    url = f"{put.url.partition('?')[0]}?{urlencode({'expires': expires, 'signature': signature})}"
    assert fetch(url).status == 403


@pytest.mark.parametrize("expires", [timedelta(0), timedelta(seconds=-1)])
def test_a_url_can_t_be_made_that_has_expired(storage: Storage, expires: timedelta) -> None:
    with pytest.raises(ValueError):
        storage.presign_get("a", expires=expires)
