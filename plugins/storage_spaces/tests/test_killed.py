"""A process that is killed in the middle of an upload: what others see, and what a sweep has to do; with the mutants."""

from __future__ import annotations

import signal
import subprocess
import sys
from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec
import pytest

from bharat.testing.files import MEBI, keys, read
from bharat.testing.suite import eventually
from bharat_storage_spaces import SpacesOptions
from bharat_storage_spaces.bucket import Bucket
from bharat_storage_spaces.storage import SpacesStorage

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

NEW = 12 * MEBI
"""Bytes of the upload: two parts, and some of a third."""

PROGRAM = """
import hashlib, os, signal, sys
import msgspec
from bharat_storage_spaces import SpacesOptions, storage
from bharat_storage_spaces.bucket import Bucket
from bharat_storage_spaces.parts import Parts
from bharat_storage_spaces.storage import SpacesStorage

def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)

def chunks(size, *, to_the_end):
    for _ in range(size // 262144):
        yield b"n" * 262144
    if not to_the_end:
        die()

size, when, announced = int(sys.argv[2]), sys.argv[3], sys.argv[4] == "announced"
if when == "before it is put together":
    Parts.complete = die
if when == "before it is copied":
    storage.copy = die
if when == "after it is copied":
    Bucket.delete = die
sha256 = hashlib.sha256(b"n" * size).hexdigest() if announced else None
built = SpacesStorage(msgspec.json.decode(sys.argv[1], type=SpacesOptions), None)
built.put("a", chunks(size, to_the_end=when != "in the middle"), sha256=sha256)
"""


def kill(options: SpacesOptions, size: int, when: str, announced: str) -> None:
    words = [msgspec.json.encode(options).decode(), str(size), when, announced]
    ended = subprocess.run([sys.executable, "-c", PROGRAM, *words], check=False, timeout=120)
    assert ended.returncode == -signal.SIGKILL


def left(raw: S3Client, options: SpacesOptions) -> int:
    """Uploads under way and objects aside, of whatever age."""
    multipart = raw.list_multipart_uploads(Bucket=options.bucket).get("Uploads", [])
    aside = raw.list_objects_v2(Bucket=options.bucket, Prefix=".uploads/").get("Contents", [])
    return len(multipart) + len(aside)


def sweep_all(storage: SpacesStorage, count: int) -> None:
    """Sweep until so many are gone: S3 tells its time in whole seconds, and what is younger than one waits for the next."""
    swept = 0

    def swept_all() -> bool:
        nonlocal swept
        swept += storage.sweep(older_than=timedelta(0))
        return swept >= count

    eventually(swept_all, within=timedelta(seconds=5), what=f"a sweep removes what is left ({count})")
    assert swept == count


def killed_upload_leaves_the_old_file(
    storage: SpacesStorage, raw: S3Client, size: int, when: str, announced: str, leaves: int
) -> None:
    storage.put("a", [b"old"], filename="old")
    kill(storage.options, size, when, announced)
    assert read(storage, "a") == b"old"
    assert storage.stat("a").filename == "old"
    assert keys(storage.list()) == ["a"]
    assert left(raw, storage.options) == leaves
    assert storage.sweep(older_than=timedelta(hours=1)) == 0
    sweep_all(storage, leaves)
    assert left(raw, storage.options) == 0
    assert read(storage, "a") == b"old"


@pytest.mark.parametrize(
    ("size", "when", "announced", "leaves"),
    [
        (MEBI, "in the middle", "unannounced", 0),
        (NEW, "in the middle", "unannounced", 1),
        (NEW, "in the middle", "announced", 1),
        (NEW, "before it is put together", "unannounced", 1),
        (NEW, "before it is put together", "announced", 1),
        (NEW, "before it is copied", "unannounced", 1),
    ],
)
def test_a_killed_upload_leaves_the_old_file_and_nothing_after_a_sweep(
    storage: SpacesStorage, raw: S3Client, size: int, when: str, announced: str, leaves: int
) -> None:
    killed_upload_leaves_the_old_file(storage, raw, size, when, announced, leaves)


def test_killed_after_the_copy_it_leaves_the_new_file_and_nothing_after_a_sweep(
    storage: SpacesStorage, raw: S3Client
) -> None:
    storage.put("a", [b"old"])
    kill(storage.options, NEW, "after it is copied", "unannounced")
    assert (storage.stat("a").size, keys(storage.list())) == (NEW, ["a"])
    sweep_all(storage, 1)
    assert left(raw, storage.options) == 0


def test_mutant_that_puts_together_in_place_shows_a_file_without_description(
    storage: SpacesStorage, raw: S3Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Removes the other name: `aside = self.bucket.aside()` in `SpacesStorage._put`."""
    in_place = "from bharat_storage_spaces.bucket import Bucket\nBucket.aside = lambda self: self.name('a')\n"
    monkeypatch.setattr(sys.modules[__name__], "PROGRAM", in_place + PROGRAM)
    with pytest.raises(Exception, match="was not stored by Bharat"):
        killed_upload_leaves_the_old_file(storage, raw, NEW, "before it is copied", "unannounced", 1)


def test_mutant_that_sweeps_no_multipart_uploads_leaves_one(
    storage: SpacesStorage, raw: S3Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Removes `_sweep_multipart` from `SpacesStorage.sweep`."""
    monkeypatch.setattr(SpacesStorage, "_sweep_multipart", lambda self, older_than: 0)
    with pytest.raises(pytest.fail.Exception, match="a sweep removes"):
        killed_upload_leaves_the_old_file(storage, raw, NEW, "in the middle", "announced", 1)


def test_mutant_that_sweeps_nothing_aside_leaves_it(
    storage: SpacesStorage, raw: S3Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Removes `_sweep_aside` from `SpacesStorage.sweep`."""
    monkeypatch.setattr(SpacesStorage, "_sweep_aside", lambda self, older_than: 0)
    with pytest.raises(pytest.fail.Exception, match="a sweep removes"):
        killed_upload_leaves_the_old_file(storage, raw, NEW, "before it is copied", "unannounced", 1)


def test_mutant_that_asks_for_no_age_sweeps_uploads_under_way(
    storage: SpacesStorage, raw: S3Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Removes the comparison with `older_than` from both halves of the sweep."""
    plain = SpacesStorage.sweep
    monkeypatch.setattr(SpacesStorage, "sweep", lambda self, older_than: plain(self, older_than=timedelta(seconds=-5)))
    with pytest.raises(AssertionError):
        killed_upload_leaves_the_old_file(storage, raw, NEW, "in the middle", "announced", 1)


def test_an_upload_that_fails_takes_its_parts_along(storage: SpacesStorage, raw: S3Client) -> None:
    def chunks() -> object:
        yield b"n" * NEW
        raise KeyError("gone")

    for sha256 in (None, "0" * 64):
        with pytest.raises(KeyError):
            storage.put("a", chunks(), sha256=sha256)  # type: ignore[arg-type] # a generator
    assert left(raw, storage.options) == 0


def test_mutant_that_aborts_nothing_leaves_parts(
    storage: SpacesStorage, raw: S3Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Removes `bucket.abort` from `parts_of`."""
    monkeypatch.setattr(Bucket, "abort", lambda self, name, upload_id: None)
    with pytest.raises(AssertionError):
        test_an_upload_that_fails_takes_its_parts_along(storage, raw)
