"""The list of public modules is true, and Bharat's own plugins keep to it."""

from __future__ import annotations

import ast
import importlib
import re
from pathlib import Path

import pytest

import bharat
from tests.docs.markdown import Page
from tests.packaging.distributions import CORE, LIBRARIES, PLUGINS, ROOT, SAMPLE, Distribution

PAGE = Page(ROOT / "docs" / "plugins" / "api.md")
_ROW = re.compile(r"^\| `(bharat[\w.]*)` \| (.+?) \|", re.MULTILINE)


def listed() -> dict[str, set[str] | None]:
    """The names of each public module; `None` for all of its names."""
    rows = _ROW.findall(PAGE.text)
    return {
        module: None if names in ("all", "every hook") else set(re.findall(r"`(\w+)`", names)) for module, names in rows
    }


def imports_of(path: Path) -> list[tuple[str, str | None]]:
    """Every (module, name) that a file imports from somewhere; the name is `None` for a plain import."""
    found: list[tuple[str, str | None]] = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found += [(alias.name, None) for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            found += [(node.module, alias.name) for alias in node.names]
    return found


def top(module: str) -> str:
    return module.partition(".")[0]


@pytest.mark.parametrize("module", sorted(listed()))
def test_every_listed_module_and_name_is_there(module: str) -> None:
    names = listed()[module]
    there = importlib.import_module(module)
    assert [name for name in sorted(names or ()) if not hasattr(there, name)] == []


def test_every_contract_is_listed() -> None:
    folder = ROOT / "bharat" / "contracts"
    modules = {f"bharat.contracts.{path.stem}" for path in folder.glob("*.py") if path.stem != "__init__"}
    assert modules <= set(listed())


def test_the_api_version_is_the_major_version() -> None:
    assert f"**Plugin API {bharat.__version__.partition('.')[0]}.**" in PAGE.text


@pytest.mark.parametrize("distribution", [*PLUGINS, SAMPLE], ids=lambda one: one.place)
def test_a_plugin_imports_only_what_is_public_and_no_other_plugin(distribution: Distribution) -> None:
    public = listed()
    own = {package.name for package in distribution.packages}
    plugins = {package.name for one in [*PLUGINS, SAMPLE] for package in one.packages} - own
    wrong = []
    for path in sorted(distribution.sources.rglob("*.py")):
        for module, name in imports_of(path):
            if top(module) in plugins:
                wrong.append(f"{path.relative_to(ROOT)}: {module} is another plugin")
            elif top(module) == "bharat" and not is_public(public, module, name):
                wrong.append(f"{path.relative_to(ROOT)}: {module} {name or ''} is not in docs/plugins/api.md")
    assert wrong == []


def is_public(public: dict[str, set[str] | None], module: str, name: str | None) -> bool:
    if module not in public:
        return False
    names = public[module]
    return name is None or names is None or name in names


@pytest.mark.parametrize("distribution", [CORE, *LIBRARIES], ids=lambda one: one.place)
def test_the_core_and_the_libraries_import_no_plugin(distribution: Distribution) -> None:
    plugins = {package.name for one in [*PLUGINS, SAMPLE] for package in one.packages}
    files = [path for package in distribution.packages for path in package.rglob("*.py")]
    found = {top(module) for path in files for module, _ in imports_of(path)}
    assert found & plugins == set()


def test_a_library_imports_nothing_of_bharat() -> None:
    files = [path for one in LIBRARIES for package in one.packages for path in package.rglob("*.py")]
    assert [str(path) for path in files for module, _ in imports_of(path) if top(module) == "bharat"] == []
