"""Users, teams and the proofs of who they are.

`users` and `teams` are referred to by records with `(organisation_id, x_id)`, so that no reference crosses organisations.
Keys, invitations and resets carry their organisation in their own text (`bharat.accounts.tokens`): they are found without
looking into anybody else's. Only a login begins with an address and no organisation, hence the one platform table.
"""

from __future__ import annotations

import sqlalchemy as sa

from bharat.data.tables import core_metadata, organisation_table, platform_table
from bharat.data.types import Document, Instant

teams = organisation_table(
    "teams",
    core_metadata,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("name", sa.String(100), nullable=False),
    sa.Column("lead_id", sa.Uuid),
    sa.Column("region", sa.String(100)),
    sa.Column("description", sa.String(500)),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("updated_at", Instant, nullable=False),
    sa.UniqueConstraint("organisation_id", "id", name="uq_teams_organisation_id_id"),
    sa.UniqueConstraint("organisation_id", "name", name="uq_teams_organisation_id_name"),
    # Teams and users refer to each other: this one is added when both exist.
    sa.ForeignKeyConstraint(
        ["organisation_id", "lead_id"],
        ["users.organisation_id", "users.id"],
        name="fk_teams_lead",
        use_alter=True,
    ),
    sa.Index("ix_teams_lead", "organisation_id", "lead_id"),
)

users = organisation_table(
    "users",
    core_metadata,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("name", sa.String(200), nullable=False),
    sa.Column("role", sa.String(16), nullable=False),
    sa.Column("active", sa.Boolean, nullable=False),
    sa.Column("email", sa.String(254)),
    sa.Column("team_id", sa.Uuid),
    # Raised to end every session at once, whatever the session store remembers.
    sa.Column("epoch", sa.Integer, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("created_by", sa.Uuid),
    sa.Column("updated_at", Instant, nullable=False),
    sa.Column("updated_by", sa.Uuid),
    sa.Column("deleted_at", Instant),
    sa.UniqueConstraint("organisation_id", "id", name="uq_users_organisation_id_id"),
    sa.UniqueConstraint("organisation_id", "email", name="uq_users_organisation_id_email"),
    sa.ForeignKeyConstraint(
        ["organisation_id", "team_id"], ["teams.organisation_id", "teams.id"], name="fk_users_team"
    ),
    sa.Index("ix_users_name", "organisation_id", "name"),
    sa.Index("ix_users_team", "organisation_id", "team_id"),
)

ended_sessions = organisation_table(
    "ended_sessions",
    core_metadata,
    sa.Column("user_id", sa.Uuid, nullable=False),
    # What names a session in lists (`bharat.contracts.sessions.handle_of`): it can't log in.
    sa.Column("handle", sa.String(32), nullable=False),
    # No session of this handle lives longer.
    sa.Column("keep_until", Instant, nullable=False),
    sa.PrimaryKeyConstraint("organisation_id", "user_id", "handle"),
    sa.ForeignKeyConstraint(
        ["organisation_id", "user_id"], ["users.organisation_id", "users.id"], name="fk_ended_sessions_user"
    ),
    sa.Index("ix_ended_sessions_keep_until", "organisation_id", "keep_until"),
)

credentials = platform_table(
    "credentials",
    core_metadata,
    sa.Column("user_id", sa.Uuid, primary_key=True),
    sa.Column("organisation_id", sa.Uuid, nullable=False),
    sa.Column("email", sa.String(254), nullable=False, unique=True),
    sa.Column("password_hash", sa.String(255), nullable=False),
    sa.Column("changed_at", Instant, nullable=False),
    sa.ForeignKeyConstraint(
        ["organisation_id", "user_id"], ["users.organisation_id", "users.id"], name="fk_credentials_user"
    ),
    reason="A login gives an address before anybody knows the organisation; an address logs into one only.",
)

api_keys = organisation_table(
    "api_keys",
    core_metadata,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("user_id", sa.Uuid, nullable=False),
    sa.Column("name", sa.String(100), nullable=False),
    sa.Column("hint", sa.String(8), nullable=False),
    sa.Column("token_hash", sa.String(64), nullable=False),
    sa.Column("scopes", Document, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("expires_at", Instant),
    sa.Column("last_used_at", Instant),
    sa.Column("revoked_at", Instant),
    sa.UniqueConstraint("organisation_id", "token_hash", name="uq_api_keys_organisation_id_token_hash"),
    sa.ForeignKeyConstraint(
        ["organisation_id", "user_id"], ["users.organisation_id", "users.id"], name="fk_api_keys_user"
    ),
    sa.Index("ix_api_keys_user", "organisation_id", "user_id"),
)

invitations = organisation_table(
    "invitations",
    core_metadata,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("email", sa.String(254), nullable=False),
    sa.Column("name", sa.String(200)),
    sa.Column("role", sa.String(16), nullable=False),
    sa.Column("team_id", sa.Uuid),
    # The user that is given a login; none: accepting makes a new user.
    sa.Column("user_id", sa.Uuid),
    sa.Column("token_hash", sa.String(64), nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("created_by", sa.Uuid),
    sa.Column("expires_at", Instant, nullable=False),
    sa.Column("accepted_at", Instant),
    sa.Column("revoked_at", Instant),
    sa.UniqueConstraint("organisation_id", "token_hash", name="uq_invitations_organisation_id_token_hash"),
    sa.ForeignKeyConstraint(
        ["organisation_id", "team_id"], ["teams.organisation_id", "teams.id"], name="fk_invitations_team"
    ),
    sa.ForeignKeyConstraint(
        ["organisation_id", "user_id"], ["users.organisation_id", "users.id"], name="fk_invitations_user"
    ),
    sa.Index("ix_invitations_expires_at", "organisation_id", "expires_at"),
)

password_resets = organisation_table(
    "password_resets",
    core_metadata,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("user_id", sa.Uuid, nullable=False),
    sa.Column("token_hash", sa.String(64), nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("expires_at", Instant, nullable=False),
    sa.Column("used_at", Instant),
    sa.UniqueConstraint("organisation_id", "token_hash", name="uq_password_resets_organisation_id_token_hash"),
    sa.ForeignKeyConstraint(
        ["organisation_id", "user_id"], ["users.organisation_id", "users.id"], name="fk_password_resets_user"
    ),
    sa.Index("ix_password_resets_user", "organisation_id", "user_id"),
    sa.Index("ix_password_resets_expires_at", "organisation_id", "expires_at"),
)
