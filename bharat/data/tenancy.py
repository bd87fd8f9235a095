"""Tenancy: the one place where statements are limited to an organisation.

`scoped` rewrites a statement so that every table of organisations' data in it, at every depth, is limited to the
organisation in the bind parameter `ORGANISATION`. Whatever runs through a `Reader` or `Unit` passes here. What can't be
looked into (text, tables without a declaration) is refused. The rewritten form is remembered beside the statement, so that
one used often is rewritten once.

On PostgreSQL row-level security enforces the same a second time (`bharat.data.migrations.protection`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar, cast
from weakref import WeakKeyDictionary

import sqlalchemy as sa
from sqlalchemy.sql import visitors
from sqlalchemy.sql.dml import Delete, Insert, Update, UpdateBase
from sqlalchemy.sql.selectable import (
    AliasedReturnsRows,
    FromClause,
    FromGrouping,
    Join,
    Select,
    SelectBase,
    SelectState,
    TableClause,
    Values,
)

from bharat.contracts.errors import BharatError
from bharat.data.tables import tenancy_of

ORGANISATION = "bharat_organisation"
COLUMN = "organisation_id"

StatementT = TypeVar("StatementT", bound=sa.Executable)


class TenancyError(BharatError):
    """A statement would reach past one organisation's rows."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What was found in a scoped statement."""

    limited: bool
    """Some table was limited to the organisation."""
    platform_access: bool
    """Some table of organisations' data was left unlimited, for the platform."""
    writes: bool


_scopes: WeakKeyDictionary[sa.Executable, Scope] = WeakKeyDictionary()
_known: WeakKeyDictionary[sa.Executable, dict[bool, sa.Executable]] = WeakKeyDictionary()


def organisation_parameter() -> sa.BindParameter[Any]:
    """The parameter that the reader or unit fills with its organisation."""
    return sa.bindparam(ORGANISATION, type_=sa.Uuid(), required=True)


def scope_of(statement: sa.Executable) -> Scope | None:
    """What is known of a statement that `scoped` returned; `None` for any other, also for one derived from such."""
    return _scopes.get(statement)


def carry_scope(statement: sa.Executable, derived: sa.Executable) -> None:
    """Say that `derived` names no tables but those of `statement`, which is scoped."""
    _scopes[derived] = _scopes[statement]


def joined_scope(parts: Iterable[sa.Executable], whole: sa.Executable) -> None:
    """Say that `whole` names no tables but those of its parts, each of which is scoped for an organisation."""
    scopes = [_scopes[part] for part in parts]
    _scopes[whole] = Scope(
        limited=any(scope.limited for scope in scopes),
        platform_access=any(scope.platform_access for scope in scopes),
        writes=any(scope.writes for scope in scopes),
    )


def scoped(statement: StatementT, *, platform: bool = False) -> StatementT:
    """Limit every organisation table in `statement`; return a copy to be run by a `Reader` or `Unit`.

    With `platform` (no organisation) only platform tables and those that grant `platform_access` may be named. A copy that
    is changed afterwards (`.where`, `.join`, …) is an ordinary statement again, and limited anew when it runs.
    Raises `TenancyError` for a table that declares no tenancy, for SQL text, which can't be looked into, and for a
    change of a row's organisation."""
    scope = _scopes.get(statement)
    if scope is not None:
        if scope.platform_access and not platform:
            raise TenancyError("this statement was made for the platform: it does not limit organisations' data")
        return statement
    known = _known.setdefault(statement, {})
    found = known.get(platform)
    if found is None:
        found = known[platform] = _scope(statement, platform)
    return cast(StatementT, found)


_STATEMENTS = frozenset({"select", "compound_select", "insert", "update", "delete"})


