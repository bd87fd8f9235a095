"""Capability `sessions`: who is logged in. Rules: OWASP ASVS 5.0 chapter 7."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol
from uuid import UUID

from bharat.contracts.errors import BharatError


class SessionGone(BharatError, LookupError):
    """The session was deleted, revoked or has expired; a change to it was refused."""


class SessionsUnavailable(BharatError):
    """The store does not answer. Callers answer 503: never "logged out", never a bypass."""


def new_token() -> str:
    """A session token with 256 bits of entropy, safe in a cookie."""
    return secrets.token_urlsafe(32)


def token_hash(token: str) -> str:
    """What a store keeps in place of a token: SHA-256, hex. A token is random, so no salt or stretching is needed."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def handle_of(token: str) -> str:
    """The public name of a session: shown in lists, used to revoke it, useless to log in with."""
    return token_hash(token)[:32]


@dataclass(frozen=True, slots=True)
class NewSession:
    """A login. `idle` is how long it lives without use, `absolute` how long at most.

    `epoch` is the user's session epoch at login; whoever loads the principal compares it with the database's, which also remembers
    the handles of sessions that were ended one by one, so that a store restored from an old snapshot revives nobody."""

    organisation_id: UUID
    user_id: UUID
    epoch: int
    idle: timedelta
    absolute: timedelta
    address: str | None = None
    user_agent: str | None = None
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Session:
    """A live session. `data` holds JSON values by field name; `expires_at` is the earlier of idle and absolute expiry."""

    handle: str
    organisation_id: UUID
    user_id: UUID
    epoch: int
    created_at: datetime
    seen_at: datetime
    expires_at: datetime
    address: str | None
    user_agent: str | None
    data: Mapping[str, Any]


class Sessions(Protocol):
    """Live sessions. Only a hash of a token is kept. Every method raises `SessionsUnavailable` when the store does not answer."""

    def create(self, new: NewSession) -> tuple[str, Session]:
        """Start a session and return its token, to be given to the client and kept nowhere, and the session."""
        ...

    def load(self, token: str) -> Session | None:
        """The live session of `token`, its idle expiry extended; `None` when there is none, it expired or was deleted.

        A backend may record `seen_at` at most once a minute or once in a tenth of `idle`, whichever is less."""
        ...

    def set(self, token: str, field: str, value: Any) -> None:
        """Set one field to a JSON value. Concurrent changes of other fields are kept.

        Raises `SessionGone` when the session is not live: a request in flight can't bring back a deleted session."""
        ...

    def unset(self, token: str, field: str) -> None:
        """Remove one field; an absent field is a no-op. Raises `SessionGone`."""
        ...

    def rotate(self, token: str, *, epoch: int | None = None) -> str:
        """Move the session to a new token and return it; the old token is dead at once. Used on login and privilege
        change (ASVS 7.2.4). `created_at`, both expiries and the data stay, and so does the epoch unless one is given.
        Raises `SessionGone`."""
        ...

    def delete(self, token: str) -> None:
        """End the session; a token without one is a no-op."""
        ...

    def list(self, organisation_id: UUID, user_id: UUID) -> Sequence[Session]:
        """The user's live sessions, newest login first."""
        ...

    def revoke(self, organisation_id: UUID, user_id: UUID, handle: str) -> bool:
        """End the user's session with this handle; whether there was one. Another user's handle is `False`."""
        ...

    def revoke_all(self, organisation_id: UUID, user_id: UUID, *, keep: str | None = None) -> int:
        """End all of the user's sessions but the one whose handle is `keep`; how many ended."""
        ...

    def sweep(self) -> int:
        """Drop expired sessions that the backend does not drop by itself; how many."""
        ...

    def close(self) -> None:
        """Give back connections; sessions stay. Idempotent, and fails for no backend."""
        ...
