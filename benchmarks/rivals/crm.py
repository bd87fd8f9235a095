"""What the rivals on SQLAlchemy share: the tables, the statements and the rows that a create writes.

The statements are those that Bharat runs, as one would write them by hand: each names the organisation, and on PostgreSQL
each read sets it for row-level security in the same statement, so that it needs no transaction.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import re
import time
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

URL = os.environ["BENCH_DATABASE_URL"]
KEY = os.environ["BENCH_KEY"].encode()
PG = URL.startswith("postgresql")
LIMIT = 50
MAX_BODY = 1024 * 1024
PRAGMAS = ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON", "busy_timeout=5000")
POOL: dict[str, Any] = {"pool_size": 8, "max_overflow": 0, "pool_use_lifo": True} if PG else {"pool_size": 8}
SETTINGS = "-c timezone=UTC -c statement_timeout=30000 -c idle_in_transaction_session_timeout=60000"
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
}
metadata = sa.MetaData()
Row = dict[str, Any]


class Utc(sa.types.TypeDecorator[datetime]):
    """A moment in UTC on both databases."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> datetime | None:
        return value if value is None or PG else value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Any) -> datetime | None:
        return value if value is None or PG else value.replace(tzinfo=UTC)


DOCUMENT = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")


def table(name: str, key: tuple[str, ...], /, **columns: Any) -> sa.Table:
    return sa.Table(
        name, metadata, *(sa.Column(column, kind, primary_key=column in key) for column, kind in columns.items())
    )


contacts = table(
    "crm_contacts", ("organisation_id", "id"), organisation_id=sa.Uuid, id=sa.Uuid, version=sa.Integer, created_at=Utc,
    created_by=sa.Uuid, updated_at=Utc, updated_by=sa.Uuid, deleted_at=Utc, owner_id=sa.Uuid, team_id=sa.Uuid,
    custom=DOCUMENT, name=sa.String, email=sa.String, phone=sa.String, job_title=sa.String, company_id=sa.Uuid,
    description=sa.String, name_key=sa.String, email_key=sa.String, search_text=sa.String,
)  # fmt: skip
companies = table(
    "crm_companies", ("organisation_id", "id"), organisation_id=sa.Uuid, id=sa.Uuid, owner_id=sa.Uuid, deleted_at=Utc
)
keys = table(
    "api_keys", ("id",), organisation_id=sa.Uuid, id=sa.Uuid, scopes=DOCUMENT, user_id=sa.Uuid, last_used_at=Utc,
    token_hash=sa.String, revoked_at=Utc, expires_at=Utc,
)  # fmt: skip
users = table("users", ("id",), organisation_id=sa.Uuid, id=sa.Uuid, role=sa.String, team_id=sa.Uuid, active=sa.Boolean)
teams = table("teams", ("id",), organisation_id=sa.Uuid, id=sa.Uuid, lead_id=sa.Uuid)
audit = table(
    "audit_entries", ("id",), organisation_id=sa.Uuid, id=sa.Uuid, at=Utc, actor_kind=sa.String, actor_id=sa.Uuid,
    request_id=sa.String, action=sa.String, subject_type=sa.String, subject_id=sa.Uuid, changes=DOCUMENT,
)  # fmt: skip
events = table(
    "events", ("id",), organisation_id=sa.Uuid, id=sa.Uuid, type=sa.String, subject_type=sa.String, subject_id=sa.Uuid,
    data=DOCUMENT, actor_kind=sa.String, actor_id=sa.Uuid, request_id=sa.String, occurred_at=Utc,
)  # fmt: skip
custom_fields = table(
    "custom_fields", ("id",), organisation_id=sa.Uuid, id=sa.Uuid, record_type=sa.String, required=sa.Boolean,
    deleted_at=Utc,
)  # fmt: skip
idempotency = table(
    "idempotency_keys", ("organisation_id", "user_id", "key"), organisation_id=sa.Uuid, user_id=sa.Uuid, key=sa.String,
    fingerprint=sa.LargeBinary, expires_at=Utc, status=sa.Integer, headers=DOCUMENT, content_type=sa.String,
    body=sa.LargeBinary,
)  # fmt: skip


def now() -> datetime:
    return datetime.now(UTC)


ORG = sa.bindparam("org", type_=sa.Uuid)
_guard = sa.select(
    sa.func.set_config("bharat.organisation", sa.bindparam("org_text", type_=sa.Text), True).label("value")
).cte("guard")
GUARD: list[Any] = [sa.select(sa.func.count()).select_from(_guard).scalar_subquery() == 1] if PG else []
CLOCK: Any = sa.func.statement_timestamp() if PG else sa.bindparam(None, callable_=now, type_=Utc, unique=True)
MINUTE_AGO: Any = (
    sa.func.statement_timestamp() - timedelta(minutes=1)
    if PG
    else sa.bindparam(None, callable_=lambda: now() - timedelta(minutes=1), type_=Utc, unique=True)
)

