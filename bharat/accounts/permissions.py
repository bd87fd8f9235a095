"""Who may do what: one table by role, narrowed by an API key's scopes and by plugins' checks, never widened.

A permission is `<resource>:<verb>`. For records the answer is a `Visibility`, decided by ids on the row (its owner, its
team), so that lists, single reads, searches, totals, exports and files can all ask the same question.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import sqlalchemy as sa

from bharat.contracts.errors import FieldFault, Forbidden, Invalid
from bharat.contracts.permission import PermissionCheck
from bharat.contracts.principal import Principal, Role, Visibility
from bharat.contracts.records import AccessPolicy

READ, WRITE, DELETE, IMPORT, EXPORT = VERBS = ("read", "write", "delete", "import", "export")
"""What can be done with records."""

_NONE, _OWN, _TEAM, _ALL = Visibility.NONE, Visibility.OWN, Visibility.TEAM, Visibility.ALL
_Row = Mapping[Role, Visibility]


def _row(admin: Visibility, manager: Visibility, agent: Visibility, viewer: Visibility) -> _Row:
    return {Role.ADMIN: admin, Role.MANAGER: manager, Role.AGENT: agent, Role.VIEWER: viewer}


_OWNED_READ, _OWNED_CHANGE = _row(_ALL, _TEAM, _OWN, _ALL), _row(_ALL, _TEAM, _OWN, _NONE)
_EVERYONE, _BUT_VIEWERS = _row(_ALL, _ALL, _ALL, _ALL), _row(_ALL, _ALL, _ALL, _NONE)
_SENIOR, _ADMINS = _row(_ALL, _ALL, _NONE, _NONE), _row(_ALL, _NONE, _NONE, _NONE)

RECORDS: Final[Mapping[AccessPolicy, Mapping[str, _Row]]] = {
    AccessPolicy.OWNED: {
        READ: _OWNED_READ,
        EXPORT: _OWNED_READ,
        WRITE: _OWNED_CHANGE,
        DELETE: _OWNED_CHANGE,
        IMPORT: _OWNED_CHANGE,
    },
    AccessPolicy.SHARED: {
        READ: _EVERYONE,
        EXPORT: _EVERYONE,
        WRITE: _BUT_VIEWERS,
        IMPORT: _BUT_VIEWERS,
        DELETE: _SENIOR,
    },
    AccessPolicy.REFERENCE: {
        READ: _EVERYONE,
        EXPORT: _EVERYONE,
        WRITE: _SENIOR,
        IMPORT: _SENIOR,
        DELETE: _SENIOR,
    },
}
"""The table for records: policy, verb, role."""

PLATFORM: Final[Mapping[str, _Row]] = {
    "organisation:read": _EVERYONE,
    "users:read": _EVERYONE,
    "users:write": _ADMINS,
    "users:import": _ADMINS,
    "teams:read": _EVERYONE,
    "teams:write": _ADMINS,
    "audit:read": _ADMINS,
    "search:read": _EVERYONE,
    "settings:read": _EVERYONE,
    "settings:write": _ADMINS,
    "jobs:read": _ADMINS,
    "jobs:write": _ADMINS,
    "integrations:read": _ADMINS,
    "integrations:write": _ADMINS,
}
"""The table for everything else."""

VIEWER: Final = "bharat_viewer"
VIEWER_TEAMS: Final = "bharat_viewer_teams"


class Permissions:
    """Answers for every principal. `resources` maps a record type's plural to its policy."""

    def __init__(self, resources: Mapping[str, AccessPolicy], checks: Sequence[PermissionCheck] = ()) -> None:
        self._rows: dict[str, _Row] = dict(PLATFORM)
        for plural, policy in resources.items():
            for verb, row in RECORDS[policy].items():
                # A record type can't take over what the platform decides (`users:read`).
                self._rows.setdefault(f"{plural}:{verb}", row)
        self._checks = tuple(checks)
        self._verbs = frozenset(permission.partition(":")[2] for permission in self._rows)

    @property
    def known(self) -> frozenset[str]:
        """Every permission that exists."""
        return frozenset(self._rows)

    def visibility(self, principal: Principal, resource: str, verb: str) -> Visibility:
        """Which rows of `resource` the principal reaches with `verb`; `NONE`: refuse with `Forbidden`. What nobody declared is
        `NONE` for everyone."""
        return (
            _NONE
            if self._refusal(principal, f"{resource}:{verb}") is not None
            else self._allowed(principal.role, f"{resource}:{verb}")
        )

    def require(self, principal: Principal, permission: str) -> None:
        """Raise `Forbidden`, saying why, unless the principal holds the permission for at least some rows."""
        if reason := self._refusal(principal, permission):
            raise Forbidden(reason)

    def allows(self, principal: Principal, permission: str) -> bool:
        """Whether `require` would pass."""
        return self._refusal(principal, permission) is None

    def row_filter(
        self, principal: Principal, table: sa.FromClause, resource: str, verb: str
    ) -> sa.ColumnElement[bool] | None:
        """The criterion that keeps the rows the principal reaches; `None` when it reaches all. Raises `Forbidden` for none.

        `table` has the columns `owner_id` and `team_id` when its policy is `OWNED`."""
        visibility = self.visibility(principal, resource, verb)
        if visibility is _NONE:
            raise Forbidden(self._refusal(principal, f"{resource}:{verb}") or "This is not allowed.")
        return rows_of(principal, table, visibility)

    def hold(self, principal: Principal) -> list[str]:
        """What the principal may do, in order: for people and for user interfaces that hide what would be refused."""
        return sorted(permission for permission in self._rows if self.allows(principal, permission))

    def check_scopes(self, scopes: Sequence[str], path: str = "/scopes") -> frozenset[str]:
        """The scopes of an API key as a set. Raises `Invalid` naming each that is no permission of this installation."""
        faults = [
            FieldFault(
                f"{path}/{position}", f"{scope!r} is no scope: use a permission such as 'deals:read', '*:read' or '*'"
            )
            for position, scope in enumerate(scopes)
            if scope != "*" and scope not in self._rows and not self._is_wildcard(scope)
        ]
        if not scopes:
            faults = [FieldFault(path, "name at least one scope; '*' is all that your role may do")]
        if faults:
            raise Invalid("These scopes can't be given to an API key.", faults=faults)
        return frozenset(scopes)

    def _is_wildcard(self, scope: str) -> bool:
        resource, _, verb = scope.partition(":")
        return resource == "*" and verb in self._verbs

    def _allowed(self, role: Role, permission: str) -> Visibility:
        row = self._rows.get(permission)
        return row[role] if row is not None else _NONE

    def _refusal(self, principal: Principal, permission: str) -> str | None:
        """Why not, or `None`. The role comes first: a scope or a check never makes up for it."""
        if self._allowed(principal.role, permission) is _NONE:
            return f"The role {principal.role.value!r} does not hold the permission {permission!r}."
        if not in_scope(principal, permission):
            return f"The API key's scopes do not include {permission!r}."
        for check in self._checks:
            if not check.allows(principal, permission):
                return check.reason
        return None


