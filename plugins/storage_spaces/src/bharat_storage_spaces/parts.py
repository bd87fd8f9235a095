"""Cutting a stream into parts, and sending parts of one object several at a time."""

from __future__ import annotations

import hashlib
import io
import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from bharat.contracts.storage import StorageError, StorageUnavailable
from bharat_storage_spaces.bucket import GONE_UPLOAD

if TYPE_CHECKING:
    from bharat_storage_spaces.bucket import Bucket

_MOST_PARTS = 10_000
"""Parts of one object that S3 takes."""
_READ_AT_ONCE = 64 * 1024
_YIELD_EVERY = 8
"""Chunks after which others get a turn, where chunks never have to be waited for."""


class Cutter:
    """Cuts chunks of any size into parts of `size` bytes; the last is shorter. It knows the SHA-256 and the length of what it has cut."""

    def __init__(self, chunks: Iterable[bytes], size: int) -> None:
        self._chunks = iter(chunks)
        self._size = size
        self._left = memoryview(b"")
        self._digest = hashlib.sha256()
        self._turns = 0
        self.length = 0
        self.part = bytearray()
        self.advance()

    @property
    def is_full(self) -> bool:
        """Whether `part` is as long as a part may be: there may be more."""
        return len(self.part) == self._size

    def advance(self) -> None:
        """Cut the next part, the one before having been taken; it is empty when nothing is left."""
        part = bytearray()
        if self.length:
            # A large file: its parts have their whole room from the beginning, where growing would take an eighth more.
            part = bytearray(self._size)
            end = 0
            with memoryview(part) as room:
                for piece in self._pieces():
                    room[end : end + len(piece)] = piece
                    end += len(piece)
            del part[end:]
        else:
            for piece in self._pieces():
                part += piece
        self.part = part
        self.length += len(part)

    def _pieces(self) -> Iterator[memoryview]:
        """The bytes of the next part."""
        room = self._size
        while room:
            if not self._left:
                chunk = next(self._chunks, None)
                if chunk is None:
                    return
                self._digest.update(chunk)
                self._left = memoryview(chunk)
                self._turns += 1
                if self._turns % _YIELD_EVERY == 0:
                    time.sleep(0)  # lets other greenlets run
            piece, self._left = self._left[:room], self._left[room:]
            room -= len(piece)
            yield piece

    def take(self) -> bytearray:
        """Hand the part over, so that nothing here keeps it in memory."""
        part, self.part = self.part, bytearray()
        return part

    def sha256(self) -> str:
        return self._digest.hexdigest()


class _Reader(io.RawIOBase):
    """The bytes of a part as a file: of anything else that it could be given, botocore makes a copy."""

    def __init__(self, part: bytearray) -> None:
        self._bytes = memoryview(part)
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        some = self._bytes[self._at : self._at + len(buffer)]
        buffer[: len(some)] = some
        self._at += len(some)
        return len(some)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        begin = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: len(self._bytes)}[whence]
        self._at = max(0, begin + offset)
        return self._at


class Parts:
    """A multipart upload under way. At most `concurrency` parts are in memory: those on their way and the one being filled."""

    def __init__(self, bucket: Bucket, name: str, upload_id: str, mark: str, pool: ThreadPoolExecutor) -> None:
        self._bucket = bucket
        self._object: dict[str, Any] = {"Key": name, "UploadId": upload_id}
        self._mark = mark
        self._pool = pool
        self._running: set[Future[None]] = set()
        self._sent: dict[int, str] = {}
        self._number = 0

    def send(self, part: bytearray) -> None:
        """Send the next part, and return when there is room for one more."""

        def upload(**asked: Any) -> Any:
            # Each time it is asked, from the beginning.
            body = io.BufferedReader(_Reader(part), _READ_AT_ONCE)
            return self._bucket.client.upload_part(Body=body, **asked)

        def bring(number: int) -> str:
            return str(self._ask(upload, number)["ETag"])

        self._begin(bring)

    def copy(self, source: Mapping[str, str], start: int, end: int) -> None:
        """Let the server take the next part from the bytes `start` to `end` (exclusive) of another object."""
        extent = f"bytes={start}-{end - 1}"

        def bring(number: int) -> str:
            client = self._bucket.client
            answer = self._ask(client.upload_part_copy, number, CopySource=source, CopySourceRange=extent)
            return str(answer["CopyPartResult"]["ETag"])

        self._begin(bring)

    def complete(self) -> dict[str, Any]:
        """Let the object appear. An answer that was lost is made up for by asking whether it did."""
        self._wait(0)
        parts = [{"PartNumber": number, "ETag": self._sent[number]} for number in sorted(self._sent)]
        try:
            answer: dict[str, Any] = self._bucket.ask(
                self._bucket.client.complete_multipart_upload,
                answers=GONE_UPLOAD,
                **self._object,
                MultipartUpload={"Parts": parts},
            )
        except ClientError as error:
            found = self._bucket.find(self._object["Key"])
            if found is None or found.get("Metadata", {}).get("upload") != self._mark:
                raise StorageUnavailable("the upload was swept while it went on") from error
            return found
        return answer

    def _begin(self, bring: Callable[[int], str]) -> None:
        self._number = number = self._number + 1
        if number > _MOST_PARTS:
            raise StorageError(f"the file has more than {_MOST_PARTS} parts: raise storage.spaces.part_size")

        def run() -> None:
            self._sent[number] = bring(number)

        self._running.add(self._pool.submit(run))
        self._wait(self._bucket.options.concurrency - 1)

    def _ask(self, operation: Callable[..., Any], number: int, **more: Any) -> Any:
        try:
            return self._bucket.ask(operation, answers=GONE_UPLOAD, **self._object, PartNumber=number, **more)
        except ClientError as error:
            raise StorageUnavailable("the upload was swept while it went on") from error

    def _wait(self, most: int) -> None:
        while len(self._running) > most:
            done, self._running = wait(self._running, return_when=FIRST_COMPLETED)
            for future in done:
                future.result()


@contextmanager
def parts_of(bucket: Bucket, name: str, **description: Any) -> Iterator[Parts]:
    """A multipart upload to `name`. One that is not complete at the end of the block is dropped with all its parts; if that fails
    too, a sweep finds it."""
    mark = secrets.token_hex(8)
    description["Metadata"] = {**description.get("Metadata", {}), "upload": mark}
    client = bucket.client
    upload_id = bucket.ask(client.create_multipart_upload, Key=name, **bucket.acl, **description)["UploadId"]
    pool = ThreadPoolExecutor(bucket.options.concurrency, thread_name_prefix="spaces")
    try:
        yield Parts(bucket, name, upload_id, mark, pool)
    except BaseException:
        # A part that arrives after its upload was dropped would stay.
        pool.shutdown(wait=True, cancel_futures=True)
        with suppress(StorageUnavailable, ClientError):
            bucket.abort(name, upload_id)
        raise
    finally:
        pool.shutdown(wait=True)
