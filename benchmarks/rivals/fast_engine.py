"""The asynchronous engine of the FastAPI rivals, and how they begin a write."""

from __future__ import annotations

import asyncio
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import create_async_engine

from benchmarks.rivals import crm
from benchmarks.rivals.crm import PG

engine = create_async_engine(
    crm.URL.replace("postgresql://", "postgresql+psycopg://").replace("sqlite://", "sqlite+aiosqlite://"),
    connect_args={"options": crm.SETTINGS} if PG else {"check_same_thread": False},
    **crm.POOL,
)
if not PG:

    @sa.event.listens_for(engine.sync_engine, "connect")
    def _connect(connection: Any, _: Any) -> None:
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in crm.PRAGMAS:
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @sa.event.listens_for(engine.sync_engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        if connection.get_execution_options().get("writes"):
            connection.exec_driver_sql("BEGIN IMMEDIATE")


reading = engine.execution_options(isolation_level="AUTOCOMMIT") if PG else engine
writing = engine if PG else engine.execution_options(writes=True)
turn = asyncio.Lock()
"""SQLite has one writer: they queue here rather than in the database."""
