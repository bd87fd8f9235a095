"""Encrypting every stored secret anew with the newest key, a few at a time, beside whoever reads and writes.

Each row says with which key it is encrypted, so there is nothing to remember: a rotation that was killed is begun again and does what
is left. A row is only replaced while it is still the one that was read: a value that is set meanwhile wins.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from bharat.contracts.database import Database
from bharat.contracts.integrations import SecretUnreadable
from bharat.contracts.principal import SYSTEM
from bharat.data.organisations import organisations
from bharat.integrations.stored import opened
from bharat.integrations.tables import integration_secrets
from bharat.integrations.vault import Place, Vault

BATCH = 100
"""Secrets in one transaction."""

_secrets = integration_secrets.c
_AFTER = (
    sa.select(integration_secrets)
    .where(
        _secrets.key_id != sa.bindparam("newest", type_=sa.String),
        _secrets.id > sa.bindparam("after", type_=sa.Uuid),
    )
    .order_by(_secrets.id)
    .limit(BATCH)
)
_COUNT = sa.select(_secrets.key_id, sa.func.count().label("many")).group_by(_secrets.key_id)
_REPLACE = (
    integration_secrets.update()
    .where(
        _secrets.id == sa.bindparam("row", type_=sa.Uuid),
        _secrets.envelope == sa.bindparam("before", type_=sa.Text),
    )
    .values(envelope=sa.bindparam("to_envelope", type_=sa.Text), key_id=sa.bindparam("to_key", type_=sa.String))
)


@dataclass
class Rotated:
    """What came of it: `unreadable` are messages, one for each secret that was left as it is."""

    renewed: int = 0
    unreadable: list[str] = field(default_factory=list)


def counted(database: Database) -> Mapping[str, int]:
    """How many secrets there are under each key, by its id."""
    found: Counter[str] = Counter()
    for organisation_id, _ in _organisations(database):
        for row in database.read(organisation_id).rows(_COUNT):
            found[row.key_id] += row.many
    return found


def rotate(database: Database, vault: Vault, told: Callable[[int], None] = lambda count: None) -> Rotated:
    """Encrypt with the newest key what is not. `told` hears how many more were looked at."""
    done = Rotated()
    for organisation_id, slug in _organisations(database):
        after = UUID(int=0)
        while rows := _next(database, organisation_id, vault, after):
            _renew(database, organisation_id, slug, vault, rows, done)
            after = rows[-1].id
            told(len(rows))
    return done


def _next(database: Database, organisation_id: UUID, vault: Vault, after: UUID) -> Sequence[Any]:
    return database.read(organisation_id).rows(_AFTER, {"newest": vault.newest, "after": after})


def _renew(
    database: Database, organisation_id: UUID, slug: str, vault: Vault, rows: Sequence[Any], done: Rotated
) -> None:
    sealed = []
    for row in rows:
        try:
            text = opened(vault, row)
        except SecretUnreadable as error:
            done.unreadable.append(f"{slug}: {error}")
            continue
        place = Place(row.organisation_id, row.integration, row.kind, row.field)
        sealed.append((row, vault.seal(place, text)))
    with database.write(organisation_id, SYSTEM) as unit:
        for row, envelope in sealed:
            done.renewed += _replace(unit, row, envelope, vault.newest)


def _replace(unit: Any, row: Any, envelope: str, key_id: str) -> int:
    """One statement: a row never names a key that its envelope does not have."""
    values = {"row": row.id, "before": row.envelope, "to_envelope": envelope, "to_key": key_id}
    return int(unit.execute(_REPLACE, values).rowcount)


def _organisations(database: Database) -> Sequence[Any]:
    statement = sa.select(organisations.c.id, organisations.c.slug).order_by(organisations.c.slug)
    return database.read(None).rows(statement)
