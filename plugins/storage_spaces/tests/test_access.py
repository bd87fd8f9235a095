"""Who gets at a file without Bharat: presigned URLs, what is public, what keys may do; each fault with its mutant."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from bharat.contracts.storage import ChecksumMismatch, PresignedPut, StorageUnavailable
from bharat.testing.files import MEBI, fetch_over_http, keys, read, sha256
from bharat.testing.suite import eventually
from bharat_local_servers import TEMP_PATHS, Nginx, NginxBinary, RadosGateway, free_port
from bharat_storage_spaces import SpacesOptions
from bharat_storage_spaces import storage as storage_module
from bharat_storage_spaces.bucket import Bucket
from bharat_storage_spaces.storage import SpacesStorage

if TYPE_CHECKING:
    from pathlib import Path

    from types_boto3_s3 import S3Client

Build = Callable[..., SpacesStorage]
MINUTE = timedelta(minutes=1)
REFUSED = (400, 401, 403)


# Presigned downloads.


def test_a_presigned_url_is_refused_a_second_after_it_expired(storage: SpacesStorage) -> None:
    """Protected by `ExpiresIn` in `SpacesStorage.presign_get`."""
    storage.put("a", [b"x"])
    url = storage.presign_get("a", expires=timedelta(seconds=1))
    eventually(
        lambda: fetch_over_http(url).status in REFUSED, within=timedelta(seconds=3), what="the URL is refused in time"
    )


def test_mutant_whose_urls_live_for_an_hour_is_found(storage: SpacesStorage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage_module, "_seconds", lambda expires: 3600)
    with pytest.raises(pytest.fail.Exception, match="refused in time"):
        test_a_presigned_url_is_refused_a_second_after_it_expired(storage)


def changed(url: str) -> list[str]:
    """The URL with one character of it changed, at each parameter's end and in the key."""
    ends = [match.end() - 1 for match in re.finditer(r"=[^&]+", url)]
    flip = [f"{url[:at]}{'1' if url[at] != '1' else '2'}{url[at + 1 :]}" for at in ends]
    return [*flip, url.replace("/mine?", "/mind?"), url.replace("/mine?", "/yours?")]


def test_a_presigned_url_with_one_character_changed_or_for_another_object_is_refused(storage: SpacesStorage) -> None:
    """Protected by the signature."""
    for key in ("mine", "mind", "yours"):
        storage.put(key, [key.encode()])
    url = storage.presign_get("mine", expires=MINUTE, filename="mine.txt")
    assert fetch_over_http(url).body == b"mine"
    for other in changed(url):
        answer = fetch_over_http(other)
        assert answer.status in REFUSED, other
        assert answer.body not in (b"mine", b"mind", b"yours")


