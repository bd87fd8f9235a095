"""Wrong storage backends, each with its suite; `test_suites_bite.py` runs them. `TestRight` is what they derive from."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any, ClassVar

import pytest

from bharat.contracts.storage import ListedFile, OpenFile, Storage, StoredFile
from bharat.local.folder import FolderStorage
from bharat.local.options import FolderOptions
from bharat.local.signed_urls import SignedUrls
from bharat.testing.files import MEBI, Fetch, fetch_over_http
from bharat.testing.platform import SmallPlatform
from bharat.testing.storage import StorageSuite
from bharat.testing.suite import OnShiftedClock
from tests.local.signed_calls import served


class TestRight(OnShiftedClock, StorageSuite):
    backend: ClassVar[type[FolderStorage]] = FolderStorage
    big = 24 * MEBI
    part = MEBI

    @pytest.fixture
    def storage(self, platform: SmallPlatform) -> Storage:
        return self.backend(FolderOptions(), platform)

    @pytest.fixture
    def fetch(self, platform: SmallPlatform, storage: Storage) -> Iterator[Fetch]:
        with served(platform, storage) as address:
            yield lambda url, *rest: fetch_over_http(url.replace(platform.public_url, address), *rest)


class Wrong(TestRight):
    """What is never going to happen is not waited for as long as what may be slow."""

    patience = timedelta(seconds=0.5)


class TestEscapesTheRoot(Wrong):
    class backend(FolderStorage):  # noqa: N801
        def _segments(self, key: str) -> Sequence[str]:
            return key.split("/")


class TestServesAHalfWrittenFile(Wrong):
    class backend(FolderStorage):  # noqa: N801
        def put(self, key: str, chunks: Iterable[bytes], **more: Any) -> StoredFile:
            self._segments(key)
            written = b""
            for chunk in chunks:
                written += chunk
                super().put(key, [written], **{**more, "sha256": None})
            return super().put(key, [written], **more)


class TestIgnoresTheChecksum(Wrong):
    class backend(FolderStorage):  # noqa: N801
        def put(self, key: str, chunks: Iterable[bytes], *, sha256: str | None = None, **more: Any) -> StoredFile:
            return super().put(key, chunks, **more)


class TestHoldsTheFileInMemory(Wrong):
    class backend(FolderStorage):  # noqa: N801
        def put(self, key: str, chunks: Iterable[bytes], **more: Any) -> StoredFile:
            self._segments(key)
            return super().put(key, [b"".join(chunks)], **more)


class TestSweepsAnUploadUnderWay(Wrong):
    class backend(FolderStorage):  # noqa: N801
        def sweep(self, *, older_than: timedelta) -> int:
            return super().sweep(older_than=timedelta(0))


class TestSweepsWhatAPutNeeds(Wrong):
    class backend(FolderStorage):  # noqa: N801
        _tries = 1

        def sweep(self, *, older_than: timedelta) -> int:
            for path, _, _ in os.walk(self._root, topdown=False):
                if path not in (str(self._root), str(self._uploads)):
                    with suppress(OSError):
                        os.rmdir(path)
            return super().sweep(older_than=older_than)


class TestNeverSweeps(Wrong):
    class backend(FolderStorage):  # noqa: N801
        def sweep(self, *, older_than: timedelta) -> int:
            return 0


class TestCountsTheEndOfARangeIn(Wrong):
    class backend(FolderStorage):  # noqa: N801
        def open(self, key: str, *, start: int = 0, end: int | None = None) -> OpenFile:
            return super().open(key, start=start, end=None if end is None else end + 1)


class TestListsBySegments(Wrong):
    class backend(FolderStorage):  # noqa: N801
        def list(self, prefix: str = "", *, after: str | None = None, limit: int = 1000) -> Sequence[ListedFile]:
            folder = f"{prefix.rstrip('/')}/" if prefix else ""
            return super().list(folder, after=after, limit=limit)


class TestForgetsTheDisplayName(Wrong):
    class backend(FolderStorage):  # noqa: N801
        def stat(self, key: str) -> StoredFile:
            file = super().stat(key)
            ascii_only = file.filename.encode("ascii", "ignore").decode() if file.filename else None
            return replace(file, filename=ascii_only)


class TestItsLinksNeverExpire(Wrong):
    class backend(FolderStorage):  # noqa: N801
        def presign_get(self, key: str, *, expires: timedelta, **more: Any) -> str:
            return super().presign_get(key, expires=timedelta(days=365), **more)


class TestItsLinksGiveAnyFile(Wrong):
    @pytest.fixture(autouse=True)
    def unsigned(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(SignedUrls, "_check", lambda *_: None)


class TestLeavesAnEmptyRangeUnclosed(Wrong):
    class backend(FolderStorage):  # noqa: N801
        def open(self, key: str, *, start: int = 0, end: int | None = None) -> OpenFile:
            opened = super().open(key, start=start, end=end)
            if opened.start == opened.end:
                opened.chunks.close()
                return replace(opened, chunks=iter(()))  # type: ignore[arg-type] # as it is wrong
            return opened


class TestCompletesUnseen(Wrong):
    class backend(FolderStorage):  # noqa: N801
        def complete(
            self, upload: str, key: str, *, max_size: int, sha256: str | None = None, **more: Any
        ) -> StoredFile:
            return super().complete(upload, key, max_size=2**53, **more)


class TestPublishesUploadsAtOnce(Wrong):
    class backend(FolderStorage):  # noqa: N801
        def stage(self, upload: str, chunks: Iterable[bytes], *, content_type: str) -> None:
            written = [*chunks]
            super().stage(upload, written, content_type=content_type)
            self.put(f"uploads/{upload}", written, content_type=content_type)
