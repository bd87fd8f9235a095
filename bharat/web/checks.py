"""The health check of the primary database."""

from __future__ import annotations

import sqlalchemy as sa

from bharat.contracts.application import Application
from bharat.contracts.check import Check, Finding, Status
from bharat.contracts.errors import Unavailable


def _database(app: Application) -> Finding:
    try:
        app.database.read(None).scalar(sa.select(sa.literal(1)))
    except Unavailable:
        return Finding(
            Status.FAILED, "the database does not answer", "check that it runs and that DATABASE_URL is right"
        )
    return Finding(Status.OK, f"{app.database.dialect} answers")


DATABASE = Check(name="database", run=_database)
