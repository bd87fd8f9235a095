"""The import rules that `make check` holds every package to name every package."""

from __future__ import annotations

import tomllib
from typing import Any

from tests.docs.markdown import Page
from tests.docs.test_api import listed
from tests.packaging.distributions import ALL, CORE, LIBRARIES, PLUGINS, ROOT, SAMPLE, Distribution

SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]


def contract(name: str) -> dict[str, Any]:
    (found,) = (one for one in SETTINGS["contracts"] if one["name"].startswith(name))
    rules: dict[str, Any] = found
    return rules


def packages(*distributions: Distribution) -> set[str]:
    return {package.name for one in distributions for package in one.packages}


def test_every_package_of_the_repository_is_looked_at() -> None:
    assert set(SETTINGS["root_packages"]) == packages(*ALL)


def test_the_core_may_import_no_other_package() -> None:
    rules = contract("The core imports no plugin")
    assert set(rules["source_modules"]) == packages(CORE)
    assert set(rules["forbidden_modules"]) == packages(*ALL) - packages(CORE)


def test_no_plugin_may_import_another() -> None:
    assert set(contract("No plugin imports another")["modules"]) == packages(*PLUGINS, SAMPLE)


def test_plugins_may_import_no_room_without_a_public_module() -> None:
    rules = contract("A plugin imports no room")
    rooms = set(contract("The rooms")["layers"])
    public = {".".join(module.split(".")[:2]) for module in listed()}
    assert set(rules["source_modules"]) == packages(*PLUGINS, SAMPLE)
    assert set(rules["forbidden_modules"]) == rooms - public


def test_plain_libraries_may_not_import_the_core() -> None:
    assert set(contract("A plain library")["source_modules"]) == packages(*LIBRARIES)


def test_the_overview_says_who_holds_the_rules() -> None:
    text = " ".join(Page(ROOT / "docs" / "01-ARCHITECTURE-OVERVIEW.md").text.split())
    assert "The core never imports a plugin" in text
    assert "import-linter" in text
