"""Versions in `ETag` and `If-Match` (RFC 9110, 8.8.3 and 13.1.1)."""

from __future__ import annotations

import re

from bharat.contracts.errors import Malformed, PreconditionFailed, PreconditionRequired
from bharat.contracts.route import Parameter

_TAG = re.compile(r'\s*(W/)?"([!#-~]*)"\s*')
_VERSION = re.compile(r"[1-9][0-9]{0,17}")

TAGS = r'^(\*|(W/)?"[!#-~]*"( *, *(W/)?"[!#-~]*")*)$'
"""One or several entity tags, or the asterisk, for the API document."""

IF_MATCH = Parameter(
    name="If-Match",
    location="header",
    required=True,
    schema={"type": "string", "pattern": TAGS},
    description="The ETag of the version that is changed, or `*` for whatever it is now.",
)


def etag(version: int) -> str:
    """The entity tag of a version."""
    return f'"{version}"'


def asked_versions(header: str | None) -> frozenset[int] | None:
    """The versions that `If-Match` allows; `None` for `*`. A weak tag never matches: If-Match compares strongly.

    Raises `PreconditionRequired` without a header, `Malformed` for what is no list of entity tags."""
    if header is None or not header.strip():
        raise PreconditionRequired("Send the version you read, its ETag, in the header If-Match.")
    if header.strip() == "*":
        return None
    tags = [_TAG.fullmatch(tag) for tag in header.split(",")]
    if None in tags:
        raise Malformed('If-Match must hold entity tags in quotation marks, such as "3", or `*`.')
    return frozenset(int(tag[2]) for tag in tags if tag and not tag[1] and _VERSION.fullmatch(tag[2]))


def check_version(asked: frozenset[int] | None, version: int) -> None:
    """Raise `PreconditionFailed` unless the current version is among those asked for."""
    if asked is not None and version not in asked:
        raise PreconditionFailed(
            "It was changed in the meantime: read it again and apply your change to what you find."
        )
