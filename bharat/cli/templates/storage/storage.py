"""All files in one SQLite file, in pieces.

An upload writes its pieces as they come and becomes the file of its key in one last transaction, so a reader sees the old
file or the new one. A reader works on a snapshot of its own: what is replaced under it stays readable to its end.
"""

from __future__ import annotations

import contextlib
import hashlib
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from bharat.contracts.platform import Clock, Platform
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
    validate_key,
)

from bharat.cli.templates.storage import NewPluginOptions

_SCHEMA = """
CREATE TABLE IF NOT EXISTS uploads (
    id INTEGER PRIMARY KEY, key TEXT NOT NULL, size INTEGER, sha256 TEXT, content_type TEXT NOT NULL, filename TEXT,
    begun_at TEXT NOT NULL, modified_at TEXT
);
CREATE TABLE IF NOT EXISTS pieces (
    upload INTEGER NOT NULL REFERENCES uploads ON DELETE CASCADE, number INTEGER NOT NULL, bytes BLOB NOT NULL,
    PRIMARY KEY (upload, number)
);
CREATE TABLE IF NOT EXISTS files (key TEXT PRIMARY KEY, upload INTEGER NOT NULL UNIQUE REFERENCES uploads);
"""
_DESCRIBED = (
    "SELECT u.key, u.size, u.sha256, u.content_type, u.filename, u.modified_at, u.id "
    "FROM files f JOIN uploads u ON u.id = f.upload "
)


_NO_URLS = "this storage doesn't presign; ask `features.presign` first"


class NewPluginStorage:
    """See `bharat.contracts.storage.Storage`. What SQLite raises becomes `StorageUnavailable` in `_translated`."""

    features = StorageFeatures(presign=False)

    def __init__(self, options: NewPluginOptions, platform: Platform) -> None:
        self._path = platform.home / options.file
        self._clock: Clock = platform.clock
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._path.touch(mode=0o600)
        with self._opened() as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.executescript(_SCHEMA)

    def put(
        self,
        key: str,
        chunks: Iterable[bytes],
        *,
        content_type: str = "application/octet-stream",
        filename: str | None = None,
        sha256: str | None = None,
    ) -> StoredFile:
        validate_key(key)
        begun = self._clock.now().isoformat()
        with self._opened() as connection:
            insert = "INSERT INTO uploads (key, content_type, filename, begun_at) VALUES (?, ?, ?, ?)"
            upload = connection.execute(insert, (key, content_type, filename, begun)).lastrowid
            try:
                digest, size = hashlib.sha256(), 0
                for number, piece in enumerate(_regrouped(chunks)):
                    digest.update(piece)
                    size += len(piece)
                    connection.execute("INSERT INTO pieces VALUES (?, ?, ?)", (upload, number, piece))
                if sha256 is not None and digest.hexdigest() != sha256.lower():
                    raise ChecksumMismatch(f"{key}: the content has the SHA-256 {digest.hexdigest()}, not {sha256}")
                now = self._clock.now()
                connection.execute("BEGIN IMMEDIATE")
                _remove(connection, key)
                connection.execute("INSERT INTO files VALUES (?, ?)", (key, upload))
                finish = "UPDATE uploads SET size = ?, sha256 = ?, modified_at = ? WHERE id = ?"
                connection.execute(finish, (size, digest.hexdigest(), now.isoformat(), upload))
                connection.execute("COMMIT")
            except BaseException:
                with contextlib.suppress(sqlite3.Error):
                    if connection.in_transaction:
                        connection.execute("ROLLBACK")
                    connection.execute("DELETE FROM uploads WHERE id = ?", (upload,))
                raise
        return StoredFile(key, size, digest.hexdigest(), content_type, filename, now)

    def open(self, key: str, *, start: int = 0, end: int | None = None) -> OpenFile:
        validate_key(key)
        if start < 0 or (end is not None and end < start):
            raise ValueError(f"a range from {start} to {end} is none")
        connection = self._connect()
        try:
            with _translated():
                connection.execute("BEGIN")  # the snapshot that this reader keeps
                file, upload = _find(connection, key)
            if start >= file.size > 0:
                raise RangeAfterEnd(f"{key} has {file.size} bytes; the range begins at {start}")
        except BaseException:
            connection.close()
            raise
        until = file.size if end is None else min(end, file.size)
        first = min(start, file.size)
        return OpenFile(file, first, until, _Pieces(connection, upload, first, until))

    def stat(self, key: str) -> StoredFile:
        validate_key(key)
        with self._opened() as connection:
            return _find(connection, key)[0]

    def delete(self, key: str) -> None:
        validate_key(key)
        with self._opened() as connection:
            connection.execute("BEGIN IMMEDIATE")
            _remove(connection, key)
            connection.execute("COMMIT")

    def list(self, prefix: str = "", *, after: str | None = None, limit: int = 1000) -> Sequence[ListedFile]:
        query = _DESCRIBED + "WHERE f.key >= ? AND f.key > ? AND substr(f.key, 1, ?) = ? ORDER BY f.key LIMIT ?"
        with self._opened() as connection:
            rows = connection.execute(query, (prefix, after or "", len(prefix), prefix, limit)).fetchall()
        return [ListedFile(file.key, file.size, file.modified_at) for file in map(_described, rows)]

    def presign_get(
        self, key: str, *, expires: timedelta, filename: str | None = None, inline_type: str | None = None
    ) -> str:
        raise NotImplementedError(_NO_URLS)

    def presign_put(self, *, expires: timedelta, content_type: str, max_size: int) -> PresignedPut:
        raise NotImplementedError(_NO_URLS)

    def complete(self, upload: str, key: str, *, max_size: int, **description: Any) -> StoredFile:
        raise NotImplementedError(_NO_URLS)

    def sweep(self, *, older_than: timedelta) -> int:
        before = (self._clock.now() - older_than).isoformat()
        with self._opened() as connection:
            return connection.execute("DELETE FROM uploads WHERE size IS NULL AND begun_at < ?", (before,)).rowcount

    def close(self) -> None:
        """Nothing is kept open between calls."""

    def _connect(self) -> sqlite3.Connection:
        with _translated():
            uri = f"{self._path.absolute().as_uri()}?mode=rw"  # never makes a new, empty file
            connection = sqlite3.connect(uri, uri=True, timeout=30, isolation_level=None, check_same_thread=False)
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute("PRAGMA synchronous = NORMAL")
        return connection

    @contextlib.contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        connection = self._connect()
        try:
            with _translated():
                yield connection
        finally:
            connection.close()


