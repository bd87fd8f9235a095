"""The page on roles says what the table of permissions decides."""

from __future__ import annotations

import re

from bharat.accounts.permissions import PLATFORM, RECORDS
from bharat.accounts.tokens import KEY_PREFIX
from bharat.contracts.principal import Role, Visibility
from tests.docs.markdown import Page
from tests.packaging.distributions import ROOT

PAGE = Page(ROOT / "docs" / "roles.md")
ORDER = (Role.ADMIN, Role.MANAGER, Role.AGENT, Role.VIEWER)


def test_how_a_key_is_sent_is_said_where_keys_are_and_where_everybody_begins() -> None:
    sent = f"curl -H 'Authorization: Bearer {KEY_PREFIX}…'"
    assert sent in PAGE.text.partition("## API keys")[2]
    assert sent in (ROOT / "README.md").read_text(encoding="utf-8")


def rows(title: str) -> list[list[str]]:
    """The cells of the first table of a section, without its head."""
    section = PAGE.text.partition(f"\n## {title}\n")[2].partition("\n## ")[0]
    table = re.search(r"(?:^\|.*\n)+", section, re.MULTILINE)
    assert table is not None
    return [[cell.strip(" `") for cell in line.strip("|").split("|")] for line in table[0].splitlines()[2:]]


def test_the_table_of_records_is_the_one_that_decides() -> None:
    decided = {
        (policy.value, verb): ["–" if row[role] is Visibility.NONE else row[role].value for role in ORDER]
        for policy, verbs in RECORDS.items()
        for verb, row in verbs.items()
    }
    assert {(policy, verb): cells for policy, verb, *cells in rows("Records")} == decided


def test_the_table_of_everything_else_is_the_one_that_decides() -> None:
    decided = {
        name: ["–" if row[role] is Visibility.NONE else "yes" for role in ORDER] for name, row in PLATFORM.items()
    }
    assert {name: cells for name, *cells in rows("Everything else")} == decided
