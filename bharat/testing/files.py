"""What the suite of `storage` sends and reads: HTTP calls to presigned URLs, uploads that get stuck, contents and checksums."""

from __future__ import annotations

import hashlib
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from bharat.contracts.storage import CHUNK_SIZE, ListedFile, Storage, StoredFile

KIBI = 1024
MEBI = 1024 * KIBI
Fetch = Callable[..., "Answer"]


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back from a presigned URL. Header names are in lower case."""

    status: int
    body: bytes
    headers: Mapping[str, str]


def fetch_over_http(
    url: str, method: str = "GET", body: bytes | None = None, headers: Mapping[str, str] | None = None
) -> Answer:
    """Call a presigned URL as a browser would; an error status is an answer, not an exception."""
    request = urllib.request.Request(url, data=body, method=method, headers=dict(headers or {}))  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310
            return Answer(answer.status, answer.read(), {k.lower(): v for k, v in answer.headers.items()})
    except urllib.error.HTTPError as error:
        with error:
            return Answer(error.code, error.read(), {k.lower(): v for k, v in error.headers.items()})


REFUSALS = (400, 401, 403, 404, 410)
"""Statuses with which a backend refuses a URL: that there is nothing is an answer too."""


def forgeries(own: str, other: str, key: str, other_key: str) -> set[str]:
    """URLs that nobody signed, made of two that were, for two names of the same length: the first with the other's name in it, where
    it can be read there, and, whatever they look like, the beginning of the second with the end of the first."""
    length = min(len(own), len(other))
    apart = [at for at in range(length) if own[at] != other[at]]
    assert apart, "the URLs of two files are the same"
    half = (apart[0] + apart[-1]) // 2 + 1
    made = {own.replace(key, other_key), other[:half] + own[half:]} - {own, other}
    assert made, f"no URL can be made of {own} and {other} that neither of them is"
    return made


class ClientGone(Exception):
    """Raised by the chunks of an upload whose client went away."""


class StuckUpload:
    """An upload that has sent part of its bytes and waits: what a reader sees meanwhile is what a killed process leaves."""

    def __init__(self, storage: Storage, key: str, first: bytes) -> None:
        self._go_on = threading.Event()
        self._waiting = threading.Event()
        self._rest: list[bytes | Exception] = [ClientGone()]
        self.stored: StoredFile | None = None
        self.error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, args=(storage, key, first), daemon=True)
        self._thread.start()
        if not self._waiting.wait(60):
            pytest.fail("the upload read no chunk within 60 s")

    def finish(self, rest: bytes | Exception) -> None:
        """Send the rest, or fail with it, and wait until `put` has returned."""
        self._rest[:] = [rest]
        self._go_on.set()
        self._thread.join(60)
        if self._thread.is_alive():
            pytest.fail("the upload did not end within 60 s of its last chunk")

    def _chunks(self, first: bytes) -> Iterator[bytes]:
        for start in range(0, len(first), CHUNK_SIZE):
            yield first[start : start + CHUNK_SIZE]
        self._waiting.set()
        self._go_on.wait()
        rest = self._rest[0]
        if isinstance(rest, Exception):
            raise rest
        yield rest

    def _run(self, storage: Storage, key: str, first: bytes) -> None:
        try:
            self.stored = storage.put(key, self._chunks(first))
        except BaseException as error:
            self.error = error
        finally:
            self._waiting.set()


@contextmanager
def stuck_upload(storage: Storage, key: str, first: bytes) -> Iterator[StuckUpload]:
    """An upload under way; one that the test does not finish fails at the end of the block."""
    upload = StuckUpload(storage, key, first)
    try:
        yield upload
    finally:
        upload.finish(ClientGone())


def read(storage: Storage, key: str, *, start: int = 0, end: int | None = None) -> bytes:
    return b"".join(storage.open(key, start=start, end=end).chunks)


def keys(files: Iterable[ListedFile]) -> list[str]:
    return [file.key for file in files]


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def interrupted(first: bytes) -> Iterator[bytes]:
    yield first
    raise ClientGone
