"""`SpacesStorage`: files as objects of one bucket.

The file `a/b.pdf` is the object `<prefix>a/b.pdf`, with its description in the object's metadata. An object appears whole, so what has
to be settled is when its description is known: see `put`.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

from botocore.exceptions import ClientError

from bharat.contracts.downloads import disposition
from bharat.contracts.platform import Platform
from bharat.contracts.storage import (
    ChecksumMismatch,
    FileMissing,
    InvalidKey,
    ListedFile,
    OpenFile,
    PresignedPut,
    RangeAfterEnd,
    StorageFeatures,
    StorageUnavailable,
    StoredFile,
    UploadMissing,
    UploadTooLarge,
    validate_inline_type,
    validate_key,
)
from bharat_storage_spaces.bucket import ABSENT, NOT_IN_RANGE, UPLOADS, Bucket
from bharat_storage_spaces.copies import copy
from bharat_storage_spaces.description import Label, described, told_at, whole_second
from bharat_storage_spaces.faults import code_of
from bharat_storage_spaces.parts import Cutter, parts_of
from bharat_storage_spaces.reading import ObjectChunks

if TYPE_CHECKING:
    from bharat_storage_spaces.options import SpacesOptions

_UPLOAD = re.compile(r"[0-9a-f]{32}")
_BEHIND_DOTS = "/"
"""The next character: no key begins with it, and whatever begins with a dot comes before it."""
_OF_KEYS = re.compile(r"[A-Za-z0-9._/-]*")
_LONGEST_PRESIGNED = timedelta(days=7)
"""The longest that Signature Version 4 allows."""


class SpacesStorage:
    """See `bharat.contracts.storage.Storage`. The S3 may be away while this is made."""

    features = StorageFeatures(presign=True)
    _readings = 3
    """How often a range is asked for that the server says is none, should the file be replaced each time."""

    def __init__(self, options: SpacesOptions, platform: Platform) -> None:
        self.options = options
        self.bucket = Bucket(options)

    def put(
        self,
        key: str,
        chunks: Iterable[bytes],
        *,
        content_type: str = "application/octet-stream",
        filename: str | None = None,
        sha256: str | None = None,
    ) -> StoredFile:
        """As the contract says. What is shorter than a part is one request. Longer, with `sha256`, the parts go straight to their
        place, and are dropped before they are put together when they turn out to be others. Without it the description is
        known only at the end: the object is put together aside, and the server copies it into place."""
        return self._put(self.bucket.name(key), chunks, _label(key, content_type, filename, sha256))

    def complete(
        self,
        upload: str,
        key: str,
        *,
        max_size: int,
        content_type: str = "application/octet-stream",
        filename: str | None = None,
        sha256: str | None = None,
    ) -> StoredFile:
        """As the contract says. While its URL lives, a client may send other bytes at any moment: what is verified is what is stored,
        bytes that passed through here, or, of a large file, a copy that no URL reaches."""
        name = self.bucket.name(key)
        label = _label(key, content_type, filename, sha256)
        found = self.bucket.find(aside := self.bucket.aside(upload)) if _UPLOAD.fullmatch(upload) else None
        if found is None:
            raise _never_uploaded(upload)
        try:
            if _at_most(max_size, found["ContentLength"], key) < self.options.part_size:
                stored = self._put(name, self._upload(aside, upload, max_size, key), label)
            else:
                stored = self._settle(aside, name, label, upload, max_size, found["ContentLength"])
        except (UploadTooLarge, ChecksumMismatch):
            self.bucket.delete(aside)
            raise
        self.bucket.delete(aside)
        return stored

    def open(self, key: str, *, start: int = 0, end: int | None = None) -> OpenFile:
        if start < 0 or (end is not None and end < start):
            raise ValueError(f"{start} to {end} is not a range of bytes")
        name = self.bucket.name(key)
        extent = {} if start == 0 and end is None else {"Range": f"bytes={start}-{'' if end is None else end - 1}"}
        for _ in range(self._readings):
            if end == start:
                return self._nothing(key, start)
            try:
                answer = self.bucket.ask(
                    self.bucket.client.get_object, answers=ABSENT | NOT_IN_RANGE, Key=name, **extent
                )
            except ClientError as error:
                if code_of(error) in ABSENT:
                    raise _missing(key) from None
                if self.stat(key).size <= start:
                    return self._nothing(key, start)
                continue
            size = _whole_size(answer)
            end = size if end is None else min(end, size)
            try:
                file = described(key, size, answer)
            except FileMissing:
                answer["Body"].close()
                raise
            return OpenFile(file, start, end, ObjectChunks(self.bucket, name, answer, start, end))
        raise StorageUnavailable(f"{key} changes faster than it can be read")

    def stat(self, key: str) -> StoredFile:
        found = self.bucket.find(self.bucket.name(key))
        if found is None:
            raise _missing(key)
        return described(key, found["ContentLength"], found)

    def delete(self, key: str) -> None:
        self.bucket.delete(self.bucket.name(key))

    def list(self, prefix: str = "", *, after: str | None = None, limit: int = 1000) -> Sequence[ListedFile]:
        """As the contract says. Names in the bucket that are no keys are passed over."""
        found: list[ListedFile] = []
        if not _OF_KEYS.fullmatch(prefix):
            return found
        own = self.options.prefix
        begin = own + after if after else ""
        more = True
        while more and len(found) < limit:
            page = self.bucket.page(own + prefix, begin, limit - len(found))
            more = page.more
            for each in page.objects:
                begin = each["Key"]
                key = begin.removeprefix(own)
                if key.startswith("."):
                    # Uploads, which may be many: go on behind everything that begins with a dot.
                    begin, more = own + _BEHIND_DOTS, True
                    break
                if _is_key(key):
                    found.append(ListedFile(key, each["Size"], whole_second(each["LastModified"])))
        return found

    def presign_get(
        self, key: str, *, expires: timedelta, filename: str | None = None, inline_type: str | None = None
    ) -> str:
        """As the contract says. S3 can't be told to send `nosniff`: an attachment is given as bytes without a type."""
        inline = validate_inline_type(inline_type) is not None
        name = self.bucket.name(key)
        shown = disposition(filename, inline=inline) if filename else "inline" if inline else "attachment"
        url = self.bucket.client.generate_presigned_url(
            "get_object",
            Params={
                **self.bucket.where,
                "Key": name,
                "ResponseContentDisposition": shown,
                "ResponseContentType": inline_type or "application/octet-stream",
            },
            ExpiresIn=_seconds(expires),
        )
        return _through(self.options.cdn_url, url) if self.options.cdn_url else url

    def presign_put(self, *, expires: timedelta, content_type: str, max_size: int) -> PresignedPut:
        """As the contract says. A signature can't limit the size: that is left to `complete`."""
        aside = self.bucket.aside()
        url = self.bucket.client.generate_presigned_url(
            "put_object",
            Params={**self.bucket.where, "Key": aside, "ContentType": content_type, **self.bucket.acl},
            ExpiresIn=_seconds(expires),
        )
        signed = {"x-amz-acl": self.bucket.acl["ACL"]} if self.bucket.acl else {}
        return PresignedPut(aside.rpartition("/")[2], url, headers={"Content-Type": content_type, **signed})

    def sweep(self, *, older_than: timedelta) -> int:
        """As the contract says, by the server's clock. A multipart upload's age counts from its beginning, an upload's from when it
        arrived."""
        return self._sweep_multipart(older_than) + self._sweep_aside(older_than)

    def close(self) -> None:
        self.bucket.close()

    def _put(self, name: str, chunks: Iterable[bytes], label: Label) -> StoredFile:
        cutter = Cutter(chunks, self.options.part_size)
        if not cutter.is_full:
            label.verify(cutter.sha256())
            description = {**self.bucket.acl, **label.headers(cutter.sha256())}
            answer = self.bucket.ask(self.bucket.client.put_object, Key=name, Body=cutter.part, **description)
        elif label.promises:
            answer = self._send(name, cutter, label, **label.headers(label.sha256 or ""))
        else:
            aside = self.bucket.aside()
            self._send(aside, cutter, label)
            answer = self._move(aside, name, cutter.length, label.headers(cutter.sha256()))
        return label.stored(cutter.length, cutter.sha256(), answer)

    def _send(self, name: str, cutter: Cutter, label: Label, **description: Any) -> Any:
        """Let an object appear from all that the cutter gives, if it is what was announced."""
        with parts_of(self.bucket, name, **description) as parts:
            while cutter.part:
                parts.send(cutter.take())
                cutter.advance()
            label.verify(cutter.sha256())
            return parts.complete()

    def _move(self, aside: str, name: str, size: int, description: Mapping[str, Any]) -> Any:
        """Let the file appear from an object that lies aside, which then goes."""
        try:
            return copy(self.bucket, aside, name, size, **description)
        finally:
            with suppress(StorageUnavailable):  # else a sweep removes it
                self.bucket.delete(aside)

    def _settle(self, aside: str, name: str, label: Label, upload: str, max_size: int, size: int) -> StoredFile:
        """Store a large upload: copy it to where the client can't change it, verify that, and let the server move it."""
        own = self.bucket.aside()
        try:
            copy(self.bucket, aside, own, size, answers=ABSENT)
        except ClientError:
            raise _never_uploaded(upload) from None
        digest, length = hashlib.sha256(), 0
        try:
            for chunk in self._upload(own, upload, max_size, label.key):
                digest.update(chunk)
                length += len(chunk)
            label.verify(digest.hexdigest())
        except BaseException:
            with suppress(StorageUnavailable):
                self.bucket.delete(own)
            raise
        answer = self._move(own, name, length, label.headers(digest.hexdigest()))
        return label.stored(length, digest.hexdigest(), answer)

    def _upload(self, aside: str, upload: str, max_size: int, key: str) -> ObjectChunks:
        """The bytes that lie aside now. Raises `UploadMissing`, and `UploadTooLarge` before any is read."""
        try:
            answer = self.bucket.ask(self.bucket.client.get_object, answers=ABSENT, Key=aside)
        except ClientError:
            raise _never_uploaded(upload) from None
        size = answer["ContentLength"]
        try:
            _at_most(max_size, size, key)
        except UploadTooLarge:
            answer["Body"].close()
            raise
        return ObjectChunks(self.bucket, aside, answer, 0, size)

    def _nothing(self, key: str, start: int) -> OpenFile:
        """A range without bytes, which S3 has no word for."""
        file = self.stat(key)
        if file.size and start >= file.size:
            raise RangeAfterEnd(f"{key} has {file.size} bytes: there is none from {start}")
        start = min(start, file.size)
        return OpenFile(file, start, start, _no_chunks())

    def _sweep_multipart(self, older_than: timedelta) -> int:
        swept = 0
        begin: dict[str, Any] = {}
        own = self.options.prefix
        while True:
            answer = self.bucket.ask(self.bucket.client.list_multipart_uploads, Prefix=own, **begin)
            newest = told_at(answer) - older_than
            for each in answer.get("Uploads", []):
                key = each["Key"].removeprefix(own)
                if each["Initiated"] <= newest and (key.startswith(UPLOADS) or _is_key(key)):
                    self.bucket.abort(each["Key"], each["UploadId"])
                    swept += 1
            if not answer.get("IsTruncated"):
                return swept
            begin = {"KeyMarker": answer["NextKeyMarker"], "UploadIdMarker": answer["NextUploadIdMarker"]}

    def _sweep_aside(self, older_than: timedelta) -> int:
        swept, begin, more = 0, "", True
        while more:
            at, objects, more = self.bucket.page(self.options.prefix + UPLOADS, begin)
            old = [each["Key"] for each in objects if each["LastModified"] <= at - older_than]
            self.bucket.delete_all(old)
            swept += len(old)
            begin = objects[-1]["Key"] if objects else begin
        return swept


