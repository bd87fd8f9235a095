"""`bharat migrate --check` and `bharat dev`: code whose tables no revision makes is told before it is served."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bharat.app import load_plugins, schema_of
from bharat.config import load
from bharat.data.migrations.generate import make_migration
from tests.fixtures.distributions import Distributions

Bharat = Callable[..., Any]

GARAGE = """
import os
from pathlib import Path
from bharat.contracts.migration import Migrations
from bharat.contracts.records import RecordType, Text

@hookimpl
def bharat_record_types():
    fields = [Text(name="plate", max_length=20)]
    if (Path(__file__).parent / "colours").exists():
        fields.append(Text(name="colour", max_length=20))
    return [RecordType(name="car", plural="cars", label="Car", fields=tuple(fields), title="plate")]
"""
TOLD = "tables of plugin 'garage' differ from its revisions (add column garage_cars.colour): run `bharat makemigration garage`"


@pytest.fixture
def environ(folder: Path, distributions: Distributions) -> dict[str, str]:
    """A plugin whose only revision was written before its record type got another field."""
    distributions.add("garage", GARAGE)
    environ = {"BHARAT_PLUGINS": "garage", "BHARAT_HOME": str(folder / "home"), "BHARAT_SERVER__PORT": "0"}
    schema = schema_of(load_plugins(load(None, environ)))
    written = make_migration(schema, "garage", "Cars")
    assert written is not None
    (written.parent.parent / "colours").touch()
    return environ


@pytest.fixture
def bharat(bharat: Bharat, monkeypatch: pytest.MonkeyPatch) -> Bharat:
    from bharat.app import BUILTINS

    monkeypatch.setattr("bharat.cli.base.Runtime.builtins", BUILTINS)
    return bharat


def test_check_tells_tables_that_no_revision_makes(bharat: Bharat, environ: dict[str, str]) -> None:
    assert bharat("migrate", **environ).code == 0
    outcome = bharat("migrate", "--check", **environ)
    assert (outcome.code, outcome.out) == (1, f"{TOLD}\n")
    told = json.loads(bharat("migrate", "--check", "--json", **environ).out)
    assert told == {"pending": [], "differences": {"garage": ["add column garage_cars.colour"]}}
    assert bharat("makemigration", "garage", **environ).code == 0
    assert bharat("migrate", **environ).code == 0
    assert bharat("migrate", "--check", **environ).out == "the database is up to date\n"


def test_migrate_warns_of_tables_that_no_revision_makes(bharat: Bharat, environ: dict[str, str]) -> None:
    outcome = bharat("migrate", **environ)
    assert (outcome.code, outcome.err) == (0, f"bharat: warning: {TOLD}\n")


def test_the_first_revision_is_called_otherwise_than_the_later_ones(
    bharat: Bharat, distributions: Distributions, environ: dict[str, str], folder: Path
) -> None:
    assert "0002_change_the_tables.py" in bharat("makemigration", "garage", **environ).out
    distributions.add("depot", GARAGE.replace("car", "cart"))
    outcome = bharat("makemigration", "depot", **{**environ, "BHARAT_PLUGINS": "depot"})
    assert "0001_create_the_tables.py" in outcome.out


def test_undoing_without_a_terminal_names_the_option_that_does_not_ask(
    bharat: Bharat, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO())
    outcome = bharat("migrate", "--down", "garage", **environ)
    assert outcome.code == 2
    assert "use --yes" in outcome.err
    assert outcome.err.count("\n") == 1


def test_dev_refuses_them_before_anything_is_made(bharat: Bharat, environ: dict[str, str]) -> None:
    outcome = bharat("dev", **environ)
    assert (outcome.code, outcome.err) == (1, f"bharat: error: {TOLD}\n")
    assert not Path(environ["BHARAT_HOME"]).exists()
