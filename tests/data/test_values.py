"""Column types, identifiers and the audit trail mean the same on both databases."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from bharat.contracts.principal import SYSTEM, Actor, ActorKind
from bharat.data import BharatDatabase, Document, new_id
from bharat.data.audit import audit_entries, audit_row, write_audit
from bharat.data.organisations import organisations
from tests.data.shop import customers, orders


def add_orders(database: BharatDatabase, organisation: UUID, *amounts: str | None) -> None:
    rows = [
        {"id": new_id(), "code": "A", "amount": amount if amount is None else Decimal(amount)} for amount in amounts
    ]
    with database.write(organisation, SYSTEM) as unit:
        unit.execute(orders.insert(), rows)


def test_decimals_are_exact_in_sums_and_comparisons(database: BharatDatabase, organisation_id: UUID) -> None:
    amounts = ["0.10"] * 30 + ["92233720368547.75", "-0.05", None]
    add_orders(database, organisation_id, *amounts)
    reader = database.read(organisation_id)
    assert reader.scalar(sa.select(sa.func.sum(orders.c.amount))) == Decimal("92233720368550.70")
    assert reader.scalar(sa.select(sa.func.max(orders.c.amount))) == Decimal("92233720368547.75")
    tenths = sa.select(sa.func.count()).select_from(orders)
    assert reader.scalar(tenths.where(orders.c.amount == Decimal("0.1"))) == 30
    assert reader.scalar(tenths.where(orders.c.amount + orders.c.amount == Decimal("0.2"))) == 30
    assert reader.scalar(tenths.where(orders.c.amount.between(Decimal("-1"), Decimal("0")))) == 1
    ordered = sa.select(orders.c.amount).where(orders.c.amount.is_not(None)).order_by(orders.c.amount.desc()).limit(2)
    assert [row.amount for row in reader.rows(ordered)] == [Decimal("92233720368547.75"), Decimal("0.10")]


def test_decimals_round_half_to_even(database: BharatDatabase, organisation_id: UUID) -> None:
    add_orders(database, organisation_id, "0.125", "0.135", "-0.125")
    found = database.read(organisation_id).rows(sa.select(orders.c.amount).order_by(orders.c.amount))
    assert [str(row.amount) for row in found] == ["-0.12", "0.12", "0.14"]


@pytest.mark.parametrize("amount", ["NaN", "Infinity", "92233720368547758.08", "-1e30"])
def test_a_decimal_that_cannot_be_kept_is_refused(database: BharatDatabase, organisation_id: UUID, amount: str) -> None:
    with pytest.raises(sa.exc.StatementError, match=r"number that can be stored|may not exceed"):
        add_orders(database, organisation_id, amount)


def test_instants_keep_microseconds_and_order_and_come_back_in_utc(
    database: BharatDatabase, new_organisation: Any
) -> None:
    moments = [
        datetime(2024, 2, 29, 23, 59, 59, 999999, UTC),
        datetime(2024, 3, 1, 0, 0, 0, 0, UTC),
        datetime(2024, 3, 1, 5, 30, 0, 1, timezone(timedelta(hours=5, minutes=30))),
    ]
    for number, moment in enumerate(moments):
        new_organisation(f"org{number}")
        with database.write(None, SYSTEM) as unit:
            unit.execute(organisations.update().values(created_at=moment).where(organisations.c.slug == f"org{number}"))
    found = database.read(None).rows(sa.select(organisations.c.created_at).order_by(organisations.c.created_at))
    assert [row.created_at for row in found] == moments
    assert {row.created_at.tzinfo for row in found} == {UTC}
    later = sa.select(sa.func.count()).where(organisations.c.created_at > moments[1])
    assert database.read(None).scalar(later) == 1


def test_a_naive_instant_is_refused(database: BharatDatabase) -> None:
    naive = datetime(2024, 1, 1)  # noqa: DTZ001 - what is refused
    with pytest.raises(sa.exc.StatementError, match="needs a time zone"):
        database.read(None).rows(sa.select(organisations).where(organisations.c.created_at > naive))


def test_a_document_keeps_json_values(database: BharatDatabase, organisation_id: UUID) -> None:
    changes = {"name": [None, "Zoë 😀"], "tags": [[], ["a", 1, 1.5, True, {"deep": None}]]}
    with database.write(organisation_id, SYSTEM) as unit:
        write_audit(unit, audit_row(unit, unit.at, "x.updated", "x", None, changes))
    assert database.read(organisation_id).scalar(sa.select(audit_entries.c.changes)) == changes
    assert isinstance(audit_entries.c.changes.type, type(Document))


def test_ids_are_version_7_and_strictly_ascend_in_every_thread() -> None:
    start = threading.Barrier(8)

    def make(_: int) -> list[UUID]:
        start.wait()
        return [new_id() for _ in range(5000)]

    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(make, range(8)))
    assert all(ids == sorted(ids) for ids in made)
    together = {each for ids in made for each in ids}
    assert len(together) == 40000
    assert {(each.version, each.variant) for each in together} == {(7, "specified in RFC 4122")}
    after = new_id()
    assert all(each < after for each in together)
    assert abs((after.int >> 80) / 1000 - datetime.now(UTC).timestamp()) < 60


def test_the_audit_trail_says_who_and_why(database: BharatDatabase, organisation_id: UUID) -> None:
    actor = Actor(ActorKind.USER, new_id(), "request-1")
    subject = new_id()
    with database.write(organisation_id, actor) as unit:
        row = audit_row(unit, unit.at, "customer.renamed", "customer", subject, {"name": ["a", "b"]})
        write_audit(unit, row, audit_row(unit, unit.at, "customer.deleted", "customer", subject, {}))
        write_audit(unit)
    first, second = database.read(organisation_id).rows(sa.select(audit_entries).order_by(audit_entries.c.id))
    assert (first.actor_kind, first.actor_id, first.request_id) == ("user", actor.id, "request-1")
    assert (first.action, first.subject_type, first.subject_id) == ("customer.renamed", "customer", subject)
    assert second.action == "customer.deleted"
    assert first.organisation_id == organisation_id


@pytest.mark.parametrize("dialect", ["postgresql"])
def test_the_application_can_only_append_to_the_audit_trail(database: BharatDatabase, organisation_id: UUID) -> None:
    with database.write(organisation_id, SYSTEM) as unit:
        write_audit(unit, audit_row(unit, unit.at, "x.created", "x", None, {}))
    for change in (audit_entries.update().values(action="y"), audit_entries.delete()):
        with (
            pytest.raises(sa.exc.ProgrammingError, match="permission denied"),
            database.write(organisation_id, SYSTEM) as unit,
        ):
            unit.execute(change)
    with database.write(organisation_id, SYSTEM) as unit:
        unit.execute(customers.insert(), {"id": new_id(), "name": "others may change"})
        unit.execute(customers.delete())
    assert database.read(organisation_id).scalar(sa.select(audit_entries.c.action)) == "x.created"


@pytest.mark.parametrize("dialect", ["postgresql"])
def test_the_application_cannot_empty_or_alter_a_table(database: BharatDatabase) -> None:
    for statement in (
        "TRUNCATE shop_orders",
        "ALTER TABLE shop_orders DISABLE ROW LEVEL SECURITY",
        "DROP TABLE shop_orders",
        "CREATE TABLE mine (x int)",
        "UPDATE bharat_version_core SET version_num = '0'",
        "SET ROLE postgres",
    ):
        with (
            database.engine.connect() as connection,
            pytest.raises(sa.exc.ProgrammingError, match=r"denied|owner|permission"),
        ):
            connection.exec_driver_sql(statement)
