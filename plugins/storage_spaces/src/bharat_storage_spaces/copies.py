"""Copying an object within its bucket, by the server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bharat_storage_spaces.parts import parts_of

if TYPE_CHECKING:
    from bharat_storage_spaces.bucket import Bucket

AT_ONCE = 512 * 1024**2
"""Bytes that one request copies, at most. S3 allows 5 GiB; but a server that is silent while it copies must be done within `read_timeout`."""


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
        for start in range(0, size, AT_ONCE):
            parts.copy(origin, start, min(start + AT_ONCE, size))
        return parts.complete()
