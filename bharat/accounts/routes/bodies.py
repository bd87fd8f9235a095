"""Types that several endpoints share."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

import msgspec
from msgspec import Meta

from bharat.accounts.logins import Caller
from bharat.accounts.users import EMAIL, EMAIL_TOLD, LONGEST_EMAIL
from bharat.contracts.errors import Forbidden
from bharat.contracts.phrasing import TOLD
from bharat.contracts.principal import Principal
from bharat.contracts.route import Request

Email = Annotated[
    str,
    Meta(
        min_length=3,
        max_length=LONGEST_EMAIL,
        pattern=EMAIL,
        description="An e-mail address; case does not matter",
        extra={TOLD: EMAIL_TOLD},
    ),
]
Password = Annotated[str, Meta(min_length=1, max_length=1024)]
Token = Annotated[str, Meta(min_length=1, max_length=200, description="The token from the mail's link")]
Limit = Annotated[int, Meta(ge=1, le=200, description="How many at most")]
SMALL = 16 * 1024
"""What the largest body of an account's endpoint needs. Public ones are read before anybody is known: many at once must not hold
the memory that a record's body may take."""
Version = "The current version, for If-Match"


class Body(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Base of what is sent."""


class Query(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Base of query strings."""


class Paged(Query):
    """A page of a list. `cursor` is `next_cursor` of the page before."""

    limit: Limit = 50
    cursor: UUID | None = None


def page(rows: Any, limit: int) -> tuple[list[Any], str | None]:
    """What was asked for out of one row more, and where the next page begins."""
    found = list(rows)
    if len(found) <= limit:
        return found, None
    return found[:limit], str(found[limit - 1].id)


def caller_of(request: Request) -> Caller:
    """Where the call comes from."""
    return Caller(request.address, request.header("User-Agent"), request.id)


def session_of(request: Request) -> tuple[Principal, str]:
    """The principal and its session's token. Raises `Forbidden` for an API key: what guards a login is not changed by a script."""
    principal, token = request.principal, request.session_token
    if principal.session is None or token is None:
        raise Forbidden("This needs a login: an API key can't do it.")
    return principal, token
