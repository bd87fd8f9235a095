"""How the storage provider `folder` writes one file: the content, then a trailer that describes it.

Content and description are one file so that one `rename` publishes both: no reader can pair new bytes with an old
checksum, and no crash can part them. The trailer is JSON, its length (4 bytes, big-endian) and a magic of 8 bytes. A file
without it was not put there by storage and is not shown.
"""

from __future__ import annotations

import json
import os
import stat
from datetime import datetime

from bharat.contracts.storage import CHUNK_SIZE, StorageUnavailable, StoredFile
from bharat.data.turns import give_way

_MAGIC = b"BHARAT1\n"
_TAIL = 4 + len(_MAGIC)
_LONGEST = 1024 * 1024
YIELD_EVERY = 8
"""Chunks after which other greenlets get a turn: reading and writing a local file never yields by itself."""


def trailer(file: StoredFile) -> bytes:
    """The description as it is written after the content. ASCII JSON, so that any display name can be kept."""
    described = {
        "sha256": file.sha256,
        "content_type": file.content_type,
        "filename": file.filename,
        "modified_at": file.modified_at.isoformat(),
    }
    encoded = json.dumps(described).encode("ascii")
    if len(encoded) > _LONGEST:
        raise ValueError("the content type and display name of a file may have 1 MB at most")
    return encoded + len(encoded).to_bytes(4, "big") + _MAGIC


def describe(fd: int, key: str) -> StoredFile | None:
    """Read the description of an open file; `None` when it has none."""
    status = os.fstat(fd)
    total = status.st_size
    if not stat.S_ISREG(status.st_mode) or total < _TAIL:
        return None
    tail = os.pread(fd, _TAIL, total - _TAIL)
    length = int.from_bytes(tail[:4], "big")
    size = total - _TAIL - length
    if tail[4:] != _MAGIC or length > _LONGEST or size < 0:
        return None
    try:
        described = json.loads(os.pread(fd, length, size))
        return StoredFile(
            key=key,
            size=size,
            sha256=described["sha256"],
            content_type=described["content_type"],
            filename=described["filename"],
            modified_at=datetime.fromisoformat(described["modified_at"]),
        )
    except (ValueError, KeyError, TypeError):  # somebody else's file that happens to end in the magic
        return None


class FileChunks:
    """The bytes of an open file from `start` to `end`. Owns the descriptor: closed at the end, by `close`, or when dropped."""

    def __init__(self, fd: int, start: int, end: int) -> None:
        self._fd = fd
        self._next = start
        self._end = end
        self._turns = 0

    def __iter__(self) -> FileChunks:
        return self

    def __next__(self) -> bytes:
        if self._fd < 0 or self._next >= self._end:
            self.close()
            raise StopIteration
        self._turns += 1
        if self._turns % YIELD_EVERY == 0:
            give_way()
        try:
            chunk = os.pread(self._fd, min(CHUNK_SIZE, self._end - self._next), self._next)
        except OSError as error:
            self.close()
            raise StorageUnavailable(f"a stored file can't be read: {error.strerror}") from error
        if not chunk:
            self.close()
            raise StorageUnavailable("a stored file is shorter than its description says")
        self._next += len(chunk)
        return chunk

    def close(self) -> None:
        """Give the descriptor back. Idempotent."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)

    def __del__(self) -> None:
        self.close()