def in_scope(principal: Principal, permission: str) -> bool:
    """Whether the API key's scopes include the permission; a session has no scopes and is not limited by any."""
    scopes = principal.scopes
    if scopes is None or "*" in scopes or permission in scopes:
        return True
    return f"*:{permission.partition(':')[2]}" in scopes


def rows_of(principal: Principal, table: sa.FromClause, visibility: Visibility) -> sa.ColumnElement[bool] | None:
    """The criterion of a visibility with the principal's ids in it; `None` for all rows."""
    if visibility is _ALL:
        return None
    if visibility is _NONE:
        return sa.false()
    own = table.c.owner_id == principal.user_id
    if visibility is _OWN or not principal.team_ids:
        return own
    return sa.or_(own, table.c.team_id.in_(principal.team_ids))


def visible_rows(table: sa.FromClause, visibility: Visibility) -> sa.ColumnElement[bool] | None:
    """The same criterion with parameters in place of ids, for statements that are prepared once per visibility and run with
    `viewer_parameters`."""
    if visibility is _ALL:
        return None
    if visibility is _NONE:
        return sa.false()
    own = table.c.owner_id == sa.bindparam(VIEWER, type_=sa.Uuid)
    if visibility is _OWN:
        return own
    return sa.or_(own, table.c.team_id.in_(sa.bindparam(VIEWER_TEAMS, type_=sa.Uuid, expanding=True)))


def viewer_parameters(principal: Principal, visibility: Visibility) -> dict[str, Any]:
    """What `visible_rows` leaves open."""
    if visibility is _OWN:
        return {VIEWER: principal.user_id}
    if visibility is _TEAM:
        return {VIEWER: principal.user_id, VIEWER_TEAMS: list(principal.team_ids)}
    return {}


def reaches(principal: Principal, visibility: Visibility, *, owner_id: Any, team_id: Any) -> bool:
    """Whether a row with this owner and team is within the visibility: for what is not in the database yet or no more."""
    if visibility is _ALL:
        return True
    if visibility is _NONE:
        return False
    if owner_id is not None and owner_id == principal.user_id:
        return True
    return visibility is _TEAM and team_id is not None and team_id in principal.team_ids
