"""`bharat doctor`, on real databases and servers: what is wrong is a finding, and no finding holds a secret."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote

import msgspec
import pytest
import redis

import bharat as product
from bharat.cli import cli, examination
from bharat.cli.base import Runtime, run
from bharat.cli.doctor import Line, Report, reported
from bharat.cli.examination import Extent, conduct
from bharat.contracts.check import Status
from bharat.contracts.vectors import Embedding
from bharat.data.clock import OffsetClock
from bharat.data.engine import EngineOptions, parse_url
from bharat.testing.suite import eventually
from bharat_local_servers import Postgres, ServerUnavailable, Valkey
from bharat_local_servers.pytest_fixtures import missing, required
from bharat_local_servers.spawning import command
from bharat_vector_qdrant import QdrantOptions
from bharat_vector_qdrant.server import QdrantVectors
from tests.cli.conftest import Outcome
from tests.fixtures.distributions import Distributions
from tests.fixtures.qdrant import QdrantFacade
from tests.fixtures.servers import Migrated

Doctor = Callable[..., Outcome]
ON_SQLITE = pytest.mark.parametrize("dialect", ["sqlite"])
ON_POSTGRESQL = pytest.mark.parametrize("dialect", ["postgresql"])
SECRET_KEY = "hQ4rTz8wLm2VxYpN6sKd9BcFgJ3uEaRi7oWt"


@pytest.fixture
def environment(database_options: EngineOptions, tmp_path: Path) -> dict[str, str]:
    file = parse_url(database_options.url).database
    if file and Path(file).exists():
        Path(file).chmod(0o600)
    return {"DATABASE_URL": database_options.url, "BHARAT_HOME": str(tmp_path / "home"), "PATH": os.environ["PATH"]}


@pytest.fixture
def doctor(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Doctor:
    """`doctor("--json", environ)`."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str, environ: dict[str, str]) -> Outcome:
        code = run(cli, ["doctor", *arguments], runtime=Runtime(environ=environ))
        captured = capsys.readouterr()
        return Outcome(code, captured.out, captured.err)

    return call


@pytest.fixture
def look(doctor: Doctor) -> Callable[..., tuple[int, dict[str, Line]]]:
    """The exit code and the findings by name, of a node that has not started."""

    def call(environ: dict[str, str], *arguments: str) -> tuple[int, dict[str, Line]]:
        outcome = doctor("--json", "--before-start", *arguments, environ=environ)
        assert "Traceback" not in outcome.err
        report = msgspec.json.decode(outcome.out, type=Report)
        found = {line.name: line for line in report.findings}
        assert len(found) == len(report.findings)
        return outcome.code, found

    return call


Look = Callable[..., tuple[int, dict[str, Line]]]


@pytest.fixture
def valkey() -> Iterator[Valkey]:
    try:
        server = Valkey()
    except ServerUnavailable as error:
        missing(str(error))
    with server:
        yield server


def in_redis(valkey: Valkey) -> dict[str, str]:
    """Everything that can be is kept there."""
    chosen = {f"BHARAT_{each}__PROVIDER": "redis" for each in ("SESSIONS", "LOCKS", "LIMITS")}
    return {"BHARAT_PLUGINS": "session_redis,locks_redis,cache_redis", "REDIS_URL": valkey.url, **chosen}


def not_ok(findings: dict[str, Line]) -> dict[str, str]:
    return {name: line.status.value for name, line in findings.items() if line.status is not Status.OK}


# What it prints.


def test_a_migrated_node_is_fit_to_start(doctor: Doctor, environment: dict[str, str], dialect: str) -> None:
    outcome = doctor("--before-start", environ=environment)
    assert (outcome.code, outcome.err) == (0, "")
    lines = outcome.out.splitlines()
    assert lines[0].split() == ["STATUS", "CHECK", "FINDING"]
    assert lines[-1].endswith(" ok, 0 degraded, 0 failed")
    assert {line.split()[0] for line in lines[1:-2] if not line.startswith(" ")} == {"ok"}
    assert all(len(line) <= 120 for line in lines)


