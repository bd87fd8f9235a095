"""Migrations: one line of Alembic revisions and one version table per plugin, run one migrator at a time."""

from bharat.data.migrations.protection import ProtectTable
from bharat.data.migrations.runner import MigrationError, Migrator, Pending

__all__ = ["MigrationError", "Migrator", "Pending", "ProtectTable"]