class _Pieces(Iterator[bytes]):
    """The bytes from `start` to `end` of an upload. The connection goes with the iterator, even if nobody reads it."""

    def __init__(self, connection: sqlite3.Connection, upload: int, start: int, end: int) -> None:
        self._connection: sqlite3.Connection | None = connection
        self._upload, self._at, self._end = upload, start, end

    def __next__(self) -> bytes:
        if self._connection is None or self._at >= self._end:
            self.close()
            raise StopIteration
        number, skip = divmod(self._at, CHUNK_SIZE)
        query = "SELECT bytes FROM pieces WHERE upload = ? AND number = ?"
        with _translated():
            (piece,) = self._connection.execute(query, (self._upload, number)).fetchone()
        chunk: bytes = piece[skip : skip + self._end - self._at]
        self._at += len(chunk)
        return chunk

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    __del__ = close


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise StorageUnavailable(f"the file of files does not answer: {error}") from error


def _regrouped(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes in pieces of `CHUNK_SIZE`, so that a position tells its piece; the last one may be shorter."""
    held = bytearray()
    for chunk in chunks:
        for start in range(0, len(chunk), CHUNK_SIZE):
            held += chunk[start : start + CHUNK_SIZE]
            if len(held) >= CHUNK_SIZE:
                yield bytes(held[:CHUNK_SIZE])
                del held[:CHUNK_SIZE]
    if held:
        yield bytes(held)


def _remove(connection: sqlite3.Connection, key: str) -> None:
    found = connection.execute("DELETE FROM files WHERE key = ? RETURNING upload", (key,)).fetchall()
    connection.executemany("DELETE FROM uploads WHERE id = ?", found)


def _find(connection: sqlite3.Connection, key: str) -> tuple[StoredFile, int]:
    row = connection.execute(_DESCRIBED + "WHERE f.key = ?", (key,)).fetchone()
    if row is None:
        raise FileMissing(f"there is no file {key}")
    return _described(row), row[6]


def _described(row: tuple[str, int, str, str, str | None, str, int]) -> StoredFile:
    return StoredFile(*row[:5], modified_at=datetime.fromisoformat(row[5]))
