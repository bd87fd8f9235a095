"""Reading an object in chunks, one version of it from beginning to end."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from bharat.contracts.storage import CHUNK_SIZE, StorageUnavailable
from bharat_storage_spaces.bucket import ABSENT, NOT_IN_RANGE

if TYPE_CHECKING:
    from bharat_storage_spaces.bucket import Bucket

_CHANGED = ABSENT | NOT_IN_RANGE | {"PreconditionFailed", "412"}


class ObjectChunks(Iterator[bytes]):
    """The bytes of an answer to GET, from `start` up to, not including, `end`.

    When the connection breaks, the rest is asked for with `If-Match`, so that a file that was replaced meanwhile is never put
    together from two. Then, and when nothing comes any more, reading raises `StorageUnavailable`."""

    def __init__(self, bucket: Bucket, name: str, answer: dict[str, Any], start: int, end: int) -> None:
        self._bucket = bucket
        self._name = name
        self._etag = answer["ETag"]
        self._body = answer["Body"]
        self._at = start
        self._end = end
        self._broken = 0

    def __next__(self) -> bytes:
        while self._at < self._end:
            try:
                chunk: bytes = self._body.read(min(CHUNK_SIZE, self._end - self._at))
            except BotoCoreError as error:
                self._resume(error)
                continue
            if not chunk:
                self._resume(None)
                continue
            self._at += len(chunk)
            self._broken = 0
            return chunk
        self.close()
        raise StopIteration

    def close(self) -> None:
        """Stop here; the connection is given up when bytes are left in it."""
        self._at = self._end
        self._body.close()

    def _resume(self, error: BotoCoreError | None) -> None:
        self._broken += 1
        if self._broken > self._bucket.options.max_attempts:
            raise StorageUnavailable(f"{self._name} broke off after {self._at} bytes") from error
        self._body.close()
        extent = f"bytes={self._at}-{self._end - 1}"
        get = self._bucket.client.get_object
        try:
            answer = self._bucket.ask(get, answers=_CHANGED, Key=self._name, IfMatch=self._etag, Range=extent)
        except ClientError as changed:
            raise StorageUnavailable(f"{self._name} was replaced while it was read, and broke off") from changed
        self._body = answer["Body"]
