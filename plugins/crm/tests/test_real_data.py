"""A whole data set as published, faults included, imported by the commands of docs/importing.md."""

from __future__ import annotations

import json
import shlex
from collections import Counter
from collections.abc import Iterator
from contextlib import chdir
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from bharat.accounts.seeding import find_organisation
from bharat.accounts.tables import credentials, teams, users
from bharat.app import Bharat, load_plugins, schema_of
from bharat.cli import cli
from bharat.cli.base import Runtime, run
from bharat.config import load
from bharat.contracts.principal import Role
from bharat.data.tables import tenancy_of
from bharat_crm.stage_history import stage_changes
from bharat_crm.tables import companies, deals, products
from tests.docs.markdown import Page
from tests.fixtures.application import Caller, Site
from tests.fixtures.servers import Databases
from tests.packaging.distributions import ROOT

PAGE = Page(ROOT / "docs" / "importing.md")


@dataclass(frozen=True)
class Imported:
    """The organisation after the page's commands ran once."""

    site: Site
    organisation_id: UUID
    environ: dict[str, str]

    def rows(self, statement: sa.Select[Any]) -> list[Any]:
        return list(self.site.app.database.read(self.organisation_id).rows(statement))

    def count(self, *criteria: sa.ColumnElement[bool], of: sa.Table) -> int:
        return int(self.rows(sa.select(sa.func.count()).select_from(of).where(*criteria))[0][0])

    def admin(self) -> Caller:
        return self.site.user(self.organisation_id, Role.ADMIN, name="Report reader")


def commands(block: int) -> list[list[str]]:
    """The commands of one of the page's shell blocks."""
    text = PAGE.blocks("sh")[block].replace("\\\n", " ")
    return [shlex.split(line) for line in text.splitlines() if line.strip()]


def run_all(environ: dict[str, str], lines: list[list[str]], folder: Path = ROOT) -> None:
    with chdir(folder):
        for line in lines:
            assert line[0] == "bharat"
            assert run(cli, line[1:], runtime=Runtime(environ=environ)) == 0, line


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def imported(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Imported]:
    databases: Databases = request.getfixturevalue(f"{request.param}_databases")
    folder = tmp_path_factory.mktemp("maven")
    settings = {"BHARAT_PLUGINS": "crm", "BHARAT_HOME": str(folder / "home")}
    schema = schema_of(load_plugins(load(None, settings)))
    with databases.copy(schema, folder) as options:
        environ = {**settings, "DATABASE_URL": options.application.url}
        run_all(environ, commands(0))
        config = load(None, environ)
        app = Bharat(config, load_plugins(config))
        try:
            found = find_organisation(app.database, "maven")
            assert found is not None
            yield Imported(Site(app), found, environ)
        finally:
            app.close()


def test_there_are_85_companies_of_which_15_have_a_parent(imported: Imported) -> None:
    assert imported.count(of=companies) == 85
    assert imported.count(companies.c.parent_id.is_not(None), of=companies) == 15


def test_misspelt_sectors_are_kept(imported: Imported) -> None:
    assert imported.count(companies.c.sector == "technolgy", of=companies) == 12


def test_there_are_35_agents_in_the_teams_of_6_managers(imported: Imported) -> None:
    members = sa.select(users.c.name, teams.c.name).where(users.c.team_id == teams.c.id, users.c.role == "agent")
    assert len(imported.rows(members)) == 35
    led = sa.select(teams.c.name, users.c.name, users.c.role).where(teams.c.lead_id == users.c.id)
    found = [tuple(row) for row in imported.rows(led)]
    assert len(found) == 6
    assert all(team == manager and role == "manager" for team, manager, role in found)


def test_nobody_of_the_41_users_can_log_in(imported: Imported) -> None:
    assert imported.count(users.c.name != "Report reader", of=users) == 41
    statement = sa.select(credentials.c.user_id).where(credentials.c.organisation_id == imported.organisation_id)
    assert imported.site.app.database.read(None).rows(statement) == []


def test_there_are_7_products(imported: Imported) -> None:
    assert imported.count(of=products) == 7