AUTH = (
    sa.select(
        keys.c.id, keys.c.scopes, keys.c.user_id, users.c.role, users.c.team_id, teams.c.id.label("led"),
        sa.or_(keys.c.last_used_at.is_(None), keys.c.last_used_at < MINUTE_AGO).label("unnoted"),
    )
    .select_from(
        keys.join(users, sa.and_(users.c.organisation_id == keys.c.organisation_id, users.c.id == keys.c.user_id)).outerjoin(
            teams,
            sa.and_(
                teams.c.organisation_id == users.c.organisation_id,
                teams.c.lead_id == users.c.id,
                teams.c.organisation_id == ORG,
            ),
        )
    )
    .where(
        keys.c.token_hash == sa.bindparam("hash"),
        keys.c.revoked_at.is_(None),
        sa.or_(keys.c.expires_at.is_(None), keys.c.expires_at > CLOCK),
        users.c.active.is_(True),
        keys.c.organisation_id == ORG,
        users.c.organisation_id == ORG,
        *GUARD,
    )
)  # fmt: skip
NOTE_USE = keys.update().where(keys.c.organisation_id == ORG, keys.c.id == sa.bindparam("noted"))
SHOWN = [
    contacts.c[name]
    for name in (
        "id", "version", "name", "email", "phone", "job_title", "company_id", "description", "owner_id", "team_id",
        "created_at", "created_by", "updated_at", "updated_by", "deleted_at", "custom",
    )
]  # fmt: skip
NAMES = tuple(column.name for column in SHOWN)
MINE: list[Any] = [
    contacts.c.deleted_at.is_(None),
    contacts.c.owner_id == sa.bindparam("viewer", type_=sa.Uuid),
    contacts.c.organisation_id == ORG,
    *GUARD,
]
THIS: list[Any] = [contacts.c.id == sa.bindparam("id", type_=sa.Uuid), *MINE]
FILTERS: list[Any] = [
    contacts.c.job_title == sa.bindparam("job_title"),
    contacts.c.created_at >= sa.bindparam("since", type_=Utc),
]
ROWS = sa.bindparam("n", type_=sa.Integer)
AFTER = contacts.c.id < sa.bindparam("after", type_=sa.Uuid)
ONE = sa.select(*SHOWN).where(*THIS)
PAGE = sa.select(*SHOWN).where(*FILTERS, *MINE).order_by(contacts.c.id.desc()).limit(ROWS)
NEXT = PAGE.where(AFTER)
BEGIN = (
    "BEGIN; SELECT set_config('bharat.organisation', '{org}', true), set_config('bharat.platform', '', true), "
    "statement_timestamp()"
)
SET = sa.select(
    sa.func.set_config("bharat.organisation", sa.bindparam("org_text", type_=sa.Text), True),
    sa.func.statement_timestamp(type_=Utc),
)
BEFORE = sa.select(
    sa.select(users.c.team_id)
    .where(users.c.id == sa.bindparam("viewer", type_=sa.Uuid), users.c.organisation_id == ORG)
    .scalar_subquery(),
    sa.select(sa.literal(1))
    .where(
        custom_fields.c.record_type == "contact",
        custom_fields.c.required.is_(True),
        custom_fields.c.deleted_at.is_(None),
        custom_fields.c.organisation_id == ORG,
    )
    .limit(1)
    .scalar_subquery(),
)
COMPANY = (
    sa.select(companies.c.id)
    .where(
        companies.c.id == sa.bindparam("company", type_=sa.Uuid),
        companies.c.deleted_at.is_(None),
        companies.c.owner_id == sa.bindparam("viewer", type_=sa.Uuid),
        companies.c.organisation_id == ORG,
    )
    .with_for_update(read=True, key_share=True)
)
_free = sa.func.pg_try_advisory_xact_lock(sa.bindparam("lock", type_=sa.BigInteger)) if PG else sa.true()
_asked = sa.select(_free.label("free")).subquery("asked")
FIND = sa.select(
    _asked.c.free, idempotency.c.fingerprint, idempotency.c.status, idempotency.c.headers, idempotency.c.body,
    idempotency.c.expires_at,
).select_from(
    _asked.outerjoin(
        idempotency,
        sa.and_(
            idempotency.c.user_id == sa.bindparam("by_user", type_=sa.Uuid),
            idempotency.c.key == sa.bindparam("by_key"),
            idempotency.c.organisation_id == ORG,
        ),
    )
)  # fmt: skip


