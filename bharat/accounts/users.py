"""Users, inside a unit of work: every rule about them holds whoever calls, a handler, the command line or an import."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from bharat.accounts.names import trimmed
from bharat.accounts.tables import api_keys, credentials, invitations, password_resets, teams, users
from bharat.accounts.trail import author_of, difference, note
from bharat.contracts.database import Unit
from bharat.contracts.errors import Conflict, FieldFault, Invalid, NotFound
from bharat.contracts.phrasing import END
from bharat.contracts.principal import Role
from bharat.data import new_id
from bharat.data.organisations import organisations
from bharat.data.row_locks import Lock, locked

# The grammar of HTML's <input type=email>, but for what no mail can be sent to: dots without a letter between (RFC 5322, 3.2.3)
# and the start of an encoded word (RFC 2047); the longest that a mailbox may be (RFC 5321, 4.5.3.1.3).
EMAIL = (
    r"^(?!=\?)[a-zA-Z0-9!#$%&'*+/=?^_`{|}~-]+(\.[a-zA-Z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?(\.[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)*"
) + END
LONGEST_EMAIL = 254
EMAIL_TOLD = "must be an e-mail address like asha@acme.example"
_EMAIL = re.compile(EMAIL)


def add_user(
    unit: Unit,
    *,
    name: str,
    role: Role,
    email: str | None = None,
    team_id: UUID | None = None,
    active: bool = True,
    id: UUID | None = None,
) -> UUID:
    """Add a user without a login; its id, a new one unless given. Raises `Invalid` for a team that is not there and for what
    is no address or no name, `Conflict` for an address taken."""
    name = trimmed(name)
    _check_team(unit, team_id)
    _check_email(unit, email, None)
    id = id or new_id()
    by = author_of(unit)
    row = {
        "id": id, "name": name, "role": role.value, "active": active, "email": email, "team_id": team_id, "epoch": 1,
        "version": 1, "created_at": unit.at, "created_by": by, "updated_at": unit.at, "updated_by": by,
    }  # fmt: skip
    with taken_is_conflict(unit, f"The address {email} belongs to another user."):
        unit.execute(users.insert(), row)
    told = {"name": name, "role": role, "email": email, "team_id": team_id, "active": active}
    note(unit, "created", "user", id, {field: (None, value) for field, value in told.items() if value is not None})
    return id


def find_user(unit: Unit, user_id: UUID, *, lock: Lock | None = None) -> sa.Row[Any]:
    """The user's row, locked for what is to be done with it. Raises `NotFound`."""
    statement = sa.select(users).where(users.c.id == user_id, users.c.deleted_at.is_(None))
    row = unit.row(locked(statement, lock))
    if row is None:
        raise NotFound("There is no such user.")
    return row


def change_user(unit: Unit, row: sa.Row[Any], values: Mapping[str, Any]) -> int:
    """Write `values` (of name, role, active, email, team_id) to a user locked by `find_user`; the new version. What is the same
    already changes nothing. A role or deactivation raises the epoch, which ends the user's sessions; a deactivation ends keys and
    mailed links too, for good: who is let in again later must not find them working in other hands.

    Raises `Invalid` for a team that is not there, `Conflict` for an address taken, and for taking the last administrator."""
    if "name" in values:
        values = {**values, "name": trimmed(values["name"])}
    changes = difference(row._asdict(), values)
    if not changes:
        return int(row.version)
    if "team_id" in changes:
        _check_team(unit, values["team_id"])
    if "email" in changes:
        _check_email(unit, values["email"], row.id)
    demoted = "role" in changes and row.role == Role.ADMIN.value
    stopped = "active" in changes and row.active
    if (demoted or stopped) and row.role == Role.ADMIN.value and row.active:
        _keep_an_administrator(unit, row.id)
    written: dict[str, Any] = {field: after for field, (_, after) in changes.items()}
    written |= {"version": users.c.version + 1, "updated_at": unit.at, "updated_by": author_of(unit)}
    if "role" in changes or stopped:
        written["epoch"] = users.c.epoch + 1
    statement = users.update().where(users.c.id == row.id).values(**written).returning(users.c.version)
    with taken_is_conflict(unit, "The address belongs to another user."):
        version = unit.execute(statement).scalar_one()
    if stopped:
        _end_proofs(unit, row.id)
    note(unit, "updated", "user", row.id, changes)
    return int(version)


def delete_user(unit: Unit, row: sa.Row[Any]) -> None:
    """Deactivate for good: the login and its address are given up, keys and mailed links end. The row stays, since records and
    the audit trail name it."""
    change_user(unit, row, {"active": False, "email": None})
    unit.execute(credentials.delete().where(_login_of(unit, row.id)))
    _end_proofs(unit, row.id)
    unit.execute(teams.update().where(teams.c.lead_id == row.id).values(lead_id=None, version=teams.c.version + 1))
    unit.execute(users.update().where(users.c.id == row.id).values(deleted_at=unit.at, team_id=None))
    note(unit, "deleted", "user", row.id)


def raise_epoch(unit: Unit, user_id: UUID) -> int:
    """End every session of the user, whatever a store remembers; the new epoch."""
    statement = users.update().where(users.c.id == user_id).values(epoch=users.c.epoch + 1).returning(users.c.epoch)
    epoch = unit.scalar(statement)
    if epoch is None:
        raise NotFound("There is no such user.")
    return int(epoch)


