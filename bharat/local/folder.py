"""The storage provider `folder`: files below one folder of this machine.

The key `a/b.pdf` is the file `a/=b.pdf`. Keys hold no `=` and no segment begins with a dot, so files and directories never
collide (`a` and `a/b` may both exist) and `.uploads`, where unfinished and uncompleted uploads lie, can't be named. The folder must be on a
file system that tells upper from lower case.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import secrets
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from io import BufferedWriter, FileIO
from itertools import islice
from pathlib import Path

from bharat.contracts.platform import Platform
from bharat.contracts.storage import (
    CHUNK_SIZE,
    ChecksumMismatch,
    FileMissing,
    ListedFile,
    OpenFile,
    PresignedPut,
    RangeAfterEnd,
    StorageFeatures,
    StorageUnavailable,
    StoredFile,
    UploadMissing,
    UploadTooLarge,
    validate_inline_type,
    validate_key,
)
from bharat.data.turns import give_way
from bharat.local.folder_format import YIELD_EVERY, FileChunks, describe, trailer
from bharat.local.options import FolderOptions
from bharat.local.signed_urls import SignedUrls

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NOT_THERE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)
"""What opening says of a path that is absent, or leads through a file or a symbolic link: none of it is storage's."""
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_UPLOADS = ".uploads"
_MARK = "="
_UPLOAD = re.compile(r"[0-9]{1,15}-[0-9a-f]{32}")
"""The name of an upload by signed URL: milliseconds since 1970 when the URL was made, and what nobody can guess."""