def _scope(statement: sa.Executable, platform: bool) -> sa.Executable:
    if not isinstance(statement, (sa.Select, sa.CompoundSelect, Insert, Update, Delete)):
        raise _unreadable(statement)
    nested = False
    for element in visitors.iterate(statement):
        _refuse_text(element)
        nested = nested or (element is not statement and element.__visit_name__ in _STATEMENTS)
    limiter = _Limiter(platform)
    clone: Any
    if nested or not isinstance(statement, sa.Select):
        clone = visitors.cloned_traverse(statement, {}, limiter.visitors)
    else:
        # The common case, at half the price: no statement inside, so nothing below it changes.
        clone = statement._generate()
        limiter.select(clone)
    # SQLAlchemy notes on a clone what it was cloned from; the original is what the clone is remembered under, and would
    # never be let go.
    clone.__dict__.pop("_is_clone_of", None)
    _scopes[clone] = Scope(limiter.limited, limiter.platform_access, limiter.writes)
    return cast(sa.Executable, clone)


Limit = tuple[sa.ColumnElement[Any], bool]
"""A column that must hold the organisation, and whether its row may be missing from an outer join."""


class _Limiter:
    def __init__(self, platform: bool) -> None:
        self._platform = platform
        self.limited = self.platform_access = self.writes = False
        self.visitors: dict[str, Callable[[Any], None]] = {
            "select": self.select,
            "update": self._update,
            "delete": self._delete,
            "insert": self._insert,
        }

    def select(self, select: Select[Any]) -> None:
        limits: list[Limit] = []
        joins: list[FromClause] = []
        rebuilt = False
        for source in _Froms(select).froms:
            found, more = self._limits(source)
            limits += more
            rebuilt = rebuilt or found is not source
            if isinstance(found, Join):
                joins.append(found)
        if rebuilt:
            others = tuple(source for source in select._from_obj if not isinstance(source, Join))
            select._from_obj = (*others, *joins)
            select._setup_joins = select._memoized_select_entities = ()
        select._where_criteria += _criteria(limits)

    def _update(self, update: Update) -> None:
        values: dict[Any, Any] = dict(update._values or {})
        if self._holds_organisations(update.table):
            _refuse_moving(values)
        self._change(update, (update.table, *_named(values.values())))

    def _delete(self, delete: Delete) -> None:
        self._change(delete, (delete.table, *delete._extra_froms))

    def _change(self, statement: Update | Delete, sources: Iterable[Any]) -> None:
        self.writes = True
        # Any table named in WHERE or SET joins the FROM of an UPDATE or DELETE by itself.
        for source in dict.fromkeys((*sources, *_named(statement._where_criteria))):
            found, limits = self._limits(source)
            if found is not source:
                raise TenancyError("an UPDATE or DELETE with an outer join can't be limited: put it into a subquery")
            statement._where_criteria += _criteria(limits)

    def _insert(self, insert: Insert) -> None:
        self.writes = True
        if not self._holds_organisations(insert.table):
            return
        column = insert.table.c[COLUMN]
        if insert.select is not None:
            names = list(insert._select_names or ())
            if COLUMN in names:
                raise TenancyError("INSERT … SELECT is given its organisation: leave organisation_id out")
            rows: Any = cast(Any, insert.select).subquery()
            insert._select_names = [*names, COLUMN]
            # Without a WHERE, SQLite takes the ON of ON CONFLICT for that of a join (its manual, "Parsing Ambiguity").
            insert.select = sa.select(*rows.c, organisation_parameter()).where(sa.true())
        elif insert._multi_values:
            insert._multi_values = tuple([_owned(row, column) for row in rows] for rows in insert._multi_values)
        else:
            insert._values = cast(Any, _owned(insert._values or {}, column))
        clause: Any = insert._post_values_clause
        if (changes := getattr(clause, "update_values_to_set", None)) is not None:
            _refuse_moving(changes)
            # The row in the way may be another organisation's.
            given = () if clause.update_whereclause is None else (clause.update_whereclause,)
            clause.update_whereclause = sa.and_(sa.true(), *given, *_criteria([(column, False)]))

    def _limits(self, source: Any) -> tuple[Any, list[Limit]]:
        """The limits that rows of `source` must keep. Those on the far side of an outer join go into its ON, where a
        foreign row counts as no match; `source` is then rebuilt."""
        if isinstance(source, FromGrouping):
            found, limits = self._limits(source.element)
            return (source if found is source.element else found), limits
        if isinstance(source, Join):
            left, near = self._limits(source.left)
            right, far = self._limits(source.right)
            on = source.onclause
            if source.full:
                on = sa.and_(cast(Any, on), *_criteria(near), *_criteria(far))
                near, far = [(column, True) for column, _ in (*near, *far)], []
            elif source.isouter:
                on, far = sa.and_(cast(Any, on), *_criteria(far)), []
            if left is source.left and right is source.right and on is source.onclause:
                return source, near + far
            return Join(left, right, on, isouter=source.isouter, full=source.full), near + far
        return source, [(source.c[COLUMN], False)] if self._holds_organisations(source) else []

    def _holds_organisations(self, source: Any) -> bool:
        """Whether `source`, a table or an alias of one, has to be limited. Subqueries are limited inside."""
        table = source
        while isinstance(table, (AliasedReturnsRows, FromGrouping)):
            table = table.element
        if isinstance(table, (SelectBase, UpdateBase, Values, sa.sql.functions.FunctionElement)):
            return False
        if not isinstance(table, TableClause):
            raise _unreadable(table)
        if not isinstance(table, sa.Table) or (tenancy := tenancy_of(table)) is None:
            raise TenancyError(
                f"table {table.name!r} declares no tenancy: make it with organisation_table() or platform_table()"
            )
        if tenancy == "platform":
            return False
        if not self._platform:
            self.limited = True
            return True
        if table.info.get("platform_access"):
            self.platform_access = True
            return False
        raise TenancyError(f"table {table.name!r} holds organisations' data: open it for one organisation")


