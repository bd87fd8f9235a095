"""What happens when the S3, or the way to it, fails; each with its mutant."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from botocore.config import Config

from bharat.contracts.storage import ChecksumMismatch, FileMissing, StorageUnavailable
from bharat.testing.files import MEBI, keys, read, sha256
from bharat.testing.suite import eventually, together
from bharat_local_servers import RadosGateway
from bharat_storage_spaces import asking, client, reading
from bharat_storage_spaces.bucket import Bucket
from bharat_storage_spaces.description import Label
from bharat_storage_spaces.storage import SpacesStorage
from plugins.storage_spaces.tests.faulty_way import NO_SUCH_UPLOAD, Asked, FaultyWay

Build = Callable[..., SpacesStorage]
BUSY = 10
"""Seconds for which the S3 answers 503."""
LARGE = bytes(range(256)) * (12 * 4096)
"""12 MiB: three parts."""


def all_at_once(storage: SpacesStorage) -> None:
    """Everything that users do, each begun at the same moment."""
    acts: list[Callable[[], object]] = [
        lambda: storage.put("small", [b"new"]),
        lambda: storage.put("large", [LARGE]),
        lambda: storage.put("announced", [LARGE], sha256=sha256(LARGE)),
        lambda: read(storage, "there"),
        lambda: storage.stat("there"),
        lambda: storage.list(),
        lambda: storage.delete("gone"),
    ]
    together(len(acts), lambda number: acts[number]())
    assert read(storage, "small") == b"new"
    assert read(storage, "large") == read(storage, "announced") == LARGE
    assert keys(storage.list()) == ["announced", "large", "small", "there"]


def test_an_s3_that_is_busy_for_ten_seconds_fails_nobody(build: Build, way: FaultyWay) -> None:
    """Protected by `passes(error)` in `asking.ask`."""
    storage = build(endpoint=way.url)
    for key in ("there", "gone"):
        storage.put(key, [b"x"])
    way.busy_for(BUSY)
    began = time.monotonic()
    all_at_once(storage)
    assert time.monotonic() - began > BUSY


def test_mutant_that_never_asks_again_fails_at_the_first_503(
    build: Build, way: FaultyWay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "passes", lambda error: False)
    with pytest.raises(StorageUnavailable, match=r"SlowDown|503"):
        test_an_s3_that_is_busy_for_ten_seconds_fails_nobody(build, way)


def test_patience_ends(build: Build, way: FaultyWay) -> None:
    storage = build(endpoint=way.url, patience=2)
    way.busy_for(60)
    began = time.monotonic()
    with pytest.raises(StorageUnavailable, match=r"failed at HeadObject \(503\)"):
        storage.stat("a")
    assert time.monotonic() - began < 4
    assert len(way.asked) > 3


def seconds_without_an_answer(storage: SpacesStorage, gateway: RadosGateway, fault: str) -> float:
    """How long the longest of all calls takes while the S3 is away."""
    storage.put("a", [b"x"])
    {"stopped": gateway.stop, "stalled": gateway.pause}[fault]()
    longest = 0.0
    calls: list[Callable[[], object]] = [
        lambda: storage.put("b", [b"x"]),
        lambda: storage.put("b", [LARGE]),
        lambda: storage.open("a"),
        lambda: storage.stat("a"),
        lambda: storage.delete("a"),
        lambda: storage.list(),
        lambda: storage.sweep(older_than=timedelta(0)),
    ]
    try:
        for call in calls:
            began = time.monotonic()
            with pytest.raises(StorageUnavailable, match="does not answer"):
                call()
            longest = max(longest, time.monotonic() - began)
    finally:
        gateway.resume()
        gateway.start()
    return longest


@pytest.mark.parametrize("fault", ["stopped", "stalled"])
def test_an_s3_that_is_away_is_said_to_be_within_its_time_outs_and_used_again_when_it_is_back(
    build: Build, gateway: RadosGateway, fault: str
) -> None:
    """Protected by `read_timeout` in `open_client` and by `max_attempts` in `asking.ask`: 2 × 1 s and the wait between."""
    storage = build(read_timeout=1, connect_timeout=1, max_attempts=2)
    assert seconds_without_an_answer(storage, gateway, fault) < 3.5
    eventually(lambda: works(storage), within=timedelta(seconds=10), what="files are stored again")


def works(storage: SpacesStorage) -> bool:
    try:
        storage.put("again", [b"x"])
    except StorageUnavailable:
        return False
    return read(storage, "again") == b"x"


def test_mutant_that_sets_no_time_outs_waits_on(
    build: Build, gateway: RadosGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = Config
    monkeypatch.setattr(client, "Config", lambda **more: plain(**{**more, "read_timeout": 4}))
    storage = build(read_timeout=1, connect_timeout=1, max_attempts=1)
    assert seconds_without_an_answer(storage, gateway, "stalled") >= 3.5


# Other bytes than were sent.


@pytest.mark.parametrize("content", [b"content", LARGE], ids=["small", "large"])
def test_a_flipped_byte_is_refused(storage: SpacesStorage, content: bytes) -> None:
    """Protected by `label.verify` in `SpacesStorage._put` and `_send`."""
    storage.put("a", [b"old"])
    flipped = bytearray(content)
    flipped[len(content) // 2] ^= 1
    with pytest.raises(ChecksumMismatch):
        storage.put("a", [bytes(flipped)], sha256=sha256(content))
    assert read(storage, "a") == b"old"


@pytest.mark.parametrize("content", [b"content", LARGE], ids=["small", "large"])
def test_mutant_that_verifies_nothing_takes_it(
    storage: SpacesStorage, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Label, "verify", lambda self, found: None)
    with pytest.raises(pytest.fail.Exception, match="DID NOT RAISE"):
        test_a_flipped_byte_is_refused(storage, content)


@pytest.mark.parametrize("content", [b"content", LARGE], ids=["small", "large"])
def test_a_byte_that_flips_on_the_way_is_refused(build: Build, way: FaultyWay, content: bytes) -> None:
    """Protected by the signature, which covers the body."""
    storage = build(endpoint=way.url)
    way.faults.change = lambda body: body[:-1] + bytes([body[-1] ^ 1]) if body else body
    with pytest.raises(StorageUnavailable, match="ContentSHA256Mismatch"):
        storage.put("a", [content])
    way.faults.change = lambda body: body
    with pytest.raises(FileMissing):
        storage.stat("a")


def test_mutant_that_signs_no_body_stores_the_flipped_byte(
    build: Build, way: FaultyWay, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Adds `payload_signing_enabled: False` to the client's options."""
    plain = Config
    unsigned = {"addressing_style": "path", "payload_signing_enabled": False}
    monkeypatch.setattr(client, "Config", lambda **more: plain(**{**more, "s3": unsigned}))
    with pytest.raises(pytest.fail.Exception, match="DID NOT RAISE"):
        test_a_byte_that_flips_on_the_way_is_refused(build, way, b"content")


