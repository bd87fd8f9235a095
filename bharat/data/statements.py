"""Statements made ready: scoped, given their organisation, and guarded so that reads need no transaction.

On PostgreSQL row-level security reads a setting of the connection. A read sets it in the statement itself, for the length
of its own implicit transaction: one round trip, and nothing stays on a connection that others use next.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from bharat.contracts.database import Parameters
from bharat.data.tenancy import ORGANISATION, TenancyError, names_organisation_data, scoped

_READY = "bharat_ready"
_GUARD_VALUE = "bharat_guard_value"


def for_reading(statement: sa.Executable, dialect: str, *, platform: bool) -> Any:
    """The statement scoped and, on PostgreSQL, guarded; a statement that is ready already is returned as it is."""
    if _READY in statement.get_execution_options():
        return statement
    found = scoped(statement, platform=platform)
    if isinstance(found, sa.CompoundSelect):
        found = sa.select(found.subquery()).execution_options(**found.get_execution_options())
    if not isinstance(found, sa.Select):
        raise TenancyError("a reader runs SELECT only: open a unit of work to write")
    guard: str | None = None
    if dialect == "postgresql" and (platform or names_organisation_data(found)):
        guard = "platform" if platform else "organisation"
        found = _guarded(found, f"bharat.{guard}")
    return found.execution_options(**{_READY: guard})


def _guarded(statement: sa.Select[Any], setting: str) -> sa.Select[Any]:
    """Prefix the CTE that sets whose rows may be seen, and make every row depend on its having run.

    A CTE with a volatile function is never inlined; `count(*)` over it is an init-plan under a one-time filter, which
    PostgreSQL evaluates before it opens the tables below. Had it not run, the policies would see no organisation and
    give no rows."""
    value = sa.bindparam(_GUARD_VALUE, type_=sa.Text, required=True)
    guard = sa.select(sa.func.set_config(setting, value, True).label("value")).cte("guard")
    ran = sa.select(sa.func.count()).select_from(guard).scalar_subquery() == 1
    return statement.where(ran)


def bind(statement: sa.Executable, organisation_id: UUID | None, parameters: Parameters | None) -> Any:
    """The parameters with the organisation filled in, for one row or many."""
    added: dict[str, Any] = {}
    if names_organisation_data(statement):
        if organisation_id is None:
            raise TenancyError("this statement touches an organisation's data: say which organisation")
        if isinstance(statement, sa.sql.dml.Insert):
            added["organisation_id"] = organisation_id
        added[ORGANISATION] = organisation_id
    guard = statement.get_execution_options().get(_READY)
    if guard is not None:
        added[_GUARD_VALUE] = "on" if guard == "platform" else str(organisation_id)
    if not added:
        return parameters
    if parameters is None:
        return added
    if isinstance(parameters, Mapping):
        return {**parameters, **added}
    return [{**row, **added} for row in parameters]
