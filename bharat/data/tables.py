"""How tables are declared, so that tenancy can be enforced in one place.

A table belongs either to organisations or to the platform, and says so in `Table.info["tenancy"]`; a statement that names a
table that says neither is refused.
"""

from __future__ import annotations

from typing import Any, Literal

import sqlalchemy as sa

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}

core_metadata = sa.MetaData(naming_convention=NAMING)
"""The tables of the core: those of `data`, `work`, `accounts` and `records`."""

Tenancy = Literal["organisation", "platform"]


def organisation_table(
    name: str,
    metadata: sa.MetaData,
    *items: sa.schema.SchemaItem,
    platform_access: str | None = None,
    append_only: bool = False,
) -> sa.Table:
    """A table whose rows each belong to one organisation: `organisation_id` is added, scoped and enforced.

    `platform_access`, when given, is the reason why platform actors (login, relay, clock) may read and write it with no
    organisation. `append_only` withholds UPDATE and DELETE from the application's role."""
    return sa.Table(
        name,
        metadata,
        sa.Column("organisation_id", sa.Uuid, sa.ForeignKey("organisations.id"), nullable=False),
        *items,
        info={"tenancy": "organisation", "platform_access": platform_access, "append_only": append_only},
    )


def platform_table(name: str, metadata: sa.MetaData, *items: sa.schema.SchemaItem, reason: str) -> sa.Table:
    """A table that no single organisation owns. `reason` says why; the list of such tables is tested."""
    return sa.Table(name, metadata, *items, info={"tenancy": "platform", "reason": reason})


def tenancy_of(table: sa.Table) -> Tenancy | None:
    """What the table declared, or `None`."""
    value: Any = table.info.get("tenancy")
    return value if value in ("organisation", "platform") else None
