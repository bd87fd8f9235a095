"""What the author's guide shows is true: its record type is a whole plugin, small, and works to the last promise."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

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


def test_the_tickets_of_the_guide_are_counted_and_archived_as_it_says(
    distributions: Distributions, open_site: OpenSite, tmp_path: Path
) -> None:
    (counting,) = (block for block in GUIDE.blocks("python") if "row_filter" in block)
    (archiving,) = (block for block in GUIDE.blocks("python") if "enqueue" in block)
    declared = """
from dataclasses import replace
@hookimpl
def bharat_record_types(): return [replace(TICKET, after_save=(archive_when_closed,))]
@hookimpl
def bharat_routes(): return [COUNT]
"""
    # The helpdesk that hears is another plugin's, so that what it is told can be seen.
    listening = """
from bharat.contracts.work import Subscriber
heard = []
@hookimpl
def bharat_subscribers(): return [Subscriber(name="ear", patterns=("helpdesk.*",), handle=lambda job, e: heard.append(e))]
"""
    distributions.add("helpdesk", f"{counting}\n{archiving}\n{declared}")
    distributions.add("ear", listening)
    config = load(None, {"BHARAT_HOME": str(tmp_path / "home"), "BHARAT_PLUGINS": "helpdesk"})
    assert make_migration(schema_of(load_plugins(config)), "helpdesk", "Add tickets") is not None
    site = open_site("helpdesk", "ear")
    acme = site.organisation("acme")
    asha, ravi = (site.user(acme, Role.AGENT) for _ in range(2))
    ticket = asha.post("/api/v1/tickets", {"subject": "The printer"}).json
    assert [who.get("/api/v1/tickets-open").json["open"] for who in (asha, ravi)] == [1, 0]
    assert asha.patch(f"/api/v1/tickets/{ticket['id']}", {"state": "closed"}).status_code == 200
    site.work()
    assert [file.key for file in site.app.storage.list("helpdesk/")] == [f"helpdesk/{ticket['id']}.txt"]
    heard = sys.modules[distributions.modules["ear"]].heard
    assert [(event.type, str(event.subject_id)) for event in heard] == [("helpdesk.closed", ticket["id"])]


def test_the_test_that_the_guide_shows_passes_on_the_guide_s_plugin(
    distributions: Distributions, open_site: OpenSite, tmp_path: Path
) -> None:
    distributions.add("warranties", record_type_example())
    config = load(None, {"BHARAT_HOME": str(tmp_path / "home"), "BHARAT_PLUGINS": "warranties"})
    make_migration(schema_of(load_plugins(config)), "warranties", "Add warranties")
    (shown,) = (block for block in GUIDE.blocks("python") if "def test_" in block)
    names: dict[str, Any] = {}
    exec(compile(shown, "docs/plugins/README.md, Testing", "exec"), names)
    names["test_an_agent_reads_no_other_agent_s_warranties"](open_site)
