"""Every option stands on one page with an example that works; a wrong value of each is refused by a message that names it."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path

import pytest

from bharat.app import load_plugins
from bharat.cli import cli
from bharat.cli.base import Runtime, run
from bharat.config import load
from bharat.contracts.errors import ConfigError
from bharat.plugins import Plugins
from scripts.generate_docs import plugin_names
from tests.docs.markdown import Page
from tests.docs.options import Option, Section, lacks_example, options, sections
from tests.docs.wrong_values import wrong_texts, wrong_values
from tests.fixtures.distributions import Distributions
from tests.packaging.distributions import ROOT

PAGE = Page(ROOT / "docs" / "options.md")
BLOCKS = PAGE.blocks("toml")
SECTIONS = sections()
OPTIONS = options()
ON_THE_PAGE = [one for one in OPTIONS if one.section.plugin in ("", *plugin_names())]


def start(toml: str, folder: Path, environ: Mapping[str, str] | None = None) -> Plugins:
    """As every command starts: read the configuration, load the plugins, choose the providers."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "bharat.toml"
    file.write_text(toml, encoding="utf-8")
    return load_plugins(load(file, environ or {}))


def refusal(toml: str, folder: Path, environ: Mapping[str, str] | None = None) -> str:
    """The message that stops the start; empty when it starts."""
    try:
        start(toml, folder, environ)
    except ConfigError as error:
        return str(error)
    return ""


# The page.


@pytest.mark.parametrize("option", OPTIONS, ids=lambda one: one.key)
def test_every_option_says_what_it_is_and_shows_an_example(option: Option) -> None:
    assert lacks_example(option) == ""


@pytest.mark.parametrize("option", ON_THE_PAGE, ids=lambda one: one.key)
def test_every_option_stands_on_the_page(option: Option) -> None:
    name, setting = option.section.name, option.setting
    heading = f"`[{'.'.join(name)}]`\n" if name else "### The top level\n"
    text = PAGE.text.partition(heading)[2].partition("\n#")[0]
    assert text, f"the page has no section {heading}: run `make docs`"
    (row,) = (line for line in text.splitlines() if line.startswith(f"| `{setting.name}` |"))
    for variable in (option.variable, *setting.env):
        assert f"`{variable}`" in row
    assert setting.type_label in row
    assert setting.range.replace("|", "\\|").replace("<", "&lt;") in row
    assert f"\n{setting.name} = " in text, f"{option.key} has no example there: run `make docs`"


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.splitlines()[0])
def test_every_example_of_the_page_starts(block: str, tmp_path: Path) -> None:
    """As it is written there, with what it needs around it."""
    (section,) = [one for one in SECTIONS if block.startswith(f"[{'.'.join(one.name)}]\n")] or [SECTIONS[0]]
    start("\n".join([*section.above, block, *section.below]), tmp_path)


@pytest.mark.parametrize("section", SECTIONS, ids=lambda one: one.title)
def test_the_examples_of_every_section_start(section: Section, tmp_path: Path) -> None:
    """Those of plugins that stand on no page of this repository, too."""
    start(section.toml(section.examples()), tmp_path)


# Wrong values.


@pytest.mark.parametrize("option", OPTIONS, ids=lambda one: one.key)
def test_a_wrong_value_in_the_file_is_refused_by_name(option: Option, tmp_path: Path) -> None:
    for value in wrong_values(option.setting.annotation):
        toml = option.toml(value)
        number = toml.splitlines().index(f"{option.setting.name} = {value}") + 1
        message = refusal(toml, tmp_path)
        assert f"bharat.toml line {number}: {option.key} " in message, f"{value}: {message or 'it started'}"
        assert_told_well(option, value, message)


@pytest.mark.parametrize("option", OPTIONS, ids=lambda one: one.key)
def test_a_wrong_value_in_the_environment_is_refused_by_name(option: Option, tmp_path: Path) -> None:
    toml = option.section.toml(option.section.examples(required=True))
    for text in wrong_texts(option.setting.annotation):
        for variable in (option.variable, *option.setting.env):
            if text == "" and variable != option.variable:
                continue  # an empty customary variable counts as unset
            message = refusal(toml, tmp_path, {variable: text})
            assert f"{variable}: {option.key} " in message, f"{text!r}: {message or 'it started'}"
            assert_told_well(option, text, message)


