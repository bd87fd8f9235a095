"""Statements made ready: scoped, given their organisation, and guarded so that reads need no transaction.

On PostgreSQL row-level security reads a setting of the connection. A read sets it in the statement itself, for the length
of its own implicit transaction: one round trip, and nothing stays on a connection that others use next.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal
from uuid import UUID
from weakref import WeakKeyDictionary

import sqlalchemy as sa

from bharat.contracts.database import Parameters
from bharat.data.tenancy import COLUMN, ORGANISATION, TenancyError, carry_scope, scope_of, scoped

ORGANISATION_SETTING = "bharat.organisation"
PLATFORM_SETTING = "bharat.platform"

_GUARD_VALUE = "bharat_guard_value"

Guard = Literal["organisation", "platform"]

_guards: WeakKeyDictionary[sa.Executable, Guard | None] = WeakKeyDictionary()
_known: WeakKeyDictionary[sa.Executable, dict[tuple[str, bool], sa.Executable]] = WeakKeyDictionary()


def for_reading(statement: sa.Executable, dialect: str, *, platform: bool) -> Any:
    """The statement scoped and, on PostgreSQL, guarded; a statement that is ready already is returned as it is."""
    if statement in _guards:
        return statement
    known = _known.setdefault(statement, {})
    found = known.get((dialect, platform))
    if found is None:
        found = known[dialect, platform] = _made_ready(statement, dialect, platform)
    return found


def _made_ready(statement: sa.Executable, dialect: str, platform: bool) -> sa.Executable:
    inner = scoped(statement, platform=platform)
    scope = scope_of(inner)
    if scope is None or scope.writes or not isinstance(inner, (sa.Select, sa.CompoundSelect)):
        raise TenancyError("a reader runs SELECT only: open a unit of work to write")
    found = inner if isinstance(inner, sa.Select) else sa.select(inner.subquery())
    guard: Guard | None = None
    if dialect == "postgresql" and (platform or scope.limited):
        guard = "platform" if platform else "organisation"
        found = found.where(_RAN[guard])
    if found is not inner:
        carry_scope(inner, found)
    _guards[found] = guard
    return found


def _ran(setting: str) -> sa.ColumnElement[bool]:
    """A condition that names a CTE which sets whose rows may be seen, and makes every row depend on its having run.

    A CTE with a volatile function is never inlined; `count(*)` over it is an init-plan under a one-time filter, which
    PostgreSQL evaluates before it opens the tables below. Had it not run, the policies would see no organisation and
    give no rows."""
    value = sa.bindparam(_GUARD_VALUE, type_=sa.Text, required=True)
    guard = sa.select(sa.func.set_config(setting, value, True).label("value")).cte("bharat_guard")
    return sa.select(sa.func.count()).select_from(guard).scalar_subquery() == 1


_RAN: dict[Guard, sa.ColumnElement[bool]] = {
    "organisation": _ran(ORGANISATION_SETTING),
    "platform": _ran(PLATFORM_SETTING),
}


def bind(statement: sa.Executable, organisation_id: UUID | None, parameters: Parameters | None) -> Any:
    """The parameters of a scoped statement with the organisation filled in, for one row or many."""
    scope = scope_of(statement)
    guard = _guards.get(statement)
    if scope is None:
        raise TenancyError("this statement was not limited to an organisation")
    added: dict[str, Any] = {}
    if scope.limited:
        if organisation_id is None:
            raise TenancyError("this statement touches an organisation's data: say which organisation")
        added[ORGANISATION] = organisation_id
        if guard is not None:
            added[_GUARD_VALUE] = str(organisation_id)
        if parameters is not None and isinstance(statement, sa.Update):
            _refuse_moving(parameters)
    elif guard is not None or scope.platform_access:
        if organisation_id is not None:
            raise TenancyError("this statement was made for the platform: it does not limit organisations' data")
        if guard is not None:
            added[_GUARD_VALUE] = "on"
    if not added:
        return parameters
    if parameters is None:
        return added
    if isinstance(parameters, Mapping):
        return {**parameters, **added}
    return [{**row, **added} for row in parameters]


def _refuse_moving(parameters: Parameters) -> None:
    # A parameter named after a column is assigned to it.
    for row in [parameters] if isinstance(parameters, Mapping) else parameters:
        if COLUMN in row:
            raise TenancyError("a row stays with its organisation: organisation_id can't be changed")
