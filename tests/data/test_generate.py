"""`makemigration`: the next revision of a plugin from the difference between its tables and its migrations."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from uuid import UUID

import sqlalchemy as sa

from bharat.contracts.migration import Migrations
from bharat.contracts.principal import SYSTEM
from bharat.data import BharatDatabase, Document, ExactDecimal, Instant, new_id, organisation_table, platform_table
from bharat.data.engine import EngineOptions
from bharat.data.migrations import Migrator
from bharat.data.migrations.generate import differences, make_migration, told
from bharat.data.schema import Schema
from bharat.data.tables import NAMING
from tests.data.conftest import Pair
from tests.fixtures.databases import make_organisation
from tests.fixtures.schema import core_schema
from tests.fixtures.servers import Databases, Migrated

OpenDatabase = Callable[[EngineOptions], BharatDatabase]


def garage(folder: Path, *columns: sa.Column[object]) -> tuple[Schema, sa.Table]:
    """The core and a plugin with one table of each kind; `columns` are added to the first."""
    metadata = sa.MetaData(naming_convention=NAMING)
    cars = organisation_table(
        "garage_cars",
        metadata,
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("plate", sa.String(20), nullable=False),
        sa.Column("bought_at", Instant, nullable=False),
        sa.Column("price", ExactDecimal(2)),
        sa.Column("extras", Document, nullable=False),
        *columns,
        sa.UniqueConstraint("organisation_id", "id"),
        sa.Index("ix_garage_cars_plate", "organisation_id", "plate", unique=True),
        sa.CheckConstraint("plate <> ''", name="plate"),
    )
    organisation_table(
        "garage_repairs",
        metadata,
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("car_id", sa.Uuid, nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id", "car_id"], ["garage_cars.organisation_id", "garage_cars.id"], ondelete="CASCADE"
        ),
        platform_access="The clock reminds of the next repair.",
    )
    platform_table("garage_makers", metadata, sa.Column("name", sa.String(50), primary_key=True), reason="Everybody's.")
    schema = core_schema()
    schema.add(Migrations(plugin="garage", folder=folder, metadata=metadata))
    return schema, cars


def migrate(schema: Schema, migrated: Migrated, databases: Databases) -> None:
    with closing(Migrator(schema, migrated.owner, application_role=databases.application_role)) as migrator:
        migrator.upgrade()


def test_what_is_generated_runs_agrees_and_protects(
    empty_database: Migrated, databases: Databases, open_database: OpenDatabase, tmp_path: Path
) -> None:
    folder = tmp_path / "versions"
    schema, cars = garage(folder)
    written = make_migration(schema, "garage", "Cars and repairs")
    assert written == folder / "0001_cars_and_repairs.py"
    text = written.read_text()
    assert 'op.invoke(ProtectTable("garage_cars"))' in text
    assert 'op.invoke(ProtectTable("garage_repairs", platform_access=True))' in text
    assert text.count("ProtectTable(") == 2
    assert "bharat.data.ExactDecimal(2)" in text
    assert "organisations" not in text.replace("organisations.id", "").replace("_organisations", "")
    assert make_migration(schema, "garage", "Nothing") is None
    assert make_migration(schema, "core", "Nothing") is None

    migrate(schema, empty_database, databases)
    database = open_database(empty_database.application)
    acme, globex = make_organisation(database, "acme"), make_organisation(database, "globex")
    for organisation, plate in ((acme, "A 1"), (globex, "G 1")):
        with database.write(organisation, SYSTEM) as unit:
            unit.execute(cars.insert(), {"id": new_id(), "plate": plate, "bought_at": unit.at, "extras": {}})
    if database.dialect == "postgresql":
        assert seen_past_the_code(database, cars, acme) == {"A 1"}


def seen_past_the_code(database: BharatDatabase, cars: sa.Table, organisation: UUID) -> set[str]:
    """What row-level security alone shows."""
    with database.write(organisation, SYSTEM) as unit:
        return set(unit._connection.execute(sa.select(cars.c.plate)).scalars())


def test_a_second_revision_holds_only_what_changed(
    empty_database: Migrated, databases: Databases, open_database: OpenDatabase, tmp_path: Path
) -> None:
    folder = tmp_path / "versions"
    make_migration(garage(folder)[0], "garage", "Cars")
    migrate(garage(folder)[0], empty_database, databases)
    schema, cars = garage(folder, sa.Column("colour", sa.String(30)))
    written = make_migration(schema, "garage", "Colours")
    assert written is not None
    assert written.name == "0002_colours.py"
    text = written.read_text()
    assert "colour" in text
    assert "garage_repairs" not in text
    assert "ProtectTable" not in text
    assert make_migration(schema, "garage", "Nothing") is None

    migrate(schema, empty_database, databases)
    database = open_database(empty_database.application)
    with database.write(make_organisation(database, "acme"), SYSTEM) as unit:
        row = {"id": new_id(), "plate": "A 1", "bought_at": unit.at, "extras": {}, "colour": "red"}
        unit.execute(cars.insert(), row)
        assert unit.scalar(sa.select(cars.c.colour)) == "red"
    with closing(Migrator(schema, empty_database.owner)) as migrator:
        assert migrator.downgrade("garage", "0001") == 1
        assert migrator.downgrade("garage") == 1


def test_the_shops_migrations_need_no_next_one(shop_schema: Schema, pair: Pair) -> None:
    assert make_migration(shop_schema, "shop", "Nothing") is None


def test_differences_are_told_without_a_revision_being_written(tmp_path: Path) -> None:
    folder = tmp_path / "versions"
    make_migration(garage(folder)[0], "garage", "Cars")
    assert differences(garage(folder)[0]) == {}
    schema, _ = garage(folder, sa.Column("colour", sa.String(30), index=True))
    schema.metadata.tables["garage_cars"].c.plate.type = sa.String(40)
    found = differences(schema)
    assert list(found) == ["garage"]
    assert set(found["garage"]) == {
        "add column garage_cars.colour",
        "add index ix_garage_cars_colour of garage_cars",
        "change column garage_cars.plate",
    }
    (line,) = told(found)
    assert line.startswith("tables of plugin 'garage' differ from its revisions (")
    assert line.endswith("): run `bharat makemigration garage`")
    assert [path.name for path in folder.glob("*.py")] == ["0001_cars.py"]


def test_a_table_that_no_revision_makes_or_drops_is_told(tmp_path: Path) -> None:
    folder = tmp_path / "versions"
    assert "add table garage_cars" in differences(garage(folder)[0])["garage"]
    make_migration(garage(folder)[0], "garage", "Cars")
    schema = core_schema()
    schema.add(Migrations(plugin="garage", folder=folder, metadata=sa.MetaData(naming_convention=NAMING)))
    assert "remove table garage_repairs" in differences(schema)["garage"]
