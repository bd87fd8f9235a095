"""The plugin as the platform sees it."""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bharat.config import load
from bharat.contracts.check import Finding, Status
from bharat.contracts.errors import ConfigError
from bharat.contracts.provider import Capability
from bharat.contracts.sessions import Sessions
from bharat.plugins import Plugins
from bharat.testing.platform import ShiftableClock, SmallPlatform
from bharat_local_servers import Valkey
from bharat_session_redis import RedisSessionOptions, bharat_sessions
from bharat_session_redis.sessions import RedisSessions

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


# The check.


def found(sessions: Sessions, platform: SmallPlatform) -> dict[str, Finding]:
    (provider,) = bharat_sessions()
    assert provider.check is not None
    return {finding.about: finding for finding in provider.check(sessions, platform)}


def test_a_redis_that_evicts_nothing_is_as_it_should_be(
    redis_sessions: Sessions, platform: SmallPlatform, raw: Any
) -> None:
    findings = found(redis_sessions, platform)
    about = {"version", "topology", "eviction", "memory", "persistence", "commands", "round-trip", "clock"}
    assert {name: finding.status.value for name, finding in findings.items()} == dict.fromkeys(about, "ok")
    assert raw.keys() == []


@pytest.mark.parametrize("policy", ["allkeys-lru", "volatile-lru"])
def test_a_redis_that_evicts_is_refused(
    redis_sessions: Sessions, platform: SmallPlatform, raw: Any, policy: str
) -> None:
    raw.config_set("maxmemory-policy", policy)
    finding = found(redis_sessions, platform)["eviction"]
    raw.config_set("maxmemory-policy", "noeviction")
    assert finding.status is Status.FAILED
    assert policy in finding.detail
    assert "noeviction" in finding.remedy


def test_a_clock_that_is_off_is_told(redis_sessions: Sessions, platform: SmallPlatform, clock: ShiftableClock) -> None:
    clock.advance(timedelta(seconds=30))
    finding = found(redis_sessions, platform)["clock"]
    assert (finding.status, "30.0 s ahead of that of Redis" in finding.detail) == (Status.FAILED, True)


def test_a_redis_that_is_down_is_a_failure(redis_sessions: Sessions, platform: SmallPlatform, valkey: Valkey) -> None:
    valkey.stop()
    findings = found(redis_sessions, platform)
    assert [finding.status for finding in findings.values()] == [Status.FAILED]
    assert "sessions.redis.url" in findings[""].remedy


README_ACL = "~bharat:* +@hash +@sortedset +@keyspace +@scripting +@connection +time +info +ping"


@pytest.mark.parametrize(
    ("left_out", "named"), [("", ""), ("+time", "'time'"), ("+info", "'info'"), ("+@hash", "hset")]
)
def test_what_an_acl_leaves_out_is_named(
    valkey: Valkey, raw: Any, platform: SmallPlatform, left_out: str, named: str
) -> None:
    rules = [rule for rule in README_ACL.split() if rule != left_out]
    raw.execute_command("ACL", "SETUSER", "limited", "reset", "on", ">hush", *rules)
    url = f"redis://limited:hush@127.0.0.1:{valkey.port}/0"
    sessions = RedisSessions(RedisSessionOptions(url=url))
    findings = found(sessions, platform)
    sessions.close()
    failed = [finding for finding in findings.values() if finding.status is not Status.OK]
    assert [finding.about for finding in failed] == (["commands"] if left_out else [])
    assert all(named in finding.detail.lower() and "hush" not in finding.detail for finding in failed)


def test_the_readme_says_what_an_acl_needs() -> None:
    text = " ".join((Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8").split())
    assert all(rule in text for rule in README_ACL.split()[1:])


def test_enabled_and_not_chosen_it_does_nothing(configured: Any) -> None:
    plugins = configured('plugins = ["session_redis"]')
    assert plugins.unused() == {"session_redis": ((Capability.SESSIONS, "redis"),)}
    assert configured(CHOSEN, REDIS_URL="redis://host").unused() == {}


def test_the_options_are_all_described() -> None:
    for field in msgspec.structs.fields(RedisSessionOptions):
        assert "description=" in str(field.type), field.name
