"""API keys: shown once, kept as a hash, limited by scopes and by what their owner may do now."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from bharat.accounts.tables import api_keys
from bharat.accounts.tokens import hash_of, new_key
from bharat.accounts.trail import note
from bharat.contracts.database import Unit
from bharat.contracts.errors import FieldFault, Invalid, NotFound
from bharat.data import new_id


def add_key(
    unit: Unit, user_id: UUID, *, name: str, scopes: Iterable[str], expires_at: datetime | None = None
) -> tuple[UUID, str]:
    """Make a key for a user: its id and its text, which nobody can ask for again. Raises `Invalid` for an expiry that has passed
    or that no clock will show.

    `scopes` were checked by `Permissions.check_scopes`."""
    if expires_at is not None:
        try:
            expires_at = expires_at.astimezone(UTC)
        except OverflowError:
            raise Invalid(
                "This moment can't be stored.",
                faults=[FieldFault("/expires_at", "must lie between the years 1 and 9999 in UTC")],
            ) from None
    if expires_at is not None and expires_at <= unit.at:
        raise Invalid("The key would be expired.", faults=[FieldFault("/expires_at", "must lie in the future")])
    organisation_id = unit.organisation_id
    assert organisation_id is not None
    id, text, kept = new_id(), new_key(organisation_id), sorted(set(scopes))
    row = {
        "id": id, "user_id": user_id, "name": name, "hint": text[-4:], "token_hash": hash_of(text), "scopes": kept,
        "created_at": unit.at, "expires_at": expires_at,
    }  # fmt: skip
    unit.execute(api_keys.insert(), row)
    told = {"name": name, "user_id": user_id, "scopes": kept, "expires_at": expires_at}
    note(unit, "created", "api_key", id, {field: (None, value) for field, value in told.items()})
    return id, text


def revoke_key(unit: Unit, key_id: UUID, *, owner_id: UUID | None) -> None:
    """End a key at once. With `owner_id` only one of this user's. Raises `NotFound`, also for one that was revoked before."""
    mine = [api_keys.c.id == key_id, api_keys.c.revoked_at.is_(None)]
    if owner_id is not None:
        mine.append(api_keys.c.user_id == owner_id)
    if unit.execute(api_keys.update().where(*mine).values(revoked_at=unit.at)).rowcount != 1:
        raise NotFound("There is no such API key.")
    note(unit, "revoked", "api_key", key_id)


def live_keys(owner_id: UUID | None = None) -> sa.Select[Any]:
    """Keys that were not revoked, in order of making; a user's or everybody's."""
    statement = sa.select(api_keys).where(api_keys.c.revoked_at.is_(None)).order_by(api_keys.c.id)
    return statement if owner_id is None else statement.where(api_keys.c.user_id == owner_id)
