"""`bharat config`: value and source of every key."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.fixtures.distributions import Distributions

Bharat = Callable[..., Any]


def test_every_key_is_listed_with_value_and_source(bharat: Bharat, folder: Path) -> None:
    (folder / "bharat.toml").write_text("[server]\nport = 8123\n")
    outcome = bharat("config", DATABASE_URL="postgresql://r:hunter2@db/crm")
    lines = {line.split()[0]: " ".join(line.split()[1:]) for line in outcome.out.splitlines() if line}
    assert outcome.code == 0
    assert outcome.out.startswith(f"# file: {folder / 'bharat.toml'}\n")
    assert lines["server.port"] == "8123 bharat.toml line 2"
    assert lines["database.url"] == "postgresql://r:********@db/crm DATABASE_URL"
    assert lines["storage.provider"] == "folder default"
    assert "hunter2" not in outcome.out + outcome.err


def test_json_says_the_same(bharat: Bharat) -> None:
    answer = json.loads(bharat("config", "--json", BHARAT_SERVER__PORT="9").out)
    assert answer["file"] is None
    assert answer["problem"] == ""
    assert {"key": "server.port", "value": "9", "source": "BHARAT_SERVER__PORT"} in answer["settings"]


def test_a_secret_option_is_masked_by_what_its_plugin_says(bharat: Bharat, distributions: Distributions) -> None:
    code = """
    import msgspec
    from typing import Annotated
    class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
        token: Annotated[str, msgspec.Meta(extra={"secret": True})] = ""
    @hookimpl
    def bharat_settings(): return Settings
    """
    distributions.add("sample", code)
    outcome = bharat("config", BHARAT_PLUGINS="sample", BHARAT_PLUGIN__SAMPLE__TOKEN="hunter2")
    assert "plugin.sample.token" in outcome.out
    assert "********" in outcome.out
    assert "hunter2" not in outcome.out


def test_with_a_broken_plugin_the_keys_are_shown_and_the_problem_told(bharat: Bharat) -> None:
    outcome = bharat("config", BHARAT_PLUGINS="gone", BHARAT_PLUGIN__GONE__TOKEN="hunter2")
    assert outcome.code == bharat("config", "--json", BHARAT_PLUGINS="gone").code == 1
    assert "server.port" in outcome.out
    assert "(set)" in outcome.out
    assert "hunter2" not in outcome.out + outcome.err
    assert (
        "bharat: warning: Bharat would not start with this: plugin 'gone' is enabled and not installed" in outcome.err
    )


def test_a_configuration_that_cannot_be_read_is_one_line(bharat: Bharat) -> None:
    outcome = bharat("config", BHARAT_SERVER__PORT="x")
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.startswith("bharat: error: BHARAT_SERVER__PORT: server.port must be a whole number.")
