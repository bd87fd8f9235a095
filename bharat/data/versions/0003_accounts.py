"""Users, teams, credentials, keys and invitations."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import bharat.data
from bharat.data.migrations import ProtectTable

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_LEAD = (["organisation_id", "lead_id"], ["organisation_id", "id"])


def _organisation(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["organisation_id"], ["organisations.id"], name=f"fk_{table}_organisation_id")


def _same_organisation(table: str, column: str, target: str, name: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["organisation_id", column], [f"{target}.organisation_id", f"{target}.id"], name=f"fk_{table}_{name}"
    )


def upgrade() -> None:
    # SQLite can't add a constraint to a table and takes a forward reference; PostgreSQL the other way round.
    sqlite = op.get_bind().dialect.name == "sqlite"
    op.create_table(
        "teams",
        sa.Column("organisation_id", sa.Uuid, nullable=False),
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("lead_id", sa.Uuid),
        sa.Column("region", sa.String(100)),
        sa.Column("description", sa.String(500)),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("created_at", bharat.data.Instant(), nullable=False),
        sa.Column("updated_at", bharat.data.Instant(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_teams"),
        _organisation("teams"),
        sa.UniqueConstraint("organisation_id", "id", name="uq_teams_organisation_id_id"),
        sa.UniqueConstraint("organisation_id", "name", name="uq_teams_organisation_id_name"),
        *([_same_organisation("teams", "lead_id", "users", "lead")] if sqlite else []),
    )
    op.create_table(
        "users",
        sa.Column("organisation_id", sa.Uuid, nullable=False),
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("active", sa.Boolean, nullable=False),
        sa.Column("email", sa.String(254)),
        sa.Column("team_id", sa.Uuid),
        sa.Column("epoch", sa.Integer, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("created_at", bharat.data.Instant(), nullable=False),
        sa.Column("created_by", sa.Uuid),
        sa.Column("updated_at", bharat.data.Instant(), nullable=False),
        sa.Column("updated_by", sa.Uuid),
        sa.Column("deleted_at", bharat.data.Instant()),
        sa.PrimaryKeyConstraint("id", name="pk_users"),
        _organisation("users"),
        sa.UniqueConstraint("organisation_id", "id", name="uq_users_organisation_id_id"),
        sa.UniqueConstraint("organisation_id", "email", name="uq_users_organisation_id_email"),
        _same_organisation("users", "team_id", "teams", "team"),
    )
    if not sqlite:
        op.create_foreign_key("fk_teams_lead", "teams", "users", *_LEAD)
    op.create_index("ix_teams_lead", "teams", ["organisation_id", "lead_id"])
    op.create_index("ix_users_name", "users", ["organisation_id", "name"])
    op.create_index("ix_users_team", "users", ["organisation_id", "team_id"])
    op.create_table(
        "credentials",
        sa.Column("user_id", sa.Uuid, nullable=False),
        sa.Column("organisation_id", sa.Uuid, nullable=False),
        sa.Column("email", sa.String(254), nullable=False),
        sa.Column("password_hash", sa.String(255), nullable=False),
        sa.Column("changed_at", bharat.data.Instant(), nullable=False),
        sa.PrimaryKeyConstraint("user_id", name="pk_credentials"),
        sa.UniqueConstraint("email", name="uq_credentials_email"),
        _same_organisation("credentials", "user_id", "users", "user"),
    )
    op.create_table(
        "api_keys",
        sa.Column("organisation_id", sa.Uuid, nullable=False),
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("user_id", sa.Uuid, nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("hint", sa.String(8), nullable=False),
        sa.Column("token_hash", sa.String(64), nullable=False),
        sa.Column("scopes", bharat.data.Document, nullable=False),
        sa.Column("created_at", bharat.data.Instant(), nullable=False),
        sa.Column("expires_at", bharat.data.Instant()),
        sa.Column("last_used_at", bharat.data.Instant()),
        sa.Column("revoked_at", bharat.data.Instant()),
        sa.PrimaryKeyConstraint("id", name="pk_api_keys"),
        _organisation("api_keys"),
        sa.UniqueConstraint("organisation_id", "token_hash", name="uq_api_keys_organisation_id_token_hash"),
        _same_organisation("api_keys", "user_id", "users", "user"),
    )
    op.create_index("ix_api_keys_user", "api_keys", ["organisation_id", "user_id"])
    op.create_table(
        "invitations",
        sa.Column("organisation_id", sa.Uuid, nullable=False),
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("email", sa.String(254), nullable=False),
        sa.Column("name", sa.String(200)),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("team_id", sa.Uuid),
        sa.Column("user_id", sa.Uuid),
        sa.Column("token_hash", sa.String(64), nullable=False),
        sa.Column("created_at", bharat.data.Instant(), nullable=False),
        sa.Column("created_by", sa.Uuid),
        sa.Column("expires_at", bharat.data.Instant(), nullable=False),
        sa.Column("accepted_at", bharat.data.Instant()),
        sa.Column("revoked_at", bharat.data.Instant()),
        sa.PrimaryKeyConstraint("id", name="pk_invitations"),
        _organisation("invitations"),
        sa.UniqueConstraint("organisation_id", "token_hash", name="uq_invitations_organisation_id_token_hash"),
        _same_organisation("invitations", "team_id", "teams", "team"),
        _same_organisation("invitations", "user_id", "users", "user"),
    )
    op.create_index("ix_invitations_expires_at", "invitations", ["organisation_id", "expires_at"])
    op.create_table(
        "password_resets",
        sa.Column("organisation_id", sa.Uuid, nullable=False),
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("user_id", sa.Uuid, nullable=False),
        sa.Column("token_hash", sa.String(64), nullable=False),
        sa.Column("created_at", bharat.data.Instant(), nullable=False),
        sa.Column("expires_at", bharat.data.Instant(), nullable=False),
        sa.Column("used_at", bharat.data.Instant()),
        sa.PrimaryKeyConstraint("id", name="pk_password_resets"),
        _organisation("password_resets"),
        sa.UniqueConstraint("organisation_id", "token_hash", name="uq_password_resets_organisation_id_token_hash"),
        _same_organisation("password_resets", "user_id", "users", "user"),
    )
    op.create_index("ix_password_resets_user", "password_resets", ["organisation_id", "user_id"])
    op.create_index("ix_password_resets_expires_at", "password_resets", ["organisation_id", "expires_at"])
    for table in ("teams", "users", "api_keys", "invitations", "password_resets"):
        op.invoke(ProtectTable(table))


def downgrade() -> None:
    for table in ("password_resets", "invitations", "api_keys", "credentials"):
        op.drop_table(table)
    if op.get_bind().dialect.name == "postgresql":
        op.drop_constraint("fk_teams_lead", "teams", type_="foreignkey")
    else:
        # A row of one holds the other's: let go of both first.
        op.execute("UPDATE users SET team_id = NULL")
        op.execute("UPDATE teams SET lead_id = NULL")
    op.drop_table("users")
    op.drop_table("teams")
