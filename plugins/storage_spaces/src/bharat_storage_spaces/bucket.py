"""The bucket: a client, what to ask it again, and what every request to it says."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from botocore.exceptions import ClientError

from bharat.contracts.storage import InvalidKey, StorageUnavailable, validate_key
from bharat_storage_spaces import asking
from bharat_storage_spaces.client import open_client
from bharat_storage_spaces.description import told_at
from bharat_storage_spaces.faults import code_of

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client
    from types_boto3_s3.type_defs import ObjectTypeDef

    from bharat_storage_spaces.options import SpacesOptions

UPLOADS = ".uploads/"
"""Where unfinished and uncompleted uploads lie, below the prefix: no key begins with a dot, so that none is in it."""
ABSENT = frozenset({"NoSuchKey", "404"})
NOT_IN_RANGE = frozenset({"InvalidRange", "416"})
GONE_UPLOAD = frozenset({"NoSuchUpload"})

_LONGEST_NAME = 1024
"""Bytes of an object's name that S3 takes."""
_PAGE = 1000
"""Entries of one answer to a list, at most."""
_DELETED_AT_ONCE = 200
"""Of the 1,000 that S3 takes: a server that removes one after the other is to answer within `read_timeout`."""


class Page(NamedTuple):
    """Some of a list, with the server's clock when it told them. `more`: there are others."""

    at: datetime
    objects: Sequence[ObjectTypeDef]
    more: bool


class Bucket:
    """Requests to one bucket, by names: `prefix` and key. Raises `StorageUnavailable` for whatever is no answer."""

    def __init__(self, options: SpacesOptions) -> None:
        self.options = options
        self.client: S3Client = open_client(options)
        self.where: dict[str, Any] = {"Bucket": options.bucket}
        self.acl: dict[str, Any] = {"ACL": "private"} if options.private_acl else {}

    def name(self, key: str) -> str:
        """The name of the object that holds the file. Raises `InvalidKey`, also for a key that is longer than S3's names."""
        name = self.options.prefix + validate_key(key)
        if len(name) > _LONGEST_NAME:
            raise InvalidKey(f"{key[:80]!r}… has {len(name)} characters with its prefix, and S3 takes {_LONGEST_NAME}")
        return name

    def aside(self, upload: str | None = None) -> str:
        """The name of an upload; a new one that nobody can guess, when none is given."""
        return f"{self.options.prefix}{UPLOADS}{upload or secrets.token_hex(16)}"

    def ask(self, operation: Callable[..., Any], *, answers: frozenset[str] = frozenset(), **parameters: Any) -> Any:
        """Ask for one of the client's operations in this bucket; see `asking.ask`."""
        return asking.ask(lambda: operation(**self.where, **parameters), self.options, answers=answers)

    def find(self, name: str) -> dict[str, Any] | None:
        """What HEAD tells of the object; `None` when there is none."""
        try:
            found: dict[str, Any] = self.ask(self.client.head_object, answers=ABSENT, Key=name)
        except ClientError:
            # An answer to HEAD has no body that would tell a missing object from a missing bucket.
            try:
                self.ask(self.client.head_bucket, answers=ABSENT)
            except ClientError as error:
                raise StorageUnavailable(
                    f"there is no bucket {self.options.bucket!r} at {self.options.endpoint_url}: see storage.spaces.bucket"
                ) from error
            return None
        return found

    def delete(self, name: str) -> None:
        self.ask(self.client.delete_object, Key=name)

    def delete_all(self, names: Sequence[str]) -> None:
        for start in range(0, len(names), _DELETED_AT_ONCE):
            objects = [{"Key": name} for name in names[start : start + _DELETED_AT_ONCE]]
            answer = self.ask(self.client.delete_objects, Delete={"Objects": objects, "Quiet": True})
            if errors := answer.get("Errors"):
                raise StorageUnavailable(
                    f"{self.options.endpoint_url} kept {len(errors)} of {len(objects)} objects that it should delete "
                    f"({errors[0].get('Code')})"
                )

    def page(self, prefix: str, after: str, limit: int = _PAGE) -> Page:
        """The first objects, by name, whose name begins with `prefix` and comes behind `after`."""
        more: dict[str, Any] = {"StartAfter": after} if after else {}
        answer = self.ask(self.client.list_objects_v2, Prefix=prefix, MaxKeys=min(limit, _PAGE), **more)
        return Page(told_at(answer), answer.get("Contents", []), answer.get("IsTruncated", False))

    def abort(self, name: str, upload_id: str) -> None:
        """Drop a multipart upload and its parts; one that is no more is a no-op."""
        try:
            self.ask(self.client.abort_multipart_upload, answers=GONE_UPLOAD, Key=name, UploadId=upload_id)
        except ClientError as error:
            if code_of(error) not in GONE_UPLOAD:
                raise

    def close(self) -> None:
        self.client.close()
