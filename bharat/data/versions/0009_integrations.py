"""Settings of integrations with their secrets, and what webhooks delivered."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import bharat.data
from bharat.data.migrations import ProtectTable

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

TABLES = (
    "integration_settings",
    "integration_secrets",
    "webhook_endpoints",
    "webhook_deliveries",
    "webhook_bodies",
)


def _organisation(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["organisation_id"], ["organisations.id"], name=f"fk_{table}_organisation_id")


def upgrade() -> None:
    op.create_table(
        "integration_settings",
        sa.Column("organisation_id", sa.Uuid, nullable=False),
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("integration", sa.String(48), nullable=False),
        sa.Column("set_up", sa.Boolean, nullable=False),
        sa.Column("plain", bharat.data.Document, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("changed_at", bharat.data.Instant(), nullable=False),
        sa.Column("changed_by", sa.Uuid),
        sa.PrimaryKeyConstraint("id", name="pk_integration_settings"),
        _organisation("integration_settings"),
        sa.UniqueConstraint("organisation_id", "integration", name="uq_integration_settings_integration"),
    )
    op.create_table(
        "integration_secrets",
        sa.Column("organisation_id", sa.Uuid, nullable=False),
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("integration", sa.String(48), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("field", sa.String(64), nullable=False),
        sa.Column("envelope", sa.Text, nullable=False),
        sa.Column("key_id", sa.String(16), nullable=False),
        sa.Column("changed_at", bharat.data.Instant(), nullable=False),
        sa.Column("changed_by", sa.Uuid),
        sa.Column("expires_at", bharat.data.Instant()),
        sa.PrimaryKeyConstraint("id", name="pk_integration_secrets"),
        _organisation("integration_secrets"),
        sa.UniqueConstraint("organisation_id", "integration", "kind", "field", name="uq_integration_secrets_field"),
    )
    op.create_index("ix_integration_secrets_key", "integration_secrets", ["organisation_id", "key_id", "id"])
    op.create_table(
        "webhook_endpoints",
        sa.Column("organisation_id", sa.Uuid, nullable=False),
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("integration", sa.String(48), nullable=False),
        sa.Column("token", sa.String(80), nullable=False),
        sa.Column("created_at", bharat.data.Instant(), nullable=False),
        sa.Column("created_by", sa.Uuid),
        sa.Column("ended_at", bharat.data.Instant()),
        sa.PrimaryKeyConstraint("id", name="pk_webhook_endpoints"),
        _organisation("webhook_endpoints"),
        sa.UniqueConstraint("organisation_id", "id", name="uq_webhook_endpoints_id"),
        sa.UniqueConstraint("organisation_id", "token", name="uq_webhook_endpoints_token"),
    )
    op.create_index(
        "uq_webhook_endpoints_live",
        "webhook_endpoints",
        ["organisation_id", "integration"],
        unique=True,
        postgresql_where=sa.text("ended_at IS NULL"),
        sqlite_where=sa.text("ended_at IS NULL"),
    )
    op.create_table(
        "webhook_deliveries",
        sa.Column("organisation_id", sa.Uuid, nullable=False),
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("endpoint_id", sa.Uuid, nullable=False),
        sa.Column("sender_id", sa.String(255), nullable=False),
        sa.Column("content_type", sa.String(255)),
        sa.Column("headers", bharat.data.Document, nullable=False),
        sa.Column("received_at", bharat.data.Instant(), nullable=False),
        sa.Column("handled_at", bharat.data.Instant()),
        sa.PrimaryKeyConstraint("id", name="pk_webhook_deliveries"),
        _organisation("webhook_deliveries"),
        sa.UniqueConstraint("organisation_id", "id", name="uq_webhook_deliveries_id"),
        sa.UniqueConstraint("organisation_id", "endpoint_id", "sender_id", name="uq_webhook_deliveries_sender_id"),
        sa.ForeignKeyConstraint(
            ["organisation_id", "endpoint_id"],
            ["webhook_endpoints.organisation_id", "webhook_endpoints.id"],
            name="fk_webhook_deliveries_endpoint",
        ),
    )
    op.create_index("ix_webhook_deliveries_received_at", "webhook_deliveries", ["organisation_id", "received_at"])
    op.create_table(
        "webhook_bodies",
        sa.Column("organisation_id", sa.Uuid, nullable=False),
        sa.Column("delivery_id", sa.Uuid, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("keep_until", bharat.data.Instant(), nullable=False),
        sa.PrimaryKeyConstraint("delivery_id", name="pk_webhook_bodies"),
        _organisation("webhook_bodies"),
        sa.ForeignKeyConstraint(
            ["organisation_id", "delivery_id"],
            ["webhook_deliveries.organisation_id", "webhook_deliveries.id"],
            name="fk_webhook_bodies_delivery",
        ),
    )
    op.create_index("ix_webhook_bodies_keep_until", "webhook_bodies", ["organisation_id", "keep_until"])
    for table in TABLES:
        op.invoke(ProtectTable(table))


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_table(table)