# Connections that break.


def test_reading_goes_on_where_the_connection_broke(build: Build, way: FaultyWay) -> None:
    """Protected by `ObjectChunks._resume`."""
    storage = build(endpoint=way.url)
    storage.put("a", [LARGE])
    way.faults.cut = [5 * MEBI, 3 * MEBI]
    assert read(storage, "a", start=7) == LARGE[7:]
    assert way.faults.cut == []


def test_mutant_that_does_not_go_on_breaks_off(build: Build, way: FaultyWay, monkeypatch: pytest.MonkeyPatch) -> None:
    def give_up(self: Any, error: Any) -> None:
        raise StorageUnavailable("broke off")

    monkeypatch.setattr(reading.ObjectChunks, "_resume", give_up)
    with pytest.raises(StorageUnavailable, match="broke off"):
        test_reading_goes_on_where_the_connection_broke(build, way)


def test_what_was_replaced_while_it_was_read_is_never_put_together(build: Build, way: FaultyWay) -> None:
    """Protected by `IfMatch` in `ObjectChunks._resume`."""
    storage = build(endpoint=way.url)
    storage.put("a", [LARGE])
    way.faults.cut = [5 * MEBI]
    chunks = storage.open("a").chunks
    first = next(chunks)
    storage.put("a", [bytes(len(LARGE))])
    with pytest.raises(StorageUnavailable, match="was replaced"):
        first += b"".join(chunks)


def test_mutant_that_asks_for_any_version_mixes_two(
    build: Build, way: FaultyWay, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = Bucket.ask

    def ask(self: Bucket, operation: Any, **more: Any) -> Any:
        more.pop("IfMatch", None)
        return plain(self, operation, **more)

    monkeypatch.setattr(Bucket, "ask", ask)
    with pytest.raises(pytest.fail.Exception, match="DID NOT RAISE"):
        test_what_was_replaced_while_it_was_read_is_never_put_together(build, way)


@pytest.mark.parametrize("announced", [None, sha256(LARGE)], ids=["unannounced", "announced"])
def test_an_answer_that_was_lost_is_made_up_for(build: Build, way: FaultyWay, announced: str | None) -> None:
    """The last step was carried out, its answer lost, and a repetition is answered by NoSuchUpload, as by some S3. Protected by
    `bucket.find` in `Parts.complete`."""
    storage = build(endpoint=way.url)
    lost: list[str] = []

    def last_step(asked: Asked) -> bool:
        return asked.method == "POST" and "uploadId=" in asked.path

    def lose(asked: Asked) -> bool:
        lost.extend([asked.path] if last_step(asked) else [])
        return last_step(asked)

    way.faults.lose = lose
    way.faults.instead = lambda asked: (404, NO_SUCH_UPLOAD) if lost and last_step(asked) else None
    storage.put("a", [LARGE], sha256=announced)
    assert len(lost) == 1
    assert hashlib.sha256(read(storage, "a")).digest() == hashlib.sha256(LARGE).digest()
    assert storage.stat("a").sha256 == sha256(LARGE)


def test_mutant_that_believes_the_second_answer_says_it_was_swept(
    build: Build, way: FaultyWay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Bucket, "find", lambda self, name: None)
    with pytest.raises(StorageUnavailable, match="was swept"):
        test_an_answer_that_was_lost_is_made_up_for(build, way, None)
