"""What a Struct says of its settings."""

from __future__ import annotations

import tomllib
from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import msgspec
import pytest
from msgspec import Meta

from bharat.config import Secret, as_toml, settings_of
from bharat.config.fields import Setting, read
from bharat.config.sources import Raw
from bharat.contracts.errors import ConfigError
from bharat.contracts.phrasing import TOLD


class Options(msgspec.Struct):
    between: Annotated[int, Meta(ge=1, le=9)] = 5
    above: Annotated[float, Meta(gt=0)] = 0.5
    unset: Annotated[Annotated[int, Meta(le=3)] | None, Meta(examples=[2])] = None
    name: Annotated[str, Meta(min_length=1, max_length=8)] = "x"
    path: Annotated[str, Meta(pattern="^/", extra={TOLD: "must be an absolute path"})] = ""
    form: Annotated[str, Meta(pattern="^a+$")] = "a"
    shown: Annotated[int, Meta(examples=[7, 8])] = 1
    folder: Path = Path("home")
    password: Annotated[str, Meta(extra={"secret": True})] = "hunter2"
    key: Secret = Secret("hunter2")


SETTINGS = {setting.name: setting for setting in settings_of(Options)}


def test_bounds_are_said_in_words() -> None:
    assert {name: setting.range for name, setting in SETTINGS.items() if setting.range} == {
        "between": "1 to 9",
        "above": "more than 0",
        "unset": "at most 3",
        "name": "not empty, length at most 8",
        "path": "an absolute path",
        "form": "as the pattern ^a+$",
    }


def test_an_example_is_declared_or_the_default_and_never_a_secret_one() -> None:
    assert {name: setting.example for name, setting in SETTINGS.items() if setting.example is not None} == {
        "between": 5,
        "above": 0.5,
        "unset": 2,
        "name": "x",
        "form": "a",
        "shown": 7,
        "folder": "home",
    }


def refusal(setting: Setting, value: Any) -> str:
    with pytest.raises(ConfigError) as refused:
        read(setting, Raw(value, "here"), "section")
    return str(refused.value)


def test_a_pattern_is_told_in_the_option_s_own_words() -> None:
    assert refusal(SETTINGS["path"], "x").startswith("here: section.path must be an absolute path.")
    assert refusal(SETTINGS["path"], 1).startswith("here: section.path must be a text, not a whole number.")


def test_a_value_that_may_be_absent_is_told_in_words() -> None:
    assert refusal(SETTINGS["unset"], "x").startswith(
        "here: section.unset must be a whole number or nothing, not a text."
    )


class Colour(Enum):
    RED = "red"


@pytest.mark.parametrize(
    ("value", "read_back"),
    [
        (True, True),
        (1, 1),
        (0.5, 0.5),
        ('a "quoted" \\ text\n\t\x7f ü 🗂', 'a "quoted" \\ text\n\t\x7f ü 🗂'),
        (("a", "b"), ["a", "b"]),
        ({"a b": [1], "c": {}}, {"a b": [1], "c": {}}),
        (Colour.RED, "red"),
    ],
)
def test_a_value_is_written_as_toml_reads_it(value: object, read_back: object) -> None:
    assert tomllib.loads(f"key = {as_toml(value)}") == {"key": read_back}


def test_what_toml_does_not_hold_is_refused() -> None:
    with pytest.raises(TypeError, match="NoneType"):
        as_toml(None)
