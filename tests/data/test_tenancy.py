"""No statement shows or changes another organisation's rows: by the code's rule alone, by the database's alone, by both.

Each statement runs on two organisations with like data. The last test of each kind takes both protections away and shows
that the statement then does cross over, so that none of these tests passes for want of trying.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from bharat.contracts.principal import SYSTEM
from bharat.data import BharatDatabase, new_id, tenancy
from tests.data.conftest import Pair
from tests.data.shop import CODES, customers, doors, orders

Make = Callable[[BharatDatabase, Pair], Any]
only_postgresql = pytest.mark.parametrize("dialect", ["postgresql"])
other = orders.alias("other")
early = customers.alias("early")


def _count_by_name() -> sa.Subquery:
    return sa.select(customers.c.name, sa.func.count().label("n")).group_by(customers.c.name).subquery()


def _lateral() -> sa.Select[Any]:
    beside = sa.select(other.c.note).where(other.c.note != customers.c.name).correlate(customers).lateral("beside")
    own = sa.select(orders.c.note).where(orders.c.note == customers.c.name).correlate(customers).lateral("own")
    return sa.select(customers.c.name, beside.c.note).outerjoin(beside, sa.true()).outerjoin(own, sa.true())


def _tree() -> sa.Select[Any]:
    start = sa.select(orders.c.code, orders.c.note).where(orders.c.code == "A").cte("walk", recursive=True)
    more = sa.select(other.c.code, other.c.note).where(other.c.code > start.c.code)
    return sa.select(start.union(more))


READS: dict[str, Make] = {
    "select": lambda _, p: sa.select(customers),
    "columns": lambda _, p: sa.select(customers.c.name),
    "by id": lambda _, p: sa.select(customers.c.name).where(
        customers.c.id.in_([p.acme_customer, p.globex_customer])
    ),
    "or": lambda _, p: sa.select(customers.c.name).where(
        sa.or_(customers.c.id == p.globex_customer, customers.c.name != "")
    ),
    "named organisation": lambda _, p: sa.select(customers.c.name).where(
        customers.c.organisation_id.in_([p.acme, p.globex])
    ),
    "alias": lambda _, p: sa.select(early.c.name),
    "alias of an alias": lambda _, p: sa.select(early.alias("again").c.name),
    "implicit join": lambda _, p: sa.select(orders.c.code, customers.c.name).where(orders.c.code != customers.c.name),
    "join": lambda _, p: sa.select(orders.c.code, other.c.note).join(other, other.c.code == orders.c.code),
    "select_from join": lambda _, p: sa.select(other.c.note).select_from(
        orders.join(other, other.c.code == orders.c.code)
    ),
    "outer join": lambda _, p: sa.select(orders.c.note, other.c.note).outerjoin(
        other, other.c.code == orders.c.code
    ),
    "full join": lambda _, p: sa.select(orders.c.note, other.c.note).outerjoin(
        other, other.c.code == orders.c.code, full=True
    ),
    "nested join": lambda _, p: sa.select(orders.c.note, other.c.note, early.c.name).select_from(
        orders.join(other.join(early, early.c.id == other.c.customer_id), other.c.code == orders.c.code)
    ),
    "nested outer join": lambda _, p: sa.select(orders.c.note, other.c.note, early.c.name).select_from(
        orders.outerjoin(other.outerjoin(early, early.c.name != ""), other.c.code == orders.c.code)
    ),
    "joins after narrowing the columns": lambda _, p: sa.select(orders, other)
    .outerjoin(other, other.c.code == orders.c.code)
    .with_only_columns(other.c.note, maintain_column_froms=True),
    "subquery": lambda _, p: sa.select(_count_by_name()),
    "nested subqueries": lambda _, p: sa.select(sa.select(sa.select(customers).subquery()).subquery().c.name),
    "scalar subquery": lambda _, p: sa.select(
        customers.c.name,
        sa.select(sa.func.max(orders.c.note)).where(orders.c.code == "A").scalar_subquery(),
        sa.select(sa.func.min(orders.c.note)).where(orders.c.code == "A").scalar_subquery(),
    ),
    "correlated subquery": lambda _, p: sa.select(
        orders.c.note,
        sa.select(sa.func.max(other.c.note)).where(other.c.code == orders.c.code).scalar_subquery(),
    ),
    "exists": lambda _, p: sa.select(sa.literal("acme"), sa.literal("globex")).where(
        sa.exists().where(customers.c.id == p.globex_customer)
    ).union_all(sa.select(customers.c.name, customers.c.name)),
    "in a subquery": lambda _, p: sa.select(sa.literal("acme"), sa.literal("globex")).where(
        sa.literal("globex").in_(sa.select(customers.c.name))
    ).union_all(sa.select(customers.c.name, customers.c.name)),
    "lateral": lambda db, p: _lateral() if db.dialect == "postgresql" else sa.select(early.c.name),
    "cte": lambda _, p: sa.select(sa.select(customers.c.name).cte("c")),
    "recursive cte": lambda _, p: _tree(),
    "added cte": lambda _, p: sa.select(customers.c.name).add_cte(sa.select(orders).cte("unused")),
    "union": lambda _, p: sa.union(sa.select(customers.c.name), sa.select(orders.c.note)),
    "union, ordered and cut": lambda _, p: sa.union_all(sa.select(customers.c.name), sa.select(orders.c.note))
    .order_by("name")
    .limit(20),
    "except": lambda _, p: sa.except_(sa.select(customers.c.name), sa.select(orders.c.code)),
    "union in a subquery": lambda _, p: sa.select(
        sa.union(sa.select(customers.c.name), sa.select(orders.c.note)).subquery()
    ),
    "distinct": lambda _, p: sa.select(customers.c.name).distinct(),
    "group and having": lambda _, p: sa.select(orders.c.note, sa.func.count()).group_by(orders.c.note).having(
        sa.func.count() == len(CODES)
    ),
    "window": lambda _, p: sa.select(
        sa.func.max(orders.c.note).over(order_by=orders.c.note, range_=(None, None)),
        sa.func.min(orders.c.note).over(order_by=orders.c.note, range_=(None, None)),
    ),
    "order by a subquery": lambda _, p: sa.select(customers.c.name).order_by(
        sa.select(sa.func.count(orders.c.id)).scalar_subquery()
    ),
    "table with platform access": lambda _, p: sa.select(doors.c.name),
    "joined after it was prepared": lambda db, p: db.prepare(sa.select(orders.c.note)).join_from(
        orders, early, early.c.name != ""
    ).add_columns(early.c.name),
    "wrapped after it was prepared": lambda db, p: sa.select(tenancy.scoped(sa.select(orders.c.note)).subquery()),
}  # fmt: skip


def _globex_rows(owner: BharatDatabase, pair: Pair) -> list[Any]:
    """Every row of the other organisation, as the owner sees it without the code's help."""
    found: list[Any] = []
    with owner.engine.connect() as connection:
        for table in (customers, orders, doors):
            mine = sa.select(table).where(table.c.organisation_id == pair.globex).order_by(table.c.id)
            found += [tuple(row) for row in connection.execute(mine)]
    return found