def test_mutant_that_signs_nothing_gives_other_objects(build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    """Removes the signature, and `private` with it, without which an unsigned URL would give nothing at all."""
    storage = build()
    monkeypatch.setattr(storage.bucket, "acl", {"ACL": "public-read"})
    plain = storage.presign_get
    monkeypatch.setattr(storage, "presign_get", lambda *args, **more: plain(*args, **more).partition("?")[0] + "?x=1")
    with pytest.raises(AssertionError):
        test_a_presigned_url_with_one_character_changed_or_for_another_object_is_refused(storage)


@pytest.mark.parametrize("stored", ["text/html", "image/svg+xml", "text/javascript"])
def test_a_presigned_url_never_gives_a_type_that_browsers_run(storage: SpacesStorage, stored: str) -> None:
    storage.put("a", [b"<script>alert(1)</script>"], content_type=stored)
    answer = fetch_over_http(storage.presign_get("a", expires=MINUTE, filename="Überblick.html"))
    assert answer.headers["content-type"] == "application/octet-stream"
    assert (
        answer.headers["content-disposition"]
        == "attachment; filename=\"_berblick.html\"; filename*=UTF-8''%C3%9Cberblick.html"
    )
    assert storage.stat("a").content_type == stored


@pytest.mark.parametrize("expires", [timedelta(0), timedelta(seconds=-1), timedelta(days=7, seconds=1)])
def test_a_lifetime_that_can_t_be_signed_is_refused(storage: SpacesStorage, expires: timedelta) -> None:
    with pytest.raises(ValueError, match="up to 7 days"):
        storage.presign_get("a", expires=expires)


def test_presigned_downloads_may_go_through_another_host(
    build: Build, gateway: RadosGateway, nginx_binary: NginxBinary, tmp_path: Path
) -> None:
    """`cdn_url`, with an nginx that passes path and query on under the bucket's host name, as the README shows."""
    port = free_port()
    bucket_s_host = gateway.url.removeprefix("http://")
    configuration = tmp_path / "nginx.conf"
    configuration.write_text(
        f"events {{}}\nhttp {{\naccess_log off;\n{TEMP_PATHS}server {{ listen 127.0.0.1:{port};\n"
        f"location / {{ proxy_pass http://{bucket_s_host}; proxy_set_header Host {bucket_s_host}; }} }}\n}}\n"
    )
    with Nginx(configuration, port=port, binary=nginx_binary):
        storage = build(cdn_url=f"http://127.0.0.1:{port}/")
        storage.put("a/b", [b"content"])
        url = storage.presign_get("a/b", expires=MINUTE, filename="b.txt")
        assert url.startswith(f"http://127.0.0.1:{port}/")
        assert fetch_over_http(url).body == b"content"
        assert fetch_over_http(url.replace("a/b", "a/c")).status in REFUSED


# What is public.


def readable_by_anybody(storage: SpacesStorage, key: str) -> bool:
    options = storage.options
    return fetch_over_http(f"{options.endpoint_url}/{options.bucket}/{options.prefix}{key}").status == 200


def every_way_to_store(storage: SpacesStorage) -> list[str]:
    """The keys of files that came to be in each of the ways."""
    large = bytes(6 * MEBI)
    storage.put("small", [b"x"])
    storage.put("large", [large])
    storage.put("announced", [large], sha256=sha256(large))
    for key, content in (("completed", b"x"), ("completed-large", large)):
        storage.complete(upload(storage, content).upload, key, max_size=len(content))
    return ["small", "large", "announced", "completed", "completed-large"]


def upload(storage: SpacesStorage, content: bytes, **headers: str) -> PresignedPut:
    put = storage.presign_put(expires=MINUTE, content_type="text/csv", max_size=len(content))
    assert fetch_over_http(put.url, put.method, content, {**put.headers, **headers}).status == 200
    return put


def test_nothing_is_readable_by_anybody(storage: SpacesStorage) -> None:
    """Protected by `Bucket.acl`."""
    assert [key for key in every_way_to_store(storage) if readable_by_anybody(storage, key)] == []


def test_mutant_that_asks_for_public_objects_shows_all(storage: SpacesStorage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage.bucket, "acl", {"ACL": "public-read"})
    with pytest.raises(AssertionError, match="5 more items"):
        test_nothing_is_readable_by_anybody(storage)


def test_without_acls_everything_works(build: Build, options: SpacesOptions, raw: S3Client) -> None:
    """As in a bucket that takes none, on which `private_acl = false` is for."""
    storage = build(private_acl=False)
    asked: list[bool] = []
    storage.bucket.client.meta.events.register(
        "before-send.s3", lambda request, **_: asked.append("x-amz-acl" in {name.lower() for name in request.headers})
    )
    stored = every_way_to_store(storage)
    assert not any(asked)
    assert len(asked) > 10
    assert not any(readable_by_anybody(storage, key) for key in stored)


def test_a_client_can_t_make_its_upload_public(storage: SpacesStorage) -> None:
    """Protected by `x-amz-acl` among the signed headers of `SpacesStorage.presign_put`."""
    put = storage.presign_put(expires=MINUTE, content_type="text/csv", max_size=1)
    fetch_over_http(put.url, put.method, b"x", {**put.headers, "x-amz-acl": "public-read"})
    assert not readable_by_anybody(storage, f".uploads/{put.upload}")


def test_mutant_that_leaves_the_acl_to_the_client_has_public_uploads(
    build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(AssertionError):
        test_a_client_can_t_make_its_upload_public(build(private_acl=False))


# Presigned uploads.


@pytest.mark.parametrize("size", [100, 6 * MEBI], ids=["small", "large"])
def test_what_was_verified_is_what_is_stored_whatever_a_client_sends_meanwhile(
    storage: SpacesStorage, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its URL lives, so a client may send other bytes when the first have been read. Protected by the copy in
    `SpacesStorage._settle`, and by storing what was read in `SpacesStorage._put`."""
    good, evil = b"g" * size, b"e" * size
    put = upload(storage, good)
    plain = Bucket.ask

    def send_others_before_storing(self: Bucket, operation: Any, **more: Any) -> Any:
        if more.get("Key") == "a":
            assert fetch_over_http(put.url, put.method, evil, put.headers).status == 200
        return plain(self, operation, **more)

    monkeypatch.setattr(Bucket, "ask", send_others_before_storing)
    stored = storage.complete(put.upload, "a", max_size=size, sha256=sha256(good))
    monkeypatch.setattr(Bucket, "ask", plain)
    assert stored.sha256 == sha256(good)
    assert sha256(read(storage, "a")) == sha256(good)


def test_mutant_that_moves_what_the_client_can_change_stores_something_else(
    storage: SpacesStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Removes the copy: `own = self.bucket.aside()` in `SpacesStorage._settle` becomes the upload itself."""
    plain = Bucket.aside
    names: list[str] = []

    def aside(self: Bucket, upload: str | None = None) -> str:
        names.append(plain(self, upload))
        return names[-1] if upload or len(names) == 1 else names[0]

    monkeypatch.setattr(Bucket, "aside", aside)
    with pytest.raises(AssertionError):
        test_what_was_verified_is_what_is_stored_whatever_a_client_sends_meanwhile(storage, 6 * MEBI, monkeypatch)


def test_a_large_upload_is_verified(storage: SpacesStorage) -> None:
    content = secrets.token_bytes(6 * MEBI)
    put = upload(storage, content)
    with pytest.raises(ChecksumMismatch):
        storage.complete(put.upload, "a", max_size=len(content), sha256=sha256(b"other"))
    put = upload(storage, content)
    stored = storage.complete(put.upload, "a", max_size=len(content), filename="ü", content_type="text/csv")
    assert (stored.size, stored.sha256) == (len(content), sha256(content))
    assert storage.stat("a").filename == "ü"
    assert read(storage, "a") == content
    assert storage.bucket.page(".uploads/", "").objects == []


# Credentials.


@pytest.mark.parametrize("wrong", [{"secret": "not-this-secret"}, {"key": "nobody"}])
def test_wrong_credentials_are_named_and_not_shown(build: Build, wrong: dict[str, str]) -> None:
    storage = build(**wrong)
    for call in (lambda: storage.put("a", [b"x"]), lambda: storage.stat("a"), lambda: storage.open("a")):
        with pytest.raises(StorageUnavailable, match=r"storage\.spaces\.key and storage\.spaces\.secret") as told:
            call()
        assert "not-this-secret" not in f"{told.value}{told.value.__cause__}"


def test_a_bucket_that_is_not_there_is_named(build: Build) -> None:
    storage = build(bucket="elsewhere")
    for call in (
        lambda: storage.put("a", [b"x"]),
        lambda: storage.stat("a"),
        lambda: storage.open("a"),
        lambda: storage.list(),
        lambda: storage.sweep(older_than=MINUTE),
    ):
        with pytest.raises(StorageUnavailable, match=r"no bucket 'elsewhere' .*storage\.spaces\.bucket"):
            call()


def test_a_key_without_rights_is_told_what_was_refused(build: Build, gateway: RadosGateway) -> None:
    name = secrets.token_hex(8)
    gateway.add_user(name, "its-secret")
    with pytest.raises(StorageUnavailable, match=r"refuses PutObject \(AccessDenied\)"):
        build(key=name, secret="its-secret").put("a", [b"x"])


def test_another_s_objects_are_no_files(storage: SpacesStorage, raw: S3Client) -> None:
    for name in ("a b", "ü", ".hidden", ".uploads/x", "a//b", "a/"):
        raw.put_object(Bucket=storage.options.bucket, Key=name, Body=b"theirs")
    storage.put("-", [b"x"])
    storage.put("a", [b"x"])
    storage.put("0", [b"x"])
    assert keys(storage.list()) == ["-", "0", "a"]
    assert [keys(storage.list(after=after, limit=1)) for after in (None, "-", "0", "a")] == [["-"], ["0"], ["a"], []]


def test_a_prefix_keeps_installations_apart(build: Build) -> None:
    one, another = build(prefix="one/"), build(prefix="two/")
    one.put("a", [b"one"])
    another.put("a", [b"another"])
    assert (read(one, "a"), read(another, "a")) == (b"one", b"another")
    put = upload(another, b"x")
    assert one.sweep(older_than=timedelta(seconds=-5)) == 0
    another.complete(put.upload, "b", max_size=1)
    one.delete("a")
    assert (keys(one.list()), keys(another.list())) == ([], ["a", "b"])
