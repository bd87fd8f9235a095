"""Versions in `ETag` and `If-Match` (RFC 9110, 8.8.3 and 13.1.1)."""

from __future__ import annotations

import re

from bharat.contracts.errors import PreconditionFailed, PreconditionRequired

_TAG = re.compile(r'\s*"(\d{1,18})"\s*')


def etag(version: int) -> str:
    """The entity tag of a version."""
    return f'"{version}"'


def check_if_match(header: str | None, version: int) -> None:
    """Raise `PreconditionRequired` without a header, `PreconditionFailed` when it names no current version. `*` is any."""
    if header is None or not header.strip():
        raise PreconditionRequired("Send the version you read, its ETag, in the header If-Match.")
    if header.strip() == "*":
        return
    for tag in header.split(","):
        # A weak tag never matches here: If-Match compares strongly.
        if (found := _TAG.fullmatch(tag)) and int(found[1]) == version:
            return
    raise PreconditionFailed("It was changed in the meantime: read it again and apply your change to what you find.")
