"""FastAPI's store on asynchronous SQLAlchemy Core."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from benchmarks.rivals import crm
from benchmarks.rivals.crm import PG, Caller, Refused, Remembered
from benchmarks.rivals.fast_engine import reading, turn, writing


async def _read(statement: Any, parameters: dict[str, Any]) -> Any:
    async with reading.connect() as connection:
        return (await connection.execute(statement, parameters)).all()


@asynccontextmanager
async def _transaction(org: UUID) -> AsyncIterator[tuple[AsyncConnection, datetime]]:
    if PG:
        async with writing.begin() as connection:
            _, at = (await connection.execute(crm.SET, {"org_text": str(org)})).one()
            yield connection, at
        return
    async with turn, writing.begin() as connection:
        yield connection, crm.now()


class CoreStore:
    async def authenticate(self, header: str | None, verb: str) -> Caller:
        org, parameters = crm.credentials(header)
        rows = await _read(crm.AUTH, parameters)
        found = rows[0] if rows else None
        if found is not None and found.unnoted:
            async with _transaction(org) as (connection, at):
                await connection.execute(crm.NOTE_USE, {"org": org, "noted": found.id, "last_used_at": at})
        return crm.caller_of(org, found, verb)

    async def one(self, caller: Caller, id: UUID) -> Any:
        rows = await _read(crm.ONE, {"id": id, **caller.scope})
        return rows[0] if rows else None

    async def page(self, continued: bool, values: dict[str, Any]) -> list[Any]:
        found: list[Any] = await _read(crm.NEXT if continued else crm.PAGE, values)
        return found

    async def create(
        self, caller: Caller, body: Any, key: str | None, fingerprint: bytes, request_id: str
    ) -> tuple[Remembered, bool]:
        async with _transaction(caller.org) as (connection, at):
            run = connection.execute
            if key is not None:
                found = (await run(crm.FIND, crm.question_of(caller, key))).one()
                answer = crm.remembered(found, fingerprint)
                if answer is not None:
                    return answer, True
            team, required = (await run(crm.BEFORE, caller.scope)).one()
            if required:
                raise Refused(422, "The organisation requires custom fields.")
            company = body.company_id
            if company is not None and (await run(crm.COMPANY, {"company": company, **caller.scope})).first() is None:
                raise Refused(422, "There is no such company.")
            record = crm.record_of(body, caller, team, at)
            entry, event = crm.told_of(record, caller, request_id)
            answer = Remembered(201, crm.answer_headers(record), crm.encode(record))
            kept = None if key is None else crm.kept_of(caller, key, fingerprint, answer, at)
            for statement, parameters in crm.writes(crm.row_of(record, caller), entry, event, kept):
                await run(statement, parameters)
            return answer, False


store = CoreStore()
