"""The core's tables: models and migrations agree, and every exception from tenancy is listed here by name."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from bharat.data import BharatDatabase
from bharat.data.migrations.generate import compare_options
from bharat.data.schema import CORE, Schema
from bharat.data.tables import tenancy_of
from tests.data.shop import doors
from tests.fixtures.schema import core_schema as make_core_schema

PLATFORM_TABLES = {
    "credentials",
    "cron_entries",
    "cron_ticks",
    "fences",
    "newest_fences",
    "jobs",
    "leases",
    "limit_buckets",
    "limit_counters",
    "organisations",
    "search_index",
    "sessions",
}
"""Tables of the core that no organisation owns."""

PLATFORM_ACCESS = {
    "events",
    "idempotency_keys",
    "shop_doors",
}
"""Tables of organisations' data that login, relay and clock reach with no organisation."""

APPEND_ONLY = {
    "audit_entries",
}

HOW_TO_EXTEND = (
    "A table outside of tenancy's rule is an exception that somebody has to have thought about: "
    "is the reason on the table true, and is there no way to know the organisation first? Then add its name to {} in {}."
)


def _names(schema: Schema, key: str, wanted: Any = None) -> set[str]:
    found = ((table.name, table.info.get(key)) for table in schema.metadata.sorted_tables)
    return {name for name, value in found if (value == wanted if wanted else value)}


def test_the_platforms_tables_are_known() -> None:
    found = _names(make_core_schema(), "tenancy", "platform")
    assert found == PLATFORM_TABLES, HOW_TO_EXTEND.format("PLATFORM_TABLES", __file__)


def test_the_tables_with_platform_access_are_known(shop_schema: Schema) -> None:
    found = _names(shop_schema, "platform_access")
    assert found == PLATFORM_ACCESS, HOW_TO_EXTEND.format("PLATFORM_ACCESS", __file__)


def test_the_append_only_tables_are_known() -> None:
    assert _names(make_core_schema(), "append_only") == APPEND_ONLY


def test_every_exception_gives_a_reason(shop_schema: Schema) -> None:
    for table in shop_schema.metadata.sorted_tables:
        if tenancy_of(table) == "platform":
            assert len(table.info["reason"]) > 10, table.name
        elif table.info["platform_access"] is not None:
            assert len(table.info["platform_access"]) > 10, table.name


def test_the_indexes_of_organisations_tables_begin_with_the_organisation(shop_schema: Schema) -> None:
    """Else a query for one organisation walks the rows of all. Unique keys over all organisations are left out: they find
    a row before its organisation is known."""
    for table in shop_schema.metadata.sorted_tables:
        if tenancy_of(table) == "organisation":
            for index in table.indexes:
                first = next(iter(index.expressions))
                if not index.unique and not table.info.get("platform_access"):
                    assert getattr(first, "name", None) == "organisation_id", f"{table.name}: {index.name}"


def test_models_and_migrations_agree(owner_database: BharatDatabase, shop_schema: Schema) -> None:
    for line in shop_schema.lines:
        with owner_database.engine.connect() as connection:
            context = MigrationContext.configure(connection, opts=compare_options(shop_schema, line.plugin))
            assert compare_metadata(context, shop_schema.metadata) == [], f"`bharat makemigration {line.plugin}`"


def test_a_column_without_its_migration_is_noticed(owner_database: BharatDatabase, shop_schema: Schema) -> None:
    """The test above can fail."""
    with owner_database.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE audit_entries DROP COLUMN action")
        connection.exec_driver_sql("DROP INDEX ix_audit_entries_subject")
    with owner_database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts=compare_options(shop_schema, CORE))
        found = {difference[0] for difference in compare_metadata(context, shop_schema.metadata)}
    assert found == {"add_column", "add_index"}


@pytest.mark.parametrize("dialect", ["postgresql"])
def test_row_level_security_is_on_exactly_where_the_model_says(
    owner_database: BharatDatabase, shop_schema: Schema
) -> None:
    with owner_database.engine.connect() as connection:
        policies = {
            row.tablename: row
            for row in connection.execute(sa.text("SELECT * FROM pg_policies WHERE schemaname = 'public'"))
        }
        protected = set(
            connection.execute(sa.text("SELECT relname FROM pg_class WHERE relkind = 'r' AND relrowsecurity")).scalars()
        )
    ours = {table.name: table for table in shop_schema.metadata.sorted_tables if tenancy_of(table) == "organisation"}
    assert protected == set(ours), "op.invoke(ProtectTable(…)) in the table's migration"
    for name, table in ours.items():
        policy = policies[name]
        assert (policy.cmd, policy.permissive, policy.roles) == ("ALL", "PERMISSIVE", ["public"])
        assert policy.qual == policy.with_check
        assert "bharat.organisation" in policy.qual
        assert ("bharat.platform" in policy.qual) == (table.info["platform_access"] is not None), name


def test_the_shop_has_what_these_tests_look_for(shop_schema: Schema) -> None:
    assert shop_schema.metadata.tables[doors.name].info["plugin"] == "shop"
    assert [line.plugin for line in shop_schema.lines] == ["core", "shop"]
