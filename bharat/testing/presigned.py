"""The promises of `storage` about presigned URLs; part of `bharat.testing.storage.StorageSuite`."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bharat.contracts.storage import ChecksumMismatch, PresignedPut, Storage, UploadMissing, UploadTooLarge
from bharat.testing.files import REFUSALS, Fetch, fetch_over_http, forgeries, keys, read, sha256
from bharat.testing.suite import LetPass, Suite, not_given


class PresignedPromises(Suite):
    """What a backend with `features.presign` promises. Override `fetch` when its URLs aren't served over HTTP in the test."""

    @pytest.fixture
    def storage(self) -> Storage:
        raise not_given("storage", "StorageSuite")

    @pytest.fixture
    def fetch(self) -> Fetch:
        return fetch_over_http

    @pytest.fixture
    def presigning(self, storage: Storage) -> Storage:
        if not storage.features.presign:
            pytest.skip("this backend does not presign (features.presign)")
        return storage

    def test_a_presigned_url_gives_the_file(self, presigning: Storage, fetch: Fetch) -> None:
        content = bytes(range(256)) * 1000
        presigning.put("a/b.bin", [content])
        answer = fetch(presigning.presign_get("a/b.bin", expires=timedelta(minutes=1)))
        assert (answer.status, answer.body) == (200, content)
        assert answer.headers["content-disposition"].startswith("attachment")

    def test_a_presigned_url_names_the_file(self, presigning: Storage, fetch: Fetch) -> None:
        presigning.put("a", [b"x"])
        answer = fetch(presigning.presign_get("a", expires=timedelta(minutes=1), filename="the report.pdf"))
        assert answer.status == 200
        assert "attachment" in answer.headers["content-disposition"]
        assert "report.pdf" in answer.headers["content-disposition"]

    def test_a_presigned_url_gives_no_other_file(self, presigning: Storage, fetch: Fetch) -> None:
        for key in ("first-file", "other-file"):
            presigning.put(key, [key.encode()])
        own = presigning.presign_get("first-file", expires=timedelta(minutes=1))
        other = presigning.presign_get("other-file", expires=timedelta(minutes=1))
        for url in forgeries(own, other, "first-file", "other-file"):
            answer = fetch(url)
            assert answer.status in REFUSALS, f"{url} was made of two others, and works"
            assert answer.body != b"other-file"

    def test_a_presigned_url_does_not_write(self, presigning: Storage, fetch: Fetch) -> None:
        presigning.put("a", [b"old"])
        answer = fetch(presigning.presign_get("a", expires=timedelta(minutes=1)), "PUT", b"new")
        assert answer.status >= 400
        assert read(presigning, "a") == b"old"

    def test_a_presigned_url_expires(self, presigning: Storage, fetch: Fetch, let_pass: LetPass) -> None:
        presigning.put("a", [b"x"])
        url = presigning.presign_get("a", expires=2 * self.moment)
        assert fetch(url).status == 200
        let_pass(2 * self.moment)
        self.eventually(lambda: fetch(url).status in REFUSALS, "a presigned URL stops to work")

    def test_a_presigned_url_may_show_a_picture(self, presigning: Storage, fetch: Fetch) -> None:
        presigning.put("a", [b"picture"], content_type="text/html")
        answer = fetch(presigning.presign_get("a", expires=timedelta(minutes=1), inline_type="image/png"))
        assert (answer.status, answer.headers["content-type"]) == (200, "image/png")
        assert not answer.headers.get("content-disposition", "inline").startswith("attachment")

    @pytest.mark.parametrize("content_type", ["text/html", "image/svg+xml", "", "image/png; charset=x"])
    def test_what_may_run_scripts_is_never_shown(self, presigning: Storage, content_type: str) -> None:
        presigning.put("a", [b"<script>"], content_type=content_type or "text/html")
        with pytest.raises(ValueError):
            presigning.presign_get("a", expires=timedelta(minutes=1), inline_type=content_type)

    def _uploaded(self, presigning: Storage, fetch: Fetch, body: bytes, *, max_size: int = 100) -> str:
        put = self._presigned(presigning, max_size=max_size)
        assert fetch(put.url, put.method, body, put.headers).status in (200, 201, 204)
        return put.upload

    def _presigned(self, presigning: Storage, *, max_size: int = 100) -> PresignedPut:
        return presigning.presign_put(expires=timedelta(minutes=1), content_type="text/csv", max_size=max_size)

    def test_a_completed_upload_is_stored_as_by_put(self, presigning: Storage, fetch: Fetch) -> None:
        upload = self._uploaded(presigning, fetch, b"a,b")
        stored = presigning.complete(
            upload, "a/b.csv", max_size=100, content_type="text/csv", filename="ü.csv", sha256=sha256(b"a,b")
        )
        assert read(presigning, "a/b.csv") == b"a,b"
        assert (stored.key, stored.size, stored.sha256) == ("a/b.csv", 3, sha256(b"a,b"))
        file = presigning.stat("a/b.csv")
        assert (file.content_type, file.filename, file.size, file.sha256) == ("text/csv", "ü.csv", 3, sha256(b"a,b"))

    def test_nothing_shows_of_an_upload_before_it_is_completed(self, presigning: Storage, fetch: Fetch) -> None:
        upload = self._uploaded(presigning, fetch, b"a,b")
        assert keys(presigning.list()) == []
        presigning.complete(upload, "up", max_size=100)
        assert keys(presigning.list()) == ["up"]

    def test_a_completed_upload_replaces_what_was_there(self, presigning: Storage, fetch: Fetch) -> None:
        presigning.put("up", [b"old"])
        presigning.complete(self._uploaded(presigning, fetch, b"new"), "up", max_size=100)
        assert read(presigning, "up") == b"new"

    def test_an_upload_is_completed_once(self, presigning: Storage, fetch: Fetch) -> None:
        upload = self._uploaded(presigning, fetch, b"a,b")
        presigning.complete(upload, "up", max_size=100)
        with pytest.raises(UploadMissing):
            presigning.complete(upload, "up", max_size=100)
        assert read(presigning, "up") == b"a,b"

    def test_what_was_never_uploaded_is_missing(self, presigning: Storage) -> None:
        presigning.put("a", [b"old"])
        for upload in (self._presigned(presigning).upload, "a", "../a", "", "0" * 200, "a/b", "ü", "x\0"):
            with pytest.raises(UploadMissing):
                presigning.complete(upload, "up", max_size=100)
        assert keys(presigning.list()) == ["a"]

    def test_an_upload_that_is_too_large_is_never_stored(self, presigning: Storage, fetch: Fetch) -> None:
        put = self._presigned(presigning, max_size=10)
        if fetch(put.url, put.method, b"x" * 11, put.headers).status < 400:
            with pytest.raises(UploadTooLarge):
                presigning.complete(put.upload, "up", max_size=10)
        with pytest.raises(UploadMissing):
            presigning.complete(put.upload, "up", max_size=10)
        assert keys(presigning.list()) == []

    def test_an_upload_with_another_checksum_is_never_stored(self, presigning: Storage, fetch: Fetch) -> None:
        upload = self._uploaded(presigning, fetch, b"a,b")
        with pytest.raises(ChecksumMismatch):
            presigning.complete(upload, "up", max_size=100, sha256=sha256(b"a;b"))
        with pytest.raises(UploadMissing):
            presigning.complete(upload, "up", max_size=100)
        assert keys(presigning.list()) == []

    def test_a_presigned_put_takes_no_other_name(self, presigning: Storage, fetch: Fetch) -> None:
        put, other = self._presigned(presigning), self._presigned(presigning)
        for url in forgeries(put.url, other.url, put.upload, other.upload):
            assert fetch(url, put.method, b"x", put.headers).status in REFUSALS, (
                f"{url} was made of two others, and works"
            )
        with pytest.raises(UploadMissing):
            presigning.complete(other.upload, "up", max_size=100)

    def test_a_presigned_put_takes_no_other_content_type(self, presigning: Storage, fetch: Fetch) -> None:
        put = self._presigned(presigning)
        headers = {**put.headers, "Content-Type": "text/html"}
        assert fetch(put.url, put.method, b"<script>", headers).status >= 400
        with pytest.raises(UploadMissing):
            presigning.complete(put.upload, "up", max_size=100)

    def test_a_presigned_put_gives_nothing_to_read(self, presigning: Storage, fetch: Fetch) -> None:
        put = self._presigned(presigning)
        fetch(put.url, put.method, b"secret", put.headers)
        answer = fetch(put.url)
        assert answer.status >= 400
        assert b"secret" not in answer.body

    def test_a_presigned_put_expires(self, presigning: Storage, fetch: Fetch, let_pass: LetPass) -> None:
        put = presigning.presign_put(expires=2 * self.moment, content_type="text/csv", max_size=100)
        let_pass(2 * self.moment)
        self.eventually(
            lambda: fetch(put.url, put.method, b"late", put.headers).status >= 400, "a presigned put stops to work"
        )

    def test_a_sweep_removes_an_upload_that_nobody_completed(
        self, presigning: Storage, fetch: Fetch, let_pass: LetPass
    ) -> None:
        upload = self._uploaded(presigning, fetch, b"a,b")
        assert presigning.sweep(older_than=timedelta(hours=1)) == 0
        let_pass(2 * self.moment)
        assert presigning.sweep(older_than=self.moment) == 1
        with pytest.raises(UploadMissing):
            presigning.complete(upload, "up", max_size=100)
