"""Signed, expiring URLs for files that Bharat serves itself.

The signature is HMAC-SHA-256 over the method, the key, the expiry and every other parameter as one JSON list, which can be
read in one way only. Nothing is stored: whoever has the platform's secret, any node, can check one.
"""

from __future__ import annotations

import hmac
import json
from base64 import urlsafe_b64encode
from datetime import timedelta
from typing import Annotated
from urllib.parse import urlencode

import msgspec

from bharat.contracts.errors import Forbidden
from bharat.contracts.platform import Platform
from bharat.contracts.storage import PresignedPut

PATH = "/storage"
"""Path below the public URL where signed URLs lead."""
_PURPOSE = "storage-urls"
Natural = Annotated[int, msgspec.Meta(ge=0, le=2**53 - 1)]


class DownloadQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The query of a signed GET. `expires` is in milliseconds since 1970-01-01 UTC."""

    expires: Natural
    signature: Annotated[str, msgspec.Meta(max_length=100)]
    filename: str | None = None
    inline_type: str | None = None


class UploadQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The query of a signed PUT. `expires` is in milliseconds since 1970-01-01 UTC, `max_size` in bytes."""

    expires: Natural
    signature: Annotated[str, msgspec.Meta(max_length=100)]
    content_type: str
    max_size: Natural


class SignedUrls:
    """Makes and checks the URLs of one platform."""

    def __init__(self, platform: Platform) -> None:
        self._key = platform.key(_PURPOSE)
        self._base = platform.public_url + PATH
        self._clock = platform.clock

    def download(self, key: str, *, expires: timedelta, filename: str | None, inline_type: str | None) -> str:
        """A URL to GET `key`, a valid storage key, with. Raises `ValueError` when `expires` is not positive."""
        until = self._until(expires)
        query: dict[str, str] = {"expires": str(until)}
        if filename is not None:
            query["filename"] = filename
        if inline_type is not None:
            query["inline_type"] = inline_type
        query["signature"] = self._sign("GET", key, until, filename, inline_type)
        return f"{self._base}/{key}?{urlencode(query)}"

    def upload(self, upload: str, *, expires: timedelta, content_type: str, max_size: int) -> PresignedPut:
        """Where and how to PUT what will be called `upload`. Raises `ValueError` when `expires` is not positive."""
        until = self._until(expires)
        query = {
            "expires": str(until),
            "content_type": content_type,
            "max_size": str(max_size),
            "signature": self._sign("PUT", upload, until, content_type, max_size),
        }
        return PresignedPut(upload, f"{self._base}/{upload}?{urlencode(query)}", headers={"Content-Type": content_type})

    def check_download(self, key: str, query: DownloadQuery) -> None:
        """Raise `Forbidden` unless the query was signed here for a GET of `key` and has not expired."""
        expected = self._sign("GET", key, query.expires, query.filename, query.inline_type)
        self._check(query.signature, query.expires, expected)

    def check_upload(self, upload: str, query: UploadQuery) -> None:
        """Raise `Forbidden` unless the query was signed here for a PUT of `upload` and has not expired."""
        expected = self._sign("PUT", upload, query.expires, query.content_type, query.max_size)
        self._check(query.signature, query.expires, expected)

    def _until(self, expires: timedelta) -> int:
        if expires <= timedelta(0):
            raise ValueError(f"a URL can't expire after {expires}")
        return self._now() + expires // timedelta(milliseconds=1)

    def _now(self) -> int:
        return int(self._clock.now().timestamp() * 1000)

    def _sign(self, *parts: str | int | None) -> str:
        digest = hmac.digest(self._key, json.dumps(parts).encode("ascii"), "sha256")
        return urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")

    def _check(self, given: str, expires: int, expected: str) -> None:
        # The signature first: an expiry that nobody signed says nothing.
        if not hmac.compare_digest(given.encode("utf-8", "surrogatepass"), expected.encode("ascii")):
            raise Forbidden("This link was not issued here, or was altered.")
        if expires <= self._now():
            raise Forbidden("This link has expired: ask for a new one.")
