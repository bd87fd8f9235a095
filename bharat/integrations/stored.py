"""Settings and secrets as they are stored: read together, so that no reader sees old ones with new ones."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, cast
from uuid import UUID

import sqlalchemy as sa

from bharat.contracts.database import Unit
from bharat.data import new_id
from bharat.integrations.tables import SETTING, integration_secrets, integration_settings
from bharat.integrations.vault import Place, Vault, key_id_of

_settings, _secrets = integration_settings.c, integration_secrets.c

_SECRET_COLUMNS = (
    _secrets.organisation_id,
    _secrets.integration,
    _secrets.kind,
    _secrets.field,
    _secrets.envelope,
    _secrets.changed_at,
    _secrets.changed_by,
)
_joined = integration_settings.outerjoin(
    integration_secrets,
    sa.and_(
        _secrets.organisation_id == _settings.organisation_id,
        _secrets.integration == _settings.integration,
        _secrets.kind == SETTING,
    ),
)
STORED = (
    sa.select(_settings.set_up, _settings.plain, *_SECRET_COLUMNS)
    .select_from(_joined)
    .where(_settings.integration == sa.bindparam("integration", type_=sa.String))
)
"""An integration's settings, once for each of its secrets."""

STATES = (
    sa.select(
        _settings.integration.label("name"),
        _settings.set_up,
        _settings.plain,
        _settings.version,
        _settings.changed_at.label("settings_changed_at"),
        _settings.changed_by.label("settings_changed_by"),
        *_SECRET_COLUMNS,
    )
    .select_from(_joined)
    .where(_settings.integration.in_(sa.bindparam("names", type_=sa.String, expanding=True)))
)
"""The same of several integrations, for people."""

_UPDATE = (
    integration_secrets.update()
    .where(
        _secrets.integration == sa.bindparam("of", type_=sa.String),
        _secrets.kind == sa.bindparam("of_kind", type_=sa.String),
        _secrets.field == sa.bindparam("of_field", type_=sa.String),
    )
    .values(
        envelope=sa.bindparam("to_envelope", type_=sa.Text),
        key_id=sa.bindparam("to_key", type_=sa.String),
        changed_at=sa.bindparam("to_at", type_=integration_secrets.c.changed_at.type),
        changed_by=sa.bindparam("to_by", type_=sa.Uuid),
    )
)


def opened(vault: Vault, row: Any) -> str:
    """The secret of a row with its columns. Raises `SecretUnreadable`."""
    return vault.open(Place(row.organisation_id, row.integration, row.kind, row.field), row.envelope)


def set_secret(unit: Unit, vault: Vault, integration: str, field: str, text: str, by: UUID | None) -> None:
    """Keep a secret of the settings in place of the one before."""
    row = secret_row(unit, vault, (integration, SETTING, field), text, by)
    changed = unit.execute(
        _UPDATE,
        {
            "of": integration, "of_kind": SETTING, "of_field": field, "to_envelope": row["envelope"],
            "to_key": row["key_id"], "to_at": row["changed_at"], "to_by": by,
        },
    )  # fmt: skip
    if not changed.rowcount:
        unit.execute(integration_secrets.insert(), row)


def secret_row(
    unit: Unit, vault: Vault, what: tuple[str, str, str], text: str, by: UUID | None, expires_at: datetime | None = None
) -> Mapping[str, Any]:
    """A row of `integration_secrets` for `(integration, kind, field)`."""
    integration, kind, field = what
    place = Place(cast(UUID, unit.organisation_id), integration, kind, field)
    envelope = vault.seal(place, text)
    return {
        "id": new_id(), "integration": integration, "kind": kind, "field": field, "envelope": envelope,
        "key_id": key_id_of(envelope), "changed_at": unit.at, "changed_by": by, "expires_at": expires_at,
    }  # fmt: skip


def drop_secrets(unit: Unit, integration: str, kind: str, *fields: str) -> None:
    """Forget these secrets; with no field named, all of the kind."""
    statement = integration_secrets.delete().where(_secrets.integration == integration, _secrets.kind == kind)
    if fields:
        statement = statement.where(_secrets.field.in_(fields))
    unit.execute(statement)
