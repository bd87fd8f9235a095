"""Who calls: session cookie or API key, and whether a browser was tricked into calling.

A request that changes something and carries a cookie must come from Bharat's own pages: the Origin header, else
Sec-Fetch-Site, decides (OWASP CSRF cheat sheet, "verifying origin with standard headers").
"""

from __future__ import annotations

from typing import Protocol
from urllib.parse import urlsplit

import falcon

from bharat.contracts.errors import Forbidden, Unauthenticated
from bharat.contracts.principal import Principal

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class Authenticator(Protocol):
    """What the web needs of `bharat.accounts`."""

    def by_session(self, token: str) -> Principal | None: ...
    def by_api_key(self, text: str) -> Principal | None: ...


SESSION_COOKIE = "bharat_session"


def cookie_name(name: str, secure: bool) -> str:
    """`__Host-` ties the cookie to this host, its root path and https (RFC 6265bis, 4.1.3.2); plain http can't have it."""
    return f"__Host-{name}" if secure else name


def authenticate(
    req: falcon.Request, authenticator: Authenticator, cookie: str, public_url: str
) -> tuple[Principal | None, str | None]:
    """The caller and, for a session, its token.

    Raises `Unauthenticated` for credentials that are wrong or expired: a request that brings some is never served as
    nobody's. Raises `Forbidden` for a forged cross-site request."""
    if req.method not in SAFE_METHODS:
        refuse_foreign_origin(req, public_url)
    authorization = req.get_header("Authorization")
    if authorization is not None:
        scheme, _, credentials = authorization.partition(" ")
        if scheme.lower() != "bearer" or not credentials.strip():
            raise Unauthenticated("Send the API key as 'Authorization: Bearer bh_…'.")
        principal = authenticator.by_api_key(credentials.strip())
        if principal is None:
            raise Unauthenticated("This API key is unknown, expired or revoked.")
        return principal, None
    tokens = req.get_cookie_values(cookie)
    if not tokens:
        return None, None
    principal = authenticator.by_session(tokens[0])
    if principal is None:
        raise Unauthenticated("The session has ended; log in again.")
    return principal, tokens[0]


def refuse_foreign_origin(req: falcon.Request, public_url: str) -> None:
    """Raise `Forbidden` when a browser says that another site's page sends this."""
    origin = req.get_header("Origin")
    if origin is not None:
        if origin != public_url and _site_of(origin) != (urlsplit(public_url).scheme, req.get_header("Host")):
            raise Forbidden("The request comes from another site's page (its Origin header says so).")
    elif req.get_header("Sec-Fetch-Site") in ("cross-site", "same-site"):
        raise Forbidden("The request comes from another site's page (its Sec-Fetch-Site header says so).")


def _site_of(origin: str) -> tuple[str, str] | None:
    """Scheme and host; `None` for what is no origin, which is no page of Bharat's either."""
    try:
        parts = urlsplit(origin)
    except ValueError:
        return None
    return parts.scheme, parts.netloc
