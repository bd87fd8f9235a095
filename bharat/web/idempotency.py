"""`Idempotency-Key`: a POST sent again has its effect once (draft-ietf-httpapi-idempotency-key-header).

The key is a row written in the same transaction as the effect, together with the answer. So after a crash there are both or
neither; a repeat finds the answer, and one that arrives while the first still runs is told so.
"""

from __future__ import annotations

import hashlib
from datetime import timedelta
from http import HTTPStatus
from uuid import UUID

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from bharat.contracts.database import Database
from bharat.contracts.errors import Conflict, Malformed, Problem
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
    sa.Column("status", sa.Integer),
    sa.Column("headers", Document),
    sa.Column("body", sa.LargeBinary),
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
    body: bytes


class Idempotency:
    """Remembers answers to POSTs by organisation, user and key."""

    def __init__(self, database: Database) -> None:
        table = idempotency_keys
        on_postgresql = database.dialect == "postgresql"
        # A repeat would wait for the first to finish. The lock, held to the end of the transaction and also behind
        # a transaction pooler, tells at once that it is still running. SQLite has one writer and needs none.
        lock = sa.func.pg_try_advisory_xact_lock(sa.bindparam("lock", type_=sa.BigInteger))
        self._lock = sa.select(lock) if on_postgresql else None
        insert = (postgresql.insert if on_postgresql else sqlite.insert)(table).values(
            user_id=sa.bindparam("by_user", type_=sa.Uuid),
            key=sa.bindparam("by_key", type_=sa.String),
            fingerprint=sa.bindparam("print", type_=sa.LargeBinary),
            expires_at=sa.bindparam("until", type_=Instant),
        )
        renewed = {name: insert.excluded[name] for name in ("fingerprint", "expires_at")}
        self._claim = insert.on_conflict_do_update(
            index_elements=["organisation_id", "user_id", "key"],
            set_={**renewed, "status": None, "headers": None, "body": None},
            where=table.c.expires_at < sa.bindparam("instant", type_=Instant),
        ).returning(table.c.key)
        mine = (table.c.user_id == sa.bindparam("by_user")) & (table.c.key == sa.bindparam("by_key"))
        self._find = database.prepare(
            sa.select(table.c.fingerprint, table.c.status, table.c.headers, table.c.body, table.c.expires_at).where(
                mine
            )
        )
        self._keep = table.update().where(mine)

    def begin(self, request: WebRequest, key: str, raw: bytes) -> Remembered | None:
        """Claim the key in the request's unit and return `None`, or return the remembered answer.

        Raises `Malformed` for a key that is none, `KeyReused` when it came with another request, `Conflict` while the
        first request with it still runs."""
        if not 1 <= len(key) <= 255 or not all("!" <= character <= "~" for character in key):
            raise Malformed("Idempotency-Key must be 1 to 255 printable ASCII characters without spaces.")
        principal = request.principal
        # What the caller may see is part of the question: an answer is not repeated to somebody who has since lost a role.
        may = f"{principal.role.value} {sorted(map(str, principal.team_ids))} {sorted(principal.scopes or ())}"
        fingerprint = hashlib.sha256(
            b"\0".join((may.encode(), request.method.encode(), request.target.encode(), raw))
        ).digest()
        now = request.app.clock.now()
        names = {"by_user": principal.user_id, "by_key": key}
        lock = _lock_number(principal.organisation_id, principal.user_id, key)
        free = self._lock is None or request.unit.scalar(self._lock, {"lock": lock})
        claim = {**names, "print": fingerprint, "until": now + KEPT, "instant": now}
        if free and request.unit.row(self._claim, claim) is not None:
            return None
        conflict = Conflict("A request with this Idempotency-Key is still running.", headers={"Retry-After": "1"})
        request.abandon(conflict)
        found = request.app.database.read(principal.organisation_id).row(self._find, names)
        if found is None or found.status is None:
            raise conflict
        if found.fingerprint != fingerprint:
            raise KeyReused(
                "This Idempotency-Key was used for a request with another path, query or body, or before your permissions "
                "changed; choose a new key."
            )
        return Remembered(found.status, dict(found.headers or {}), found.body or b"")

    def keep(self, request: WebRequest, key: str, answer: Remembered) -> None:
        """Store the answer in the request's unit, to be committed with the effect."""
        request.unit.execute(
            self._keep,
            {
                "by_user": request.principal.user_id,
                "by_key": key,
                "status": answer.status,
                "headers": answer.headers,
                "body": answer.body,
            },
        )


def _lock_number(organisation_id: UUID, user_id: UUID, key: str) -> int:
    digest = hashlib.sha256(organisation_id.bytes + user_id.bytes + key.encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)