def test_the_json_is_of_one_shape(doctor: Doctor, environment: dict[str, str]) -> None:
    outcome = doctor("--json", "--before-start", environ=environment)
    report = msgspec.json.decode(outcome.out, type=Report, strict=True)
    assert (outcome.code, report.status, report.version) == (0, Status.OK, product.__version__)
    parts = list(dict.fromkeys(line.name.partition(".")[0] for line in report.findings))
    capabilities = [
        "storage",
        "sessions",
        "locks",
        "cache",
        "limits",
        "realtime",
        "jobs",
        "vectors",
        "embeddings",
        "mail",
    ]
    assert parts == ["configuration", "versions", "database", *capabilities, "startup", "search"]
    names = [line.name for line in report.findings]
    assert len(names) == len(set(names))
    assert set(json.loads(outcome.out)["findings"][0]) == {"name", "status", "detail", "remedy"}


def test_it_leaves_nothing_behind(look: Look, environment: dict[str, str], tmp_path: Path) -> None:
    look(environment)
    before = sorted(tmp_path.rglob("*"))
    look(environment)
    assert sorted(tmp_path.rglob("*")) == before
    assert not (tmp_path / "home" / "secret.key").exists()
    assert not [path for path in (tmp_path / "home").rglob("*") if path.is_file()]


def test_a_node_that_works_is_in_order(doctor: Doctor, environment: dict[str, str], tmp_path: Path) -> None:
    words = command([sys.executable, "-m", "bharat", "worker"], death_signal=signal.SIGKILL, drop=False)
    worker = subprocess.Popen(words, env=environment, cwd=tmp_path, stderr=subprocess.DEVNULL)
    try:
        last: list[Outcome] = []

        def in_order() -> bool:
            last[:] = [doctor("--timeout", "30", environ=environment)]
            return last[0].code == 0

        eventually(in_order, within=timedelta(seconds=90), what="the worker and its clock are found")
    finally:
        worker.terminate()
        worker.wait(30)
    assert "a worker did a job in" in last[0].out


def test_without_a_worker_it_fails(doctor: Doctor, environment: dict[str, str]) -> None:
    outcome = doctor("--json", "--timeout", "3", environ=environment)
    findings = {line.name: line for line in msgspec.json.decode(outcome.out, type=Report).findings}
    assert outcome.code == 1
    assert not_ok(findings) == {"work.clock": "failed", "work.worker": "failed"}
    assert "bharat worker" in findings["work.worker"].remedy


# What keeps it from starting.


def test_a_configuration_that_can_t_be_read_is_a_finding(look: Look) -> None:
    code, findings = look({"BHARAT_SERVER__PROT": "1"})
    assert code == 1
    assert list(findings) == ["configuration"]
    assert "BHARAT_SERVER__PORT" in findings["configuration"].detail


def test_a_plugin_that_is_missing_is_a_finding_and_the_database_is_looked_at(
    look: Look, environment: dict[str, str]
) -> None:
    code, findings = look({**environment, "BHARAT_PLUGINS": "gone"})
    assert code == 1
    assert "'gone' is enabled and not installed" in findings["configuration"].detail
    assert findings["database.version"].status is Status.OK


def test_where_there_is_no_database_nothing_is_made(look: Look, tmp_path: Path) -> None:
    code, findings = look({"BHARAT_HOME": str(tmp_path / "new")})
    assert (code, not_ok(findings)) == (1, {"database": "failed"})
    assert "bharat migrate" in findings["database"].remedy
    assert not list(tmp_path.iterdir())


def test_what_is_pending_is_a_failure(look: Look, environment: dict[str, str]) -> None:
    code, findings = look({**environment, "BHARAT_PLUGINS": "sample"})
    assert (code, findings["database.migrations"].status) == (1, Status.FAILED)
    assert findings["storage.folder"].status is Status.OK
    assert findings["sample.greetings"].detail.startswith("not looked at")


@ON_SQLITE
def test_a_plugin_that_fails_to_start_is_a_finding(
    look: Look, environment: dict[str, str], distributions: Distributions
) -> None:
    distributions.add("stumbling", "@hookimpl\ndef bharat_startup(app): raise ValueError('oh')")
    code, findings = look({**environment, "BHARAT_PLUGINS": "stumbling"})
    assert (code, not_ok(findings)) == (1, {"startup": "failed", "search": "degraded"})
    assert "plugin 'stumbling' failed in bharat_startup" in findings["startup"].detail


