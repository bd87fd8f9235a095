"""What is installed for development is what lies in the repository."""

from __future__ import annotations

import re
import tomllib

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.packaging.distributions import ALL, CORE, PLUGINS, ROOT, Distribution

LINES = [
    line.strip()
    for line in (ROOT / "requirements-dev.txt").read_text(encoding="utf-8").splitlines()
    if line.strip() and not line.startswith("#")
]
PINNED = re.compile(r"[A-Za-z0-9._-]+==[^\s;]+(; .+)?")


def constraints() -> dict[str, Requirement]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    found = [Requirement(line) for line in lines if line and not line.startswith("#")]
    return {canonicalize_name(one.name): one for one in found}


def third_party(distribution: Distribution) -> list[Requirement]:
    own = {canonicalize_name(one.name) for one in ALL}
    found = [Requirement(line) for line in distribution.requires if line]
    return [one for one in found if canonicalize_name(one.name) not in own]


def test_every_distribution_is_installed_editable_for_development_and_nothing_else() -> None:
    editable = [line.removeprefix("-e ").partition("[")[0] for line in LINES if line.startswith("-e ")]
    assert sorted(editable) == sorted(one.place for one in ALL)


def test_every_tool_has_a_pinned_version() -> None:
    loose = [line for line in LINES if not line.startswith(("-e ", "-c ")) and not PINNED.fullmatch(line)]
    assert loose == []


def test_every_dependency_of_the_product_has_a_known_good_version_in_its_range() -> None:
    known = constraints()
    for distribution in ALL:
        for requirement in third_party(distribution):
            pin = known.get(canonicalize_name(requirement.name))
            assert pin is not None, f"{distribution.name} needs {requirement.name}: add a line to constraints.txt"
            (specifier,) = pin.specifier
            assert specifier.operator == "=="
            assert requirement.specifier.contains(specifier.version), f"{distribution.name}: {requirement}, but {pin}"


def test_plugins_ask_for_a_range_of_bharat_and_never_for_one_version() -> None:
    for distribution in PLUGINS:
        wanted = [one for one in map(Requirement, filter(None, distribution.requires)) if one.name == "bharat"]
        assert len(wanted) == 1, f"{distribution.name} must say which versions of bharat it works with"
        operators = {specifier.operator for specifier in wanted[0].specifier}
        assert operators == {">=", "<"}, f"{distribution.name}: {wanted[0]}"


def test_the_core_has_at_most_fifteen_dependencies() -> None:
    assert 0 < len(third_party(CORE)) <= 15


def test_mypy_knows_where_the_packages_of_every_distribution_lie() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    written = settings["tool"]["mypy"]["mypy_path"]
    paths = written.split(":") if isinstance(written, str) else written
    places = {path.replace("$MYPY_CONFIG_FILE_DIR", str(ROOT)) for path in paths}
    assert places == {str(one.sources) for one in ALL}
