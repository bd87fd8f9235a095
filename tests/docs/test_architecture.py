"""The overview names the rooms and dependencies that there are."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from packaging.requirements import Requirement

from tests.docs.markdown import Page
from tests.packaging.distributions import CORE, PLUGINS, ROOT

PAGE = Page(ROOT / "docs" / "01-ARCHITECTURE-OVERVIEW.md")


def section(title: str) -> str:
    return PAGE.text.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def first_cells(title: str) -> list[str]:
    return re.findall(r"^\| `([^`]+)` \|", section(title), re.MULTILINE)


def test_every_dependency_of_the_core_is_justified_and_nothing_else() -> None:
    needed = [Requirement(line).name for line in CORE.requires if line and not line.startswith("#")]
    assert first_cells("The core's dependencies") == needed
    assert len(needed) <= 15


def test_the_rooms_are_listed_in_the_order_in_which_they_import() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    layers = settings["tool"]["importlinter"]["contracts"][0]["layers"]
    rooms = first_cells("The rooms")
    # `server` and `cli` import neither each other: the page may have them in either order.
    assert sorted(rooms) == sorted(layers)
    assert [room for room in rooms if room not in ("bharat.server", "bharat.cli")] == [
        room for room in reversed(layers) if room not in ("bharat.server", "bharat.cli")
    ]


def test_every_room_is_a_module_and_every_module_a_room() -> None:
    there = {path.stem for path in (ROOT / "bharat").iterdir() if is_module(path)} - {"__init__", "__main__"}
    assert {room.removeprefix("bharat.") for room in first_cells("The rooms")} == there


def is_module(path: Path) -> bool:
    return path.suffix == ".py" or (path / "__init__.py").exists()


def test_every_plugin_of_the_repository_is_named() -> None:
    assert [one.name for one in PLUGINS if f"`{one.name}`" not in PAGE.text] == []
