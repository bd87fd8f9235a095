"""The conformance suite of the capability `storage`."""

from __future__ import annotations

import hashlib
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import ClassVar

import pytest

from bharat.contracts.storage import (
    CHUNK_SIZE,
    ChecksumMismatch,
    FileMissing,
    InvalidKey,
    RangeAfterEnd,
    Storage,
    StorageUnavailable,
)
from bharat.testing.files import MEBI, ClientGone, interrupted, keys, read, sha256, stuck_upload
from bharat.testing.presigned import PresignedPromises
from bharat.testing.suite import CutOff, LetPass, needs_cut_off, together

REFUSED_KEYS = [
    pytest.param(key, id=name)
    for name, key in {
        "empty": "",
        "parent": "..",
        "parent inside": "a/../b",
        "parent first": "../outside",
        "parent last": "a/..",
        "here": "./a",
        "absolute": "/etc/passwd",
        "trailing slash": "a/",
        "empty segment": "a//b",
        "backslash": "..\\outside",
        "NUL": "a\x00b",
        "line break": "a\nb",
        "trailing line break": "a\n",
        "space": "a b",
        "percent": "%2e%2e/a",
        "unicode": "ü.txt",
        "unicode dots": "\u2025/a",
        "full-width slash": "a\uff0fb",
        "lone surrogate": "a\ud800",
        "hidden": ".hidden",
        "hidden inside": "a/.hidden/b",
        "long segment": "a" * 129,
        "deep": "/".join("a" * 17),
        "colon": "c:a",
        "home": "~/a",
        "wildcard": "*",
    }.items()
]

TAKEN_KEYS = [
    "a",
    "_",
    "-",
    "-rf",
    "a.",
    "a..b",
    "A-z_0.9",
    "a" * 128,
    "/".join("abcdefghijklmnop"),
    "/".join(["segment-" + "x" * 100] * 8),
]

FILENAMES = [
    pytest.param(name, id=title)
    for title, name in {
        "unicode": "Überblick – 報告 🗂.pdf",
        "quotes": "the \"big\" 'deal'; a=b.txt",
        "line break": "two\r\nSet-Cookie: lines.txt",
        "path": "../../etc/passwd",
        "backslashes": "C:\\folder\\file.txt",
        "percent": "100%20sure+.txt",
        "spaces": "  around  ",
        "long": "ä" * 250,
        "combining": "e\u0301 and \u00e9",
    }.items()
]