class _Froms(SelectState):
    """What `Select.get_final_froms()` gives, without compiling the statement for it, which costs ten times as much."""

    def __init__(self, select: Select[Any]) -> None:
        self.statement = select
        self.from_clauses = select._from_obj
        for entities in select._memoized_select_entities:
            self._setup_joins(entities._setup_joins, entities._raw_columns)
        if select._setup_joins:
            self._setup_joins(select._setup_joins, select._raw_columns)
        self.froms = self._get_froms(select)


def _criteria(limits: Iterable[Limit]) -> tuple[sa.ColumnElement[Any], ...]:
    found: list[sa.ColumnElement[Any]] = []
    for column, optional in limits:
        own = column == organisation_parameter()
        found.append(sa.or_(own, column.is_(None)) if optional else own)
    return tuple(found)


def _named(expressions: Iterable[Any]) -> Iterable[FromClause]:
    """The tables and aliases that expressions name outside of their subqueries."""
    for expression in expressions:
        yield from getattr(expression, "_from_objects", ())


def _key(column: Any) -> str:
    return column if isinstance(column, str) else str(column.key)


def _owned(row: Any, column: sa.ColumnElement[Any]) -> dict[Any, Any]:
    if not isinstance(row, dict):
        raise TenancyError("rows of organisations' data are inserted as mappings, so that they can be given their id")
    return {**{key: value for key, value in row.items() if _key(key) != COLUMN}, column: organisation_parameter()}


def _refuse_moving(values: Iterable[Any]) -> None:
    if any(_key(column) == COLUMN for column in values):
        raise TenancyError("a row stays with its organisation: organisation_id can't be changed")


def _refuse_text(element: Any) -> None:
    kind = element.__visit_name__
    if kind == "column":
        # `count(*)` is built on the literal `*`.
        text = element.is_literal and element.name != "*"
    elif kind in ("select", "insert", "update", "delete"):
        text = bool(element._prefixes or element._hints) or bool(
            kind == "select" and (element._suffixes or element._statement_hints)
        )
    else:
        text = kind in ("textclause", "textual_select")
    if text:
        raise _unreadable(element)


def _unreadable(element: Any) -> TenancyError:
    return TenancyError(
        f"{type(element).__name__} can't be limited to an organisation: write it as a SQLAlchemy expression on tables"
    )
