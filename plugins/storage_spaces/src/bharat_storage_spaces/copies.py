"""Copying an object within its bucket, by the server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bharat_storage_spaces.parts import parts_of

if TYPE_CHECKING:
    from bharat_storage_spaces.bucket import Bucket

AT_ONCE = 5 * 1024**3
"""Bytes that one CopyObject copies, at most (S3's limit)."""
_PART = 512 * 1024**2


def copy(
    bucket: Bucket, source: str, target: str, size: int, *, answers: frozenset[str] = frozenset(), **new: Any
) -> dict[str, Any]:
    """Let `target` appear with the bytes of `source` and the description `new`; returns the server's answer."""
    client = bucket.client
    origin = {"Bucket": bucket.options.bucket, "Key": source}
    if size <= AT_ONCE:
        answer: dict[str, Any] = bucket.ask(
            client.copy_object,
            answers=answers,
            Key=target,
            CopySource=origin,
            MetadataDirective="REPLACE",
            **bucket.acl,
            **new,
        )
        return answer
    with parts_of(bucket, target, **new) as parts:
        for start in range(0, size, _PART):
            parts.copy(origin, start, min(start + _PART, size))
        return parts.complete()