class FolderStorage:
    """Files in a folder. A put is written aside, synced and renamed, so that it appears whole; symbolic links below the
    root are never followed."""

    features = StorageFeatures(presign=True)
    _tries = 10
    """How often a put makes its directories, should sweeps beside it remove what lay empty."""

    def __init__(self, options: FolderOptions, platform: Platform) -> None:
        self._clock = platform.clock
        self._urls = SignedUrls(platform)
        with _answering():
            root = platform.home / (options.root or "files")
            for folder in (root, root / _UPLOADS):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._root = root.resolve(strict=True)
        self._uploads = self._root / _UPLOADS

    @property
    def root(self) -> Path:
        """The folder that holds the files."""
        return self._root

    def put(
        self,
        key: str,
        chunks: Iterable[bytes],
        *,
        content_type: str = "application/octet-stream",
        filename: str | None = None,
        sha256: str | None = None,
    ) -> StoredFile:
        return self._write(key, self._segments(key), chunks, content_type, filename, sha256)

    def stage(self, upload: str, chunks: Iterable[bytes], *, content_type: str) -> None:
        """Take the bytes that a client sends to a URL of `presign_put`. Sent again, they take the place of the first."""
        self._write(upload, self._staged(upload), chunks, content_type, None, None)

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
        segments, staged = self._segments(key), self._staged(upload)
        try:
            fd, found = self._read(upload, staged)
        except FileMissing:
            raise UploadMissing(f"nothing was uploaded as {upload[:100]}, or it was stored or swept already") from None
        chunks = FileChunks(fd, 0, found.size)
        try:
            if found.size > max_size:
                raise UploadTooLarge(f"{key}: {found.size} bytes were uploaded, and at most {max_size} are taken")
            stored = self._write(key, segments, chunks, content_type, filename, sha256)
        except (UploadTooLarge, ChecksumMismatch):
            self._remove(staged)
            raise
        finally:
            chunks.close()
        self._remove(staged)
        return stored

    def _write(
        self,
        key: str,
        segments: Sequence[str],
        chunks: Iterable[bytes],
        content_type: str,
        filename: str | None,
        sha256: str | None,
    ) -> StoredFile:
        upload = self._uploads / f"{self._milliseconds()}-{secrets.token_hex(8)}.part"
        digest = hashlib.sha256()
        size = turns = 0
        try:
            with _created(upload) as file:
                for chunk in chunks:
                    with _answering():
                        file.write(chunk)
                    digest.update(chunk)
                    size += len(chunk)
                    turns += 1
                    if turns % YIELD_EVERY == 0:
                        give_way()
                stored = StoredFile(key, size, digest.hexdigest(), content_type, filename, self._clock.now())
                if sha256 is not None and sha256.lower() != stored.sha256:
                    raise ChecksumMismatch(
                        f"{key}: SHA-256 {sha256[:64]} was announced and {stored.sha256} arrived; nothing was stored"
                    )
                with _answering():
                    file.write(trailer(stored))
                    file.flush()
                    os.fsync(file.fileno())
            self._publish(os.fspath(upload), segments)
        except BaseException:
            with suppress(OSError):
                upload.unlink()
            raise
        return stored

    def open(self, key: str, *, start: int = 0, end: int | None = None) -> OpenFile:
        if start < 0 or (end is not None and end < start):
            raise ValueError(f"{start} to {end} is not a range of bytes")
        fd, file = self._read(key, self._segments(key))
        if file.size and start >= file.size:
            os.close(fd)
            raise RangeAfterEnd(f"{key} has {file.size} bytes: there is none from {start}")
        start = min(start, file.size)
        end = file.size if end is None else min(end, file.size)
        return OpenFile(file, start, end, FileChunks(fd, start, end))

    def stat(self, key: str) -> StoredFile:
        fd, file = self._read(key, self._segments(key))
        os.close(fd)
        return file

    def delete(self, key: str) -> None:
        self._remove(self._segments(key))

    def _remove(self, segments: Sequence[str]) -> None:
        *parents, name = segments
        try:
            with _answering(absent=True), self._directory(parents) as directory:
                os.unlink(_MARK + name, dir_fd=directory)
                os.fsync(directory)
        except _AbsentError:
            return

    def list(self, prefix: str = "", *, after: str | None = None, limit: int = 1000) -> Sequence[ListedFile]:
        with _answering(), self._directory(()) as root:
            files = self._files(root, "", prefix, after or "")
            try:
                return [*islice(files, limit)]
            finally:
                files.close()

    def presign_get(
        self, key: str, *, expires: timedelta, filename: str | None = None, inline_type: str | None = None
    ) -> str:
        return self._urls.download(
            validate_key(key), expires=expires, filename=filename, inline_type=validate_inline_type(inline_type)
        )

    def presign_put(self, *, expires: timedelta, content_type: str, max_size: int) -> PresignedPut:
        upload = f"{self._milliseconds()}-{secrets.token_hex(16)}"
        return self._urls.upload(upload, expires=expires, content_type=content_type, max_size=max_size)

    def sweep(self, *, older_than: timedelta) -> int:
        """As the contract says; an upload's age counts from its first byte, or from when its URL was made. Directories that have been empty for as long go
        too, uncounted, of a chain of them the last: one that a put has just made stays."""
        newest = self._milliseconds() - older_than // timedelta(milliseconds=1)
        swept = 0
        with _answering():
            for name in os.listdir(self._uploads):
                begun = name.removeprefix(_MARK).partition("-")[0]
                if begun.isdecimal() and int(begun) <= newest:
                    with suppress(FileNotFoundError):
                        (self._uploads / name).unlink()
                        swept += 1
            for path, _, _ in os.walk(self._root, topdown=False, followlinks=False):
                if path not in (os.fspath(self._root), os.fspath(self._uploads)):
                    with suppress(OSError):  # not empty, or filled at this moment
                        if int(os.stat(path).st_mtime * 1000) <= newest:
                            os.rmdir(path)
        return swept

    def close(self) -> None:
        return None

    def _segments(self, key: str) -> Sequence[str]:
        return validate_key(key).split("/")

    def _staged(self, upload: str) -> Sequence[str]:
        if not _UPLOAD.fullmatch(upload):
            raise UploadMissing(f"{upload[:100]!r} names no upload")
        return (_UPLOADS, upload)

    def _milliseconds(self) -> int:
        return int(self._clock.now().timestamp() * 1000)

    def _publish(self, upload: str, segments: Sequence[str]) -> None:
        *parents, name = segments
        with _answering():
            for tried in range(1, self._tries + 1):
                try:
                    with self._directory(parents, create=True) as directory:
                        os.rename(upload, _MARK + name, dst_dir_fd=directory)
                        os.fsync(directory)
                        return
                except FileNotFoundError:
                    # A sweep removed a directory while it was still empty, or the upload itself.
                    if tried == self._tries or not os.path.exists(upload):
                        raise

    def _read(self, key: str, segments: Sequence[str]) -> tuple[int, StoredFile]:
        """A descriptor of the file and its description. Raises `FileMissing`."""
        *parents, name = segments
        file = None
        try:
            with _answering(absent=True), self._directory(parents) as directory:
                fd = os.open(_MARK + name, _FILE, dir_fd=directory)
                try:
                    file = describe(fd, key)
                finally:
                    if file is None:
                        os.close(fd)
        except _AbsentError:
            pass
        if file is None:
            raise FileMissing(f"there is no file {key}")
        return fd, file

    @contextmanager
    def _directory(self, segments: Sequence[str], *, create: bool = False) -> Iterator[int]:
        """A descriptor of the directory, reached step by step without following a link."""
        try:
            fd = os.open(self._root, _DIRECTORY)
        except OSError as error:
            raise StorageUnavailable(f"the storage folder can't be opened: {error.strerror}") from error
        try:
            for segment in segments:
                if create:
                    with suppress(FileExistsError):
                        os.mkdir(segment, 0o700, dir_fd=fd)
                        os.fsync(fd)
                child = os.open(segment, _DIRECTORY, dir_fd=fd)
                os.close(fd)
                fd = child
            yield fd
        finally:
            os.close(fd)

    def _files(self, directory: int, path: str, prefix: str, after: str) -> Generator[ListedFile, None, None]:
        """The files below a directory in the order of their keys. A directory sorts as its name with a slash: so does
        every key in it, which lets whole directories be passed over."""
        with os.scandir(directory) as entries:
            found = sorted(filter(None, (_place(path, entry) for entry in entries)))
        for place, name in found:
            if not place.endswith("/"):
                if place.startswith(prefix) and place > after and (file := _read_description(directory, name, place)):
                    yield ListedFile(file.key, file.size, file.modified_at)
            elif (place.startswith(prefix) or prefix.startswith(place)) and (place > after or after.startswith(place)):
                try:
                    child = os.open(name, _DIRECTORY, dir_fd=directory)
                except FileNotFoundError:
                    continue
                try:
                    yield from self._files(child, place, prefix, after)
                finally:
                    os.close(child)


