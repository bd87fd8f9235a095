"""Errors are one line and an exit code; plugins' commands are there when the configuration loads."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import pytest

import bharat as product
from bharat.cli import cli
from tests.fixtures.distributions import Distributions

Bharat = Callable[..., Any]

COMMANDS = """
import click
from bharat.contracts.errors import BharatError
@click.command("greet", help="Say hello.")
def greet(): click.echo("namaste")
@click.command("stumble")
def stumble(): raise BharatError("the tape is full; insert another")
@click.command("crash")
def crash(): raise ZeroDivisionError("oh")
@hookimpl
def bharat_commands(): return [greet, stumble, crash]
"""


def test_help_needs_no_configuration(bharat: Bharat, folder: Path) -> None:
    (folder / "bharat.toml").write_text("broken = = 1")
    outcome = bharat("--help")
    assert outcome.code == 0
    assert "plugins" in outcome.out
    assert "Plugins' commands are not shown: bharat.toml is not valid TOML" in " ".join(outcome.out.split())


def test_the_version_is_told(bharat: Bharat) -> None:
    assert bharat("--version").out == f"bharat {product.__version__}\n"


def test_an_enabled_plugin_adds_its_commands(bharat: Bharat, distributions: Distributions, folder: Path) -> None:
    distributions.add("sample", COMMANDS)
    (folder / "bharat.toml").write_text('plugins = ["sample"]\n')
    assert "Say hello." in bharat("--help").out
    assert bharat("greet").out == "namaste\n"


def test_the_file_named_on_the_command_line_decides_the_commands(
    bharat: Bharat, distributions: Distributions, folder: Path
) -> None:
    distributions.add("sample", COMMANDS)
    (folder / "other.toml").write_text('plugins = ["sample"]\n')
    assert bharat("--config", "other.toml", "greet").out == "namaste\n"
    assert "Say hello." in bharat("--config", "other.toml", "--help").out
    assert "Say hello." not in bharat("--help").out


def test_a_failure_is_one_line_and_exit_code_1(bharat: Bharat, distributions: Distributions) -> None:
    distributions.add("sample", COMMANDS)
    outcome = bharat("stumble", BHARAT_PLUGINS="sample")
    assert (outcome.code, outcome.out, outcome.err) == (1, "", "bharat: error: the tape is full; insert another\n")


def test_an_unexpected_error_shows_its_traceback_only_when_asked(bharat: Bharat, distributions: Distributions) -> None:
    distributions.add("sample", COMMANDS)
    plain = bharat("crash", BHARAT_PLUGINS="sample")
    assert plain.code == 1
    assert plain.err == (
        "bharat: error: unexpected ZeroDivisionError: oh; run it again with --debug to see where, and report it\n"
    )
    for outcome in (
        bharat("--debug", "crash", BHARAT_PLUGINS="sample"),
        bharat("crash", BHARAT_PLUGINS="sample", BHARAT_DEBUG="1"),
    ):
        assert "Traceback" in outcome.err
        assert outcome.err.endswith("bharat: error: unexpected ZeroDivisionError: oh\n")


def test_wrong_usage_is_exit_code_2(bharat: Bharat) -> None:
    outcome = bharat("config", "--jsn")
    assert outcome.code == 2
    assert outcome.err.startswith("bharat: error: No such option")
    assert outcome.err.count("\n") == 1
    assert "bharat config --help" in outcome.err


def test_an_unknown_command_is_wrong_usage(bharat: Bharat) -> None:
    outcome = bharat("plugs")
    assert outcome.code == 2
    assert "bharat: error: No such command 'plugs'" in outcome.err


def test_an_unknown_command_under_a_broken_configuration_says_why_it_may_be_missing(bharat: Bharat) -> None:
    outcome = bharat("greet", BHARAT_PLUGINS="gone")
    assert outcome.code == 2
    assert outcome.err.startswith(
        "bharat: error: 'greet' is not a command of Bharat, and plugins' commands can't be loaded: plugin 'gone' is enabled "
    )


def test_a_plugin_cannot_replace_a_command_of_bharat(bharat: Bharat, distributions: Distributions) -> None:
    distributions.add("sample", "import click\n@hookimpl\ndef bharat_commands(): return [click.Command('config')]")
    outcome = bharat("anything", BHARAT_PLUGINS="sample")
    assert outcome.code == 2
    assert "plugin 'sample' adds the command 'config', which Bharat has; it must be renamed" in outcome.err
    assert bharat("config", BHARAT_PLUGINS="sample").code == 0


@pytest.mark.parametrize("module", ["bharat.cli", "bharat.app", "bharat.server.launch", "bharat.work.service"])
def test_no_driver_is_loaded_before_a_provider_is_chosen(tmp_path: Path, module: str) -> None:
    drivers = {"boto3", "redis", "rq", "qdrant_client", "flask", "socketio", "numpy"}
    code = f"import sys, {module}\nprint(sorted({drivers!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, check=True)
    assert done.stdout == "[]\n"


def test_help_loads_nothing_of_the_application(tmp_path: Path) -> None:
    code = "import sys, bharat.cli\nprint(sorted({'bharat.app', 'falcon', 'gunicorn'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, check=True)
    assert done.stdout == "[]\n"


def test_output_into_a_closed_pipe_ends_quietly(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "bharat", "--version"],
            stdout=writer,
            stderr=subprocess.PIPE,
            text=True,
            cwd=tmp_path,
            check=False,
        )
    finally:
        os.close(writer)
    assert (done.returncode, done.stderr) == (1, "")


def commands_below(command: click.Command, *names: str) -> Iterator[tuple[str, click.Command]]:
    yield " ".join(names), command
    if isinstance(command, click.Group):
        for name, below in command.commands.items():
            yield from commands_below(below, *names, name)


def test_every_option_says_what_it_is_for_and_whether_it_repeats() -> None:
    for name, command in commands_below(cli):
        for option in command.params:
            if isinstance(option, click.Option) and not option.hidden:
                assert option.help, f"{name} {option.name}"
                assert not option.multiple or "repeatable" in option.help.lower(), f"{name} {option.name}"


def test_help_has_whole_summaries(bharat: Bharat) -> None:
    for group in ((), ("user",), ("jobs",), ("database",), ("plugins",)):
        listed = bharat(*group, "--help").out.partition("Commands:")[2]
        assert listed
        assert "..." not in listed
