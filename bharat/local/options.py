"""The options of the embedded providers, apart from them so that reading the configuration imports no backend."""

from __future__ import annotations

from typing import Annotated

import msgspec

from bharat.contracts.phrasing import TOLD


class FolderOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Options of the storage provider `folder`."""

    root: Annotated[
        str | None,
        msgspec.Meta(
            description="Folder that holds the files; a relative one lies in the home folder. Default: <home>/files.",
            examples=["files"],
        ),
    ] = None


class SharedFolderOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Options of the storage provider `shared_folder`."""

    root: Annotated[
        str,
        msgspec.Meta(
            pattern="^/",
            examples=["/mnt/bharat/files"],
            extra={TOLD: "must be an absolute path"},
            description="Folder, mounted on every node at this absolute path, that holds the files. Its file system must "
            "rename atomically, as NFS 4 does.",
        ),
    ]


class MemoryOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Options of the cache provider `memory`."""

    max_bytes: Annotated[
        int,
        msgspec.Meta(
            ge=1024, description="How many bytes of entries one process keeps; the least recently used go first."
        ),
    ] = 64 * 1024 * 1024


class OutboxOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Options of the mail provider `file`."""

    folder: Annotated[
        str | None,
        msgspec.Meta(
            description="Folder that receives the .eml files; a relative one lies in the home folder. Default: <home>/outbox.",
            examples=["outbox"],
        ),
    ] = None
