"""Servers for the tests of how servers are run."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bharat_local_servers import Postgres, Valkey
from bharat_local_servers.pytest_fixtures import required


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    with required(lambda: Postgres(durable=False, max_connections=17)) as server:
        yield server


@pytest.fixture
def valkey() -> Iterator[Valkey]:
    with required(lambda: Valkey(appendonly=True)) as server:
        yield server


@pytest.fixture
def bare_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No programs on PATH or in system folders, no wheels, an empty cache."""
    empty = tmp_path / "empty"
    empty.mkdir()
    monkeypatch.setenv("PATH", str(empty))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("BHARAT_TEST_NGINX", raising=False)
    monkeypatch.setattr("bharat_local_servers.programs._SYSTEM_FOLDERS", ())
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    monkeypatch.setattr("bharat_local_servers.postgres_binary._DEBIAN", empty)
    return tmp_path
