"""What the author's guide shows is true: its record type is a whole plugin, small, and works to the last promise."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from bharat.app import load_plugins, schema_of
from bharat.config import load
from bharat.contracts.principal import Role
from bharat.data.migrations.generate import make_migration
from tests.docs.markdown import Page
from tests.fixtures.application import OpenSite
from tests.fixtures.distributions import Distributions
from tests.packaging.distributions import ROOT, SAMPLE

GUIDE = Page(ROOT / "docs" / "plugins" / "README.md")
MOST_LINES = 40


def record_type_example() -> str:
    return next(block for block in GUIDE.blocks("python") if "bharat_record_types" in block)


def formatted(code: str) -> str:
    """As ruff formats it with this repository's configuration."""
    command = [sys.executable, "-m", "ruff", "format", "-", "--stdin-filename", str(ROOT / "bharat" / "example.py")]
    return subprocess.run(command, input=code, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize(
    "code",
    [
        pytest.param(record_type_example(), id="guide"),
        pytest.param((SAMPLE.sources / "bharat_sample" / "visits.py").read_text(encoding="utf-8"), id="sample"),
    ],
)
def test_a_complete_record_type_takes_forty_lines_or_fewer_as_ruff_formats_it(code: str) -> None:
    assert formatted(code) == code
    assert len(code.splitlines()) <= MOST_LINES


def test_the_record_type_of_the_guide_is_a_plugin_that_serves_its_records(
    distributions: Distributions, open_site: OpenSite, tmp_path: Path
) -> None:
    distributions.add("warranties", record_type_example())
    config = load(None, {"BHARAT_HOME": str(tmp_path / "home"), "BHARAT_PLUGINS": "warranties"})
    written = make_migration(schema_of(load_plugins(config)), "warranties", "Add warranties")
    assert written is not None
    site = open_site("warranties")
    admin = site.user(site.organisation("acme"), Role.ADMIN)
    body = {"serial_number": "W-1", "begins_on": "2026-01-01", "ends_on": "2027-01-01"}
    made = admin.post("/api/v1/warranties", body)
    assert (made.status_code, made.json["state"]) == (201, "valid")
    refused = admin.post("/api/v1/warranties", {**body, "serial_number": "W-2", "ends_on": "2025-01-01"})
    assert (refused.status_code, refused.json["errors"][0]["path"]) == (422, "/ends_on")
    listed = admin.get("/api/v1/warranties", params={"state": "valid"})
    assert [row["serial_number"] for row in listed.json["items"]] == ["W-1"]
    assert "/api/v1/warranties" in admin.get("/openapi.json").json["paths"]


@pytest.mark.parametrize("number", range(len(GUIDE.blocks("python"))))
def test_every_block_of_python_in_the_guide_runs(number: int) -> None:
    exec(compile(GUIDE.blocks("python")[number], f"docs/plugins/README.md, block {number}", "exec"), {})


def test_the_packaging_that_the_guide_shows_is_the_sample_s() -> None:
    (shown,) = GUIDE.blocks("ini")
    for line in ("packages = find:", "where = src", "* = py.typed, migrations/*.py", "bharat.plugins ="):
        assert line in shown
        assert line in (SAMPLE.folder / "setup.cfg").read_text(encoding="utf-8")
