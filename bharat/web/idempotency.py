"""`Idempotency-Key`: a POST sent again has its effect once (draft-ietf-httpapi-idempotency-key-header).

The key is a row written in the same transaction as the effect, together with the answer. So after a crash there are both or
neither; a repeat finds the answer, and one that arrives while the first still runs is told so.
"""

from __future__ import annotations

import hashlib
from datetime import timedelta
from http import HTTPStatus
from typing import Any

import msgspec
import sqlalchemy as sa

from bharat.contracts.database import Database
from bharat.contracts.errors import Conflict, Malformed, Problem
from bharat.contracts.route import Public, Route, Stream
from bharat.data.tables import core_metadata, organisation_table
from bharat.data.types import Document, Instant
from bharat.web.request import WebRequest

KEPT = timedelta(hours=24)
"""How long an answer is remembered."""

idempotency_keys = organisation_table(
    "idempotency_keys",
    core_metadata,
    sa.Column("user_id", sa.Uuid, nullable=False),
    sa.Column("key", sa.String(255), nullable=False),
    sa.Column("fingerprint", sa.LargeBinary(32), nullable=False),
    sa.Column("expires_at", Instant, nullable=False),
    sa.Column("status", sa.Integer, nullable=False),
    sa.Column("headers", Document, nullable=False),
    # None for an answer without a body.
    sa.Column("content_type", sa.String(255)),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.PrimaryKeyConstraint("organisation_id", "user_id", "key"),
    sa.Index("ix_idempotency_keys_expires_at", "expires_at"),
    platform_access="The clock's sweep removes expired keys of all organisations.",
)


class KeyReused(Problem):
    """The key came with another request before."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY
    type = "idempotency-key-reused"
    title = "This idempotency key belongs to another request"


class Remembered(msgspec.Struct, frozen=True):
    """A stored answer."""

    status: int
    headers: dict[str, str]
    content_type: str | None
    body: bytes


def takes_key(route: Route) -> bool:
    """Whether a request to this route may bring a key. Not where bodies are streamed: what came can't be told from what came before,
    and what went is not there any more to be sent again."""
    streams = isinstance(route.body, Stream) or isinstance(route.returns, Stream)
    return route.method == "POST" and route.replays and not streams and not isinstance(route.access, Public)


class Idempotency:
    """Remembers answers to POSTs by organisation, user and key."""

    def __init__(self, database: Database) -> None:
        table = idempotency_keys
        self._locks = database.dialect == "postgresql"
        mine = (table.c.user_id == sa.bindparam("by_user", type_=sa.Uuid)) & (
            table.c.key == sa.bindparam("by_key", type_=sa.String)
        )
        kept = (
            table.c.fingerprint,
            table.c.status,
            table.c.headers,
            table.c.content_type,
            table.c.body,
            table.c.expires_at,
        )
        # A repeat would wait for the first to finish. The lock, held to the end of the transaction and also behind
        # a transaction pooler, tells at once that it is still running. SQLite has one writer and needs none.
        free = (
            sa.func.pg_try_advisory_xact_lock(sa.bindparam("lock", type_=sa.BigInteger)) if self._locks else sa.true()
        )
        asked = sa.select(free.label("free")).subquery("asked")
        self._find = sa.select(asked.c.free, *kept).select_from(asked.outerjoin(table, mine))
        self._forget = table.delete().where(mine)

    def begin(self, request: WebRequest, key: str, raw: bytes) -> Remembered | None:
        """Take the key in the request's unit and return `None`, or return the remembered answer.

        Raises `Malformed` for a key that is none, `KeyReused` when it came with another request, `Conflict` while the
        first request with it still runs."""
        if not 1 <= len(key) <= 255 or not all("!" <= character <= "~" for character in key):
            raise Malformed("Idempotency-Key must be 1 to 255 printable ASCII characters without spaces.")
        names = _names(request, key)
        found = request.unit.row(self._find, {**names, "lock": _lock_number(request, key)} if self._locks else names)
        assert found is not None
        expired = found.status is not None and found.expires_at < request.unit.at
        if found.status is None or expired:
            if not found.free:
                raise _still_running()
            if expired:
                request.unit.execute(self._forget, names)
            return None
        if found.fingerprint != _fingerprint(request, raw):
            raise KeyReused(
                "This Idempotency-Key was used for a request with another path, query or body, or before your permissions "
                "changed; choose a new key."
            )
        return Remembered(found.status, dict(found.headers), found.content_type, found.body)

    def keep(self, request: WebRequest, key: str, raw: bytes, answer: Remembered) -> None:
        """End the request's unit with the answer stored in it. Raises `Conflict` when another request has stored one since
        `begin`; nothing of this one is kept then."""
        request.unit.append(
            idempotency_keys,
            {
                "user_id": request.principal.user_id,
                "key": key,
                "fingerprint": _fingerprint(request, raw),
                "expires_at": request.unit.at + KEPT,
                "status": answer.status,
                "headers": answer.headers,
                "content_type": answer.content_type,
                "body": answer.body,
            },
            refused=_kept_meanwhile,
        )
        request.finish()


def _names(request: WebRequest, key: str) -> dict[str, Any]:
    return {"by_user": request.principal.user_id, "by_key": key}


def _fingerprint(request: WebRequest, raw: bytes) -> bytes:
    """What a repeat must share with the first. What the caller may see is part of it: an answer is not repeated to somebody who
    has since lost a role."""
    principal = request.principal
    may = f"{principal.role.value} {sorted(map(str, principal.team_ids))} {sorted(principal.scopes or ())}"
    return hashlib.sha256(b"\0".join((may.encode(), request.method.encode(), request.target.encode(), raw))).digest()


def _still_running() -> Conflict:
    return Conflict("A request with this Idempotency-Key is still running.", headers={"Retry-After": "1"})


def _kept_meanwhile(error: sa.exc.IntegrityError) -> Conflict | None:
    """A statement sees what was committed before it began. Between that and its lock the first request can end."""
    constraint = getattr(getattr(error.orig, "diag", None), "constraint_name", None)
    return _still_running() if constraint == idempotency_keys.primary_key.name else None


def _lock_number(request: WebRequest, key: str) -> int:
    principal = request.principal
    digest = hashlib.sha256(principal.organisation_id.bytes + principal.user_id.bytes + key.encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)
