"""Where values come from and which wins."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from bharat.config import Config, load
from bharat.contracts.errors import ConfigError
from bharat.contracts.provider import Capability

Write = Callable[[str], Path]


def source_of(config: Config, key: str) -> str:
    return next(row.source for row in config.describe() if row.key == key)


def test_with_nothing_configured_every_default_holds(folder: Path) -> None:
    config = load(None, {})
    assert config.plugins == ()
    assert config.home == folder / ".bharat"
    assert config.secret_key is None
    assert config.server.public_url == "http://127.0.0.1:8000"
    assert config.database.url.reveal() == f"sqlite:///{folder / '.bharat' / 'bharat.sqlite3'}"
    assert config.choice(Capability.STORAGE).provider == "folder"
    assert config.choice(Capability.VECTORS).provider == "off"


def test_the_file_wins_over_defaults_and_the_environment_over_the_file(toml: Write) -> None:
    toml('[server]\nport = 8001\nhost = "::1"\n')
    config = load(None, {"BHARAT_SERVER__PORT": "8002"})
    assert (config.server.port, config.server.host, config.server.max_body) == (8002, "::1", 1024 * 1024)
    assert source_of(config, "server.port") == "BHARAT_SERVER__PORT"
    assert source_of(config, "server.host") == "bharat.toml line 3"
    assert source_of(config, "server.max_body") == "default"
    assert config.server.public_url == "http://[::1]:8002"


def test_a_customary_name_wins_over_the_file_and_yields_to_bharats_own(toml: Write) -> None:
    toml('[database]\nurl = "postgresql://file/x"\n')
    assert load(None, {"DATABASE_URL": "postgresql://customary/x"}).database.url.reveal() == "postgresql://customary/x"
    both = {"DATABASE_URL": "postgresql://customary/x", "BHARAT_DATABASE__URL": "postgresql://own/x"}
    assert load(None, both).database.url.reveal() == "postgresql://own/x"


def test_an_empty_customary_name_counts_as_unset() -> None:
    assert load(None, {"DATABASE_URL": ""}).database.dialect == "sqlite"


@pytest.mark.parametrize("text", ["crm,storage_spaces", " crm , storage_spaces ", '["crm", "storage_spaces"]'])
def test_a_list_is_separated_by_commas_or_json(text: str) -> None:
    assert load(None, {"BHARAT_PLUGINS": text}).plugins == ("crm", "storage_spaces")


def test_an_empty_list_from_the_environment_empties_the_files(toml: Write) -> None:
    toml('plugins = ["crm"]\n')
    assert load(None, {"BHARAT_PLUGINS": ""}).plugins == ()


def test_variables_of_tests_and_the_files_place_are_no_settings(toml: Write) -> None:
    path = toml("[server]\nport = 9\n")
    environ = {"BHARAT_TEST_REDIS_URL": "x", "BHARAT_CONFIG": str(path), "BHARAT_DEBUG": "1", "PATH": "/bin"}
    assert load(None, environ).server.port == 9


def test_the_file_in_home_is_found_before_the_one_in_the_current_folder(toml: Write, folder: Path) -> None:
    toml("[server]\nport = 1\n")
    home = folder / "state"
    home.mkdir()
    assert load(None, {"BHARAT_HOME": str(home)}).server.port == 1
    (home / "bharat.toml").write_text("[server]\nport = 2\n")
    assert load(None, {"BHARAT_HOME": str(home)}).server.port == 2


def test_a_named_file_that_is_missing_is_refused() -> None:
    with pytest.raises(
        ConfigError, match=r"there is no configuration file gone\.toml: correct --config or BHARAT_CONFIG"
    ):
        load(None, {"BHARAT_CONFIG": "gone.toml"})


def test_a_relative_home_in_a_file_counts_from_the_files_folder(folder: Path) -> None:
    (folder / "etc").mkdir()
    (folder / "etc" / "bharat.toml").write_text('home = "state"\n')
    assert load(folder / "etc" / "bharat.toml", {}).home == folder / "etc" / "state"
    assert load(folder / "etc" / "bharat.toml", {"BHARAT_HOME": "here"}).home == folder / "here"


def test_cookies_are_secure_when_browsers_come_by_https() -> None:
    assert not load(None, {}).server.secure_cookies
    config = load(None, {"BHARAT_SERVER__PUBLIC_URL": "https://crm.example.com/"})
    assert config.server.secure_cookies
    assert config.server.public_url == "https://crm.example.com"


def test_provider_options_and_plugin_settings_stay_raw_and_the_environment_wins(toml: Write) -> None:
    toml(
        '[storage]\nprovider = "spaces"\n[storage.spaces]\nbucket = "a"\nregion = "fra1"\n[plugin.crm]\ncurrency = "EUR"\n'
    )
    environ = {"BHARAT_STORAGE__SPACES__BUCKET": "b", "BHARAT_PLUGIN__CRM__CURRENCY": "INR"}
    config = load(None, environ)
    options = config.choice(Capability.STORAGE).options["spaces"]
    assert {name: (raw.value, raw.source) for name, raw in options.items()} == {
        "bucket": ("b", "BHARAT_STORAGE__SPACES__BUCKET"),
        "region": ("fra1", "bharat.toml line 5"),
    }
    assert config.plugin_settings["crm"]["currency"].value == "INR"
    assert config.choice(Capability.STORAGE).source == "bharat.toml line 2"


def test_without_a_named_home_the_file_in_the_default_one_is_read(folder: Path) -> None:
    (folder / ".bharat").mkdir()
    (folder / ".bharat" / "bharat.toml").write_text("[server]\nport = 8123\n")
    assert load(None, {}).server.port == 8123


def test_the_owner_s_url_alone_is_enough_to_make_the_application_s() -> None:
    config = load(None, {"BHARAT_DATABASE__MIGRATION_URL": "postgresql://owner:x@host/name"})
    assert config.database.migration_url is not None
    assert not config.database.url


@pytest.mark.parametrize("kept", ["bharat.sqlite3", "secret.key"])
def test_a_named_file_in_a_home_means_that_home(folder: Path, kept: str) -> None:
    home = folder / "crm"
    home.mkdir()
    path = home / "bharat.toml"
    path.write_text("")
    assert load(path, {}).home == folder / ".bharat"
    (home / kept).touch()
    for config in (load(path, {}), load(None, {"BHARAT_CONFIG": "crm/bharat.toml"})):
        assert config.home == home
        assert source_of(config, "home") == "the folder of the configuration file"
        assert config.database.url.reveal() == f"sqlite:///{home / 'bharat.sqlite3'}"
    assert load(path, {"BHARAT_HOME": "here"}).home == folder / "here"
    path.write_text('home = "state"\n')
    assert load(path, {}).home == home / "state"


def test_a_file_that_nobody_named_does_not_make_its_folder_the_home(toml: Write, folder: Path) -> None:
    toml("")
    (folder / "secret.key").touch()
    assert load(None, {}).home == folder / ".bharat"


@pytest.mark.parametrize("text", ["crm,", "crm , "])
def test_a_comma_at_the_end_of_a_list_adds_nothing(text: str) -> None:
    assert load(None, {"BHARAT_PLUGINS": text}).plugins == ("crm",)
