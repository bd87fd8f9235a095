"""The pages that follow from the code say what the code says; commands that other pages show exist."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from functools import cache

import click
import pytest

from bharat.app import BUILTINS
from bharat.cli import COMMANDS, cli
from bharat.config import Config
from bharat.plugins import Plugins
from scripts.generate_docs import PARTS, plugin_names, updated
from tests.docs.markdown import Page, pages
from tests.packaging.distributions import ROOT

# Words that stand for something the reader puts there.
PLACEHOLDER = re.compile(r"[A-Z_]+|…|\.\.\.")
_PROMPT = re.compile(r"^(?:\$ )?(?:[A-Z_]+=\S+ )*(?:\S*/)?bharat ([A-Za-z-].*)$")


@pytest.mark.parametrize("name", PARTS)
def test_a_generated_page_is_up_to_date(name: str) -> None:
    text = Page(ROOT / name).text
    assert updated(text, PARTS[name]) == text, f"{name} is out of date: run `make docs`, and commit what it wrote"


@cache
def every_command() -> dict[str, click.Command]:
    own = {command.name or "": command for command in COMMANDS}
    for name in [*plugin_names(), "sample"]:
        for owned in Plugins.load(Config(plugins=(name,)), BUILTINS).commands():
            own[owned.item.name or ""] = owned.item
    return own


def test_every_command_and_option_stands_in_the_reference() -> None:
    text = Page(ROOT / "docs" / "commands.md").text
    missing = []
    for name, command in every_command().items():
        if name.startswith("sample"):
            continue
        section = text.partition(f"## `bharat {name}`\n")[2]
        missing += [] if section else [name]
        for option in command.params:
            if isinstance(option, click.Option) and not option.hidden:
                missing += [f"{name} {opt}" for opt in option.opts if opt not in section]
    assert missing == []


def shown_commands(page: Page) -> Iterator[str]:
    """What the page shows as calls of `bharat`: whole lines of blocks, and inline code."""
    lines = [line for block in page.all_blocks() for line in block.replace("\\\n", " ").splitlines()]
    for text in [*lines, *page.inline_code()]:
        if match := _PROMPT.match(text.strip()):
            yield match[1]


def fault(words: list[str], commands: dict[str, click.Command]) -> str | None:
    """Why these words are no call of `bharat`; `None` when they are."""
    while words and words[0].startswith("-"):
        if words[0] in ("--config",):
            words = words[2:]
        elif any(words[0] in parameter.opts for parameter in cli.params) or words[0] in ("--help", "--version", "-h"):
            words = words[1:]
        else:
            return f"bharat has no option {words[0]}"
    if not words or PLACEHOLDER.fullmatch(words[0]):
        return None
    command = commands.get(words[0])
    path = words[0]
    if command is None:
        return f"there is no command {path}"
    rest = words[1:]
    while isinstance(command, click.Group) and rest and rest[0] in command.commands:
        command, path, rest = command.commands[rest[0]], f"{path} {rest[0]}", rest[1:]
    known = {opt for parameter in command.params for opt in [*parameter.opts, *parameter.secondary_opts]} | {"--help"}
    for word in rest:
        if word in ("|", ">", "&&", ";", "#"):
            break
        if word.startswith("--") and word.partition("=")[0] not in known:
            return f"{path} has no option {word}"
    return None


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_every_command_that_a_page_shows_exists(page: Page) -> None:
    commands = every_command()
    wrong = []
    for text in shown_commands(page):
        for part in text.split("|")[:1]:
            reason = fault(shlex.split(part, comments=True), commands)
            wrong += [f"bharat {text}: {reason}"] if reason else []
    assert wrong == []


@pytest.mark.parametrize("text", ["frobnicate", "migrate --sideways", "plugins enable crm --twice", "--loud migrate"])
def test_a_command_that_does_not_exist_would_be_found(text: str) -> None:
    assert fault(text.split(), every_command()) is not None