def assert_told_well(option: Option, value: str, message: str) -> None:
    assert "`" not in message, f"the type of {option.key} can't be used: {message}"
    assert option.setting.description.rstrip(".") in message
    if option.setting.secret and len(value) > 3:
        assert value not in message


@pytest.mark.parametrize(
    "section", [one for one in SECTIONS if one.plugin or len(one.name) == 1], ids=lambda one: one.title
)
def test_an_unknown_key_is_refused_by_name(section: Section, tmp_path: Path) -> None:
    toml = section.toml({**section.examples(required=True), "no_such_key": "1"})
    number = toml.splitlines().index("no_such_key = 1") + 1
    assert f"bharat.toml line {number}: unknown key {section.title}.no_such_key" in refusal(toml, tmp_path)


@pytest.mark.parametrize("option", [one for one in OPTIONS if one.setting.required], ids=lambda one: one.key)
def test_a_required_key_that_is_missing_is_named_with_every_way_to_set_it(option: Option, tmp_path: Path) -> None:
    given = option.section.examples(required=True)
    del given[option.setting.name]
    message = refusal(option.section.toml(given), tmp_path)
    assert message.startswith(f"{option.key} is missing: set it under [{option.section.title}] in bharat.toml")
    assert all(name in message for name in (option.variable, *option.setting.env))


CAPABILITIES = tomllib.loads(next(block for block in BLOCKS if "storage.provider" in block))


@pytest.mark.parametrize("capability", CAPABILITIES)
def test_a_provider_that_nobody_offers_is_refused_by_name(capability: str, tmp_path: Path) -> None:
    variable = f"BHARAT_{capability.upper()}__PROVIDER"
    for source, toml, environ in [
        ("bharat.toml line 2", f'[{capability}]\nprovider = "no_such"\n', {}),
        ("bharat.toml line 2", f"[{capability}]\nprovider = 4711\n", {}),
        (variable, "", {variable: "no_such"}),
    ]:
        assert f"{source}: {capability}.provider " in refusal(toml, tmp_path, environ)


@pytest.mark.parametrize(
    ("key", "value", "code"), [("BHARAT_SERVER__PORT", "70000", 2), ("BHARAT_MAIL__FILE__FOLDERS", "x", 1)]
)
def test_the_command_refuses_too(
    key: str, value: str, code: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runtime = Runtime(environ={"BHARAT_HOME": str(tmp_path), key: value})
    assert run(cli, ["config"], runtime=runtime) == code
    assert f"{key}: " in capsys.readouterr().err


# The tests themselves find what they are for.


def test_an_option_without_an_example_is_told_with_what_to_add(distributions: Distributions) -> None:
    distributions.add(
        "careless",
        """
        import msgspec
        from typing import Annotated, Any

        class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
            token: Annotated[str, msgspec.Meta(description="a token")] = ""
            size: int = 3
            kind: Annotated[str, msgspec.Meta(description="a kind", examples=["plain"])] = ""

        @hookimpl
        def bharat_settings(): return Settings
        """,
    )
    told = {one.key: lacks_example(one) for one in options() if one.section.plugin == "careless"}
    assert "add msgspec.Meta(examples=[…]) beside token in sample_plugin_" in told["plugin.careless.token"]
    assert 'write msgspec.Meta(description="…") beside size' in told["plugin.careless.size"]
    assert told["plugin.careless.kind"] == ""


@pytest.mark.parametrize(
    ("annotation", "message"),
    [
        ("Any", "it started"),
        ("Annotated[int | None, msgspec.Meta(ge=1)]", "can't be used"),
    ],
)
def test_an_option_that_takes_anything_or_nothing_is_found(
    distributions: Distributions, tmp_path: Path, annotation: str, message: str
) -> None:
    """Mutants: one has no type that could refuse, the other one that msgspec itself refuses when it first meets a value."""
    distributions.add(
        "careless",
        f"""
        import msgspec
        from typing import Annotated, Any

        class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
            token: Annotated[{annotation}, msgspec.Meta(description="a token", examples=[3])] = None

        @hookimpl
        def bharat_settings(): return Settings
        """,
    )
    (option,) = (one for one in options() if one.section.plugin == "careless")
    with pytest.raises(AssertionError, match=message):
        test_a_wrong_value_in_the_file_is_refused_by_name(option, tmp_path)