def _all_notes(owner: BharatDatabase) -> list[Any]:
    with owner.engine.connect() as connection:
        return sorted(connection.execute(sa.select(orders.c.organisation_id, orders.c.note)).all())


def _upsert(database: BharatDatabase, pair: Pair) -> Any:
    insert = postgresql.insert if database.dialect == "postgresql" else sqlite.insert
    rows = [{"id": pair.acme_customer, "name": "taken"}, {"id": pair.globex_customer, "name": "taken"}]
    return insert(customers).values(rows).on_conflict_do_update(
        index_elements=[customers.c.id], set_={"name": "taken"}
    )  # fmt: skip


CHANGES: dict[str, Make] = {
    "update": lambda _, p: orders.update().values(note="taken"),
    "update by id": lambda _, p: customers.update().values(name="taken").where(customers.c.id == p.globex_customer),
    "update from another table": lambda _, p: orders.update().values(note="taken").where(
        orders.c.customer_id == customers.c.id
    ),
    "update where exists": lambda _, p: orders.update().values(note="taken").where(
        sa.exists().where(customers.c.id == orders.c.customer_id)
    ),
    "delete": lambda _, p: orders.delete(),
    "delete with an or": lambda _, p: orders.delete().where(sa.or_(orders.c.code == "A", orders.c.code == "B")),
    "delete in": lambda _, p: orders.delete().where(orders.c.customer_id.in_(sa.select(customers.c.id))),
    "upsert": _upsert,
}  # fmt: skip

TAKES: dict[str, Make] = {
    "insert from select": lambda _, p: orders.insert().from_select(
        ["id", "code", "note"], sa.select(customers.c.id, sa.literal("X"), customers.c.name)
    ),
    "insert from union": lambda _, p: orders.insert().from_select(
        ["id", "code", "note"],
        sa.union(
            sa.select(customers.c.id, sa.literal("X"), customers.c.name),
            sa.select(customers.c.id, sa.literal("X"), customers.c.name),
        ),
    ),
    "insert of a subquery's value": lambda _, p: orders.insert().values(
        id=new_id(), code="X", note=sa.select(sa.func.max(customers.c.name)).scalar_subquery()
    ),
    "update to another table's value": lambda _, p: orders.update().values(note=early.c.name).where(
        early.c.name != orders.c.note
    ),
    "update to a subquery's value": lambda _, p: orders.update().values(
        note=sa.select(sa.func.max(customers.c.name)).scalar_subquery()
    ),
}  # fmt: skip
"""Statements that would bring another organisation's value into a row of one's own."""