def _all_of(*tables: sa.Table) -> sa.Select[Any]:
    """One statement that inserts a row into each table, from parameters called after table and column."""
    inserts = [
        each.insert().values(
            {column.name: sa.bindparam(f"{each.name}_{column.name}", type_=column.type) for column in each.c}
        )
        for each in tables
    ]
    return sa.select(sa.literal_column("1")).add_cte(*(insert.cte(f"to_{n}") for n, insert in enumerate(inserts)))


_MADE = _all_of(contacts, audit, events)
_MADE_AND_KEPT = _all_of(contacts, audit, events, idempotency)


def writes(contact: Row, entry: Row, event: Row, kept: Row | None) -> list[tuple[Any, Row]]:
    """The statements that write a contact and what it causes: audit entry, event and the answer to remember."""
    rows = [(contacts, contact), (audit, entry), (events, event), *([] if kept is None else [(idempotency, kept)])]
    if not PG:
        return [(each.insert(), row) for each, row in rows]
    parameters = {f"{each.name}_{name}": value for each, row in rows for name, value in row.items()}
    return [(_MADE if kept is None else _MADE_AND_KEPT, parameters)]


encode = msgspec.json.Encoder(decimal_format="string").encode

LINE = r"^[^\x00-\x1f\x7f]*$"
NAME = r"^(?=[\s\S]*\S)[^\x00-\x1f\x7f]*$"
LINES = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$"
EMAIL = r"^(?:[^\s@\x00-\x1f\x7f]+@[^\s@\x00-\x1f\x7f]+)?$"
PHONE = r"^(?:[+(]?[0-9][0-9 ()./x-]{1,38})?$"
_KEY_FORM = re.compile(r"[!-~]{1,255}")


