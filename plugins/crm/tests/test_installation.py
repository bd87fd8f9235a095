"""What the CRM adds to an installation: migrations, the sample, a command."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

import pytest

from bharat.app import load_plugins, schema_of
from bharat.cli import cli
from bharat.cli.base import Runtime, run
from bharat.config import load
from bharat.contracts.principal import Role
from bharat.data.migrations import Migrator
from bharat.data.migrations.generate import make_migration
from bharat.data.schema import Schema
from bharat_crm.demo import fill_demo
from tests.fixtures.application import Site
from tests.fixtures.servers import Migrated


@pytest.fixture
def schema(tmp_path: Path) -> Schema:
    return schema_of(load_plugins(load(None, {"BHARAT_PLUGINS": "crm", "BHARAT_HOME": str(tmp_path)})))


def test_models_and_migrations_agree(schema: Schema) -> None:
    assert make_migration(schema, "crm", "Nothing") is None


def test_the_migrations_go_up_and_down_and_up(schema: Schema, empty_database: Migrated) -> None:
    migrator = Migrator(schema, empty_database.owner)
    try:
        assert [step.plugin for step in migrator.upgrade()].count("crm") == 1
        assert migrator.downgrade("crm") == 1
        assert [(step.plugin, step.revision) for step in migrator.upgrade()] == [("crm", "0001")]
    finally:
        migrator.close()


def test_the_demo_has_something_of_everything(crm: Site) -> None:
    organisation = crm.organisation("demo")
    admin = crm.user(organisation, Role.ADMIN)
    fill_demo(crm.app, organisation, UUID(str(admin.user_id)))
    for plural in ("companies", "contacts", "products", "pipelines", "stages", "deals"):
        assert admin.get(f"/api/v1/{plural}").json["items"], plural
    report = admin.get("/api/v1/reports/pipeline").json
    assert {group["name"] for group in report["groups"]} == {"Prospecting", "Engaging", "Won", "Lost"}


def test_pipeline_init_makes_the_default_pipeline_once(crm: Site, capsys: pytest.CaptureFixture[str]) -> None:
    admin = crm.user(crm.organisation("acme"), Role.ADMIN)
    for said, organisation in (("made the pipeline Sales", ["--org", "acme"]), ("there is a pipeline already", [])):
        runtime = Runtime(environ=crm.app.config.environ)
        assert run(cli, ["pipeline", "init", *organisation], runtime=runtime) == 0
        assert said in capsys.readouterr().out
    (pipeline,) = admin.get("/api/v1/pipelines").json["items"]
    assert (pipeline["name"], pipeline["is_default"]) == ("Sales", True)


def test_pipeline_init_names_an_organisation_that_is_not_there(crm: Site, capsys: pytest.CaptureFixture[str]) -> None:
    crm.organisation("acme")
    runtime = Runtime(environ=crm.app.config.environ)
    assert run(cli, ["pipeline", "init", "--org", "nobody"], runtime=runtime) == 1
    assert "there is no organisation 'nobody'" in capsys.readouterr().err
