"""FastAPI's store on SQLAlchemy's asynchronous ORM."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker
from sqlalchemy.orm import DeclarativeBase

from benchmarks.rivals import crm
from benchmarks.rivals.crm import PG, Caller, Refused, Remembered
from benchmarks.rivals.fast_engine import reading, turn, writing


class Base(DeclarativeBase):
    metadata = crm.metadata


class Contact(Base):
    __table__ = crm.contacts


class AuditEntry(Base):
    __table__ = crm.audit


class Event(Base):
    __table__ = crm.events


class IdempotencyKey(Base):
    __table__ = crm.idempotency


_readers = async_sessionmaker(reading, expire_on_commit=False)
_writers = async_sessionmaker(writing, expire_on_commit=False)
_ONE = sa.select(Contact).where(*crm.THIS)
_PAGE = sa.select(Contact).where(*crm.FILTERS, *crm.MINE).order_by(Contact.__table__.c.id.desc()).limit(crm.ROWS)
_NEXT = _PAGE.where(crm.AFTER)


@asynccontextmanager
async def _transaction(org: UUID) -> AsyncIterator[tuple[AsyncSession, datetime]]:
    if PG:
        async with _writers.begin() as session:
            _, at = (await session.execute(crm.SET, {"org_text": str(org)})).one()
            yield session, at
        return
    async with turn, _writers.begin() as session:
        yield session, crm.now()


class OrmStore:
    async def authenticate(self, header: str | None, verb: str) -> Caller:
        org, parameters = crm.credentials(header)
        async with _readers() as session:
            found = (await session.execute(crm.AUTH, parameters)).first()
        if found is not None and found.unnoted:
            async with _transaction(org) as (session, at):
                await session.execute(crm.NOTE_USE.values(last_used_at=at), {"org": org, "noted": found.id})
        return crm.caller_of(org, found, verb)

    async def one(self, caller: Caller, id: UUID) -> Any:
        async with _readers() as session:
            return await session.scalar(_ONE, {"id": id, **caller.scope})

    async def page(self, continued: bool, values: dict[str, Any]) -> list[Any]:
        async with _readers() as session:
            return list((await session.scalars(_NEXT if continued else _PAGE, values)).all())

    async def create(
        self, caller: Caller, body: Any, key: str | None, fingerprint: bytes, request_id: str
    ) -> tuple[Remembered, bool]:
        async with _transaction(caller.org) as (session, at):
            run = session.execute
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
            session.add(Contact(**crm.row_of(record, caller)))
            entry, event = crm.told_of(record, caller, request_id)
            session.add(AuditEntry(**entry))
            session.add(Event(**event))
            answer = Remembered(201, crm.answer_headers(record), crm.encode(record))
            if key is not None:
                session.add(IdempotencyKey(**crm.kept_of(caller, key, fingerprint, answer, at)))
            return answer, False


store = OrmStore()
