"""A small plugin's tables, one of each kind, for the tests of the data room."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

import sqlalchemy as sa

from bharat.contracts.database import Unit
from bharat.contracts.migration import Migrations
from bharat.data import ExactDecimal, new_id, organisation_table, platform_table
from bharat.data.tables import NAMING

metadata = sa.MetaData(naming_convention=NAMING)

customers = organisation_table(
    "shop_customers",
    metadata,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("name", sa.String(100), nullable=False),
    sa.UniqueConstraint("organisation_id", "id"),
)

orders = organisation_table(
    "shop_orders",
    metadata,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("customer_id", sa.Uuid),
    sa.Column("code", sa.String(20), nullable=False),
    sa.Column("note", sa.String(100)),
    sa.Column("amount", ExactDecimal(2)),
    sa.Index("ix_shop_orders_organisation_id_id", "organisation_id", "id"),
)

doors = organisation_table(
    "shop_doors",
    metadata,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("name", sa.String(100), nullable=False),
    platform_access="Whoever rings says only the door's number.",
)

prices = platform_table(
    "shop_prices",
    metadata,
    sa.Column("code", sa.String(20), primary_key=True),
    sa.Column("price", sa.Integer, nullable=False),
    reason="One price list for everybody.",
)

SHOP = Migrations(plugin="shop", folder=Path(__file__).parent / "shop_versions", metadata=metadata)

CODES = ("A", "B", "C")


def stock(unit: Unit, name: str) -> UUID:
    """Give the unit's organisation one customer, a door and an order of each code, all marked with `name`. The codes are the
    same for every organisation, so that a join by code alone would cross over."""
    customer = new_id()
    unit.execute(customers.insert(), {"id": customer, "name": name})
    unit.execute(doors.insert(), {"id": new_id(), "name": name})
    unit.execute(
        orders.insert(), [{"id": new_id(), "customer_id": customer, "code": code, "note": name} for code in CODES]
    )
    return customer
