"""Tenancy: the one place where statements are limited to an organisation.

`scoped` rewrites a statement so that every table of organisations' data in it, at every depth, is limited to the
organisation in the bind parameter `ORGANISATION`. Whatever runs through a `Reader` or `Unit` passes here; a statement that is
used often is scoped once, when it is prepared, and marked.

On PostgreSQL row-level security enforces the same a second time (`bharat.data.migrations.protection`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeVar, cast

import sqlalchemy as sa
from sqlalchemy.sql import visitors
from sqlalchemy.sql.dml import Delete, Insert, Update
from sqlalchemy.sql.selectable import FromClause, Join, Select

from bharat.contracts.errors import BharatError
from bharat.data.tables import tenancy_of

ORGANISATION = "bharat_organisation"
_MARK = "bharat_scoped"

StatementT = TypeVar("StatementT", bound=sa.Executable)


class TenancyError(BharatError):
    """A statement would reach past one organisation's rows."""


def organisation_parameter() -> sa.BindParameter[Any]:
    """The parameter that the reader or unit fills with its organisation."""
    return sa.bindparam(ORGANISATION, type_=sa.Uuid(), required=True)


def is_scoped(statement: sa.Executable) -> bool:
    return _MARK in statement.get_execution_options()


def names_organisation_data(statement: sa.Executable) -> bool:
    """Whether a scoped statement depends on the organisation (its tables are not all the platform's)."""
    return bool(statement.get_execution_options().get(_MARK) == "organisation")


def scoped(statement: StatementT, *, platform: bool = False) -> StatementT:
    """Limit every organisation table in `statement`; return a marked copy, to be run by a `Reader` or `Unit`.

    With `platform` (no organisation) only platform tables and those that grant `platform_access` may be named.
    Raises `TenancyError` for a table that declares no tenancy and for textual SQL, which can't be looked into."""
    if is_scoped(statement):
        return statement
    if isinstance(statement, sa.TextClause):
        raise TenancyError("textual SQL can't be limited to an organisation: use SQLAlchemy expressions")
    found = _Limiter(platform)
    clone = visitors.cloned_traverse(
        cast(Any, statement),
        {},
        {"select": found.select, "update": found.change, "delete": found.change, "insert": found.insert},
    )
    mark = "organisation" if found.limited else "platform"
    return cast(StatementT, clone.execution_options(**{_MARK: mark}))


class _Limiter:
    def __init__(self, platform: bool) -> None:
        self.platform = platform
        self.limited = False

    def select(self, select: Select[Any]) -> None:
        for source, optional in _leaves(select.get_final_froms()):
            if self._limits(source):
                column = source.c.organisation_id
                inside = column == organisation_parameter()
                # The far side of an outer join has no row where nothing matched; a foreign row never passes.
                criterion = sa.or_(inside, column.is_(None)) if optional else inside
                select._where_criteria += (criterion,)

    def change(self, statement: Update | Delete) -> None:
        if self._limits(statement.table):
            statement._where_criteria += (statement.table.c.organisation_id == organisation_parameter(),)

    def insert(self, statement: Insert) -> None:
        self._limits(statement.table)

    def _limits(self, source: Any) -> bool:
        table = _table(source)
        if table is None:
            return False
        tenancy = tenancy_of(table)
        if tenancy is None:
            raise TenancyError(
                f"table {table.name!r} declares no tenancy: make it with organisation_table() or platform_table()"
            )
        if tenancy == "platform":
            return False
        if self.platform:
            if table.info.get("platform_access"):
                return False
            raise TenancyError(f"table {table.name!r} holds organisations' data: open it for one organisation")
        self.limited = True
        return True


def _table(source: Any) -> sa.Table | None:
    """The table behind a leaf of FROM: itself, or what an alias names; `None` for a subquery, scoped by itself."""
    while not isinstance(source, sa.Table):
        source = getattr(source, "element", None)
        if source is None or isinstance(source, (sa.Select, sa.CompoundSelect)):
            return None
    return source


def _leaves(sources: Any, optional: bool = False) -> Iterator[tuple[FromClause, bool]]:
    for source in sources:
        if isinstance(source, Join):
            yield from _leaves([source.left], optional or source.full)
            yield from _leaves([source.right], optional or source.isouter or source.full)
        else:
            yield source, optional
