"""Customers, orders, doors and prices."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import bharat.data
from bharat.data.migrations import ProtectTable

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "shop_customers",
        sa.Column("organisation_id", sa.Uuid, nullable=False),
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_shop_customers"),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisations.id"], name="fk_shop_customers_organisation_id"),
        sa.UniqueConstraint("organisation_id", "id", name="uq_shop_customers_organisation_id_id"),
    )
    op.create_table(
        "shop_orders",
        sa.Column("organisation_id", sa.Uuid, nullable=False),
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("customer_id", sa.Uuid),
        sa.Column("code", sa.String(20), nullable=False),
        sa.Column("note", sa.String(100)),
        sa.Column("amount", bharat.data.ExactDecimal(2)),
        sa.PrimaryKeyConstraint("id", name="pk_shop_orders"),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisations.id"], name="fk_shop_orders_organisation_id"),
    )
    op.create_index("ix_shop_orders_organisation_id_id", "shop_orders", ["organisation_id", "id"])
    op.create_table(
        "shop_doors",
        sa.Column("organisation_id", sa.Uuid, nullable=False),
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_shop_doors"),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisations.id"], name="fk_shop_doors_organisation_id"),
    )
    op.create_table(
        "shop_prices",
        sa.Column("code", sa.String(20), nullable=False),
        sa.Column("price", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("code", name="pk_shop_prices"),
    )
    for table in ("shop_customers", "shop_orders"):
        op.invoke(ProtectTable(table))
    op.invoke(ProtectTable("shop_doors", platform_access=True))


def downgrade() -> None:
    for table in ("shop_prices", "shop_doors", "shop_orders", "shop_customers"):
        op.drop_table(table)
