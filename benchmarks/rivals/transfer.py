"""One transfer to or from an S3, in a process of its own, so that its memory can be told: `python -m benchmarks.rivals.transfer`.

Prints seconds, CPU seconds, and by how many MiB the peak of resident memory grew during the transfer, as JSON."""

from __future__ import annotations

import hashlib
import json
import resource
import sys
import time
from collections.abc import Callable, Iterator
from typing import IO, Any, cast

import msgspec
from boto3.s3.transfer import TransferConfig

from bharat_storage_spaces import SpacesOptions
from bharat_storage_spaces.client import open_client
from bharat_storage_spaces.storage import SpacesStorage

CHUNK = 256 * 1024
_CONTENT = bytes(range(256)) * (CHUNK // 256)


def chunks(size: int) -> Iterator[bytes]:
    for number in range(size // CHUNK):
        yield number.to_bytes(8, "big") + _CONTENT[8:]


class Readable:
    """The same bytes as a file, which is what `upload_fileobj` takes."""

    def __init__(self, size: int) -> None:
        self._chunks = chunks(size)
        self._left = b""

    def read(self, size: int = -1) -> bytes:
        parts = [self._left]
        length = len(self._left)
        for chunk in self._chunks:
            parts.append(chunk)
            length += len(chunk)
            if 0 <= size <= length:
                break
        content = b"".join(parts)
        if size < 0:
            size = len(content)
        self._left = content[size:]
        return content[:size]


def up_by_boto3(options: SpacesOptions, size: int) -> None:
    part, together = options.part_size, options.concurrency
    config = TransferConfig(
        multipart_threshold=part, multipart_chunksize=part, max_concurrency=together, max_io_queue=together
    )
    source = cast("IO[Any]", Readable(size))
    open_client(options).upload_fileobj(source, options.bucket, "rival", Config=config)


def down_by_boto3(options: SpacesOptions, size: int) -> None:
    body = open_client(options).get_object(Bucket=options.bucket, Key="file")["Body"]
    assert sum(map(len, body.iter_chunks(CHUNK))) == size


def up(options: SpacesOptions, size: int) -> None:
    _storage(options).put("file", chunks(size))


def up_announced(options: SpacesOptions, size: int) -> None:
    _storage(options).put("file", chunks(size), sha256=_SHA256)


def down(options: SpacesOptions, size: int) -> None:
    assert sum(map(len, _storage(options).open("file").chunks)) == size


def _storage(options: SpacesOptions) -> SpacesStorage:
    return SpacesStorage(options, None)  # type: ignore[arg-type] # it lives by the server's clock


ACTS: dict[str, Callable[[SpacesOptions, int], None]] = {
    "up by boto3": up_by_boto3,
    "up": up,
    "up announced": up_announced,
    "down by boto3": down_by_boto3,
    "down": down,
}
_SHA256 = ""


def _usage() -> tuple[float, float, float]:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return time.perf_counter(), used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def main() -> None:
    global _SHA256
    options = msgspec.json.decode(sys.argv[1], type=SpacesOptions)
    act, size = ACTS[sys.argv[2]], int(sys.argv[3])
    client = open_client(options)
    client.put_object(Bucket=options.bucket, Key="warm", Body=b"x")  # what the driver loads once is not the transfer's
    client.get_object(Bucket=options.bucket, Key="warm")["Body"].read()
    if sys.argv[2] == "up announced":
        digest = hashlib.sha256()
        for chunk in chunks(size):
            digest.update(chunk)
        _SHA256 = digest.hexdigest()
    before = _usage()
    act(options, size)
    print(json.dumps([after - earlier for after, earlier in zip(_usage(), before, strict=True)]))


if __name__ == "__main__":
    main()
