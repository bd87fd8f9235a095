"""The plugin as the platform sees it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bharat.config import load
from bharat.contracts.check import Status
from bharat.contracts.errors import ConfigError
from bharat.contracts.provider import Capability
from bharat.contracts.sessions import Sessions
from bharat.plugins import Plugins
from bharat_local_servers import Valkey
from bharat_session_redis.health import examine

CHOSEN = 'plugins = ["session_redis"]\n[sessions]\nprovider = "redis"\n'


@pytest.fixture
def configured(tmp_path: Path) -> Any:
    """Loads the plugins as configured by a text and an environment."""
    from bharat.app import BUILTINS

    def build(text: str, **environ: str) -> Plugins:
        path = tmp_path / "bharat.toml"
        path.write_text(text)
        return Plugins.load(load(path, {"BHARAT_HOME": str(tmp_path), **environ}), BUILTINS)

    return build


def test_the_customary_variable_names_the_server(configured: Any) -> None:
    plugins = configured(CHOSEN, REDIS_URL="redis://:hush@host")
    chosen = plugins.chosen(Capability.SESSIONS)
    assert chosen.provider.shared
    assert chosen.options.url == "redis://:hush@host"
    assert "hush" not in repr(chosen.options)
    assert "hush" not in repr(plugins.describe_settings())


def test_a_missing_url_is_asked_for(configured: Any) -> None:
    with pytest.raises(ConfigError, match=r"sessions\.redis\.url is missing.*REDIS_URL"):
        configured(CHOSEN)


def test_a_wrong_url_is_refused_without_being_shown(configured: Any) -> None:
    with pytest.raises(ConfigError, match=r"\[sessions\.redis\] can't be used.*wrong scheme.*REDIS_URL") as refused:
        configured(CHOSEN, REDIS_URL="http://:hush@host")
    assert "hush" not in str(refused.value)


def test_the_driver_is_not_imported_before_the_provider_is_built() -> None:
    code = "import sys, bharat_session_redis as p; p.RedisSessionOptions(url='redis://h'); sys.exit('redis' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_the_health_check_is_content_with_a_redis_that_evicts_nothing(redis_sessions: Sessions) -> None:
    assert examine(redis_sessions).status is Status.OK


def test_the_health_check_warns_of_a_redis_that_evicts(redis_sessions: Sessions, raw: Any) -> None:
    raw.config_set("maxmemory-policy", "allkeys-lru")
    finding = examine(redis_sessions)
    raw.config_set("maxmemory-policy", "noeviction")
    assert finding.status is Status.DEGRADED
    assert "allkeys-lru" in finding.detail
    assert "noeviction" in finding.remedy


def test_the_health_check_fails_while_redis_is_down(redis_sessions: Sessions, valkey: Valkey) -> None:
    valkey.stop()
    assert examine(redis_sessions).status is Status.FAILED


def test_the_options_are_all_described() -> None:
    from bharat_session_redis import RedisSessionOptions

    for field in msgspec.structs.fields(RedisSessionOptions):
        assert "description=" in str(field.type), field.name