@ON_SQLITE
def test_a_folder_that_can_t_be_made_fails_its_capability_alone(look: Look, environment: dict[str, str]) -> None:
    code, findings = look({**environment, "BHARAT_STORAGE__FOLDER__ROOT": "/proc/bharat"})
    assert (code, not_ok(findings)) == (1, {"storage": "failed", "search": "degraded"})
    assert "the storage folder does not serve" in findings["storage"].detail


@ON_SQLITE
def test_a_plugin_that_does_nothing_is_told_and_no_failure(look: Look, environment: dict[str, str]) -> None:
    code, findings = look({**environment, "BHARAT_PLUGINS": "cache_redis"})
    assert (code, not_ok(findings)) == (0, {"configuration.unused": "degraded"})
    assert 'cache.provider = "redis" or limits.provider = "redis"' in findings["configuration.unused"].remedy


@ON_SQLITE
def test_addresses_that_strangers_see_want_https_and_mails_that_arrive(look: Look, environment: dict[str, str]) -> None:
    code, findings = look({**environment, "BHARAT_SERVER__PUBLIC_URL": "http://crm.example.com"})
    assert (code, not_ok(findings)) == (1, {"configuration.public-url": "failed", "mail.delivery": "degraded"})


# PostgreSQL.


@ON_POSTGRESQL
def test_a_cluster_of_postgresql_is_in_order(look: Look, environment: dict[str, str], tmp_path: Path) -> None:
    chosen = {
        "BHARAT_MODE": "cluster",
        "BHARAT_SECRET_KEY": SECRET_KEY,
        "BHARAT_STORAGE__PROVIDER": "shared_folder",
        "BHARAT_STORAGE__SHARED_FOLDER__ROOT": str(tmp_path / "shared"),
        "BHARAT_CACHE__PROVIDER": "off",
        "BHARAT_MAIL__PROVIDER": "console",
        "BHARAT_SERVER__PUBLIC_URL": "https://crm.example.com",
    }
    code, findings = look({**environment, **chosen}, "--servers", "2")
    assert (code, not_ok(findings)) == (0, {"mail.delivery": "degraded"})
    assert findings["configuration.mode"].detail == "cluster"
    assert findings["database.connections"].detail.startswith(
        "2 servers x 1 process x 5 + 1 worker x 5 + 1 migrator = 16 connections, of 100 - "
    )


@ON_POSTGRESQL
def test_a_budget_that_does_not_fit_fails(look: Look, environment: dict[str, str]) -> None:
    code, findings = look(environment, "--servers", "10", "--processes", "2", "--workers", "3", "--clocks", "1")
    assert (code, not_ok(findings)) == (1, {"database.connections": "failed"})
    assert "10 servers x 2 processes x 5 + 3 workers x 5 + 1 clock x 5 + 1 migrator = 121" in (
        findings["database.connections"].detail
    )


@ON_POSTGRESQL
def test_the_owner_s_url_in_the_application_s_place_fails(
    look: Look, environment: dict[str, str], migrated_core: Migrated
) -> None:
    code, findings = look({**environment, "DATABASE_URL": migrated_core.owner.url})
    assert (code, not_ok(findings)) == (1, {"database.role": "failed"})


@ON_POSTGRESQL
def test_a_clock_that_is_off_fails(environment: dict[str, str]) -> None:
    clock = OffsetClock(timedelta(seconds=-8))
    report = reported(conduct(Runtime(environ=environment), Extent(running=False), clock))
    assert {line.name for line in report.findings if line.status is not Status.OK} == {"database.clock"}


@pytest.fixture
def postgres() -> Iterator[Postgres]:
    """A server of this test's own, to be stopped."""
    try:
        server = Postgres(durable=False)
    except ServerUnavailable as error:
        missing(str(error))
    with server:
        yield server


@pytest.mark.parametrize("state", ["stopped", "stalled"])
def test_a_database_that_is_away_holds_up_nobody_and_the_others_are_looked_at(
    look: Look, postgres: Postgres, valkey: Valkey, tmp_path: Path, state: str
) -> None:
    environ = {"DATABASE_URL": postgres.url, "BHARAT_HOME": str(tmp_path), **in_redis(valkey)}
    password = str(parse_url(postgres.url).password)
    postgres.stop() if state == "stopped" else postgres.pause()
    begun = time.monotonic()
    try:
        code, findings = look(environ, "--timeout", "4")
    finally:
        postgres.resume()
    assert time.monotonic() - begun < 60
    assert code == 1
    name = "database" if state == "stopped" else "database.time"
    assert findings[name].status is Status.FAILED
    assert findings["sessions.commands"].status is Status.OK
    assert findings["storage.folder"].status is Status.OK
    assert findings["locks.use"].detail.startswith("not looked at")
    assert password not in str(findings)