def set_login(unit: Unit, user_id: UUID, email: str, password_hash: str) -> None:
    """Let the user log in with this address and password; a login it had is replaced and its sessions end, as does every mailed
    link of the user or to the address: one sent to where the login was before must not move it back.

    Raises `Invalid` for what is no address, `Conflict` when it logs somebody else in."""
    _check_spelling(email)
    unit.execute(credentials.delete().where(_login_of(unit, user_id)))
    row = {
        "user_id": user_id, "organisation_id": unit.organisation_id, "email": email, "password_hash": password_hash,
        "changed_at": unit.at,
    }  # fmt: skip
    with taken_is_conflict(unit, "This address has a login already."):
        unit.execute(credentials.insert(), row)
    _check_email(unit, email, user_id)
    moved = {
        "email": email, "epoch": users.c.epoch + 1, "version": users.c.version + 1, "updated_at": unit.at,
        "updated_by": author_of(unit),
    }  # fmt: skip
    unit.execute(users.update().where(users.c.id == user_id).values(**moved))
    end_invitations(unit, user_id, email)
    _end_resets(unit, user_id)
    note(unit, "login_set", "user", user_id)


def set_password(unit: Unit, user_id: UUID, password_hash: str) -> bool:
    """Replace the hash of a login; `False` when the user has none. Links to choose another one end."""
    values = {"password_hash": password_hash, "changed_at": unit.at}
    replaced = unit.execute(credentials.update().where(_login_of(unit, user_id)).values(**values)).rowcount == 1
    _end_resets(unit, user_id)
    return replaced


def end_invitations(unit: Unit, user_id: UUID | None, email: str | None) -> None:
    """Withdraw the open invitations of a user and those of an address, whoever they are for."""
    theirs = []
    if user_id is not None:
        theirs.append(invitations.c.user_id == user_id)
    if email is not None:
        theirs.append(invitations.c.email == email)
    waiting = (invitations.c.accepted_at.is_(None), invitations.c.revoked_at.is_(None))
    unit.execute(invitations.update().where(sa.or_(*theirs), *waiting).values(revoked_at=unit.at))


def has_login() -> sa.ColumnElement[bool]:
    """Whether the user of the surrounding statement's row can log in."""
    mine = sa.and_(credentials.c.organisation_id == users.c.organisation_id, credentials.c.user_id == users.c.id)
    return sa.exists().where(mine).correlate(users)


class taken_is_conflict:  # noqa: N801 - a context manager, read as a phrase
    """A violated unique constraint inside the block is a `Conflict`; the unit can be used on."""

    def __init__(self, unit: Unit, detail: str) -> None:
        self._savepoint = unit.savepoint()
        self._detail = detail

    def __enter__(self) -> None:
        self._savepoint.__enter__()

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        self._savepoint.__exit__(kind, error, trace)
        if isinstance(error, sa.exc.IntegrityError):
            raise Conflict(self._detail) from error


def _end_proofs(unit: Unit, user_id: UUID) -> None:
    """Make worthless whatever lets somebody act as the user or become it, but the password."""
    mine = (api_keys.c.user_id == user_id, api_keys.c.revoked_at.is_(None))
    unit.execute(api_keys.update().where(*mine).values(revoked_at=unit.at))
    end_invitations(unit, user_id, None)
    _end_resets(unit, user_id)


def _end_resets(unit: Unit, user_id: UUID) -> None:
    waiting = (password_resets.c.user_id == user_id, password_resets.c.used_at.is_(None))
    unit.execute(password_resets.update().where(*waiting).values(used_at=unit.at))


def _check_team(unit: Unit, team_id: UUID | None) -> None:
    if team_id is not None and unit.scalar(sa.select(teams.c.id).where(teams.c.id == team_id)) is None:
        raise Invalid("The team is not there.", faults=[FieldFault("/team_id", "there is no such team")])


def _check_email(unit: Unit, email: str | None, but: UUID | None) -> None:
    if email is None:
        return
    _check_spelling(email)
    holder = unit.scalar(sa.select(users.c.id).where(users.c.email == email))
    if holder is not None and holder != but:
        raise Conflict("The address belongs to another user.")


def _check_spelling(email: str) -> None:
    if len(email) > LONGEST_EMAIL or not _EMAIL.match(email):
        raise Invalid("This is no e-mail address.", faults=[FieldFault("/email", EMAIL_TOLD)])


def _keep_an_administrator(unit: Unit, but: UUID) -> None:
    # Two administrators who demote each other at once queue here.
    here = sa.select(organisations.c.id).where(organisations.c.id == unit.organisation_id)
    unit.execute(locked(here, "change"))
    others = sa.select(users.c.id).where(
        users.c.role == Role.ADMIN.value, users.c.active.is_(True), users.c.id != but, has_login()
    )
    if unit.row(others.limit(1)) is None:
        raise Conflict("This is the last administrator who can log in: make another one first.")


def _login_of(unit: Unit, user_id: UUID) -> sa.ColumnElement[bool]:
    return sa.and_(credentials.c.user_id == user_id, credentials.c.organisation_id == unit.organisation_id)
