"""Rival (b): FastAPI, once with asynchronous SQLAlchemy Core and once with its ORM (`BENCH_STORE`), under uvicorn.

As its documentation shows it: Pydantic models for bodies and answers, the caller as a dependency. What is known to be slow
is avoided: middleware is plain ASGI, and answers are serialised by Pydantic from the declared return type.
"""

from __future__ import annotations

import importlib
import os
import secrets
from datetime import datetime
from typing import Annotated, Any, Protocol
from uuid import UUID

from fastapi import Depends, FastAPI, Header, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, StringConstraints
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from benchmarks.rivals import crm
from benchmarks.rivals.crm import Caller, Refused, Remembered


class NewContact(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")]
    email: Annotated[str, StringConstraints(max_length=254, pattern=crm.EMAIL)] | None = None
    phone: Annotated[str, StringConstraints(max_length=50, pattern=crm.PHONE)] | None = None
    job_title: Annotated[str, StringConstraints(max_length=100, pattern=crm.LINE)] | None = None
    company_id: UUID | None = None
    description: Annotated[str, StringConstraints(max_length=10_000, pattern=crm.LINES)] | None = None


class Contact(BaseModel):
    model_config = ConfigDict(from_attributes=True)
    id: UUID
    version: int
    name: str
    email: str | None
    phone: str | None
    job_title: str | None
    company_id: UUID | None
    description: str | None
    owner_id: UUID | None
    team_id: UUID | None
    created_at: datetime
    created_by: UUID | None
    updated_at: datetime
    updated_by: UUID | None
    deleted_at: datetime | None
    custom: dict[str, str | int | bool | None]


class Page(BaseModel):
    items: list[Contact]
    next_cursor: str | None


class Create(Protocol):
    async def __call__(
        self, caller: Caller, body: NewContact, key: str | None, fingerprint: bytes, request_id: str
    ) -> tuple[Remembered, bool]:
        """The answer, and whether the key was answered before."""
        ...


class Store(Protocol):
    """What a store does; a module each."""

    async def authenticate(self, header: str | None, verb: str) -> Caller: ...
    async def one(self, caller: Caller, id: UUID) -> Any: ...
    async def page(self, continued: bool, values: dict[str, Any]) -> list[Any]: ...

    create: Create


store: Store = importlib.import_module(f"benchmarks.rivals.fast_{os.environ['BENCH_STORE']}").store


class Around:
    """Request id and careful headers."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._headers = [(name.lower().encode(), value.encode()) for name, value in crm.HEADERS.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = secrets.token_hex(16)
        scope["request_id"] = request_id

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] += [(b"x-request-id", request_id.encode()), *self._headers]
            await send(message)

        await self._app(scope, receive, answer)


async def reader(authorization: Annotated[str | None, Header()] = None) -> Caller:
    return await store.authenticate(authorization, "read")


async def writer(authorization: Annotated[str | None, Header()] = None) -> Caller:
    return await store.authenticate(authorization, "write")


app = FastAPI()
app.add_middleware(Around)


@app.exception_handler(Refused)
async def refused(request: Request, error: Refused) -> JSONResponse:
    return JSONResponse({"title": error.detail, "status": error.status}, error.status)


@app.get("/api/v1/contacts/{id}", response_model=Contact)
async def read_contact(
    id: UUID,
    caller: Annotated[Caller, Depends(reader)],
    response: Response,
    if_none_match: Annotated[str | None, Header()] = None,
) -> Any:
    found = await store.one(caller, id)
    if found is None:
        raise Refused(404, "There is no such contact, or none that you may see.")
    etag = f'"{found.version}"'
    if if_none_match == etag:
        return Response(status_code=304, headers={"ETag": etag})
    response.headers["ETag"] = etag
    return found


@app.get("/api/v1/contacts", response_model=Page)
async def list_contacts(request: Request, caller: Annotated[Caller, Depends(reader)]) -> Any:
    params = request.query_params
    continued, limit, values = crm.listing(params, caller)
    rows = await store.page(continued, values)
    following = None
    if len(rows) > limit:
        rows = rows[:limit]
        following = crm.write_cursor(rows[-1].id, caller, params)
    return {"items": rows, "next_cursor": following}


@app.post("/api/v1/contacts", response_model=Contact, status_code=201)
async def create_contact(
    body: NewContact,
    request: Request,
    caller: Annotated[Caller, Depends(writer)],
    idempotency_key: Annotated[str | None, Header()] = None,
) -> Any:
    fingerprint = b""
    if idempotency_key is not None:
        fingerprint = crm.fingerprint_of(request.url.path, await request.body())
    answer, replayed = await store.create(caller, body, idempotency_key, fingerprint, request.scope["request_id"])
    headers = {**answer.headers, "Idempotency-Replayed": "true"} if replayed else answer.headers
    return Response(answer.body, answer.status, headers, "application/json")
