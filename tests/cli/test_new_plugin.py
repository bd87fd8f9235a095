"""`bharat new-plugin`: what it refuses, and that nothing is half made."""

from __future__ import annotations

import configparser
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

import bharat as core
from bharat.cli.new_plugin import RECORDS, TEMPLATES, capabilities, contents
from bharat.contracts.provider import Capability
from tests.docs.test_api import imports_of, is_public, listed, top
from tests.fixtures.distributions import Distributions
from tests.packaging.distributions import ROOT

Bharat = Callable[..., Any]
EVERY_TEMPLATE = [*capabilities(), RECORDS]


def test_it_makes_a_folder_and_says_what_to_do_next(bharat: Bharat, folder: Path) -> None:
    outcome = bharat("new-plugin", "cold_tape", "--capability", "cache")
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out.splitlines()[-5:] == [
        "    pip install -e './bharat-cold-tape[dev]'",
        "    pytest bharat-cold-tape",
        "    bharat plugins enable cold_tape",
        "",
        'and, to have it used, in the configuration: [cache] provider = "cold_tape"',
    ]
    made = folder / "bharat-cold-tape"
    assert "class ColdTapeCache:" in (made / "src/bharat_cold_tape/cache.py").read_text()
    assert (made / ".gitignore").exists()
    assert [path.name for path in folder.iterdir()] == ["bharat-cold-tape"]


def test_a_folder_can_be_named(bharat: Bharat, folder: Path) -> None:
    (folder / "my work").mkdir()
    outcome = bharat("new-plugin", "tape", "--capability", "cache", "--into", "my work")
    assert "    pip install -e './my work/bharat-tape[dev]'" in outcome.out.splitlines()
    assert (folder / "my work" / "bharat-tape" / "setup.cfg").exists()


@pytest.mark.parametrize(
    "name", ["Tape", "1tape", "my-tape", "_tape", "tape_", "my__tape", "tapé", "tape ", "../tape", ""]
)
def test_a_bad_name_is_refused_with_the_rule(bharat: Bharat, folder: Path, name: str) -> None:
    outcome = bharat("new-plugin", name)
    assert outcome.code == 2
    assert "use lower-case letters and digits, words joined by one '_', the first a letter" in outcome.err
    assert outcome.err.count("\n") == 1
    assert list(folder.iterdir()) == []


def test_a_long_name_is_refused_with_the_limit(bharat: Bharat) -> None:
    assert "it may have 30 characters at most" in bharat("new-plugin", "a" * 31, "--capability", "cache").err
    refused = bharat("new-plugin", "a" * 22)
    assert "21 characters at most: tables and their indexes are named after a plugin with records" in refused.err


@pytest.mark.parametrize("name", ["crm", "local", "redis", "cache_redis"])
def test_the_name_of_one_of_bharat_s_own_is_refused(bharat: Bharat, name: str) -> None:
    outcome = bharat("new-plugin", name)
    assert outcome.code == 2
    assert f"'{name}' can't be the name of a new plugin: it is one of Bharat's own" in outcome.err


def test_a_name_that_is_installed_is_refused(bharat: Bharat, distributions: Distributions) -> None:
    distributions.add("tape", version="1.2")
    assert "bharat-tape 1.2, which is installed, has it already" in bharat("new-plugin", "tape").err


@pytest.mark.parametrize("there", [Path.mkdir, Path.touch, lambda path: path.symlink_to("nowhere")])
def test_what_is_there_stays(bharat: Bharat, folder: Path, there: Callable[[Path], None]) -> None:
    there(folder / "bharat-tape")
    outcome = bharat("new-plugin", "tape")
    assert (outcome.code, outcome.err) == (
        1,
        "bharat: error: bharat-tape is there already: choose another name, or another folder with --into\n",
    )
    assert [path.name for path in folder.iterdir()] == ["bharat-tape"]


