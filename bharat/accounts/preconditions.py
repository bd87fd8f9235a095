"""Versions in `ETag` and `If-Match` (RFC 9110, 8.8.3 and 13.1.1)."""

from __future__ import annotations

import re

from bharat.contracts.errors import Malformed, PreconditionFailed, PreconditionRequired
from bharat.contracts.route import Parameter

_TAG = re.compile(r'(W/)?"([!#-~]*)"')
_VERSION = re.compile(r"[1-9][0-9]{0,17}")

TAGS = r'^(\*|(W/)?"[!#-~]*"( *, *(W/)?"[!#-~]*")*)$'
"""One or several entity tags, or the asterisk, for the API document."""

_LIST = re.compile(TAGS)

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
    return frozenset(int(tag) for weak, tag in entity_tags(header, "If-Match") if not weak and _VERSION.fullmatch(tag))


def entity_tags(text: str, header: str) -> list[tuple[str, str]]:
    """The tags of a list as (`W/` or nothing, what stands in the quotation marks, where a comma is no separator).

    Raises `Malformed` for what is no list of entity tags."""
    plain = text.strip().replace("\t", " ")
    if plain == "*" or not _LIST.fullmatch(plain):
        raise Malformed(f'{header} must hold entity tags in quotation marks, such as "3", or `*`.')
    return _TAG.findall(plain)


def check_version(asked: frozenset[int] | None, version: int) -> None:
    """Raise `PreconditionFailed` unless the current version is among those asked for."""
    if asked is not None and version not in asked:
        raise PreconditionFailed(
            "It was changed in the meantime: read it again and apply your change to what you find."
        )
