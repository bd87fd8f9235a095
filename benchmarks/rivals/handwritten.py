"""Rival (a): Falcon and SQLAlchemy Core, written by hand for contacts alone, running the statements that Bharat runs:
authentication, scope, row-level security, audit, outbox and idempotency.

What a framework does for every type, this does for one: no declaration, no registry, no plugin; no indirection.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import falcon
import msgspec
import sqlalchemy as sa
from msgspec import Meta

from benchmarks.rivals import crm
from benchmarks.rivals.crm import PG, Caller, Refused, Remembered

engine = sa.create_engine(
    crm.URL.replace("postgresql://", "postgresql+psycopg://"),
    connect_args={"options": crm.SETTINGS} if PG else {"check_same_thread": False},
    **({"isolation_level": "AUTOCOMMIT"} if PG else {}),
    **crm.POOL,
)
if not PG:

    @sa.event.listens_for(engine, "connect")
    def _connect(connection: Any, _: Any) -> None:
        connection.isolation_level = None
        for pragma in crm.PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        if connection.get_execution_options().get("writes"):
            connection.exec_driver_sql("BEGIN IMMEDIATE")


writer = threading.Lock()


class NewContact(msgspec.Struct, forbid_unknown_fields=True):
    name: Annotated[str, Meta(min_length=1, max_length=200, pattern=crm.NAME)]
    email: Annotated[str, Meta(max_length=254, pattern=crm.EMAIL)] | None = None
    phone: Annotated[str, Meta(max_length=50, pattern=crm.PHONE)] | None = None
    job_title: Annotated[str, Meta(max_length=100, pattern=crm.LINE)] | None = None
    company_id: UUID | None = None
    description: Annotated[str, Meta(max_length=10_000, pattern=crm.LINES)] | None = None


body_of = msgspec.json.Decoder(NewContact).decode


def read(statement: Any, parameters: dict[str, Any]) -> Any:
    with engine.connect() as connection:
        return connection.execute(statement, parameters).all()


@contextmanager
def transaction(org: UUID) -> Iterator[tuple[sa.Connection, datetime]]:
    if PG:
        with engine.begin() as connection:
            # One message begins the transaction and sets the organisation; the driver would use two.
            driver: Any = connection.connection.driver_connection
            cursor = driver.execute(crm.BEGIN.format(org=org), prepare=False)
            cursor.nextset()
            yield connection, cursor.fetchone()[2]
        return
    # SQLite has one writer; a greenlet must not wait for another inside the driver.
    with writer, engine.connect() as plain:
        connection = plain.execution_options(writes=True)
        with connection.begin():
            yield connection, crm.now()


def authenticate(req: falcon.Request, verb: str) -> Caller:
    org, parameters = crm.credentials(req.get_header("Authorization"))
    rows = read(crm.AUTH, parameters)
    found = rows[0] if rows else None
    if found is not None and found.unnoted:
        with transaction(org) as (connection, at):
            connection.execute(crm.NOTE_USE, {"org": org, "noted": found.id, "last_used_at": at})
    return crm.caller_of(org, found, verb)


class Around:
    """Request id and careful headers."""

    def process_request(self, req: falcon.Request, resp: falcon.Response) -> None:
        req.context.request_id = secrets.token_hex(16)

    def process_response(self, req: falcon.Request, resp: falcon.Response, resource: object, ok: bool) -> None:
        resp.set_header("X-Request-ID", req.context.request_id)
        resp.set_headers(crm.HEADERS)


class Contact:
    def on_get(self, req: falcon.Request, resp: falcon.Response, id: UUID) -> None:
        caller = authenticate(req, "read")
        found = read(crm.ONE, {"id": id, **caller.scope})
        if not found:
            raise Refused(404, "There is no such contact, or none that you may see.")
        etag = f'"{found[0].version}"'
        resp.set_header("ETag", etag)
        if req.get_header("If-None-Match") == etag:
            resp.status = 304
            return
        resp.content_type = "application/json"
        resp.data = crm.encode(dict(zip(crm.NAMES, found[0], strict=True)))


class Contacts:
    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        caller = authenticate(req, "read")
        params = req.params
        continued, limit, values = crm.listing(params, caller)
        rows = read(crm.NEXT if continued else crm.PAGE, values)
        following = None
        if len(rows) > limit:
            del rows[limit:]
            following = crm.write_cursor(rows[-1].id, caller, params)
        items = [dict(zip(crm.NAMES, row, strict=True)) for row in rows]
        resp.content_type = "application/json"
        resp.data = crm.encode({"items": items, "next_cursor": following})

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        caller = authenticate(req, "write")
        raw = self._body(req)
        try:
            body = body_of(raw)
        except msgspec.MsgspecError as error:
            raise Refused(422, str(error)) from None
        key = req.get_header("Idempotency-Key")
        fingerprint = b"" if key is None else crm.fingerprint_of(req.path, raw)
        with transaction(caller.org) as (connection, at):
            answer = None
            if key is not None:
                found = connection.execute(crm.FIND, crm.question_of(caller, key)).one()
                answer = crm.remembered(found, fingerprint)
            if answer is None:
                answer = self._create(connection, req.context.request_id, caller, body, key, fingerprint, at)
            else:
                resp.set_header("Idempotency-Replayed", "true")
        resp.status = answer.status
        resp.set_headers(answer.headers)
        resp.content_type = "application/json"
        resp.data = answer.body

    def _body(self, req: falcon.Request) -> bytes:
        if (req.content_type or "").partition(";")[0].strip().lower() != "application/json":
            raise Refused(415, "Send the body as application/json.")
        raw: bytes = req.bounded_stream.read(crm.MAX_BODY + 1)
        if len(raw) > crm.MAX_BODY:
            raise Refused(413, "The body is too large.")
        return raw

    def _create(
        self,
        connection: sa.Connection,
        request_id: str,
        caller: Caller,
        body: NewContact,
        key: str | None,
        fingerprint: bytes,
        at: datetime,
    ) -> Remembered:
        run = connection.execute
        team, required = run(crm.BEFORE, caller.scope).one()
        if required:
            raise Refused(422, "The organisation requires custom fields.")
        if (
            body.company_id is not None
            and run(crm.COMPANY, {"company": body.company_id, **caller.scope}).first() is None
        ):
            raise Refused(422, "There is no such company.")
        record = crm.record_of(body, caller, team, at)
        entry, event = crm.told_of(record, caller, request_id)
        answer = Remembered(201, crm.answer_headers(record), crm.encode(record))
        kept = None if key is None else crm.kept_of(caller, key, fingerprint, answer, at)
        for statement, parameters in crm.writes(crm.row_of(record, caller), entry, event, kept):
            run(statement, parameters)
        return answer


def _refused(req: falcon.Request, resp: falcon.Response, error: Refused, params: Any) -> None:
    resp.status = error.status
    resp.content_type = "application/problem+json"
    resp.data = crm.encode({"title": error.detail, "status": error.status})


application: falcon.App[Any, Any] = falcon.App(middleware=[Around()])
application.add_error_handler(Refused, _refused)
application.add_route("/api/v1/contacts", Contacts())
application.add_route("/api/v1/contacts/{id:uuid}", Contact())