class Refused(Exception):
    """An answer other than success: its status, and what was wrong."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail


class Caller(NamedTuple):
    org: UUID
    user: UUID
    key: UUID

    @property
    def scope(self) -> dict[str, Any]:
        return {"org": self.org, "org_text": str(self.org), "viewer": self.user}


class Remembered(NamedTuple):
    """The answer that an idempotency key got before."""

    status: int
    headers: dict[str, str]
    body: bytes


def new_id() -> UUID:
    milliseconds = time.time_ns() // 1_000_000
    tail = int.from_bytes(os.urandom(10), "big")
    return UUID(int=milliseconds << 80 | 7 << 76 | (tail >> 68) << 64 | 2 << 62 | tail & (1 << 62) - 1)


def credentials(header: str | None) -> tuple[UUID, dict[str, Any]]:
    """The organisation that an Authorization header names, and the parameters of `AUTH`."""
    scheme, _, text = (header or "").partition(" ")
    if scheme.lower() != "bearer" or not text.startswith("bh_") or len(text) != 67:
        raise Refused(401, "Send the API key as 'Authorization: Bearer bh_…'.")
    try:
        org = UUID(bytes=base64.urlsafe_b64decode(text[3:])[:16])
    except ValueError:
        raise Refused(401, "This is no API key.") from None
    return org, {"hash": hashlib.sha256(text.encode()).hexdigest(), "org": org, "org_text": str(org)}


def caller_of(org: UUID, found: Any, verb: str) -> Caller:
    """The caller from the row of `AUTH`. Only agents are known here, who reach what they own."""
    if found is None:
        raise Refused(401, "This API key is unknown, expired or revoked.")
    scopes = found.scopes
    if found.role != "agent" or not ("*" in scopes or f"contacts:{verb}" in scopes or f"*:{verb}" in scopes):
        raise Refused(403, "This is not allowed.")
    return Caller(org, found.user_id, found.id)


def listing(params: Any, caller: Caller) -> tuple[bool, int, dict[str, Any]]:
    """Whether a cursor was given, the length of a page, and the parameters of `PAGE` or `NEXT`."""
    if unknown := params.keys() - {"job_title", "created_at.gte", "limit", "cursor"}:
        raise Refused(400, f"unknown parameters: {', '.join(unknown)}")
    try:
        limit = int(params.get("limit", LIMIT))
        values = {
            "job_title": params["job_title"], "since": datetime.fromisoformat(params["created_at.gte"]), "n": limit + 1,
            **caller.scope,
        }  # fmt: skip
    except (KeyError, ValueError):
        raise Refused(400, "job_title and created_at.gte are needed, and limit is a number") from None
    cursor = params.get("cursor")
    if cursor is not None:
        values["after"] = read_cursor(cursor, caller, params)
    return cursor is not None, limit, values


def _context(caller: Caller, params: Any) -> bytes:
    return f"{caller.org} {params['job_title']} {params['created_at.gte']}".encode()


def write_cursor(last: UUID, caller: Caller, params: Any) -> str:
    mac = hmac.digest(KEY, _context(caller, params) + last.bytes, "sha256")[:16]
    return base64.urlsafe_b64encode(mac + last.bytes).decode().rstrip("=")


def read_cursor(text: str, caller: Caller, params: Any) -> UUID:
    try:
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        last = UUID(bytes=raw[16:])
    except ValueError:
        raise Refused(400, "this is no cursor of this list") from None
    if not hmac.compare_digest(raw[:16], hmac.digest(KEY, _context(caller, params) + last.bytes, "sha256")[:16]):
        raise Refused(400, "this is no cursor of this list")
    return last


def fingerprint_of(path: str, raw: bytes) -> bytes:
    return hashlib.sha256(b"POST\0" + f"{path}?".encode() + b"\0" + raw).digest()


def lock_of(caller: Caller, key: str) -> int:
    digest = hashlib.sha256(caller.org.bytes + caller.user.bytes + key.encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)


def question_of(caller: Caller, key: str) -> Row:
    """The parameters of `FIND`."""
    if not _KEY_FORM.fullmatch(key):
        raise Refused(400, "Idempotency-Key must be 1 to 255 printable characters")
    lock = {"lock": lock_of(caller, key)} if PG else {}
    return {"by_user": caller.user, "by_key": key, "org": caller.org, **lock}


def remembered(found: Any, fingerprint: bytes) -> Remembered | None:
    """What the key was answered before, if it was."""
    if found.status is None:
        if not found.free:
            raise Refused(409, "A request with this Idempotency-Key is still running.")
        return None
    if found.fingerprint != fingerprint:
        raise Refused(422, "This Idempotency-Key was used for another request.")
    return Remembered(found.status, found.headers, found.body)


def kept_of(caller: Caller, key: str, fingerprint: bytes, answer: Remembered, at: datetime) -> Row:
    return {
        "organisation_id": caller.org, "user_id": caller.user, "key": key, "fingerprint": fingerprint,
        "expires_at": at + timedelta(hours=24), "content_type": "application/json", **answer._asdict(),
    }  # fmt: skip


def record_of(body: Any, caller: Caller, team: UUID | None, at: datetime) -> dict[str, Any]:
    """A new contact as it is answered."""
    return {
        "id": new_id(), "version": 1, "name": body.name.strip(), "email": _text(body.email), "phone": _text(body.phone),
        "job_title": _text(body.job_title), "company_id": body.company_id, "description": _text(body.description),
        "owner_id": caller.user, "team_id": team, "created_at": at, "created_by": caller.user, "updated_at": at,
        "updated_by": caller.user, "deleted_at": None, "custom": {},
    }  # fmt: skip


def _text(value: str | None) -> str | None:
    return value and (value.strip() or None)


def row_of(record: dict[str, Any], caller: Caller) -> dict[str, Any]:
    """The same as it is stored."""
    name, email = record["name"], record["email"]
    return {
        **record, "organisation_id": caller.org, "name_key": name.casefold(), "email_key": email and email.casefold(),
        "search_text": "\n".join(text.casefold() for text in (name, email) if text),
    }  # fmt: skip


_AUDITED = ("name", "email", "phone", "job_title", "company_id", "description", "owner_id", "team_id")


def told_of(record: dict[str, Any], caller: Caller, request_id: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The audit entry and the event of a new contact."""
    changes = {
        name: [None, str(value)] for name in _AUDITED if (value := record[name]) is not None
    }  # an id as JSON is text too
    common = {
        "organisation_id": caller.org, "actor_kind": "api_key", "actor_id": caller.key, "request_id": request_id,
        "subject_type": "contact", "subject_id": record["id"],
    }  # fmt: skip
    team = record["team_id"]
    data = {
        "version": 1, "changed": list(changes), "owner_id": str(record["owner_id"]), "team_id": team and str(team),
    }  # fmt: skip
    at = record["created_at"]
    return (
        {**common, "id": new_id(), "at": at, "action": "contact.created", "changes": changes},
        {**common, "id": new_id(), "type": "contact.created", "data": data, "occurred_at": at},
    )


def answer_headers(record: dict[str, Any]) -> dict[str, str]:
    return {"Location": f"/api/v1/contacts/{record['id']}", "ETag": '"1"'}
