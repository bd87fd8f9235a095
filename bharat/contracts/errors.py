"""What can go wrong, said once: every error that may reach a person derives from `BharatError`.

A `Problem` is an error that HTTP callers see as RFC 9457 problem+json and command-line users as one line; it is
raised by the room that finds the fault and rendered by `bharat.web` or `bharat.cli`, never caught in between.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import ClassVar


class BharatError(Exception):
    """Base of every error whose message is meant for the person who reads it."""


class ConfigError(BharatError):
    """The configuration can't be used: the message names the key, where it came from and the remedy."""


class PluginError(BharatError):
    """A plugin can't be enabled: the message names the plugin and the remedy."""


MAX_FAULTS = 100
"""How many faults an answer lists: nobody reads more, and a hostile body has a hundred thousand."""


@dataclass(frozen=True, slots=True)
class FieldFault:
    """One field that was refused. `path` is a JSON Pointer (RFC 6901) into the body, or `?name` for a query parameter."""

    path: str
    detail: str


class Problem(BharatError):
    """An answer other than success. Subclasses fix `status`, `type` (a stable slug) and `title`."""

    status: ClassVar[HTTPStatus] = HTTPStatus.BAD_REQUEST
    type: ClassVar[str] = "bad-request"
    title: ClassVar[str] = "The request can't be carried out"

    def __init__(
        self, detail: str, *, faults: Sequence[FieldFault] = (), headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.faults = tuple(faults)
        self.headers = dict(headers or {})


class Malformed(Problem):
    """The request is not well-formed: bad JSON, an unknown query parameter, a tampered cursor."""

    type = "malformed-request"
    title = "The request is malformed"


class Invalid(Problem):
    """The body is well-formed and says something that can't be stored; `errors` in the answer lists every offending field."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY
    type = "invalid"
    title = "Some values can't be accepted"


class Unauthenticated(Problem):
    """No valid session or API key came with the request."""

    status = HTTPStatus.UNAUTHORIZED
    type = "unauthenticated"
    title = "Authentication is needed"

    def __init__(self, detail: str, *, faults: Sequence[FieldFault] = ()) -> None:
        super().__init__(detail, faults=faults, headers={"WWW-Authenticate": 'Bearer realm="bharat"'})


class Forbidden(Problem):
    """The caller is known and may not do this."""

    status = HTTPStatus.FORBIDDEN
    type = "forbidden"
    title = "This is not allowed"


class NotFound(Problem):
    """No such thing, or none that the caller may know of: the two are told apart to nobody."""

    status = HTTPStatus.NOT_FOUND
    type = "not-found"
    title = "There is nothing here"


class Conflict(Problem):
    """The request contradicts what is stored: a duplicate, a reference still in use, a request still running."""

    status = HTTPStatus.CONFLICT
    type = "conflict"
    title = "The request conflicts with what is stored"


class PreconditionFailed(Problem):
    """`If-Match` names a version that is no longer the current one (RFC 9110, 13.1.1)."""

    status = HTTPStatus.PRECONDITION_FAILED
    type = "version-mismatch"
    title = "The record has changed since it was read"


class PreconditionRequired(Problem):
    """A change needs `If-Match` (RFC 6585, 3)."""

    status = HTTPStatus.PRECONDITION_REQUIRED
    type = "version-required"
    title = "Say which version is being changed"


class TooLarge(Problem):
    """The content is larger than this endpoint takes."""

    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    type = "too-large"
    title = "The content is too large"


class UnsupportedMediaType(Problem):
    """The content type is not one this endpoint takes."""

    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE
    type = "unsupported-media-type"
    title = "The content type is not supported"


class RangeNotSatisfiable(Problem):
    """The content ends before the range that `Range` asks for begins; `Content-Range` says how long it is."""

    status = HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE
    type = "range-not-satisfiable"
    title = "There is no such range"


class TooManyRequests(Problem):
    """A rate limit is used up; `Retry-After` says for how many seconds."""

    status = HTTPStatus.TOO_MANY_REQUESTS
    type = "rate-limited"
    title = "Too many requests"


class Unavailable(Problem):
    """A part Bharat depends on does not answer. Never reported as "logged out" or "not found"."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    type = "unavailable"
    title = "A part of the service is not available"

    def __init__(self, detail: str, *, retry_after: int = 2) -> None:
        super().__init__(detail, headers={"Retry-After": str(retry_after)})
