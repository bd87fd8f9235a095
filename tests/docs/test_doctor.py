"""The page on `bharat doctor` has every finding that it can show."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from bharat.plugins.rules import PARTS
from tests.docs.markdown import Page
from tests.packaging.distributions import ROOT

PAGE = Page(ROOT / "docs" / "doctor.md")
_ROW = re.compile(r"^\| (`[a-z.`, -]+`) \|", re.MULTILINE)


def listed() -> list[str]:
    """The names in the first column of the tables."""
    return [name for cell in _ROW.findall(PAGE.text) for name in re.findall(r"`([a-z.-]+)`", cell)]


def sources() -> Iterator[Path]:
    for folder in (ROOT / "bharat", *ROOT.glob("plugins/*/src"), *ROOT.glob("libs/*/src")):
        yield from folder.rglob("*.py")


def subjects() -> set[str]:
    """What the findings in the code are about: the last positional argument of four, or `about`; of a remark the first."""
    found = set()
    for path in sources():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
                continue
            given: list[ast.expr] = [keyword.value for keyword in node.keywords if keyword.arg == "about"]
            if node.func.id == "Finding":
                given += node.args[3:4]
            elif node.func.id == "Remark":
                given += node.args[:1]
            found |= {one.value for one in given if isinstance(one, ast.Constant) and isinstance(one.value, str)}
    return found - {""}


def test_the_page_has_every_finding_of_the_code_and_no_other() -> None:
    in_tables = {name.partition(".")[2] for name in listed() if "." in name}
    in_text = {name.partition(".")[2] for name in ("storage.provider", "storage.use", "database.time")}
    assert all(f"`{name}`" in PAGE.text for name in ("storage.provider", "storage.use", "database.time"))
    assert in_tables | in_text == subjects()


def test_the_code_has_some() -> None:
    assert {"eviction", "role", "connections", "public-url", "worker"} <= subjects()


def test_every_name_begins_with_a_part() -> None:
    assert {name.partition(".")[0] for name in listed()} <= PARTS
