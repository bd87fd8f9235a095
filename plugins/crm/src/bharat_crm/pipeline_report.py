"""The pipeline report: how many deals, what they are worth and how often they are won, by stage, owner, team, product or month.

One statement groups in the database, limited to the deals that the caller's lists show. Amounts are summed by currency and
never across currencies. A deal's date is when it was closed, while it is open when it was engaged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

import msgspec
import sqlalchemy as sa

from bharat.accounts.tables import teams, users
from bharat.contracts.database import Reader
from bharat_crm.pipelines import LOST, OPEN, WON
from bharat_crm.tables import deals, pipelines, products, stages

By = Literal["stage", "owner", "team", "product", "month"]

RATE_PLACES = Decimal("0.0001")
_SPLIT = 10**9


class Amounts(msgspec.Struct, frozen=True):
    """Sums of one currency."""

    currency: str
    total: Decimal
    won: Decimal
    lost: Decimal
    open: Decimal


class Group(msgspec.Struct, frozen=True):
    """One group, or the total. `key` is the id of what is grouped by, or the month as `2026-12`; `null` for deals that have none.
    `name` is `null` too where the caller may not read what is grouped by.

    `win_rate` is won / (won + lost), from 0 to 1 with four decimals; `null` while nothing is closed."""

    key: str | None
    name: str | None
    count: int
    won: int
    lost: int
    open: int
    win_rate: Decimal | None
    amounts: list[Amounts]


class PipelineReport(msgspec.Struct, frozen=True):
    """Groups in the order of their stages, months or names; those of deals that have none come last."""

    by: By
    groups: list[Group]
    total: Group


@dataclass(frozen=True, slots=True)
class Period:
    """First and last day, both included; `None`: no limit. With a limit, deals that have no date are left out."""

    first: date | None = None
    last: date | None = None


def pipeline_report(
    reader: Reader,
    dialect: str,
    by: By,
    visible: sa.ColumnElement[bool] | None,
    pipeline: UUID | None = None,
    period: Period | None = None,
    *,
    named: bool = True,
) -> PipelineReport:
    """Sum up the live deals that `visible` lets through; `None` lets all through. Groups that are not `named` tell their ids only,
    and names don't order them."""
    rows = reader.rows(_statement(dialect, by, visible, pipeline, period or Period(), named))
    found: dict[Any, list[sa.Row[Any]]] = {}
    for row in rows:
        found.setdefault(row.key, []).append(row)
    groups = [_group(_key(by, key), members[0].name, members) for key, members in found.items()]
    if by == "month":
        groups = [msgspec.structs.replace(group, name=group.key) for group in groups]
    return PipelineReport(by, groups, _group(None, None, rows))


def _statement(
    dialect: str, by: By, visible: sa.ColumnElement[bool] | None, pipeline: UUID | None, period: Period, named: bool
) -> sa.Select[Any]:
    day = sa.func.coalesce(deals.c.closed_on, deals.c.engaged_on)
    key, name, order, source = _grouping(by, day, named)
    select = sa.select(
        key.label("key"),
        name.label("name"),
        deals.c.amount_currency.label("currency"),
        sa.func.count().label("all_count"),
        *(sa.func.count().filter(deals.c.status == status).label(f"{status}_count") for status in (WON, LOST, OPEN)),
        *(column for status in (WON, LOST, OPEN) for column in _sums(dialect, status)),
    ).select_from(source)
    select = select.where(deals.c.deleted_at.is_(None))
    if visible is not None:
        select = select.where(visible)
    if pipeline is not None:
        select = select.where(deals.c.pipeline_id == pipeline)
    if period.first is not None:
        select = select.where(day >= period.first)
    if period.last is not None:
        select = select.where(day <= period.last)
    grouped = [key, *(part for part in (name, *order) if not isinstance(part, sa.Null)), deals.c.amount_currency]
    last = sa.case((key.is_(None), 1), else_=0)
    return select.group_by(*grouped).order_by(last, *order, key, deals.c.amount_currency)


def _sums(dialect: str, status: str) -> Sequence[sa.ColumnElement[Any]]:
    """The sum of the amounts of one status, as two columns: SQLite stores scaled integers and refuses sums past 64 bits, so it
    adds what lies above a billion units apart."""
    this = deals.c.status == status
    if dialect == "postgresql":
        return sa.func.sum(deals.c.amount).filter(this).label(status), sa.literal(0).label(f"{status}_upper")
    raw = sa.type_coerce(deals.c.amount, sa.BigInteger)
    lower = sa.type_coerce(raw.op("%")(_SPLIT), deals.c.amount.type)
    upper = sa.type_coerce(raw.op("/")(_SPLIT), deals.c.amount.type)
    return sa.func.sum(lower).filter(this).label(status), sa.func.sum(upper).filter(this).label(f"{status}_upper")


def _grouping(
    by: By, day: sa.ColumnElement[Any], named: bool
) -> tuple[sa.ColumnElement[Any], sa.ColumnElement[Any], Sequence[sa.ColumnElement[Any]], sa.FromClause]:
    """What to group by, its name, what to order by, and the tables it takes."""
    if by == "month":
        month = sa.extract("year", day) * 100 + sa.extract("month", day)
        return sa.cast(month, sa.Integer), sa.null(), (), deals
    if by == "stage":
        source = _joined(deals, stages, deals.c.stage_id).outerjoin(
            pipelines,
            sa.and_(pipelines.c.organisation_id == stages.c.organisation_id, pipelines.c.id == stages.c.pipeline_id),
        )
        name = stages.c.name if named else sa.null()
        return deals.c.stage_id, name, (pipelines.c.position, pipelines.c.id, stages.c.position), source
    target, column = {
        "owner": (users, deals.c.owner_id),
        "team": (teams, deals.c.team_id),
        "product": (products, deals.c.product_id),
    }[by]
    if not named:
        return column, sa.null(), (), deals
    return column, target.c.name, (target.c.name,), _joined(deals, target, column)


def _joined(left: sa.Table, target: sa.Table, column: sa.ColumnElement[Any]) -> sa.Join:
    return left.outerjoin(target, sa.and_(target.c.organisation_id == left.c.organisation_id, target.c.id == column))


def _group(key: str | None, name: str | None, rows: Sequence[sa.Row[Any]]) -> Group:
    won, lost = sum(row.won_count for row in rows), sum(row.lost_count for row in rows)
    sums: dict[str, list[Decimal]] = {}
    for row in rows:
        if row.currency is not None:
            parts = [
                Decimal(row._mapping[status] or 0) + Decimal(row._mapping[f"{status}_upper"] or 0) * _SPLIT
                for status in (WON, LOST, OPEN)
            ]
            before = sums.get(row.currency, [Decimal(0)] * 3)
            sums[row.currency] = [a + b for a, b in zip(before, parts, strict=True)]
    return Group(
        key=key,
        name=name,
        count=sum(row.all_count for row in rows),
        won=won,
        lost=lost,
        open=sum(row.open_count for row in rows),
        win_rate=(Decimal(won) / (won + lost)).quantize(RATE_PLACES) if won + lost else None,
        amounts=[Amounts(code, _money(sum(sums[code])), *map(_money, sums[code])) for code in sorted(sums)],
    )


def _money(value: Decimal | int) -> Decimal:
    return Decimal(value).quantize(RATE_PLACES)


def _key(by: By, key: Any) -> str | None:
    if key is None:
        return None
    return f"{key // 100:04d}-{key % 100:02d}" if by == "month" else str(key)