class StorageSuite(PresignedPromises):
    """Everything that `bharat.contracts.storage` promises. Override `storage`; with `features.presign` also `fetch` when the
    URLs aren't served over HTTP in the test; `cut_off` for a backend that can go away.

    `big` is the size of the stream that must not fill memory and `memory` what a transfer may take; `part` is how many bytes
    an upload sends before it gets stuck: more than the backend buffers. `turns` is how many puts meet a sweep. A backend that keeps an unfinished upload nowhere
    but in its own memory sets `leaves_uploads = False`."""

    big: ClassVar[int] = 64 * MEBI
    memory: ClassVar[int] = 16 * MEBI
    part: ClassVar[int] = 12 * MEBI
    turns: ClassVar[int] = 50
    leaves_uploads: ClassVar[bool] = True

    # What is put is what is read.

    def test_what_was_put_is_read_back(self, storage: Storage) -> None:
        content = bytes(range(256)) * 5000
        storage.put("a/b.bin", [content])
        assert read(storage, "a/b.bin") == content

    def test_put_describes_what_it_stored(self, storage: Storage) -> None:
        before = datetime.now(UTC) - timedelta(minutes=5)
        stored = storage.put("a/b.txt", [b"hello ", b"world"], content_type="text/plain", filename="b.txt")
        assert (stored.key, stored.size, stored.sha256) == ("a/b.txt", 11, sha256(b"hello world"))
        assert (stored.content_type, stored.filename) == ("text/plain", "b.txt")
        assert stored.modified_at.utcoffset() == timedelta(0)
        assert stored.modified_at > before

    def test_stat_open_and_list_describe_the_file_alike(self, storage: Storage) -> None:
        storage.put("a/b.txt", [b"hello"], content_type="text/plain", filename="ü.txt")
        described = storage.stat("a/b.txt")
        opened = storage.open("a/b.txt")
        assert b"".join(opened.chunks) == b"hello"
        assert opened.file == described
        (listed,) = storage.list()
        assert (listed.key, listed.size, listed.modified_at) == ("a/b.txt", 5, described.modified_at)
        assert described.sha256 == sha256(b"hello")

    def test_a_file_may_be_empty(self, storage: Storage) -> None:
        assert storage.put("empty", []).sha256 == sha256(b"")
        assert storage.stat("empty").size == 0
        assert read(storage, "empty") == b""
        assert read(storage, "empty", start=0, end=10) == b""

    def test_chunks_may_be_empty_or_larger_than_the_backend_s(self, storage: Storage) -> None:
        chunks = [b"", b"a", b"", b"b" * (3 * CHUNK_SIZE + 1), b"c"]
        storage.put("chunks", iter(chunks))
        assert read(storage, "chunks") == b"".join(chunks)

    def test_a_file_without_type_and_name_has_the_defaults(self, storage: Storage) -> None:
        storage.put("plain", [b"x"])
        assert storage.stat("plain").content_type == "application/octet-stream"
        assert storage.stat("plain").filename is None

    @pytest.mark.parametrize("filename", FILENAMES)
    def test_the_display_name_is_kept_as_given(self, storage: Storage, filename: str) -> None:
        assert storage.put("named", [b"x"], filename=filename).filename == filename
        assert storage.stat("named").filename == filename

    def test_the_content_type_is_kept_with_its_parameters(self, storage: Storage) -> None:
        storage.put("typed", [b"x"], content_type='text/csv; charset="utf-8"; header=present')
        assert storage.stat("typed").content_type == 'text/csv; charset="utf-8"; header=present'

    def test_a_put_replaces_content_and_description(self, storage: Storage) -> None:
        storage.put("a", [b"the longer first content"], content_type="text/plain", filename="first.txt")
        storage.put("a", [b"second"], content_type="text/csv")
        file = storage.stat("a")
        assert (file.size, file.sha256) == (6, sha256(b"second"))
        assert (file.content_type, file.filename) == ("text/csv", None)
        assert read(storage, "a") == b"second"
        assert keys(storage.list()) == ["a"]

    # Keys.

    @pytest.mark.parametrize("key", TAKEN_KEYS)
    def test_every_valid_key_holds_a_file(self, storage: Storage, key: str) -> None:
        storage.put(key, [key.encode()])
        assert read(storage, key) == key.encode()
        assert keys(storage.list()) == [key]

    def test_a_key_may_continue_another(self, storage: Storage) -> None:
        for key in ("a", "a/b", "a/b/c", "a.b"):
            storage.put(key, [key.encode()])
        storage.delete("a/b")
        assert {key: read(storage, key) for key in keys(storage.list())} == {
            "a": b"a",
            "a.b": b"a.b",
            "a/b/c": b"a/b/c",
        }

    @pytest.mark.parametrize("key", REFUSED_KEYS)
    def test_no_method_takes_a_bad_key(self, storage: Storage, key: str) -> None:
        asked = []

        def chunks() -> Iterator[bytes]:
            asked.append(key)
            yield b"outside"

        with pytest.raises(InvalidKey):
            storage.put(key, chunks())
        with pytest.raises(InvalidKey):
            storage.open(key)
        with pytest.raises(InvalidKey):
            storage.stat(key)
        with pytest.raises(InvalidKey):
            storage.delete(key)
        if storage.features.presign:
            upload = storage.presign_put(expires=timedelta(minutes=1), content_type="text/csv", max_size=10).upload
            with pytest.raises(InvalidKey):
                storage.presign_get(key, expires=timedelta(minutes=1))
            with pytest.raises(InvalidKey):
                storage.complete(upload, key, max_size=10)
        assert asked == []
        assert keys(storage.list()) == []

    def test_a_key_without_a_file_is_missing(self, storage: Storage) -> None:
        storage.put("a/b", [b"x"])
        for key in ("a", "a/b/c", "b", "A/b"):
            with pytest.raises(FileMissing):
                storage.open(key)
            with pytest.raises(FileMissing):
                storage.stat(key)

    # Ranges.

    @pytest.mark.parametrize(
        ("start", "end"),
        [(0, None), (0, 1), (0, 10), (9, None), (9, 10), (3, 7), (5, 5), (0, 0), (2, 11), (2, 10**12)],
    )
    def test_a_range_gives_exactly_its_bytes(self, storage: Storage, start: int, end: int | None) -> None:
        content = b"0123456789"
        storage.put("digits", [content])
        opened = storage.open("digits", start=start, end=end)
        assert b"".join(opened.chunks) == content[start:end]
        assert (opened.start, opened.end) == (start, min(10, 10 if end is None else end))
        assert opened.file.size == 10

    def test_a_range_may_lie_across_chunks(self, storage: Storage) -> None:
        content = b"".join(bytes([number]) * CHUNK_SIZE for number in range(4))
        storage.put("wide", [content])
        start, end = CHUNK_SIZE - 3, 3 * CHUNK_SIZE + 5
        assert read(storage, "wide", start=start, end=end) == content[start:end]

    @pytest.mark.parametrize("start", [10, 11, 10**12])
    def test_a_range_after_the_end_is_refused(self, storage: Storage, start: int) -> None:
        storage.put("digits", [b"0123456789"])
        with pytest.raises(RangeAfterEnd):
            storage.open("digits", start=start)

    @pytest.mark.parametrize(("start", "end"), [(-1, None), (3, 2), (0, -1)])
    def test_a_range_that_is_none_is_a_value_error(self, storage: Storage, start: int, end: int | None) -> None:
        storage.put("digits", [b"0123456789"])
        with pytest.raises(ValueError):
            storage.open("digits", start=start, end=end)

    def test_a_reader_may_stop_half_way(self, storage: Storage) -> None:
        storage.put("a", [b"x" * (3 * CHUNK_SIZE)])
        for _ in range(50):
            chunks = storage.open("a").chunks
            next(chunks)
            chunks.close()
        storage.delete("a")
        with pytest.raises(FileMissing):
            storage.open("a")

    @pytest.mark.parametrize(("content", "start", "end"), [(b"digits", 3, 3), (b"digits", 0, 0), (b"", 0, None)])
    def test_a_range_without_bytes_can_be_closed_like_any_other(
        self, storage: Storage, content: bytes, start: int, end: int | None
    ) -> None:
        storage.put("a", [content])
        for unread in (True, False):
            chunks = storage.open("a", start=start, end=end).chunks
            if not unread:
                assert list(chunks) == []
            chunks.close()
            chunks.close()
            assert list(chunks) == []

    # Whole or not at all.

    @pytest.mark.parametrize("size", [10, MEBI])
    def test_an_interrupted_put_leaves_nothing(self, storage: Storage, size: int) -> None:
        with pytest.raises(ClientGone):
            storage.put("new", interrupted(b"x" * size))
        with pytest.raises(FileMissing):
            storage.stat("new")
        assert keys(storage.list()) == []

    def test_an_interrupted_put_leaves_the_old_file(self, storage: Storage) -> None:
        storage.put("a", [b"old"], content_type="text/plain", filename="old.txt")
        before = storage.stat("a")
        with pytest.raises(ClientGone):
            storage.put("a", interrupted(b"new" * 1000), content_type="text/csv")
        assert storage.stat("a") == before
        assert read(storage, "a") == b"old"

    def test_nothing_shows_of_an_upload_under_way(self, storage: Storage) -> None:
        storage.put("old", [b"old"])
        with stuck_upload(storage, "new", b"x" * self.part), stuck_upload(storage, "old", b"y" * self.part):
            with pytest.raises(FileMissing):
                storage.open("new")
            with pytest.raises(FileMissing):
                storage.stat("new")
            assert read(storage, "old") == b"old"
            assert keys(storage.list()) == ["old"]

    def test_a_reader_sees_the_old_file_or_the_new(self, storage: Storage) -> None:
        contents = [b"a" * (CHUNK_SIZE + 17), b"b" * (2 * CHUNK_SIZE + 5), b"c"]
        storage.put("a", [contents[0]])
        done = threading.Event()

        def act(number: int) -> None:
            if number == 0:
                for turn in range(40):
                    content = contents[turn % 3]
                    storage.put("a", [content[:5], content[5:]])
                done.set()
                return
            while not done.is_set():
                opened = storage.open("a")
                content = b"".join(opened.chunks)
                assert content in contents
                assert (opened.file.size, opened.file.sha256) == (len(content), sha256(content))

        together(4, act)

    def test_a_reader_that_began_before_a_put_gets_one_whole_file(self, storage: Storage) -> None:
        old, new = b"o" * (4 * CHUNK_SIZE), b"n" * (4 * CHUNK_SIZE)
        storage.put("a", [old])
        chunks = storage.open("a").chunks
        begun = next(chunks)
        storage.put("a", [new])
        assert begun + b"".join(chunks) in (old, new)

    def test_of_many_writers_one_wins_whole(self, storage: Storage) -> None:
        def act(number: int) -> None:
            for _ in range(5):
                storage.put("a", [bytes([number])] * (1000 + number), filename=str(number))

        together(8, act)
        file = storage.stat("a")
        winner = int(file.filename or "-1")
        assert read(storage, "a") == bytes([winner]) * (1000 + winner)
        assert file.sha256 == sha256(bytes([winner]) * (1000 + winner))

    def test_a_matching_checksum_is_accepted(self, storage: Storage) -> None:
        storage.put("a", [b"con", b"tent"], sha256=sha256(b"content"))
        assert read(storage, "a") == b"content"

    def test_a_wrong_checksum_stores_nothing(self, storage: Storage) -> None:
        with pytest.raises(ChecksumMismatch):
            storage.put("new", [b"content"], sha256=sha256(b"other"))
        with pytest.raises(FileMissing):
            storage.stat("new")
        assert keys(storage.list()) == []

    def test_a_wrong_checksum_leaves_the_old_file(self, storage: Storage) -> None:
        storage.put("a", [b"old"], content_type="text/plain")
        before = storage.stat("a")
        with pytest.raises(ChecksumMismatch):
            storage.put("a", [b"x" * MEBI], sha256=sha256(b"other"))
        assert storage.stat("a") == before
        assert read(storage, "a") == b"old"

    # Delete.

    def test_a_deleted_file_is_gone(self, storage: Storage) -> None:
        storage.put("a/b", [b"x"])
        storage.put("a/c", [b"x"])
        storage.delete("a/b")
        with pytest.raises(FileMissing):
            storage.open("a/b")
        assert keys(storage.list()) == ["a/c"]

    def test_delete_is_idempotent(self, storage: Storage) -> None:
        storage.put("a", [b"x"])
        storage.delete("a")
        storage.delete("a")
        storage.delete("never/was")
        assert keys(storage.list()) == []

    def test_a_deleted_key_can_be_used_again(self, storage: Storage) -> None:
        storage.put("a/b/c", [b"first"], filename="first")
        storage.delete("a/b/c")
        storage.put("a/b/c", [b"second"])
        assert read(storage, "a/b/c") == b"second"
        assert storage.stat("a/b/c").filename is None

    # Lists.

    ORDERED: ClassVar = ["A", "a", "a-b", "a.b", "a/-", "a/b", "a/b/c", "a/bc", "a/c", "a0", "aB", "ab", "b/a"]

    def test_a_list_ascends_by_key(self, storage: Storage) -> None:
        for key in reversed(self.ORDERED):
            storage.put(key, [b"x"])
        assert keys(storage.list()) == sorted(self.ORDERED)

    @pytest.mark.parametrize("prefix", ["", "a", "a/", "a/b", "a/b/", "a.", "b/a", "c", "a/b/c/d", "../", "/", "a/../"])
    def test_a_prefix_matches_characters(self, storage: Storage, prefix: str) -> None:
        for key in self.ORDERED:
            storage.put(key, [b"x"])
        assert keys(storage.list(prefix)) == [key for key in sorted(self.ORDERED) if key.startswith(prefix)]

    @pytest.mark.parametrize("limit", [1, 2, 5, 100])
    def test_pages_hold_every_file_once(self, storage: Storage, limit: int) -> None:
        for key in self.ORDERED:
            storage.put(key, [b"x"])
        listed: list[str] = []
        while page := keys(storage.list("a", after=listed[-1] if listed else None, limit=limit)):
            assert len(page) <= limit
            listed += page
            assert len(listed) <= len(self.ORDERED)
        assert listed == [key for key in sorted(self.ORDERED) if key.startswith("a")]

    def test_a_page_may_follow_a_key_that_is_no_more(self, storage: Storage) -> None:
        for key in ("a", "b/x", "c"):
            storage.put(key, [b"x"])
        storage.delete("b/x")
        assert keys(storage.list(after="b/x")) == ["c"]
        assert keys(storage.list(after="b")) == ["c"]
        assert keys(storage.list(after="c")) == []

    # Memory.

    def test_memory_does_not_grow_with_the_file(self, storage: Storage) -> None:
        digest = hashlib.sha256()

        def chunks() -> Iterator[bytes]:
            for number in range(self.big // CHUNK_SIZE):
                chunk = number.to_bytes(8, "big") * (CHUNK_SIZE // 8)
                digest.update(chunk)
                yield chunk

        tracemalloc.start()
        try:
            stored = storage.put("big", chunks())
            while_put = tracemalloc.get_traced_memory()[1]
            tracemalloc.reset_peak()
            back = hashlib.sha256()
            for chunk in storage.open("big").chunks:
                back.update(chunk)
            while_read = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert stored.size == self.big
        assert stored.sha256 == digest.hexdigest() == back.hexdigest()
        assert while_put < self.memory, f"a put of {self.big} bytes took {while_put} bytes of memory"
        assert while_read < self.memory, f"reading {self.big} bytes took {while_read} bytes of memory"

    # Sweeping.

    def test_a_sweep_removes_an_abandoned_upload(self, storage: Storage, let_pass: LetPass) -> None:
        with stuck_upload(storage, "abandoned", b"x" * self.part):
            let_pass(2 * self.moment)
            swept = storage.sweep(older_than=self.moment)
            if self.leaves_uploads:
                assert swept == 1
            assert storage.sweep(older_than=self.moment) == 0
        assert keys(storage.list()) == []

    def test_a_sweep_leaves_complete_files(self, storage: Storage, let_pass: LetPass) -> None:
        for key in ("a", "a/b", "c/d/e"):
            storage.put(key, [key.encode()])
        let_pass(2 * self.moment)
        assert storage.sweep(older_than=timedelta(0)) == 0
        assert [read(storage, key) for key in ("a", "a/b", "c/d/e")] == [b"a", b"a/b", b"c/d/e"]

    def test_a_sweep_leaves_a_young_upload(self, storage: Storage) -> None:
        first, rest = b"x" * self.part, b"rest"
        with stuck_upload(storage, "young", first) as upload:
            assert storage.sweep(older_than=timedelta(hours=1)) == 0
            upload.finish(rest)
            assert upload.error is None
        assert read(storage, "young") == first + rest

    def test_a_sweep_beside_puts_fails_none_of_them(self, storage: Storage) -> None:
        put = threading.Event()

        def act(number: int) -> None:
            if number == 0:
                while not put.is_set():
                    storage.sweep(older_than=timedelta(hours=1))
                return
            try:
                # Each begins and ends without anything below its prefix.
                for turn in range(self.turns):
                    storage.put(f"a{turn}/b/c/d", [b"x"])
                    assert read(storage, f"a{turn}/b/c/d") == b"x"
                    storage.delete(f"a{turn}/b/c/d")
            finally:
                put.set()

        together(2, act)
        assert keys(storage.list()) == []

    def test_an_upload_that_was_swept_shows_nothing_partial(self, storage: Storage, let_pass: LetPass) -> None:
        first, rest = b"x" * self.part, b"rest"
        with stuck_upload(storage, "late", first) as upload:
            let_pass(2 * self.moment)
            storage.sweep(older_than=self.moment)
            upload.finish(rest)
        if upload.error is None:
            assert read(storage, "late") == first + rest
        else:
            with pytest.raises(FileMissing):
                storage.stat("late")

    # Going away.

    def test_a_backend_that_does_not_answer_is_said_to_be_unavailable(
        self, storage: Storage, cut_off: CutOff | None
    ) -> None:
        storage.put("a", [b"x"])
        needs_cut_off(cut_off)()
        calls: list[Callable[[], object]] = [
            lambda: storage.put("b", [b"x"]),
            lambda: b"".join(storage.open("a").chunks),
            lambda: storage.stat("a"),
            lambda: storage.delete("a"),
            lambda: storage.list(),
            lambda: storage.sweep(older_than=timedelta(0)),
        ]
        for call in calls:
            with pytest.raises(StorageUnavailable):
                call()

    def test_close_is_idempotent(self, storage: Storage) -> None:
        storage.close()
        storage.close()
