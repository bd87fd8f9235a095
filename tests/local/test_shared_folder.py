"""The storage provider `shared_folder`: the folder is the same for every node, wherever a node's home is."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

import bharat.local
from bharat.contracts.storage import Storage
from bharat.local.options import SharedFolderOptions
from bharat.testing.files import read
from bharat.testing.platform import SmallPlatform


def node(tmp_path: Path, name: str) -> Storage:
    (provider,) = (offer for offer in bharat.local.bharat_storage() if offer.name == "shared_folder")
    assert provider.shared
    home = tmp_path / name
    home.mkdir()
    storage: Storage = provider.build(SharedFolderOptions(root=str(tmp_path / "mounted")), SmallPlatform(home))
    assert list(home.iterdir()) == []
    return storage


def test_what_one_node_stores_another_reads(tmp_path: Path) -> None:
    first, second = node(tmp_path, "first"), node(tmp_path, "second")
    first.put("a/b", [b"content"], filename="b.txt")
    assert read(second, "a/b") == b"content"
    assert second.stat("a/b").filename == "b.txt"


def test_a_relative_folder_which_each_node_would_have_for_itself_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"root": "files"}, SharedFolderOptions)
