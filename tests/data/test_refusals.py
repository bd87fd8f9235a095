"""What can't be limited to an organisation is refused, with a message that says what to write instead."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import sqlite

from bharat.contracts.principal import SYSTEM
from bharat.data import BharatDatabase, TenancyError, new_id, organisation_table, scoped
from tests.data.conftest import Pair
from tests.data.shop import customers, doors, orders, prices, stock

undeclared = sa.Table("undeclared", sa.MetaData(), sa.Column("id", sa.Integer), sa.Column("name", sa.String))

UNREADABLE: dict[str, sa.Executable] = {
    "text": sa.text("SELECT name FROM shop_customers"),
    "text with columns": sa.text("SELECT name FROM shop_customers").columns(sa.column("name")),
    "text in FROM": sa.select(sa.column("name")).select_from(sa.text("shop_customers")),
    "text in WHERE": sa.select(customers).where(sa.text("1 = 1 OR 1 = 1")),
    "text in a subquery": sa.select(customers).where(customers.c.id.in_(sa.text("SELECT 1").columns(sa.column("id")))),
    "text in ORDER BY": sa.select(customers).order_by(sa.text("name")),
    "literal column": sa.select(sa.literal_column("(SELECT max(name) FROM shop_customers)")),
    "prefix": sa.select(customers).prefix_with("ALL"),
    "hint": sa.select(customers).with_hint(customers, "ONLY"),
    "statement hint": sa.select(customers).with_statement_hint("OFFSET 0"),
    "suffix": sa.select(customers).suffix_with("FOR UPDATE"),
    "prefix of a subquery": sa.select(sa.select(customers).prefix_with("ALL").subquery()),
    "prefix of an insert": customers.insert().prefix_with("OR REPLACE"),
    "prefix of an update": customers.update().prefix_with("OR REPLACE"),
    "table by name": sa.select(sa.table("shop_customers", sa.column("name"))),
    "undeclared table": sa.select(undeclared),
    "undeclared table, joined": sa.select(customers).join(undeclared, undeclared.c.name == customers.c.name),
    "undeclared table, in a subquery": sa.select(customers).where(customers.c.name.in_(sa.select(undeclared.c.name))),
    "undeclared table, inserted": undeclared.insert().values(id=1),
    "undeclared table, updated": undeclared.update().values(id=1),
    "undeclared table, deleted": undeclared.delete(),
    "function": sa.func.now(),
    "definition": sa.schema.DropTable(customers),
}


@pytest.mark.parametrize("statement", list(UNREADABLE.values()), ids=list(UNREADABLE))
def test_a_statement_that_cannot_be_looked_into_is_refused(statement: sa.Executable) -> None:
    with pytest.raises(TenancyError, match=r"SQLAlchemy expression on tables|declares no tenancy"):
        scoped(statement)


@pytest.mark.parametrize(
    "statement",
    [
        orders.update().values(organisation_id=new_id()),
        orders.update().values({orders.c.organisation_id: new_id()}),
        orders.update().ordered_values((orders.c.organisation_id, new_id())),
        sqlite.insert(orders)
        .values(id=new_id(), code="A")
        .on_conflict_do_update(index_elements=["id"], set_={"organisation_id": new_id()}),
    ],
    ids=["by name", "by column", "ordered", "upsert"],
)
def test_a_row_does_not_move_to_another_organisation(statement: sa.Executable) -> None:
    with pytest.raises(TenancyError, match="organisation_id can't be changed"):
        scoped(statement)


def test_a_row_does_not_move_by_a_parameter(database: BharatDatabase, pair: Pair) -> None:
    with database.write(pair.acme, SYSTEM) as unit:
        with pytest.raises(TenancyError, match="organisation_id can't be changed"):
            unit.execute(orders.update(), {"organisation_id": pair.globex})
        with pytest.raises(TenancyError, match="organisation_id can't be changed"):
            unit.execute(orders.update().where(orders.c.id == sa.bindparam("i")), [{"organisation_id": pair.globex}])


INSERTS: dict[str, Callable[[UUID, UUID], tuple[Any, Any]]] = {
    "values": lambda row, org: (orders.insert().values(id=row, code="A", organisation_id=org), None),
    "expression": lambda row, org: (
        orders.insert().values(id=row, code="A", organisation_id=sa.literal(org, sa.Uuid)),
        None,
    ),
    "column": lambda row, org: (orders.insert().values({orders.c.id: row, "code": "A", orders.c.organisation_id: org}), None),
    "many values": lambda row, org: (
        orders.insert().values(
            [{"id": row, "code": "A", "organisation_id": org}, {"id": new_id(), "code": "A", "organisation_id": org}]
        ),
        None,
    ),
    "parameters": lambda row, org: (orders.insert(), {"id": row, "code": "A", "organisation_id": org}),
    "many parameters": lambda row, org: (
        orders.insert(),
        [{"id": row, "code": "A", "organisation_id": org}, {"id": new_id(), "code": "A", "organisation_id": org}],
    ),
    "expressions and parameters": lambda row, org: (
        orders.insert().values(note=sa.func.lower("X"), organisation_id=org),
        [{"id": row, "code": "A"}, {"id": new_id(), "code": "A"}],
    ),
}  # fmt: skip


@pytest.mark.parametrize("make", list(INSERTS.values()), ids=list(INSERTS))
def test_an_inserted_row_belongs_to_the_units_organisation_whatever_it_says(
    owner_database: BharatDatabase, pair: Pair, make: Callable[[UUID, UUID], tuple[Any, Any]]
) -> None:
    row = new_id()
    statement, parameters = make(row, pair.globex)
    with owner_database.write(pair.acme, SYSTEM) as unit:
        unit.execute(statement, parameters)
    assert owner_database.read(pair.acme).scalar(sa.select(orders.c.code).where(orders.c.id == row)) == "A"


@pytest.mark.parametrize("dialect", ["postgresql"])
@pytest.mark.parametrize("shape", ["single", "select"])
def test_row_level_security_alone_refuses_a_row_for_another_organisation(
    database: BharatDatabase, pair: Pair, shape: str
) -> None:
    """Written past the code's rule, on the driver's connection."""
    row = {"id": new_id(), "code": "A", "organisation_id": pair.globex}
    statement: Any = orders.insert().values(row)
    if shape == "select":
        values = sa.select(*(sa.literal(value, orders.c[name].type) for name, value in row.items()))
        statement = orders.insert().from_select(list(row), values)
    with database.write(pair.acme, SYSTEM) as unit, pytest.raises(sa.exc.ProgrammingError, match="row-level security"):
        unit._connection.execute(statement)


def test_rows_given_by_position_are_refused() -> None:
    with pytest.raises(TenancyError, match="as mappings"):
        scoped(orders.insert().values([(new_id(), new_id(), None, "A", None, None)]))


def test_insert_from_select_does_not_name_the_organisation() -> None:
    statement = orders.insert().from_select(["id", "code", "organisation_id"], sa.select(orders.c.id))
    with pytest.raises(TenancyError, match="leave organisation_id out"):
        scoped(statement)


def test_a_table_named_in_set_alone_is_limited_too() -> None:
    limited = str(scoped(orders.update().values(note=customers.c.name)))
    assert "shop_customers.organisation_id = :bharat_organisation" in limited


def test_an_outer_join_in_a_delete_is_refused() -> None:
    beside = customers.outerjoin(doors, doors.c.name == customers.c.name)
    with pytest.raises(TenancyError, match="put it into a subquery"):
        scoped(orders.delete().using(beside).where(orders.c.customer_id == customers.c.id))


def test_no_organisation_is_an_error_and_not_all_of_them(database: BharatDatabase, pair: Pair) -> None:
    nobody = database.read(None)
    for statement in (
        sa.select(customers),
        database.prepare(sa.select(customers)),
        sa.select(customers.c.id).exists().select(),
    ):
        with pytest.raises(TenancyError, match="organisation"):
            nobody.rows(statement)
    for change in (orders.insert().values(id=new_id(), code="A"), orders.update().values(code="Z"), orders.delete()):
        with pytest.raises(TenancyError, match="open it for one organisation"), database.write(None, SYSTEM) as unit:
            unit.execute(change)


def test_the_platform_reaches_platform_tables_and_those_that_grant_it_access(
    database: BharatDatabase, pair: Pair
) -> None:
    with database.write(None, SYSTEM) as unit:
        unit.execute(prices.insert(), {"code": "A", "price": 1})
        unit.execute(doors.insert(), {"id": new_id(), "name": "new", "organisation_id": pair.globex})
        assert len(unit.rows(sa.select(doors))) == 3
    assert database.read(None).scalar(sa.select(prices.c.price)) == 1
    assert {row.name for row in database.read(None).rows(sa.select(doors))} == {"acme", "globex", "new"}
    assert {row.name for row in database.read(pair.acme).rows(sa.select(doors))} == {"acme"}


def test_a_statement_made_for_the_platform_does_not_run_for_an_organisation(
    database: BharatDatabase, pair: Pair
) -> None:
    everything = scoped(sa.select(doors), platform=True)
    with pytest.raises(TenancyError, match="made for the platform"):
        database.read(pair.acme).rows(everything)
    with database.write(pair.acme, SYSTEM) as unit, pytest.raises(TenancyError, match="made for the platform"):
        unit.rows(everything)


def test_platform_tables_are_read_for_an_organisation_as_well(database: BharatDatabase, pair: Pair) -> None:
    with database.write(pair.acme, SYSTEM) as unit:
        unit.execute(prices.insert(), {"code": "A", "price": 7})
    joined = sa.select(orders.c.note, prices.c.price).join(prices, prices.c.code == orders.c.code)
    assert database.read(pair.acme).row(joined) == ("acme", 7)


@pytest.mark.parametrize("shape", ["insert", "cte"])
def test_a_reader_does_not_write(database: BharatDatabase, pair: Pair, shape: str) -> None:
    change = orders.insert().values(id=new_id(), code="A").returning(orders.c.id)
    statement: Any = sa.select(change.cte("written")) if shape == "cte" else change
    with pytest.raises(TenancyError, match="SELECT only"):
        database.read(pair.acme).rows(statement)


@pytest.mark.parametrize("dialect", ["postgresql"])
def test_a_change_inside_a_cte_is_given_its_organisation(database: BharatDatabase, pair: Pair) -> None:
    written = orders.insert().values(id=new_id(), code="C2").returning(orders.c.code).cte("written")
    with database.write(pair.acme, SYSTEM) as unit:
        assert unit.rows(sa.select(written)) == [("C2",)]
    assert ("C2",) in database.read(pair.acme).rows(sa.select(orders.c.code))


def test_the_far_side_of_an_outer_join_is_empty_where_only_another_organisation_matches(
    database: BharatDatabase, organisation_id: UUID, other_organisation_id: UUID
) -> None:
    with database.write(other_organisation_id, SYSTEM) as unit:
        stock(unit, "globex")
    with database.write(organisation_id, SYSTEM) as unit:
        unit.execute(orders.insert(), {"id": new_id(), "code": "A", "note": "globex"})
    joined = sa.select(orders.c.code, customers.c.name).outerjoin(customers, customers.c.name == orders.c.note)
    assert list(map(tuple, database.read(organisation_id).rows(joined))) == [("A", None)]


def test_a_table_of_two_minds_is_refused() -> None:
    table = organisation_table("odd", sa.MetaData())
    table.info["tenancy"] = "perhaps"
    with pytest.raises(TenancyError, match="declares no tenancy"):
        scoped(sa.select(table))
