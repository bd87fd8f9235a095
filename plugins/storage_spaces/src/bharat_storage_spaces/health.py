"""The provider's check: does the S3 answer, may we do what we must, is the bucket closed to others, and do the clocks agree?"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import msgspec
from botocore.exceptions import BotoCoreError, ClientError

from bharat.contracts.check import Finding, Status
from bharat.contracts.platform import Platform
from bharat.contracts.storage import StorageUnavailable
from bharat_storage_spaces.bucket import Bucket
from bharat_storage_spaces.client import open_client
from bharat_storage_spaces.description import told_at
from bharat_storage_spaces.options import SpacesOptions
from bharat_storage_spaces.reading import ObjectChunks
from bharat_storage_spaces.storage import SpacesStorage

_EVERYBODY = ("/AllUsers", "/AuthenticatedUsers")
"""How the URIs of ACL grants end that go to everybody, or to everybody with an account."""
_NO_POLICY = frozenset({"NoSuchBucketPolicy"})
_UNTOLD = frozenset(
    {"AccessDenied", "NotImplemented", "MethodNotAllowed", "AccessControlListNotSupported", "403", "501"}
)
"""What a key that may not look, or a server that has no such thing, says."""
_DRIFT = timedelta(minutes=1)
_REFUSED = timedelta(minutes=15)
"""How far S3 lets a request's time be from its own."""


def examine(storage: SpacesStorage, platform: Platform) -> Iterator[Finding]:
    """Tries once what the storage does, and what others must not be able to do. Takes a few seconds at most."""
    hurried = _hurried(storage.options)
    bucket = Bucket(hurried)
    name = bucket.aside()
    try:
        answer = _round_trip(bucket, name)
        yield _public(bucket, name)
        bucket.delete(name)
    except StorageUnavailable as error:
        yield Finding(
            Status.FAILED,
            str(error),
            "let the key read, write, list and delete in the bucket, multipart uploads too",
            "access",
        )
        return
    finally:
        bucket.close()
    yield Finding(Status.OK, f"{hurried.endpoint_url} keeps what it is given", about="access")
    yield _drift(abs(told_at(answer) - platform.clock.now()))


def _hurried(options: SpacesOptions) -> SpacesOptions:
    return msgspec.structs.replace(
        options, connect_timeout=min(options.connect_timeout, 2), read_timeout=min(options.read_timeout, 3),
        max_attempts=1, patience=2,
    )  # fmt: skip


def _drift(drift: timedelta) -> Finding:
    if drift <= _DRIFT:
        return Finding(Status.OK, "the clocks agree", about="clock")
    return Finding(
        Status.DEGRADED,
        f"this machine's clock and the file store's are {drift.total_seconds():.0f} s apart: presigned URLs live longer or shorter by "
        f"that, and from {_REFUSED.seconds // 60} minutes on every request is refused",
        "set the clock by NTP",
        "clock",
    )


def _round_trip(bucket: Bucket, name: str) -> dict[str, Any]:
    """Do once what the storage does, with an object that a sweep would remove. Raises `StorageUnavailable`."""
    client, content = bucket.client, secrets.token_bytes(32)
    answer: dict[str, Any] = bucket.ask(client.put_object, Key=name, Body=content, **bucket.acl)
    got = bucket.ask(client.get_object, Key=name)
    if b"".join(ObjectChunks(bucket, name, got, 0, len(content))) != content:
        raise StorageUnavailable(f"{bucket.options.endpoint_url} gives back other bytes than it got")
    listed = bucket.page(name, "").objects
    if [each["Key"] for each in listed] != [name]:
        raise StorageUnavailable(f"{bucket.options.endpoint_url} does not list an object that it has")
    parts = f"{name}-parts"
    upload = bucket.ask(client.create_multipart_upload, Key=parts, **bucket.acl)["UploadId"]
    bucket.ask(client.list_multipart_uploads, Prefix=parts)
    bucket.abort(parts, upload)
    return answer


def _public(bucket: Bucket, name: str) -> Finding:
    """What others than we may do: read an object as anybody, or whatever the bucket's ACL and policy grant to everybody."""
    open_to = []
    stranger = open_client(bucket.options, signed=False)
    try:
        stranger.get_object(**bucket.where, Key=name)["Body"].close()
        open_to.append("anybody can read files without a key")
    except ClientError:
        pass
    except BotoCoreError as error:
        raise StorageUnavailable(f"{bucket.options.endpoint_url} does not answer ({type(error).__name__})") from error
    finally:
        stranger.close()
    grants = _told(bucket, bucket.client.get_bucket_acl).get("Grants", [])
    if any(str(grant.get("Grantee", {}).get("URI", "")).endswith(_EVERYBODY) for grant in grants):
        open_to.append("the bucket's ACL grants something to everybody")
    if _told(bucket, bucket.client.get_bucket_policy_status).get("PolicyStatus", {}).get("IsPublic"):
        open_to.append("the bucket's policy is public")
    if not open_to:
        return Finding(Status.OK, "the bucket shows files to nobody else", about="privacy")
    return Finding(Status.FAILED, "; ".join(open_to), f"make the bucket {bucket.options.bucket} private", "privacy")


def _told(bucket: Bucket, operation: Any) -> dict[str, Any]:
    """What the bucket says of itself; nothing, where this key may not ask: then the attempt as anybody is what counts."""
    try:
        answer: dict[str, Any] = bucket.ask(operation, answers=_NO_POLICY | _UNTOLD)
    except ClientError:
        return {}
    return answer
