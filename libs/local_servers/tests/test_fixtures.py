"""The fixtures themselves."""

from typing import Any

import pytest

from bharat_local_servers import ServerUnavailable, Valkey, pytest_fixtures
from bharat_local_servers.pytest_fixtures import required

valkey = pytest_fixtures.valkey
"""The one for everybody, in place of this folder's."""


def absent() -> None:
    raise ServerUnavailable("install it")


def test_a_missing_server_skips_on_a_laptop_and_fails_where_ci_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="install it"):
        required(absent)
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="install it"):
        required(absent)


@pytest.mark.parametrize("leave", ["pause", "stop", "kill", "resume"])
def test_each_test_gets_a_valkey_as_if_nobody_had_used_it(valkey: Valkey, raw: Any, leave: str) -> None:
    assert raw.dbsize() == 0
    assert raw.config_get("maxmemory*")["maxmemory"] == "0"
    raw.set("left", "behind")
    raw.config_set("maxmemory", 1)
    getattr(valkey, leave)()
