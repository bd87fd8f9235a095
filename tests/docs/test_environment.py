"""The configuration of a cluster that the guide shows starts one."""

from __future__ import annotations

from pathlib import Path

import pytest

from bharat.app import load_plugins
from bharat.config import load
from bharat.contracts.errors import ConfigError
from tests.docs.markdown import Page
from tests.packaging.distributions import ROOT

GUIDE = Page(ROOT / "docs" / "05-ENVIRONMENT-GUIDE.md")
ENVIRON = {"BHARAT_SECRET_KEY": "x" * 40, "DATABASE_URL": "postgresql://bharat_app@localhost/bharat"}


def start(text: str, folder: Path) -> None:
    file = folder / "bharat.toml"
    file.write_text(text, encoding="utf-8")
    load_plugins(load(file, {**ENVIRON, "BHARAT_HOME": str(folder)}))


def test_the_cluster_of_the_guide_is_accepted(tmp_path: Path) -> None:
    (shown,) = GUIDE.blocks("toml")
    start(shown, tmp_path)


@pytest.mark.parametrize("section", ["cache", "mail"])
def test_every_provider_that_it_chooses_is_needed(section: str, tmp_path: Path) -> None:
    (shown,) = GUIDE.blocks("toml")
    before, _, after = shown.partition(f"[{section}]\n")
    with pytest.raises(ConfigError, match=section):
        start(before + after.partition("\n")[2], tmp_path)