def test_the_8800_deals_are_in_their_stages(imported: Imported) -> None:
    report = imported.admin().get("/api/v1/reports/pipeline", params={"by": "stage"}).json
    assert {group["name"]: group["count"] for group in report["groups"]} == {
        "Prospecting": 500,
        "Engaging": 1589,
        "Won": 4238,
        "Lost": 2473,
    }
    (shown,) = (json.loads(block) for block in PAGE.blocks("json"))
    assert shown.items() <= next(group for group in report["groups"] if group["name"] == "Won").items()
    assert Counter(row.status for row in imported.rows(sa.select(deals.c.status))) == {
        "won": 4238,
        "lost": 2473,
        "open": 2089,
    }


def test_1425_deals_have_no_company(imported: Imported) -> None:
    assert imported.count(deals.c.company_id.is_(None), of=deals) == 1425


def test_every_deal_began_its_way_through_the_stages(imported: Imported) -> None:
    assert imported.count(stage_changes.c.from_stage_id.is_(None), of=stage_changes) == 8800


def won(group: dict[str, Any]) -> Decimal:
    (amount,) = group["amounts"]
    assert amount["currency"] == "USD"
    return Decimal(amount["won"])


def test_the_report_gives_what_was_won_in_total(imported: Imported) -> None:
    report = imported.admin().get("/api/v1/reports/pipeline").json
    assert won(report["total"]) == 10_005_534
    assert report["total"]["win_rate"] == "0.6315"


def test_the_report_gives_what_each_agent_won(imported: Imported) -> None:
    report = imported.admin().get("/api/v1/reports/pipeline", params={"by": "owner"}).json
    by_name = {group["name"]: won(group) for group in report["groups"]}
    assert by_name["Darcel Schlecht"] == 1_153_214
    assert max(by_name, key=lambda name: by_name[name]) == "Darcel Schlecht"
    assert sum(by_name.values()) == 10_005_534


def test_the_report_gives_what_each_team_won(imported: Imported) -> None:
    report = imported.admin().get("/api/v1/reports/pipeline", params={"by": "team"}).json
    assert {group["name"]: won(group) for group in report["groups"]} == {
        "Melvin Marxen": 2_251_930,
        "Summer Sewald": 1_964_750,
        "Rocco Neubert": 1_960_545,
        "Celia Rouche": 1_603_897,
        "Cara Losch": 1_130_049,
        "Dustin Brinkmann": 1_094_363,
    }


@pytest.mark.parametrize("by", ["stage", "owner", "team", "product", "month"])
def test_the_groups_of_every_report_add_up_to_its_total(imported: Imported, by: str) -> None:
    report = imported.admin().get("/api/v1/reports/pipeline", params={"by": by}).json
    assert sum(group["count"] for group in report["groups"]) == report["total"]["count"] == 8800
    assert sum(won(group) for group in report["groups"]) == won(report["total"]) == 10_005_534


def snapshot(imported: Imported) -> dict[str, list[Any]]:
    """Every row of every table."""
    found = {}
    for table in imported.site.app.schema.metadata.sorted_tables:
        scope = imported.organisation_id if tenancy_of(table) == "organisation" else None
        rows = imported.site.app.database.read(scope).rows(sa.select(table))
        found[table.name] = sorted(repr(tuple(row)) for row in rows)
    return found


def test_importing_everything_again_changes_no_row_version_audit_entry_or_event(imported: Imported) -> None:
    before = snapshot(imported)
    assert len(before["audit_entries"]) > 8800
    assert len(before["events"]) > 8800
    imports = [line for line in commands(0) if line[1] == "import"]
    assert len(imports) == 4
    run_all(imported.environ, imports)
    assert snapshot(imported) == before


def test_importing_an_export_changes_nothing(imported: Imported, tmp_path: Path) -> None:
    before = snapshot(imported)
    for plural in ("companies", "products", "pipelines", "stages", "deals"):
        out = str(tmp_path / f"{plural}.csv")
        export = ["bharat", "export", plural, "--org", "maven", "--out", out]
        run_all(imported.environ, [export, ["bharat", "import", plural, out, "--org", "maven"]])
    assert snapshot(imported) == before


def test_the_exporting_command_of_the_page_writes_the_deals_that_were_won(imported: Imported, tmp_path: Path) -> None:
    run_all(imported.environ, commands(1), tmp_path)
    assert len((tmp_path / "won.csv").read_text(encoding="utf-8").splitlines()) == 1 + 4238