# Redis.


@ON_SQLITE
def test_redis_as_it_should_be(look: Look, environment: dict[str, str], valkey: Valkey) -> None:
    code, findings = look({**environment, **in_redis(valkey)})
    assert (code, not_ok(findings)) == (0, {})
    assert {"sessions.use", "sessions.eviction", "limits.clock", "locks.commands"} <= set(findings)
    with redis.Redis.from_url(valkey.url) as raw:
        assert raw.keys() == []


@ON_SQLITE
def test_a_layout_that_can_evict_state_is_refused(look: Look, environment: dict[str, str], valkey: Valkey) -> None:
    with redis.Redis.from_url(valkey.url) as raw:
        raw.config_set("maxmemory-policy", "allkeys-lru")
    cache = {"BHARAT_CACHE__PROVIDER": "redis"}
    code, findings = look({**environment, **in_redis(valkey), **cache})
    assert code == 1
    assert not_ok(findings) == {
        "sessions.eviction": "failed",
        "limits.eviction": "failed",
        "cache.memory": "degraded",
    }


@ON_SQLITE
def test_a_cache_beside_state_is_told(look: Look, environment: dict[str, str], valkey: Valkey) -> None:
    code, findings = look({**environment, **in_redis(valkey), "BHARAT_CACHE__PROVIDER": "redis"})
    assert (code, not_ok(findings)) == (0, {"cache.eviction": "degraded"})


@ON_SQLITE
@pytest.mark.parametrize("state", ["stopped", "stalled"])
def test_a_redis_that_is_away_fails_what_is_kept_there(
    look: Look, environment: dict[str, str], valkey: Valkey, state: str
) -> None:
    valkey.stop() if state == "stopped" else valkey.pause()
    try:
        code, findings = look({**environment, **in_redis(valkey)}, "--timeout", "20")
    finally:
        valkey.resume()
    assert code == 1
    assert not_ok(findings) == dict.fromkeys(("sessions", "locks", "limits"), "failed")
    assert "sessions.use" not in findings


# What search stands on.


@pytest.fixture
def indexed(environment: dict[str, str]) -> Iterator[dict[str, str]]:
    """A node whose vectors lie in Qdrant, with an index of the embedding that is the default."""
    with required(QdrantFacade) as server:
        vectors = QdrantVectors(QdrantOptions(url=server.url, api_key=server.api_key))
        vectors.recreate(Embedding("ngrams-1", 384))
        vectors.close()
        chosen = {"BHARAT_PLUGINS": "vector_qdrant,embeddings_http", "BHARAT_VECTORS__PROVIDER": "qdrant"}
        yield {**environment, **chosen, "QDRANT_URL": server.url, "QDRANT_API_KEY": server.api_key}


@ON_SQLITE
def test_the_index_and_the_model_are_used_once(look: Look, indexed: dict[str, str]) -> None:
    _, findings = look(indexed)
    assert findings["vectors.use"].status is Status.OK
    assert "was asked" in findings["vectors.use"].detail
    assert findings["embeddings.use"].status is Status.OK
    assert "a word was embedded" in findings["embeddings.use"].detail


