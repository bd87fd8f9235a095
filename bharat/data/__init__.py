"""The database: engine, units of work, tenancy, migrations. SQLAlchemy Core on SQLite or PostgreSQL."""

from bharat.data.database import BharatDatabase
from bharat.data.ids import new_id
from bharat.data.tables import organisation_table, platform_table
from bharat.data.tenancy import TenancyError, scoped
from bharat.data.types import Document, ExactDecimal, Instant

__all__ = [
    "BharatDatabase",
    "Document",
    "ExactDecimal",
    "Instant",
    "TenancyError",
    "new_id",
    "organisation_table",
    "platform_table",
    "scoped",
]
