"""The one way to a boto3 client: explicit time-outs, Signature Version 4, a bounded pool, and no retries of its own."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from functools import cache
from typing import TYPE_CHECKING, Any

import boto3
from botocore import UNSIGNED
from botocore.config import Config

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

    from bharat_storage_spaces.options import SpacesOptions

_WANTS_MD5 = ("DeleteObjects", "PutBucketLifecycleConfiguration")
"""S3 demands a checksum of these. boto3 sends CRC-32 alone, and servers older than that demand Content-MD5 (s3fs-fuse/s3fs-fuse#2639)."""


def open_client(options: SpacesOptions, *, signed: bool = True) -> S3Client:
    """A client for one bucket. Not `signed`, it asks as anybody may.

    What is asked again, and for how long, is `asking`'s: botocore counts attempts, which promises no time, and its waits
    may add up to minutes or to nothing."""
    client: S3Client = _session().client(
        "s3",
        aws_access_key_id=str(options.key),
        aws_secret_access_key=str(options.secret),
        region_name=options.region,
        endpoint_url=options.endpoint_url,
        config=Config(
            signature_version="s3v4" if signed else UNSIGNED,
            s3={"addressing_style": "path" if options.path_style else "virtual"},
            connect_timeout=options.connect_timeout,
            read_timeout=options.read_timeout,
            max_pool_connections=options.pool_size,
            tcp_keepalive=True,
            retries={"mode": "standard", "total_max_attempts": 1},
            # Spaces and others know no CRC headers. Each request's body is covered by its signature.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        ),
    )
    for operation in _WANTS_MD5:
        client.meta.events.register(f"before-sign.s3.{operation}", _send_md5)
    return client


@cache
def _session() -> boto3.session.Session:
    """Shared, since each would read the description of S3 anew, for 0.3 s."""
    return boto3.session.Session()


def _send_md5(request: Any, **_: object) -> None:
    for name in [
        name for name in request.headers if name.lower().startswith(("x-amz-checksum-", "x-amz-sdk-checksum"))
    ]:
        del request.headers[name]
    digest = hashlib.md5(request.body, usedforsecurity=False).digest()
    request.headers["Content-MD5"] = b64encode(digest).decode("ascii")
