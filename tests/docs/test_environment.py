"""The configuration of a cluster that the guide shows starts one."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest

from bharat.app import load_plugins
from bharat.config import load
from bharat.contracts.errors import ConfigError
from bharat.contracts.provider import Capability
from bharat.plugins import Plugins
from bharat_mail_smtp.options import SmtpOptions
from bharat_redis import RedisSettings
from bharat_storage_spaces import SpacesOptions
from tests.docs.markdown import Page
from tests.packaging.distributions import ROOT

GUIDE = Page(ROOT / "docs" / "05-ENVIRONMENT-GUIDE.md")
ENVIRON = {"BHARAT_SECRET_KEY": "x" * 40, "DATABASE_URL": "postgresql://bharat_app@localhost/bharat"}


def start(text: str, folder: Path, **environ: str) -> Plugins:
    file = folder / "bharat.toml"
    file.write_text(text, encoding="utf-8")
    return load_plugins(load(file, {**ENVIRON, "BHARAT_HOME": str(folder), **environ}))


def test_the_cluster_of_the_guide_is_accepted(tmp_path: Path) -> None:
    shown, *_ = GUIDE.blocks("toml")
    start(shown, tmp_path)


def test_each_address_of_redis_reaches_what_it_is_for(tmp_path: Path) -> None:
    _, shown, *_ = GUIDE.blocks("toml")
    plugins = start(shown, tmp_path, REDIS_URL="redis://state", REDIS_CACHE_URL="redis://cache")
    chosen = {
        each: cast(RedisSettings, plugins.chosen(Capability(each)).options).url
        for each in ("sessions", "locks", "limits", "cache")
    }
    assert chosen == {**dict.fromkeys(("sessions", "locks", "limits"), "redis://state"), "cache": "redis://cache"}


def test_the_bucket_of_the_guide_is_accepted(tmp_path: Path) -> None:
    (shown,) = [block for block in GUIDE.blocks("toml") if "storage_spaces" in block]
    (variables,) = [block for block in GUIDE.blocks("sh") if "SPACES_BUCKET" in block]
    environ = dict(line.partition(" ")[0].split("=", 1) for line in variables.splitlines())
    chosen = start(shown, tmp_path, **{**environ, "SPACES_SECRET": "s"}).chosen(Capability.STORAGE)
    assert isinstance(chosen.options, SpacesOptions)
    assert chosen.options.endpoint_url == "https://fra1.digitaloceanspaces.com"


def test_the_mail_of_the_guide_goes_to_the_server_that_the_environment_names(tmp_path: Path) -> None:
    (shown,) = (block for block in GUIDE.blocks("toml") if 'provider = "smtp"' in block)
    plugins = start(shown, tmp_path, SMTP_HOST="smtp.example.com", SMTP_USER="u", SMTP_PASSWORD="p")
    assert cast(SmtpOptions, plugins.chosen(Capability.MAIL).options).address == "smtp.example.com:587"


@pytest.mark.parametrize("section", ["cache", "mail"])
def test_every_provider_that_it_chooses_is_needed(section: str, tmp_path: Path) -> None:
    shown, *_ = GUIDE.blocks("toml")
    before, _, after = shown.partition(f"[{section}]\n")
    with pytest.raises(ConfigError, match=section):
        start(before + after.partition("\n")[2], tmp_path)


def test_both_ways_to_qdrant_are_accepted(tmp_path: Path) -> None:
    embedded, server = (block for block in GUIDE.blocks("toml") if "[vectors]" in block)
    for number, (shown, name) in enumerate(((embedded, "qdrant_embedded"), (server, "qdrant"))):
        folder = tmp_path / str(number)
        folder.mkdir()
        plugins = start(shown, folder, BHARAT_MODE="single", QDRANT_URL="https://qdrant.example.com:6333")
        assert plugins.chosen(Capability.VECTORS).provider.name == name