@contextmanager
def _created(path: Path) -> Iterator[BufferedWriter]:
    """A new file that only its owner may read. What lies in its buffer when the block fails is dropped: writing that to a
    full disk would fail again, in place of the first error."""
    with _answering():
        raw = FileIO(path, "x", opener=lambda name, flags: os.open(name, flags, 0o600))
    try:
        yield BufferedWriter(raw, CHUNK_SIZE)
    finally:
        with _answering():
            raw.close()


def _place(path: str, entry: os.DirEntry[str]) -> tuple[str, str] | None:
    """The key of a file, or the common beginning of a directory's keys, and the name on disk; `None` for what is neither."""
    if entry.is_dir(follow_symlinks=False):
        return None if entry.name.startswith(".") else (f"{path}{entry.name}/", entry.name)
    if entry.name.startswith(_MARK) and entry.is_file(follow_symlinks=False):
        return path + entry.name.removeprefix(_MARK), entry.name
    return None


def _read_description(directory: int, name: str, key: str) -> StoredFile | None:
    try:
        fd = os.open(name, _FILE, dir_fd=directory)
    except FileNotFoundError:
        return None
    try:
        return describe(fd, key)
    finally:
        os.close(fd)


class _AbsentError(Exception):
    """There is nothing at this path that storage put there."""


@contextmanager
def _answering(*, absent: bool = False) -> Iterator[None]:
    """Say `StorageUnavailable` for whatever the file system refuses; with `absent`, `_AbsentError` for a path that isn't there."""
    try:
        yield
    except OSError as error:
        if absent and error.errno in _NOT_THERE:
            raise _AbsentError from error
        raise StorageUnavailable(f"the storage folder does not serve: {error.strerror}") from error
