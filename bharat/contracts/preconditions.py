"""Versions in `ETag`, `If-Match` and `If-None-Match` (RFC 9110, 8.8.3 and 13.1).

The entity tag of what has a version is the version in quotation marks: strong, since a version is one exact state."""

from __future__ import annotations

import re

from bharat.contracts.errors import Malformed, PreconditionFailed, PreconditionRequired
from bharat.contracts.route import Parameter, Request

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
IF_NONE_MATCH = Parameter(
    name="If-None-Match",
    location="header",
    schema={"type": "string", "pattern": f"^$|{TAGS}"},  # an empty header is as none
    description="An ETag you have already: 304 when it is still the current one.",
)


def etag(version: int) -> str:
    """The entity tag of a version."""
    return f'"{version}"'


def asked_versions(request: Request) -> frozenset[int] | None:
    """The versions that `If-Match` allows; `None` for `*`. A weak tag or one of something else never matches (13.1.1).

    Raises `PreconditionRequired` when the header is missing or empty, `Malformed` for what is no list of entity tags, and
    `PreconditionFailed` when all of them are weak."""
    text = (request.header("If-Match") or "").strip()
    if not text:
        raise PreconditionRequired(
            'Send the ETag that you read in If-Match, such as If-Match: "3"; `*` stands for any version.'
        )
    if text == "*":
        return None
    tags = _entity_tags(text, "If-Match")
    if all(weak for weak, _ in tags):
        raise PreconditionFailed(
            f'If-Match compares strongly (RFC 9110, 13.1.1), so weak tags are not accepted: send "{tags[0][1]}" without W/.'
        )
    return frozenset(int(tag) for weak, tag in tags if not weak and _VERSION.fullmatch(tag))


def check_version(asked: frozenset[int] | None, version: int, label: str) -> None:
    """Raise `PreconditionFailed` unless the current version is among those asked for. `label` is the word for what has it."""
    if asked is not None and version not in asked:
        raise changed_meanwhile(label)


def changed_meanwhile(label: str) -> PreconditionFailed:
    """What to raise when the version is another one."""
    return PreconditionFailed(f"The {label} has changed since you read it; read it again and repeat the change.")


def is_known(request: Request, version: int) -> bool:
    """Whether `If-None-Match` says that the caller has this version already; compared weakly (13.1.2).

    Raises `Malformed` for what is no list of entity tags."""
    text = (request.header("If-None-Match") or "").strip()
    if not text:
        return False
    return text == "*" or any(tag == str(version) for _, tag in _entity_tags(text, "If-None-Match"))


def _entity_tags(text: str, header: str) -> list[tuple[str, str]]:
    """The tags of a list as (`W/` or nothing, what stands in the quotation marks, where a comma is no separator)."""
    plain = text.replace("\t", " ")
    if plain == "*" or not _LIST.fullmatch(plain):
        raise Malformed(f'{header} must hold entity tags in quotation marks, such as "3", or `*`.')
    return _TAG.findall(plain)
