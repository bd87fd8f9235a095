"""Migrations run up and down, one plugin at a time and one migrator at a time, and give way to the running site."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from bharat.contracts.migration import Migrations
from bharat.contracts.principal import SYSTEM
from bharat.data import BharatDatabase, new_id
from bharat.data.engine import EngineOptions, create_engine
from bharat.data.migrations import MigrationError, Migrator
from bharat.data.schema import Schema
from tests.data.shop import SHOP, customers
from tests.data.started import output, start
from tests.fixtures.databases import make_organisation
from tests.fixtures.schema import core_schema
from tests.fixtures.servers import Databases, Migrated

OpenMigrator = Callable[..., Migrator]

NEXT = '''"""{summary}."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade():
    {upgrade}


def downgrade():
    {downgrade}
'''


@pytest.fixture
def open_migrator(empty_database: Migrated, databases: Databases) -> Iterator[OpenMigrator]:
    """Makes migrators of a database that begins empty, as its owner."""
    with ExitStack() as stack:

        def opener(schema: Schema, options: EngineOptions = empty_database.owner, **more: Any) -> Migrator:
            made = Migrator(schema, options, application_role=databases.application_role, **more)
            return stack.enter_context(closing(made))

        yield opener


@pytest.fixture
def tables(empty_database: Migrated) -> Callable[[], set[str]]:
    """The tables that exist now."""

    def look() -> set[str]:
        engine = create_engine(empty_database.owner)
        found = set(sa.inspect(engine).get_table_names())
        engine.dispose()
        return found

    return look


def shop_with(folder: Path, summary: str, upgrade: str, downgrade: str = "pass") -> Schema:
    """The core and a shop that has a second revision."""
    shutil.copytree(SHOP.folder, folder, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "0002_next.py").write_text(NEXT.format(summary=summary, upgrade=upgrade, downgrade=downgrade))
    schema = core_schema()
    schema.add(replace(SHOP, folder=folder))
    return schema


def test_all_goes_up_and_down_and_up_again(
    open_migrator: OpenMigrator, shop_schema: Schema, tables: Callable[[], set[str]]
) -> None:
    migrator = open_migrator(shop_schema)
    pending = migrator.pending()
    assert [step.plugin for step in pending] == sorted(step.plugin for step in pending)
    assert pending[0].summary == "Organisations, fencing tokens and the audit trail."
    assert migrator.upgrade() == pending
    assert migrator.pending() == []
    assert migrator.upgrade() == []
    whole = tables()
    assert whole == set(shop_schema.metadata.tables) | {"bharat_version_core", "bharat_version_shop"}
    for plugin in ("shop", "core"):
        assert migrator.downgrade(plugin) == sum(step.plugin == plugin for step in pending)
    assert tables() == set()
    assert migrator.upgrade() == pending
    assert tables() == whole


def test_one_plugin_goes_and_the_rest_stays(
    open_migrator: OpenMigrator,
    empty_database: Migrated,
    shop_schema: Schema,
    tables: Callable[[], set[str]],
    open_database: Callable[[EngineOptions], BharatDatabase],
) -> None:
    migrator = open_migrator(shop_schema)
    migrator.upgrade()
    database = open_database(empty_database.application)
    make_organisation(database, "kept")
    assert migrator.downgrade("shop") == 1
    assert not any("shop" in table for table in tables())
    assert {step.plugin for step in migrator.pending()} == {"shop"}
    make_organisation(database, "and another")


def test_a_plugin_that_is_absent_does_no_harm(
    open_migrator: OpenMigrator, shop_schema: Schema, tables: Callable[[], set[str]]
) -> None:
    open_migrator(shop_schema).upgrade()
    without = open_migrator(core_schema())
    assert without.pending() == []
    assert without.upgrade() == []
    assert without.downgrade("core", "0001") > 0
    assert len(without.upgrade()) > 0
    assert "shop_orders" in tables()
    with pytest.raises(Exception, match="no enabled plugin 'shop' has migrations; those that have: core"):
        without.downgrade("shop")
    assert open_migrator(shop_schema).pending() == []


def test_going_down_stops_where_it_is_told(open_migrator: OpenMigrator, shop_schema: Schema) -> None:
    migrator = open_migrator(shop_schema)
    steps = [step for step in migrator.upgrade() if step.plugin == "core"]
    assert migrator.downgrade("core", "0002") == len(steps) - 2
    assert migrator.pending()[0].revision == "0003"
    assert migrator.downgrade("core", "0002") == 0
    with pytest.raises(MigrationError, match="not yet at revision '0004': there is nothing to undo"):
        migrator.downgrade("core", "0004")
    with pytest.raises(MigrationError, match="has no revision '9999'; it has 0001, 0002"):
        migrator.downgrade("core", "9999")
    assert migrator.pending()[0].revision == "0003"


def test_a_database_that_a_newer_version_made_is_left_alone(
    open_migrator: OpenMigrator, empty_database: Migrated, shop_schema: Schema, tmp_path: Path
) -> None:
    newer = shop_with(tmp_path / "newer", "Newer", "op.add_column('shop_orders', sa.Column('x', sa.Integer))")
    open_migrator(newer).upgrade()
    older = open_migrator(shop_schema)
    says = "at revision '0002' of plugin 'shop', which this version does not have: install the version that made it"
    for act in (older.pending, older.upgrade, lambda: older.downgrade("shop"), lambda: older.downgrade("shop", "0001")):
        with pytest.raises(MigrationError, match=says):
            act()


def test_two_migrators_at_once_share_the_work(empty_database: Migrated, shop_schema: Schema) -> None:
    processes = [start("migrate", empty_database.owner.url) for _ in range(2)]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    done = [step for process in processes for step in output(process).split()]
    expected = [f"core:{step:04d}" for step in range(1, len(done))] + ["shop:0001"]
    assert sorted(done) == expected


def test_a_migration_that_fails_leaves_nothing_of_its_step(
    open_migrator: OpenMigrator, shop_schema: Schema, tables: Callable[[], set[str]], tmp_path: Path
) -> None:
    open_migrator(shop_schema).upgrade()
    steps = "op.create_table('shop_half', sa.Column('x', sa.Integer)); op.drop_table('no_such_table')"
    migrator = open_migrator(shop_with(tmp_path / "failing", "Fails half-way", steps))
    with pytest.raises(MigrationError, match="no_such_table"):
        migrator.upgrade()
    assert "shop_half" not in tables()
    assert [step.revision for step in migrator.pending()] == ["0002"]


def test_a_migration_gives_way_to_the_running_site_and_tries_again(
    open_migrator: OpenMigrator,
    empty_database: Migrated,
    shop_schema: Schema,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    open_migrator(shop_schema).upgrade()
    alter = "op.add_column('shop_customers', sa.Column('x', sa.Integer))"
    migrator = open_migrator(shop_with(tmp_path / "more", "More", alter), lock_timeout=timedelta(milliseconds=100))
    site = BharatDatabase(empty_database.application)
    organisation = make_organisation(site, "acme")
    done = threading.Event()

    def migrate() -> None:
        migrator.upgrade()
        done.set()

    thread = threading.Thread(target=migrate)
    with site.write(organisation, SYSTEM) as unit:
        unit.execute(customers.insert(), {"id": new_id(), "name": "Ada"})
        thread.start()
        while "gave way to the running site" not in caplog.text:
            assert thread.is_alive()
            thread.join(0.01)
        # The site is not held up by the one who waits: reads go on while the unit is open.
        assert site.read(organisation).rows(sa.select(customers.c.id)) == []
        assert not done.is_set()
    thread.join(30)
    assert done.is_set()
    assert migrator.pending() == []
    site.close()


def test_without_giving_way_a_lock_fails_the_migration(
    open_migrator: OpenMigrator,
    empty_database: Migrated,
    shop_schema: Schema,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Mutant of the one above: `runner._is_locked` never says so, and the first lock ends the migration."""
    open_migrator(shop_schema).upgrade()
    monkeypatch.setattr("bharat.data.migrations.runner._is_locked", lambda error: False)
    alter = "op.add_column('shop_customers', sa.Column('x', sa.Integer))"
    migrator = open_migrator(shop_with(tmp_path / "more", "More", alter), lock_timeout=timedelta(milliseconds=100))
    site = BharatDatabase(empty_database.application)
    with site.write(make_organisation(site, "acme"), SYSTEM) as unit:
        unit.execute(customers.insert(), {"id": new_id(), "name": "Ada"})
        with pytest.raises(MigrationError, match="the database refused the migration"):
            migrator.upgrade()
    site.close()


def test_a_migration_that_is_never_let_in_gives_up_with_a_message(
    open_migrator: OpenMigrator, empty_database: Migrated, shop_schema: Schema, tmp_path: Path
) -> None:
    open_migrator(shop_schema).upgrade()
    alter = "op.add_column('shop_customers', sa.Column('x', sa.Integer))"
    migrator = open_migrator(
        shop_with(tmp_path / "more", "More", alter),
        lock_timeout=timedelta(milliseconds=50),
        patience=timedelta(milliseconds=300),
    )
    site = BharatDatabase(empty_database.application)
    with site.write(make_organisation(site, "acme"), SYSTEM) as unit:
        unit.execute(customers.insert(), {"id": new_id(), "name": "Ada"})
        with pytest.raises(MigrationError, match=r"gave up waiting for a lock.*run `bharat migrate` again"):
            migrator.upgrade()
    site.close()


@pytest.mark.parametrize("dialect", ["sqlite"])
def test_replacing_a_table_on_sqlite_keeps_the_rows_that_refer_to_it(
    open_migrator: OpenMigrator, empty_database: Migrated, shop_schema: Schema, tmp_path: Path
) -> None:
    """A batch operation drops the old table; with foreign keys on, that would fail or cascade."""
    open_migrator(shop_schema).upgrade()
    database = BharatDatabase(empty_database.application)
    organisation = make_organisation(database, "acme")
    with database.write(organisation, SYSTEM) as unit:
        unit.execute(customers.insert(), {"id": new_id(), "name": "Ada"})
    database.close()
    batch = (
        "batch = op.batch_alter_table('organisations', recreate='always'); b = batch.__enter__(); "
        "b.alter_column('name', type_=sa.String(300)); batch.__exit__(None, None, None)"
    )
    open_migrator(shop_with(tmp_path / "batch", "Batch", batch)).upgrade()
    database = BharatDatabase(empty_database.application)
    assert database.read(organisation).scalar(sa.select(customers.c.name)) == "Ada"
    database.close()


@pytest.mark.parametrize("dialect", ["sqlite"])
def test_a_broken_reference_on_sqlite_undoes_the_step(
    open_migrator: OpenMigrator, empty_database: Migrated, shop_schema: Schema, tmp_path: Path
) -> None:
    open_migrator(shop_schema).upgrade()
    database = BharatDatabase(empty_database.application)
    organisation = make_organisation(database, "acme")
    with database.write(organisation, SYSTEM) as unit:
        unit.execute(customers.insert(), {"id": new_id(), "name": "Ada"})
    delete = "op.execute('DELETE FROM organisations')"
    with pytest.raises(MigrationError, match="broken reference in table 'shop_customers'"):
        open_migrator(shop_with(tmp_path / "broken", "Broken", delete)).upgrade()
    assert database.read(organisation).scalar(sa.select(customers.c.name)) == "Ada"
    database.close()


@pytest.mark.parametrize("dialect", ["postgresql"])
def test_a_role_that_does_not_exist_is_named(empty_database: Migrated) -> None:
    migrator = Migrator(core_schema(), empty_database.owner, application_role="nobody_yet")
    with (
        closing(migrator),
        pytest.raises(Exception, match=r"role 'nobody_yet', named in database\.url, does not exist"),
    ):
        migrator.upgrade()


def test_a_plugins_table_that_another_has_is_refused() -> None:
    schema = core_schema()
    schema.add(SHOP)
    with pytest.raises(Exception, match="plugin 'mall' defines the table 'shop_customers', which 'shop' has already"):
        schema.add(Migrations(plugin="mall", folder=SHOP.folder, metadata=SHOP.metadata))


def test_a_plugins_table_without_tenancy_is_refused() -> None:
    metadata = sa.MetaData()
    sa.Table("mall_shops", metadata, sa.Column("id", sa.Uuid, primary_key=True))
    with pytest.raises(Exception, match="'mall_shops' declares no tenancy; make it with organisation_table"):
        core_schema().add(Migrations(plugin="mall", folder=SHOP.folder, metadata=metadata))


def test_a_database_that_can_t_be_reached_is_told_in_one_line() -> None:
    options = EngineOptions(url="postgresql://crm:hunter2@127.0.0.1:1/crm")
    for work in (Migrator.pending, Migrator.upgrade):
        with closing(Migrator(core_schema(), options)) as migrator, pytest.raises(MigrationError) as refused:
            work(migrator)
        message = str(refused.value)
        assert message.startswith("the database can't be reached: ")
        assert "refused" in message
        assert "\n" not in message
        assert "hunter2" not in message