def _label(key: str, content_type: str, filename: str | None, sha256: str | None) -> Label:
    return Label(key, content_type, filename, None if sha256 is None else sha256.lower())


def _is_key(text: str) -> bool:
    try:
        validate_key(text)
    except InvalidKey:
        return False
    return True


def _missing(key: str) -> FileMissing:
    return FileMissing(f"there is no file {key}")


def _no_chunks() -> Generator[bytes]:
    yield from ()


def _never_uploaded(upload: str) -> UploadMissing:
    return UploadMissing(f"nothing was uploaded as {upload[:100]!r}, or it was stored or swept already")


def _at_most(max_size: int, size: int, key: str) -> int:
    if size > max_size:
        raise UploadTooLarge(f"{key}: {size} bytes were uploaded, and at most {max_size} are taken")
    return size


def _whole_size(answer: Mapping[str, Any]) -> int:
    """The size of the object that a range was taken from (RFC 9110, 14.4), or of the whole that was given."""
    extent = answer.get("ContentRange")
    return int(extent.rpartition("/")[2]) if extent else int(answer["ContentLength"])


def _seconds(expires: timedelta) -> int:
    if not timedelta(0) < expires <= _LONGEST_PRESIGNED:
        raise ValueError(f"a presigned URL lives up to {_LONGEST_PRESIGNED.days} days, not {expires}")
    return math.ceil(expires.total_seconds())


def _through(cdn_url: str, url: str) -> str:
    """The URL at another host, which must ask the bucket under its own: the signature covers the host."""
    other = urlsplit(cdn_url)
    return urlunsplit(urlsplit(url)._replace(scheme=other.scheme, netloc=other.netloc))
