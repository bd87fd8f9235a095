"""Changing what an organisation has set up: one transaction, with its audit entry, in which no secret stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa
from msgspec import UNSET

from bharat.accounts.trail import author_of, note
from bharat.contracts.database import Reader, Unit
from bharat.contracts.errors import FieldFault, Invalid, NotFound
from bharat.contracts.integrations import SecretUnreadable
from bharat.contracts.preconditions import changed_meanwhile, check_version
from bharat.data import new_id
from bharat.data.row_locks import locked
from bharat.integrations.declared import Declared
from bharat.integrations.stored import STATES, drop_secrets, opened, set_secret
from bharat.integrations.tables import SETTING, integration_secrets, integration_settings
from bharat.integrations.vault import Vault

LABEL = "integration"
FIRST = 1
"""The version of what was never set up."""
_ONE = sa.select(integration_settings).where(integration_settings.c.integration == sa.bindparam("of", type_=sa.String))
_SECRETS = sa.select(integration_secrets).where(
    integration_secrets.c.integration == sa.bindparam("of", type_=sa.String), integration_secrets.c.kind == SETTING
)


@dataclass(frozen=True, slots=True)
class Current:
    """What is stored of an integration. `secrets` are rows by field."""

    id: UUID | None
    set_up: bool
    plain: Mapping[str, Any]
    version: int
    changed_at: datetime | None
    changed_by: UUID | None
    secrets: Mapping[str, Any]


NEVER = Current(None, False, {}, FIRST, None, None, {})


def current(reader: Reader, names: list[str]) -> Mapping[str, Current]:
    """What is stored of several integrations; those that were never set up are not in it."""
    found: dict[str, Current] = {}
    for row in reader.rows(STATES, {"names": names}):
        before = found.get(row.name)
        secrets = dict(before.secrets) if before else {}
        if row.field is not None:
            secrets[row.field] = row
        found[row.name] = Current(
            None, row.set_up, row.plain, row.version, row.settings_changed_at, row.settings_changed_by, secrets
        )
    return found


def put(unit: Unit, vault: Vault, declared: Declared, body: msgspec.Struct, asked: frozenset[int] | None) -> None:
    """Store a body; secrets that it leaves out stay. Raises `Invalid` naming every field, and `PreconditionFailed`."""
    before = _held(unit, declared)
    check_version(asked, before.version, LABEL)
    plain = msgspec.to_builtins(body)
    given = {name: plain.pop(name) for name in declared.secrets if getattr(body, name) is not UNSET}
    declared.fit(plain, {**_kept(vault, declared, before, given), **_texts(given)})
    gone = [
        name for name, row in before.secrets.items() if name not in declared.secrets or given.get(name, row) is None
    ]
    changes = {
        name: (before.plain.get(name), plain[name]) for name in plain if plain[name] != before.plain.get(name, UNSET)
    }
    changes |= {name: ("set" if name in before.secrets else None, "changed") for name in _texts(given)}
    changes |= dict.fromkeys(gone, ("set", None))
    if before.set_up and not changes:
        return
    author = author_of(unit)
    id = _write(unit, declared, before, {"set_up": True, "plain": plain}, author)
    for name, text in _texts(given).items():
        set_secret(unit, vault, declared.name, name, text, author)
    if gone:
        drop_secrets(unit, declared.name, SETTING, *gone)
    note(
        unit,
        "updated" if before.set_up else "created",
        LABEL,
        id,
        {"integration.name": (declared.name, declared.name), **changes},
    )


def delete(unit: Unit, declared: Declared, asked: frozenset[int] | None) -> None:
    """Forget settings and secrets. Raises `NotFound` when there are none, and `PreconditionFailed`."""
    before = _held(unit, declared)
    if not before.set_up:
        raise NotFound(f"The integration {declared.name} is not set up.")
    check_version(asked, before.version, LABEL)
    id = _write(unit, declared, before, {"set_up": False, "plain": {}}, author_of(unit))
    drop_secrets(unit, declared.name, SETTING)
    changes: dict[str, tuple[Any, Any]] = {name: (value, None) for name, value in before.plain.items()}
    changes |= dict.fromkeys(before.secrets, ("set", None))
    note(unit, "deleted", LABEL, id, {"integration.name": (declared.name, None), **changes})


def _held(unit: Unit, declared: Declared) -> Current:
    row = unit.row(locked(_ONE, "change"), {"of": declared.name})
    if row is None:
        return NEVER
    secrets = {secret.field: secret for secret in unit.rows(_SECRETS, {"of": declared.name})}
    return Current(row.id, row.set_up, row.plain, row.version, row.changed_at, row.changed_by, secrets)


def _write(unit: Unit, declared: Declared, before: Current, values: Mapping[str, Any], author: UUID | None) -> UUID:
    row = {**values, "version": before.version + 1, "changed_at": unit.at, "changed_by": author}
    if before.id is not None:
        unit.execute(integration_settings.update().where(integration_settings.c.id == before.id).values(**row))
        return before.id
    id = new_id()
    try:
        unit.execute(integration_settings.insert(), {"id": id, "integration": declared.name, **row})
    except sa.exc.IntegrityError:  # another set it up since this one looked
        raise changed_meanwhile(LABEL) from None
    return id


def _texts(given: Mapping[str, str | None]) -> dict[str, str]:
    return {name: text for name, text in given.items() if text is not None}


def _kept(vault: Vault, declared: Declared, before: Current, given: Mapping[str, Any]) -> dict[str, str]:
    """The secrets that stay. Raises `Invalid` for those that can't be read any more."""
    found: dict[str, str] = {}
    faults = []
    for name in sorted((declared.secrets - given.keys()) & before.secrets.keys()):
        try:
            found[name] = opened(vault, before.secrets[name])
        except SecretUnreadable:
            faults.append(FieldFault(f"/{name}", "is stored and can't be read any more; send it again"))
    if faults:
        raise Invalid("Some secrets can't be kept.", faults=faults)
    return found
