"""What organisations have set up, and what was delivered to them.

Every encrypted value lies in `integration_secrets`, whatever it is for, so that a rotation walks one table. An endpoint's address
names its organisation in its own text (`bharat.accounts.tokens`): it is looked up inside that organisation, under its row-level
security, and no table has to be open to all.
"""

from __future__ import annotations

import sqlalchemy as sa

from bharat.data.tables import core_metadata, organisation_table
from bharat.data.types import Document, Instant

SETTING, WEBHOOK = "setting", "webhook"
"""What a secret is for: `integration_secrets.kind`. The `field` of the first is the field of the settings, that of the second an id."""

integration_settings = organisation_table(
    "integration_settings",
    core_metadata,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("integration", sa.String(48), nullable=False),
    # The row stays when the settings are deleted: a version is never given twice.
    sa.Column("set_up", sa.Boolean, nullable=False),
    sa.Column("plain", Document, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("changed_at", Instant, nullable=False),
    sa.Column("changed_by", sa.Uuid),
    sa.UniqueConstraint("organisation_id", "integration", name="uq_integration_settings_integration"),
)

integration_secrets = organisation_table(
    "integration_secrets",
    core_metadata,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("integration", sa.String(48), nullable=False),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("field", sa.String(64), nullable=False),
    sa.Column("envelope", sa.Text, nullable=False),
    # The key named in the envelope, so that a rotation finds what it has to do.
    sa.Column("key_id", sa.String(16), nullable=False),
    sa.Column("changed_at", Instant, nullable=False),
    sa.Column("changed_by", sa.Uuid),
    sa.Column("expires_at", Instant),
    sa.UniqueConstraint("organisation_id", "integration", "kind", "field", name="uq_integration_secrets_field"),
    sa.Index("ix_integration_secrets_key", "organisation_id", "key_id", "id"),
)

webhook_endpoints = organisation_table(
    "webhook_endpoints",
    core_metadata,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("integration", sa.String(48), nullable=False),
    sa.Column("token", sa.String(80), nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("created_by", sa.Uuid),
    sa.Column("ended_at", Instant),
    sa.UniqueConstraint("organisation_id", "id", name="uq_webhook_endpoints_id"),
    sa.UniqueConstraint("organisation_id", "token", name="uq_webhook_endpoints_token"),
    sa.Index(
        "uq_webhook_endpoints_live", "organisation_id", "integration", unique=True,
        postgresql_where=sa.column("ended_at").is_(None), sqlite_where=sa.column("ended_at").is_(None),
    ),
)  # fmt: skip

webhook_deliveries = organisation_table(
    "webhook_deliveries",
    core_metadata,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("endpoint_id", sa.Uuid, nullable=False),
    sa.Column("sender_id", sa.String(255), nullable=False),
    sa.Column("content_type", sa.String(255)),
    sa.Column("headers", Document, nullable=False),
    sa.Column("received_at", Instant, nullable=False),
    sa.Column("handled_at", Instant),
    sa.UniqueConstraint("organisation_id", "id", name="uq_webhook_deliveries_id"),
    # That a delivery has one effect.
    sa.UniqueConstraint("organisation_id", "endpoint_id", "sender_id", name="uq_webhook_deliveries_sender_id"),
    sa.ForeignKeyConstraint(
        ["organisation_id", "endpoint_id"],
        ["webhook_endpoints.organisation_id", "webhook_endpoints.id"],
        name="fk_webhook_deliveries_endpoint",
    ),
    sa.Index("ix_webhook_deliveries_received_at", "organisation_id", "received_at"),
)

webhook_bodies = organisation_table(
    "webhook_bodies",
    core_metadata,
    sa.Column("delivery_id", sa.Uuid, primary_key=True),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.Column("keep_until", Instant, nullable=False),
    sa.ForeignKeyConstraint(
        ["organisation_id", "delivery_id"],
        ["webhook_deliveries.organisation_id", "webhook_deliveries.id"],
        name="fk_webhook_bodies_delivery",
    ),
    sa.Index("ix_webhook_bodies_keep_until", "organisation_id", "keep_until"),
)