def assert_reads_no_other(database: BharatDatabase, make: Make, pair: Pair) -> None:
    seen = repr(database.read(pair.acme).rows(make(database, pair)))
    assert "acme" in seen, "nothing was read: the test shows nothing"
    assert "globex" not in seen


def assert_changes_no_other(database: BharatDatabase, owner: BharatDatabase, make: Make, pair: Pair) -> None:
    before = _globex_rows(owner, pair)
    # Row-level security alone answers an upsert over a foreign row with an error.
    with suppress(sa.exc.ProgrammingError), database.write(pair.acme, SYSTEM) as unit:
        unit.execute(make(database, pair))
    assert _globex_rows(owner, pair) == before


def assert_takes_from_no_other(database: BharatDatabase, owner: BharatDatabase, make: Make, pair: Pair) -> None:
    with database.write(pair.acme, SYSTEM) as unit:
        unit.execute(make(database, pair))
    assert (pair.acme, "globex") not in _all_notes(owner)


@pytest.fixture
def no_code_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rewriting adds no condition any more; everything else, the setting for row-level security too, goes on."""
    monkeypatch.setattr(tenancy, "_criteria", lambda limits: ())


def _each(statements: dict[str, Make]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("make", list(statements.values()), ids=list(statements))


@_each(READS)
def test_a_read_shows_one_organisation_by_both_rules(database: BharatDatabase, pair: Pair, make: Make) -> None:
    assert_reads_no_other(database, make, pair)


@_each(READS)
def test_a_read_shows_one_organisation_by_the_code_alone(
    owner_database: BharatDatabase, pair: Pair, make: Make
) -> None:
    """As the tables' owner, whom row-level security does not bind."""
    assert_reads_no_other(owner_database, make, pair)


@only_postgresql
@_each(READS)
@pytest.mark.usefixtures("no_code_rule")
def test_a_read_shows_one_organisation_by_row_level_security_alone(
    database: BharatDatabase, pair: Pair, make: Make
) -> None:
    assert_reads_no_other(database, make, pair)


@_each(READS)
@pytest.mark.usefixtures("no_code_rule")
def test_without_either_rule_a_read_leaks(owner_database: BharatDatabase, pair: Pair, make: Make) -> None:
    """Mutant of the three above: `tenancy._criteria` gives nothing, and the owner is not bound."""
    with pytest.raises(AssertionError):
        assert_reads_no_other(owner_database, make, pair)


@_each(CHANGES)
def test_a_change_touches_one_organisation_by_both_rules(
    database: BharatDatabase, owner_database: BharatDatabase, pair: Pair, make: Make
) -> None:
    assert_changes_no_other(database, owner_database, make, pair)


@_each(CHANGES)
def test_a_change_touches_one_organisation_by_the_code_alone(
    owner_database: BharatDatabase, pair: Pair, make: Make
) -> None:
    assert_changes_no_other(owner_database, owner_database, make, pair)


@only_postgresql
@_each(CHANGES)
@pytest.mark.usefixtures("no_code_rule")
def test_a_change_touches_one_organisation_by_row_level_security_alone(
    database: BharatDatabase, owner_database: BharatDatabase, pair: Pair, make: Make
) -> None:
    assert_changes_no_other(database, owner_database, make, pair)


@_each(CHANGES)
@pytest.mark.usefixtures("no_code_rule")
def test_without_either_rule_a_change_spreads(owner_database: BharatDatabase, pair: Pair, make: Make) -> None:
    """Mutant of the three above: `tenancy._criteria` gives nothing, and the owner is not bound."""
    with pytest.raises(AssertionError):
        assert_changes_no_other(owner_database, owner_database, make, pair)


@_each(TAKES)
def test_a_change_takes_from_one_organisation_by_both_rules(
    database: BharatDatabase, owner_database: BharatDatabase, pair: Pair, make: Make
) -> None:
    assert_takes_from_no_other(database, owner_database, make, pair)


@_each(TAKES)
def test_a_change_takes_from_one_organisation_by_the_code_alone(
    owner_database: BharatDatabase, pair: Pair, make: Make
) -> None:
    assert_takes_from_no_other(owner_database, owner_database, make, pair)


@only_postgresql
@_each(TAKES)
@pytest.mark.usefixtures("no_code_rule")
def test_a_change_takes_from_one_organisation_by_row_level_security_alone(
    database: BharatDatabase, owner_database: BharatDatabase, pair: Pair, make: Make
) -> None:
    assert_takes_from_no_other(database, owner_database, make, pair)


@_each(TAKES)
@pytest.mark.usefixtures("no_code_rule")
def test_without_either_rule_a_change_takes(owner_database: BharatDatabase, pair: Pair, make: Make) -> None:
    """Mutant of the three above: `tenancy._criteria` gives nothing, and the owner is not bound."""
    with pytest.raises(AssertionError):
        assert_takes_from_no_other(owner_database, owner_database, make, pair)
