"""The fault tests of the folder, with the protection taken away: each must fail."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bharat.contracts.storage import StorageUnavailable
from bharat.local import folder
from bharat.local.folder import FolderStorage
from bharat.local.options import FolderOptions
from bharat.testing.platform import SmallPlatform
from tests.local import test_folder

PUBLISHES_AT_ONCE = """
from bharat.local.folder import FolderStorage
put = FolderStorage.put

def put_at_once(self, key, chunks, **more):
    written = b""
    for chunk in chunks:
        written += chunk
        stored = put(self, key, [written], **more)
    return stored

FolderStorage.put = put_at_once
"""

FLUSHES_ON_THE_WAY_OUT = """
from bharat.local import folder
folder._created = lambda path: open(path, "xb", buffering=folder.CHUNK_SIZE)
"""


@pytest.fixture
def storage(platform: SmallPlatform) -> FolderStorage:
    return FolderStorage(FolderOptions(), platform)


@pytest.fixture
def root(platform: SmallPlatform) -> Path:
    return platform.home / "files"


def test_without_writing_aside_a_kill_leaves_a_half_written_file(
    storage: FolderStorage, platform: SmallPlatform, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Protected: `upload = self._uploads / …` in `FolderStorage.put`, renamed into place only after the last chunk."""
    monkeypatch.setattr(test_folder, "KILLED", PUBLISHES_AT_ONCE + test_folder.KILLED)
    with pytest.raises(AssertionError, match="b'old'"):
        test_folder.test_a_killed_process_leaves_the_old_file_and_a_sweep_cleans_up(storage, platform, root)


def test_following_links_leaks_what_lies_outside(
    storage: FolderStorage, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Protected: `os.O_NOFOLLOW` in `_DIRECTORY`, with which `FolderStorage._directory` takes each step."""
    monkeypatch.setattr(folder, "_DIRECTORY", folder._DIRECTORY & ~os.O_NOFOLLOW)
    with pytest.raises(pytest.fail.Exception, match="DID NOT RAISE"):
        test_folder.test_nothing_goes_through_a_symbolic_link_to_a_folder(storage, root, tmp_path)


def test_following_a_link_to_a_file_leaks_it(
    storage: FolderStorage, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Protected: `os.O_NOFOLLOW` in `_FILE`, with which `FolderStorage._read` opens."""
    monkeypatch.setattr(folder, "_FILE", folder._FILE & ~os.O_NOFOLLOW)
    with pytest.raises(pytest.fail.Exception, match="DID NOT RAISE"):
        test_folder.test_a_symbolic_link_to_a_file_is_no_file(storage, root, tmp_path)


def test_dropping_no_buffer_a_full_disk_is_an_error_of_the_system(
    storage: FolderStorage, platform: SmallPlatform, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Protected: `raw.close()`, which drops the buffer, in `_created`."""
    monkeypatch.setattr(test_folder, "FULL", FLUSHES_ON_THE_WAY_OUT + test_folder.FULL)
    with pytest.raises(AssertionError, match="OSError"):
        test_folder.test_a_full_disk_is_storage_that_does_not_serve_and_leaves_the_old_file(storage, platform, root)


@pytest.mark.parametrize("moment", ["mkdir", "open"])
def test_trying_once_a_put_fails_beside_a_sweep(
    storage: FolderStorage, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    """Protected: the loop in `FolderStorage._publish`, around the making of the directories too."""
    monkeypatch.setattr(FolderStorage, "_tries", 1)
    with pytest.raises(StorageUnavailable):
        test_folder.test_a_put_makes_a_directory_again_that_a_sweep_took_away(storage, monkeypatch, moment)
