"""How a file's description is kept with its object: in the content type and in user metadata, which S3 takes as ASCII."""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from bharat.contracts.storage import ChecksumMismatch, FileMissing, StoredFile

_HEADER = re.compile(r"[!-~]([ -~]{0,254}[!-~])?")
"""A content type that arrives as it was sent; another is kept aside."""
_SHA256 = re.compile(r"[0-9a-f]{64}")
_UNKNOWN = "application/octet-stream"


@dataclass(frozen=True, slots=True)
class Label:
    """What is said of a file before its bytes have come. `sha256` is the one announced, if any, in lower case."""

    key: str
    content_type: str
    filename: str | None
    sha256: str | None

    @property
    def promises(self) -> bool:
        """Whether the description is known beforehand, if the bytes are what was announced."""
        return self.sha256 is not None and _SHA256.fullmatch(self.sha256) is not None

    def verify(self, found: str) -> None:
        """Raise `ChecksumMismatch` for bytes that have another SHA-256 than was announced."""
        if self.sha256 is not None and self.sha256 != found:
            raise ChecksumMismatch(
                f"{self.key}: SHA-256 {self.sha256[:64]} was announced and {found} arrived; nothing was stored"
            )

    def headers(self, sha256: str) -> dict[str, Any]:
        """The parameters of a request that makes the object. `filename` is Base64 of UTF-8: percent-encoding would take 9 bytes for
        some letters, and S3 keeps 2 KiB in all. Whoever gets at the object without Bharat saves it, and does not see it run."""
        metadata = {"sha256": sha256}
        if self.filename is not None:
            metadata["filename"] = _packed(self.filename)
        content_type = self.content_type
        if not _HEADER.fullmatch(content_type):
            metadata["content-type"] = _packed(content_type)
            content_type = _UNKNOWN
        return {"ContentType": content_type, "ContentDisposition": "attachment", "Metadata": metadata}

    def stored(self, size: int, sha256: str, answer: Mapping[str, Any]) -> StoredFile:
        """The file, as of the answer that made it appear."""
        return StoredFile(self.key, size, sha256, self.content_type, self.filename, told_at(answer))


def described(key: str, size: int, answer: Mapping[str, Any]) -> StoredFile:
    """The file that an answer to GET or HEAD describes. Raises `FileMissing` for an object that no `put` made."""
    metadata = {name.lower(): value for name, value in answer.get("Metadata", {}).items()}
    if "sha256" not in metadata:
        raise FileMissing(f"what is at {key} was not stored by Bharat")
    kept = metadata.get("content-type")
    filename = metadata.get("filename")
    return StoredFile(
        key=key,
        size=size,
        sha256=metadata["sha256"],
        content_type=answer.get("ContentType", _UNKNOWN) if kept is None else _unpacked(kept),
        filename=None if filename is None else _unpacked(filename),
        modified_at=whole_second(answer["LastModified"]),
    )


def whole_second(instant: datetime) -> datetime:
    """As GET and HEAD tell it (RFC 9110, 5.6.7); a list tells milliseconds."""
    return instant.astimezone(UTC).replace(microsecond=0)


def told_at(answer: Mapping[str, Any]) -> datetime:
    """The server's clock when it answered: what it stamps objects with."""
    date: str = answer["ResponseMetadata"]["HTTPHeaders"]["date"]
    return parsedate_to_datetime(date).astimezone(UTC)


def _packed(text: str) -> str:
    return urlsafe_b64encode(text.encode("utf-8", "surrogatepass")).decode("ascii")


def _unpacked(text: str) -> str:
    return urlsafe_b64decode(text).decode("utf-8", "surrogatepass")
