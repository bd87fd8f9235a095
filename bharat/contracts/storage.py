"""Capability `storage`: files, streamed both ways."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from bharat.contracts.errors import BharatError

CHUNK_SIZE = 256 * 1024
"""Bytes per chunk that a backend reads or writes at a time; memory for one transfer stays within a few chunks."""

_KEY = re.compile(r"[A-Za-z0-9_\-][A-Za-z0-9._\-]{0,127}(/[A-Za-z0-9_\-][A-Za-z0-9._\-]{0,127}){0,15}")


class StorageError(BharatError):
    """Base of the storage capability's errors."""


class InvalidKey(StorageError, ValueError):
    """The key is not one that storage takes."""


class FileMissing(StorageError, LookupError):
    """No complete file has this key."""


class ChecksumMismatch(StorageError):
    """The bytes received do not have the SHA-256 that was announced; nothing was stored."""


class UploadMissing(StorageError, LookupError):
    """Nothing was uploaded to this presigned URL, or it was completed or swept already."""


class UploadTooLarge(StorageError):
    """More bytes were uploaded than the URL was made for; they are gone, nothing was stored."""


class RangeAfterEnd(StorageError):
    """The range starts at or after the file's end; over HTTP that is 416 (RFC 9110, 14.4)."""


class StorageUnavailable(StorageError):
    """The backend does not answer. Whether a write happened is unknown; a read did not."""


UNFINISHED = timedelta(days=1)
"""How long an upload may take, from its beginning until it is complete; Bharat sweeps what takes longer."""

INLINE_TYPES = frozenset({"image/avif", "image/gif", "image/jpeg", "image/png", "image/webp"})
"""Content types that a browser may show: pictures without scripts. SVG runs scripts and is not among them."""


def organisation_prefix(organisation_id: UUID) -> str:
    """What the keys of an organisation's files begin with, so that they can be listed and removed together."""
    return f"organisations/{organisation_id}/"


def validate_inline_type(content_type: str | None) -> str | None:
    """Return `content_type`, or raise `ValueError` when a browser must not show it."""
    if content_type is not None and content_type not in INLINE_TYPES:
        raise ValueError(f"{content_type!r} is not shown by browsers safely: {', '.join(sorted(INLINE_TYPES))} are")
    return content_type


def validate_key(key: str) -> str:
    """Return `key`, or raise `InvalidKey`.

    A key is 1 to 16 segments joined by `/`; a segment has 1 to 128 of `A-Z a-z 0-9 . _ -` and does not begin with a
    dot. So `..`, absolute paths, backslashes, NUL, empty segments and hidden files can't be written down at all."""
    if not _KEY.fullmatch(key):
        raise InvalidKey(
            f"{key[:80]!r} is not a storage key: use 1 to 16 segments of letters, digits, '.', '_' and '-' "
            "joined by '/', none beginning with a dot"
        )
    return key


@dataclass(frozen=True, slots=True)
class StoredFile:
    """What storage knows of a complete file. `sha256` is lower-case hex of the whole content."""

    key: str
    size: int
    sha256: str
    content_type: str
    filename: str | None
    modified_at: datetime


@dataclass(frozen=True, slots=True)
class ListedFile:
    """What a list tells of a complete file: what every backend knows without opening it."""

    key: str
    size: int
    modified_at: datetime


class Chunks(Protocol):
    """Bytes that are read one after another, as from a generator. What they are read from is given back at their end, and by
    `close`, which is idempotent: nothing more comes after it."""

    def __iter__(self) -> Iterator[bytes]: ...

    def __next__(self) -> bytes: ...

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class OpenFile:
    """A file being read: `chunks` yields the bytes from `start` up to, not including, `end`; who does not exhaust them closes them."""

    file: StoredFile
    start: int
    end: int
    chunks: Chunks


@dataclass(frozen=True, slots=True)
class PresignedPut:
    """Where and how a client uploads straight to the backend, and the name, for `complete`, of what it uploads."""

    upload: str
    url: str
    method: str = "PUT"
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StorageFeatures:
    """What a backend can do; a suite or caller asks these flags, never the class."""

    presign: bool = False


class Storage(Protocol):
    """Files by key. Every method raises `InvalidKey` for a key that `validate_key` refuses and `StorageUnavailable`
    when the backend does not answer."""

    @property
    def features(self) -> StorageFeatures: ...

    def put(
        self,
        key: str,
        chunks: Iterable[bytes],
        *,
        content_type: str = "application/octet-stream",
        filename: str | None = None,
        sha256: str | None = None,
    ) -> StoredFile:
        """Store the chunks under `key`, replacing what was there, and return what was stored.

        Memory does not grow with the file. The file appears whole or not at all: a reader sees the old content or
        the new, an exception from `chunks` or a killed process leaves the old. With `sha256` the content is verified
        and `ChecksumMismatch` raised before anything becomes visible. `filename` is the display name, kept as given."""
        ...

    def open(self, key: str, *, start: int = 0, end: int | None = None) -> OpenFile:
        """Read bytes `start` to `end` (exclusive; `None` or past the end: the end).

        Raises `FileMissing`; `RangeAfterEnd` when `start` is at or after the end of a file that has bytes (of an
        empty file any range is empty); `ValueError` when `start` is negative or `end` comes before it."""
        ...

    def stat(self, key: str) -> StoredFile:
        """Describe the file. Raises `FileMissing`."""
        ...

    def delete(self, key: str) -> None:
        """Remove the file; a key without one is a no-op."""
        ...

    def list(self, prefix: str = "", *, after: str | None = None, limit: int = 1000) -> Sequence[ListedFile]:
        """Up to `limit` complete files whose key begins with `prefix`, ascending by key, those after `after` only.

        An empty page is the end. `prefix` matches characters, not segments: `a/b` finds `a/bc`."""
        ...

    def presign_get(
        self, key: str, *, expires: timedelta, filename: str | None = None, inline_type: str | None = None
    ) -> str:
        """A URL that gives this file, and no other, to whoever holds it until it expires; served as an attachment.

        With `inline_type`, one of `INLINE_TYPES` (else `ValueError`), the browser shows the file as a picture of that type.
        Only with `features.presign`."""
        ...

    def presign_put(self, *, expires: timedelta, content_type: str, max_size: int) -> PresignedPut:
        """Where a client may upload a file of this type until the URL expires. No reader sees it, and `sweep` removes it,
        unless `complete` stores it. A backend that can't refuse more than `max_size` bytes at once leaves that to `complete`.

        Only with `features.presign`."""
        ...

    def complete(
        self,
        upload: str,
        key: str,
        *,
        max_size: int,
        content_type: str = "application/octet-stream",
        filename: str | None = None,
        sha256: str | None = None,
    ) -> StoredFile:
        """Store under `key` what a client uploaded to the URL of `presign_put`, as `put` does, and forget the upload.

        The bytes are read once, whatever the client said of them: call it from a job when they may be many. Raises
        `UploadMissing` when there are none, so also when it is called again after it succeeded: the file is there then.
        After `UploadTooLarge` and `ChecksumMismatch` the upload is gone. Only with `features.presign`."""
        ...

    def sweep(self, *, older_than: timedelta) -> int:
        """Remove what interrupted and uncompleted uploads left behind and return how many there were. Never touches a complete file
        or an upload younger than `older_than`."""
        ...

    def close(self) -> None:
        """Give back connections. Idempotent."""
        ...