@ON_SQLITE
def test_a_model_that_does_not_answer_is_told(look: Look, indexed: dict[str, str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"http://127.0.0.1:{taken.getsockname()[1]}/v1"
    http = {
        "BHARAT_EMBEDDINGS__PROVIDER": "http", "BHARAT_EMBEDDINGS__HTTP__URL": address,
        "BHARAT_EMBEDDINGS__HTTP__MODEL": "m", "BHARAT_EMBEDDINGS__HTTP__DIMENSION": "8",
    }  # fmt: skip
    _, findings = look({**indexed, **http})
    assert findings["embeddings.use"].status is Status.DEGRADED
    assert "words alone" in findings["embeddings.use"].detail


@ON_SQLITE
def test_a_check_that_hangs_is_told_and_holds_up_no_other(
    look: Look, environment: dict[str, str], distributions: Distributions
) -> None:
    code = """
import threading
from bharat.contracts.check import Check, Finding, Status
NEVER = threading.Event()
@hookimpl
def bharat_checks():
    return [Check(name="stuck", run=lambda app: NEVER.wait(60)),
            Check(name="fine", run=lambda app: Finding(Status.OK, "fine"))]
"""
    distributions.add("stuck", code)
    begun = time.monotonic()
    exit_code, findings = look({**environment, "BHARAT_PLUGINS": "stuck"}, "--timeout", "2")
    assert time.monotonic() - begun < 40
    assert exit_code == 1
    assert findings["stuck.time"].detail == "no answer within 2 s"
    assert findings["fine"].status is Status.OK


# Secrets.


@ON_SQLITE
@pytest.mark.parametrize("shown", [(), ("--json",)], ids=["text", "json"])
def test_no_secret_is_shown_whatever_is_wrong(
    doctor: Doctor, environment: dict[str, str], distributions: Distributions, shown: tuple[str, ...]
) -> None:
    """URLs that are read wrongly, servers that refuse, and a plugin that tells what it should not."""
    code = """
import msgspec
from typing import Annotated
from bharat.contracts.check import Check, Finding, Status
class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    token: Annotated[str, msgspec.Meta(description="", extra={"secret": True})]
@hookimpl
def bharat_settings(): return Settings
@hookimpl
def bharat_checks():
    def run(app):
        key = app.config.secret_key.reveal()
        return Finding(Status.FAILED, f"the token is {app.settings('talker').token}", f"the key is {key}")
    return [Check(name="talker", run=run)]
"""
    distributions.add("talker", code)
    redis_password, database_password = "hun ter2/@:secret", "correct@horse"
    environ = {
        **environment,
        "BHARAT_PLUGINS": "talker,session_redis",
        "BHARAT_PLUGIN__TALKER__TOKEN": "tok-9f8e7d6c",
        "BHARAT_SECRET_KEY": SECRET_KEY,
        "BHARAT_SESSIONS__PROVIDER": "redis",
        "REDIS_URL": f"redis://app:{quote(redis_password, safe='')}@127.0.0.1:1/0",
    }
    outcomes = [doctor(*shown, "--before-start", "--timeout", "8", environ=environ)]
    for url in (
        f"postgresql://app:{database_password}@127.0.0.1:1/crm",
        f"postgresql://app:{database_password}@[::1/crm",
    ):
        more = {**environ, "DATABASE_URL": url}
        outcomes.append(doctor(*shown, "--before-start", "--timeout", "8", environ=more))
    assert [outcome.code for outcome in outcomes] == [1, 1, 1]
    text = "".join(outcome.out + outcome.err for outcome in outcomes)
    assert "the token is ********" in text
    assert "the key is ********" in text
    for secret in (
        "tok-9f8e7d6c",
        SECRET_KEY,
        "hun ter2",
        "secret@",
        "correct",
        "horse",
        quote(redis_password, safe=""),
    ):
        assert secret not in text, secret


@ON_SQLITE
def test_without_the_mask_a_secret_would_be_shown(
    look: Look, environment: dict[str, str], distributions: Distributions, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The mutant: `conduct` returns what it found without `_without_secrets`."""
    code = """
from bharat.contracts.check import Check, Finding, Status
@hookimpl
def bharat_checks():
    return [Check(name="talker", run=lambda app: Finding(Status.OK, app.config.secret_key.reveal()))]
"""
    distributions.add("talker", code)
    environ = {**environment, "BHARAT_PLUGINS": "talker", "BHARAT_SECRET_KEY": SECRET_KEY}
    assert look(environ)[1]["talker"].detail == "********"
    monkeypatch.setattr(examination, "_without_secrets", lambda found, hide: found)
    assert look(environ)[1]["talker"].detail == SECRET_KEY


@ON_SQLITE
@pytest.mark.parametrize("arguments", [("--servers", "0"), ("--timeout", "0"), ("--workers", "-1")])
def test_wrong_usage_is_exit_code_2(doctor: Doctor, environment: dict[str, str], arguments: tuple[str, ...]) -> None:
    assert doctor(*arguments, environ=environment).code == 2
