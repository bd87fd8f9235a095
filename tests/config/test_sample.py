"""The sample names every key, with its default."""

from __future__ import annotations

import re
import tomllib
from importlib.resources import files
from pathlib import Path

import bharat.local
from bharat.config import load, settings_of
from bharat.config.load import SECTIONS
from bharat.contracts.provider import Capability
from bharat.plugins import survey

SAMPLE = (files("bharat") / "sample.toml").read_text(encoding="utf-8")


def uncommented() -> dict[str, object]:
    return tomllib.loads(re.sub(r"^# (?=[a-z_]+ = )", "", SAMPLE, flags=re.MULTILINE))


def test_the_sample_as_it_is_changes_nothing(folder: Path) -> None:
    defaults = [(row.key, row.shown) for row in load(None, {}).describe()]
    (folder / "bharat.toml").write_text(SAMPLE, encoding="utf-8")
    assert [(row.key, row.shown) for row in load(None, {}).describe()] == defaults


def test_the_sample_names_every_key_of_the_core_with_its_default() -> None:
    sample = uncommented()
    config = load(None, {})
    for name, struct in SECTIONS.items():
        section = sample[name]
        assert isinstance(section, dict)
        for setting in settings_of(struct):
            assert setting.name in section, f"{name}.{setting.name}"
            if setting.default not in (None, "") and not setting.secret:
                default = list(setting.default) if isinstance(setting.default, tuple) else setting.default
                assert section[setting.name] == default, f"{name}.{setting.name}"
        assert set(section) <= {setting.name for setting in settings_of(struct)}
    assert {"mode", "plugins", "home", "secret_key", "previous_secrets"} <= set(sample)
    for capability in Capability:
        section = sample[capability.value]
        assert isinstance(section, dict)
        assert section["provider"] == config.choice(capability).provider


def test_the_sample_names_every_option_of_the_embedded_providers(folder: Path) -> None:
    sample = uncommented()
    reports, _ = survey(load(None, {}), [("local", bharat.local)])
    (local,) = (report for report in reports if report.name == "local")
    assert local.problem == ""
    for provider in local.providers:
        section = sample[provider.capability]
        assert isinstance(section, dict)
        named = set(section.get(provider.name, {}))
        assert named == {option.name for option in provider.options}, f"[{provider.capability}.{provider.name}]"
