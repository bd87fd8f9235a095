from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from bharat.config import load
from bharat.contracts.errors import BharatError
from bharat.contracts.provider import Capability
from bharat_dev_cluster.configuration import ClusterSettings, write_private
from bharat_dev_cluster.record import FILE, Record


def settings(tmp_path: Path, *plugins: str) -> ClusterSettings:
    return ClusterSettings(
        public_url="http://127.0.0.1:9000",
        secret_key="k" * 48,
        database_url='postgresql://app:p%40ss"\\w@127.0.0.1:5432/bharat',
        redis_url="redis://:x@127.0.0.1:6379/0",
        home=tmp_path / "commands",
        files=tmp_path / "files with 'quotes' \" and ü",
        plugins=plugins,
    )


def test_bharat_reads_the_file_as_it_was_meant(tmp_path: Path) -> None:
    meant = settings(tmp_path, "crm", "session_redis")
    path = tmp_path / "bharat.toml"
    path.write_text(meant.toml(), encoding="utf-8")
    config = load(path, {})
    assert (config.mode, config.plugins) == ("cluster", ("crm", "session_redis"))
    assert config.database.url.reveal() == meant.database_url
    assert config.database.migration_url is None
    assert config.server.public_url == meant.public_url
    assert config.home == meant.home
    assert load(path, {"BHARAT_HOME": "/of/a/server"}).home == Path("/of/a/server")
    assert config.choice(Capability.SESSIONS).provider == "redis"
    assert tomllib.loads(meant.toml())["storage"]["shared_folder"]["root"] == str(meant.files)


def test_without_the_redis_plugin_sessions_stay_in_the_database(tmp_path: Path) -> None:
    path = tmp_path / "bharat.toml"
    path.write_text(settings(tmp_path).toml(), encoding="utf-8")
    config = load(path, {})
    assert config.choice(Capability.SESSIONS).provider == "database"
    assert "redis://" not in path.read_text(encoding="utf-8")


def test_a_file_with_secrets_is_its_owner_s_alone(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("old and readable by all")
    write_private(path, "new")
    assert path.read_text() == "new"
    assert path.stat().st_mode & 0o777 == 0o600


def read(folder: Path, app_servers: int | None = None, port: int | None = None) -> Record:
    return Record.read(folder, app_servers=app_servers, port=port, plugins=None)


def test_a_cluster_keeps_what_it_was_made_with(tmp_path: Path) -> None:
    made = read(tmp_path, app_servers=3)
    made.write(tmp_path)
    assert read(tmp_path) == made
    assert read(tmp_path, app_servers=3, port=made.port) == made


def test_a_contradicting_option_is_refused_with_what_to_do(tmp_path: Path) -> None:
    read(tmp_path, app_servers=3).write(tmp_path)
    with pytest.raises(BharatError, match=r"was made with --app-servers 3, not 2: leave that out"):
        read(tmp_path, app_servers=2)


def test_a_damaged_record_is_told(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text("{")
    with pytest.raises(BharatError, match=r"cluster\.json can't be read.*remove"):
        read(tmp_path)


def test_a_plugin_that_is_not_installed_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    folder = tmp_path / "cluster"
    with pytest.raises(BharatError, match=r"plugin 'sesion_redis' is not installed; did you mean 'session_redis'\?"):
        Record.read(folder, app_servers=None, port=None, plugins=("sesion_redis",))
    assert not folder.exists()
