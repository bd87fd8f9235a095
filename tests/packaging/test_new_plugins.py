"""What `bharat new-plugin` makes is right as it is made: on a machine with Bharat's wheel and nothing of this repository."""

from __future__ import annotations

from pathlib import Path

import pytest

from bharat.cli.new_plugin import RECORDS, capabilities, make
from tests.fixtures.author import Workshop, author_environment, workshop

__all__ = ["author_environment", "workshop"]

EVERY_TEMPLATE = [*capabilities(), RECORDS]


def made(workshop: Workshop, template: str, name: str) -> Path:
    """The folder of a plugin that was made and installed."""
    wanted = () if template == RECORDS else ("--capability", template)
    workshop.succeeds("bharat", "new-plugin", name, *wanted)
    workshop.succeeds("pip", "install", "--quiet", "-e", f"./bharat-{name}[dev]")
    return workshop.folder / f"bharat-{name}"


@pytest.mark.parametrize("template", EVERY_TEMPLATE)
def test_it_passes_its_tests_and_the_checks(workshop: Workshop, template: str) -> None:
    folder = made(workshop, template, "tape")
    told = workshop.succeeds("pytest", "-q", cwd=folder)
    assert " passed" in told
    assert workshop.succeeds("mypy", cwd=folder).startswith("Success: no issues found")
    workshop.succeeds("ruff", "check", cwd=folder)
    workshop.succeeds("ruff", "format", "--check", cwd=folder)


def test_it_is_what_the_configuration_chooses(workshop: Workshop) -> None:
    made(workshop, "cache", "tape")
    assert "Enabled tape" in workshop.succeeds("bharat", "plugins", "enable", "tape")
    shown = workshop.succeeds("bharat", "plugins", "tape")
    assert "max_entries" in shown
    refused = workshop.run("bharat", "migrate", BHARAT_CACHE__PROVIDER="tape", BHARAT_CACHE__TAPE__MAX_ENTRIES="0")
    assert (refused.code, "max_entries" in refused.text) == (2, True)


def test_with_records_its_revision_is_what_its_declaration_asks_for(workshop: Workshop) -> None:
    made(workshop, RECORDS, "tape")
    workshop.succeeds("bharat", "plugins", "enable", "tape")
    workshop.succeeds("bharat", "migrate")
    assert workshop.succeeds("bharat", "migrate", "--check") == "the database is up to date\n"
    assert "nothing to do" in workshop.succeeds("bharat", "makemigration", "tape")


@pytest.mark.parametrize("length", [1, 30])
@pytest.mark.parametrize("template", EVERY_TEMPLATE)
def test_whatever_its_name_it_is_formatted(workshop: Workshop, template: str, length: int) -> None:
    make(workshop.folder / "made", template, "a" * min(length, 21 if template == RECORDS else 30))
    workshop.succeeds("ruff", "check", cwd=workshop.folder / "made")
    workshop.succeeds("ruff", "format", "--check", cwd=workshop.folder / "made")


def test_the_machine_has_nothing_of_this_repository(workshop: Workshop) -> None:
    said = workshop.succeeds("python", "-c", "import bharat, sys; print(bharat.__file__, *sys.path, sep='\\n')")
    assert str(Path(__file__).parents[2]) + "/bharat" not in said
    assert str(Path(__file__).parents[2]) not in said.splitlines()
    assert workshop.run("python", "-c", "import bharat_crm").code != 0