def test_an_unknown_capability_is_refused_with_a_guess_and_the_list(bharat: Bharat, folder: Path) -> None:
    outcome = bharat("new-plugin", "tape", "--capability", "sesions")
    assert outcome.code == 2
    assert "there is no template for 'sesions'; did you mean 'sessions'?; there is one for cache," in outcome.err
    assert list(folder.iterdir()) == []


def test_a_folder_that_is_not_there_is_refused(bharat: Bharat) -> None:
    outcome = bharat("new-plugin", "tape", "--into", "nowhere")
    assert outcome.code == 2
    assert "'nowhere' does not exist" in outcome.err


def test_a_folder_that_can_t_be_written_is_told(bharat: Bharat) -> None:
    outcome = bharat("new-plugin", "tape", "--into", "/proc")
    assert outcome.code == 1
    assert outcome.err.startswith("bharat: error: can't make /proc/bharat-tape: ")
    assert outcome.err.count("\n") == 1


def test_a_disk_that_fills_up_leaves_nothing(bharat: Bharat, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = Path.write_text

    def fill(path: Path, *more: Any, **options: Any) -> int:
        if path.name == "conftest.py":
            raise OSError(28, "No space left on device")
        return write(path, *more, **options)

    monkeypatch.setattr(Path, "write_text", fill)
    outcome = bharat("new-plugin", "tape")
    assert (outcome.code, outcome.err) == (1, "bharat: error: can't make bharat-tape: No space left on device\n")
    assert list(folder.iterdir()) == []


def test_mutant_that_writes_in_place_leaves_half_a_plugin(
    bharat: Bharat, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without `aside` in `make`: the path that is written is the plugin's own."""
    monkeypatch.setattr(Path, "with_name", lambda path, _: path)
    monkeypatch.setattr("shutil.rmtree", lambda *_, **__: None)
    with pytest.raises(AssertionError):
        test_a_disk_that_fills_up_leaves_nothing(bharat, folder, monkeypatch)


def test_every_capability_with_a_suite_has_a_template() -> None:
    suites = {path.stem for path in (ROOT / "bharat" / "testing").glob("*.py")}
    assert capabilities() == sorted(suites & set(Capability))


@pytest.mark.parametrize("template", EVERY_TEMPLATE)
def test_nothing_of_the_template_s_own_name_is_left(template: str) -> None:
    for place, text in contents(template, "tape"):
        for word in ("new_plugin", "new-plugin", "NewPlugin", "bharat.cli"):
            assert word not in place
            assert word not in text, place


@pytest.mark.parametrize("template", EVERY_TEMPLATE)
def test_a_plugin_that_is_made_imports_only_what_is_public(template: str) -> None:
    public = listed()
    wrong = []
    for path in (TEMPLATES / template).rglob("*.py"):
        for module, name in imports_of(path):
            own = module.startswith("bharat.cli.templates.")
            if top(module) == "bharat" and not own and not is_public(public, module, name):
                wrong.append(f"{path.name}: {module} {name or ''} is not in docs/plugins/api.md")
    assert wrong == []


def test_a_plugin_that_is_made_asks_for_this_api_version() -> None:
    setup = configparser.ConfigParser()
    setup.read_string(dict(contents(RECORDS, "tape"))["setup.cfg"])
    (line,) = [one for one in setup["options"]["install_requires"].split("\n") if re.match(r"bharat\b", one)]
    specifier = Requirement(line).specifier
    assert specifier.contains(core.__version__, prereleases=True)
    assert not specifier.contains(f"{Version(core.__version__).major + 1}.0", prereleases=True)


def test_its_files_may_be_read_as_others_are(bharat: Bharat, folder: Path) -> None:
    umask = os.umask(0o022)
    try:
        bharat("new-plugin", "tape")
    finally:
        os.umask(umask)
    assert (folder / "bharat-tape").stat().st_mode & 0o777 == 0o755
