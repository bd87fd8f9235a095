"""Entity tags: a record's is its version in quotation marks (RFC 9110, 8.8.3), strong, since a version is one exact state."""

from __future__ import annotations

from bharat.accounts.preconditions import TAGS, entity_tags
from bharat.contracts.errors import FieldFault, Malformed, PreconditionFailed, PreconditionRequired
from bharat.contracts.route import Parameter, Request

ANY = "*"
IF_NONE_MATCH = Parameter(
    name="If-None-Match",
    location="header",
    schema={"type": "string", "pattern": TAGS},
    description="An ETag you have already: 304 when it is still the current one.",
)


def etag(version: int) -> str:
    return f'"{version}"'


def asked_versions(request: Request) -> frozenset[int] | None:
    """The versions that `If-Match` allows; `None` for `*`. A weak tag or one of something else never matches (13.1.1).

    Raises `PreconditionRequired` without the header, `Malformed` for what is no list of entity tags."""
    text = request.header("If-Match")
    if text is None:
        raise PreconditionRequired(
            'Send the ETag that you read in If-Match, such as If-Match: "3"; `*` stands for any version.'
        )
    if text.strip() == ANY:
        return None
    return frozenset(int(tag) for weak, tag in entity_tags(text, "If-Match") if not weak and _is_version(tag))


def is_known(request: Request, version: int) -> bool:
    """Whether `If-None-Match` says that the caller has this version already; compared weakly (13.1.2)."""
    text = request.header("If-None-Match")
    if text is None:
        return False
    return text.strip() == ANY or any(tag == str(version) for _, tag in entity_tags(text, "If-None-Match"))


def _is_version(tag: str) -> bool:
    return tag.isascii() and tag.isdigit() and len(tag) < 10 and tag == str(int(tag))


def changed_meanwhile(label: str) -> PreconditionFailed:
    return PreconditionFailed(f"The {label} has changed since you read it; read it again and repeat the change.")


def refuse_query(request: Request) -> None:
    """Raise `Malformed` for any query parameter: a route with header parameters looks after its query string itself."""
    if request.raw_query:
        name = request.raw_query.partition("=")[0][:60]
        raise Malformed(
            "This endpoint takes no query parameters.", faults=[FieldFault(f"?{name}", "unknown parameter")]
        )
