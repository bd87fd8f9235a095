"""What happens to work under a lock when its holder or its store fails, with the real parts; each with its mutant."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import redis
import sqlalchemy as sa

from bharat.contracts.locks import Lease
from bharat.contracts.platform import Fences
from bharat.contracts.principal import SYSTEM
from bharat.data import BharatDatabase
from bharat.data.engine import EngineOptions
from bharat.data.fences import DatabaseFences
from bharat.data.organisations import organisations
from bharat.testing.platform import CountingFences
from bharat.testing.suite import eventually
from bharat_local_servers import Valkey
from bharat_locks_redis.locks import RedisLocks
from bharat_redis.clients import RedisClients

PROGRAMS = Path(__file__).parent / "programs"
PATIENCE = timedelta(seconds=30)
TTL = timedelta(seconds=1)

Build = Callable[..., RedisLocks]
Program = subprocess.Popen[str]


class Started:
    """Programs of this test's own, none of which outlives it."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack

    def __call__(self, program: str, *arguments: str) -> Program:
        process = subprocess.Popen(
            [sys.executable, str(PROGRAMS / f"{program}.py"), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._stack.enter_context(process)
        self._stack.callback(process.kill)
        return process


@pytest.fixture
def start() -> Iterator[Started]:
    with ExitStack() as stack:
        yield Started(stack)


def line(process: Program) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def told_to_write(process: Program) -> str:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()
    return line(process)


@pytest.fixture
def begin_holding(
    start: Started, database_options: EngineOptions, valkey: Valkey, organisation_id: UUID
) -> Callable[[str, str], Program]:
    """Starts a process that holds the lock, and will write a name when it is told to."""

    def begin(name: str, guarded: str) -> Program:
        seconds = str(TTL.total_seconds())
        return start("holder", database_options.url, valkey.url, str(organisation_id), seconds, name, guarded)

    return begin


def name_of(database: BharatDatabase, organisation_id: UUID) -> str:
    statement = sa.select(organisations.c.name).where(organisations.c.id == organisation_id)
    return str(database.read(organisation_id).scalar(statement))


@pytest.mark.parametrize(
    ("guarded", "outcome", "name"), [("guarded", "refused", "Second"), ("unguarded", "written", "First")]
)
def test_a_holder_that_was_frozen_past_its_ttl_writes_nothing_stale(
    begin_holding: Callable[[str, str], Program],
    database: BharatDatabase,
    organisation_id: UUID,
    guarded: str,
    outcome: str,
    name: str,
) -> None:
    """Protected by `Fences.guard`; the mutant is the case `unguarded`, which leaves out its call."""
    first = begin_holding("First", guarded)
    fence = int(line(first))
    first.send_signal(signal.SIGSTOP)
    second = begin_holding("Second", "guarded")  # waits until the TTL is over
    assert int(line(second)) > fence
    assert told_to_write(second) == "written"
    first.send_signal(signal.SIGCONT)
    assert told_to_write(first) == outcome
    assert name_of(database, organisation_id) == name


@pytest.mark.parametrize(
    ("guarded", "outcome", "name"), [("guarded", "refused", "Second"), ("unguarded", "written", "First")]
)
def test_a_lease_that_redis_forgot_writes_nothing_stale(
    begin_holding: Callable[[str, str], Program],
    database: BharatDatabase,
    organisation_id: UUID,
    valkey: Valkey,
    guarded: str,
    outcome: str,
    name: str,
) -> None:
    """Redis is killed without persistence while a lease is held. Protected by `Fences.guard`; the mutant leaves out its call."""
    first = begin_holding("First", guarded)
    fence = int(line(first))
    valkey.kill()
    valkey.start()
    second = begin_holding("Second", "guarded")
    assert int(line(second)) > fence, "a token that Redis could forget"
    assert told_to_write(second) == "written"
    assert told_to_write(first) == outcome
    assert name_of(database, organisation_id) == name


def incremented(
    start: Started, database: BharatDatabase, url: str, redis: str, organisation_id: UUID, locked: str, times: int
) -> int:
    with database.write(organisation_id, SYSTEM) as unit:
        unit.execute(organisations.update().where(organisations.c.id == organisation_id).values(name="0"))
    processes = [start("increments", url, redis, str(organisation_id), str(times), locked) for _ in range(8)]
    for process in processes:
        assert process.wait(300) == 0
    return int(name_of(database, organisation_id))


@pytest.mark.parametrize("dialect", ["postgresql"])
def test_eight_processes_that_increment_500_times_lose_none(
    start: Started, database: BharatDatabase, database_options: EngineOptions, valkey: Valkey, organisation_id: UUID
) -> None:
    """Protected by `NX` of the `SET` in `RedisLocks._try`, and by `Fences.guard` for who lost the lease before its write. SQLite has
    one writer, so nothing could be lost there."""
    found = incremented(start, database, database_options.url, valkey.url, organisation_id, "locked", 500)
    assert found == 4000


@pytest.mark.parametrize("dialect", ["postgresql"])
def test_mutant_without_the_lock_increments_are_lost(
    start: Started, database: BharatDatabase, database_options: EngineOptions, valkey: Valkey, organisation_id: UUID
) -> None:
    found = incremented(start, database, database_options.url, valkey.url, organisation_id, "unlocked", 100)
    assert found < 800


def tokens_across_restarts(build: Build, fences: Callable[[], Fences], valkey: Valkey) -> list[int]:
    """Those of one lock, each taken by a process that has just started, while Redis is killed in between and keeps nothing."""
    tokens = []
    for _ in range(3):
        lease = build(fences()).acquire("report", ttl=TTL)
        assert lease is not None
        tokens.append(lease.fence)
        valkey.kill()
        valkey.start()
    return tokens


def test_tokens_rise_across_restarts_of_redis_and_of_us(build: Build, database: BharatDatabase, valkey: Valkey) -> None:
    """Protected by `self._fences.issue(…)` in `RedisLocks._try`: the token is drawn in the database."""
    tokens = tokens_across_restarts(build, lambda: DatabaseFences(database), valkey)
    assert tokens == sorted(set(tokens))


class RedisFences(CountingFences):
    """Draws tokens in Redis."""

    def __init__(self, raw: Any) -> None:
        super().__init__()
        self._raw = raw

    def issue(self, name: str, *, wait: timedelta | None = None) -> int:
        return int(self._raw.incr(f"fence:{name}"))


def test_mutant_that_draws_tokens_in_redis_gives_them_again(build: Build, raw: Any, valkey: Valkey) -> None:
    """`redis.call('INCR', …)` in place of `self._fences.issue(…)`."""
    assert tokens_across_restarts(build, lambda: RedisFences(raw), valkey) == [1, 1, 1]


class SlowFences(CountingFences):
    """Takes `seconds` for its first token; what happens `meanwhile` is over before it is drawn."""

    def __init__(self, seconds: float, meanwhile: Callable[[], object] = lambda: None) -> None:
        super().__init__()
        self.seconds = seconds
        self.meanwhile = meanwhile

    def issue(self, name: str, *, wait: timedelta | None = None) -> int:
        seconds, self.seconds = self.seconds, 0.0
        if seconds:
            time.sleep(seconds)  # the fault is to be slow
            self.meanwhile()
        return super().issue(name, wait=wait)


def overtaken(build: Build) -> tuple[Lease | None, Lease | None]:
    """Who takes a lock and waits longer for the token than the lease lasts, and who takes it meanwhile."""
    others: list[Lease | None] = []
    fences = SlowFences(TTL.total_seconds() * 1.3)
    mine, elsewhere = build(fences), build(fences)
    fences.meanwhile = lambda: others.append(elsewhere.acquire("report", ttl=10 * TTL))
    return mine.acquire("report", ttl=TTL), others[0]


def test_who_lost_the_lock_before_the_token_came_does_not_get_it(build: Build) -> None:
    """Protected by `self._still_owned(lease)` in `RedisLocks._try`, which is asked when the token took long."""
    late, other = overtaken(build)
    assert late is None
    assert other is not None


def test_mutant_that_asks_nobody_gives_one_lock_to_two(build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RedisLocks, "_still_owned", lambda self, lease: True)
    assert None not in overtaken(build)


LONG = timedelta(seconds=20)


def left_of_a_lease(build: Build, raw: Any) -> float:
    """Seconds for which the key lasts when it is handed out, its token having taken a while."""
    assert build(SlowFences(0.03)).acquire("report", ttl=LONG) is not None
    return float(raw.pttl("bharat:lock:report")) / 1000


def test_a_lease_lasts_its_ttl_from_when_it_is_handed_out(build: Build, raw: Any) -> None:
    """Protected by `ttl + allowance` in `RedisLocks._try`."""
    assert left_of_a_lease(build, raw) > LONG.total_seconds() - 0.01


def test_mutant_without_allowance_counts_the_time_for_the_token(
    build: Build, raw: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    call = RedisClients.call

    def shortened(self: RedisClients, *words: Any) -> Any:
        return call(self, *words[:-1], LONG // timedelta(milliseconds=1)) if words[0] == "SET" else call(self, *words)

    monkeypatch.setattr(RedisClients, "call", shortened)
    monkeypatch.setattr(
        RedisLocks, "_still_owned", lambda self, lease: True
    )  # asked on a slow machine, it renews the key
    assert left_of_a_lease(build, raw) < LONG.total_seconds() - 0.01


@pytest.mark.parametrize(("act", "trips"), [("acquire", 1), ("release", 1), ("renew", 1)])
def test_each_step_is_one_round_trip(build: Build, monkeypatch: pytest.MonkeyPatch, act: str, trips: int) -> None:
    locks = build(CountingFences())
    for name in ("first", "second"):  # the first one may have to send the scripts' texts
        sent: list[object] = []
        call = redis.Connection.send_command
        lease = locks.acquire(name, ttl=LONG) if act != "acquire" else None

        def counted(self: redis.Connection, *words: Any, **more: Any) -> None:
            sent.append(words)  # noqa: B023 # called in this turn of the loop
            call(self, *words, **more)  # type: ignore[no-untyped-call] # noqa: B023

        with monkeypatch.context() as patched:
            patched.setattr(redis.Connection, "send_command", counted)
            if lease is None:
                assert locks.acquire(name, ttl=LONG) is not None
            else:
                getattr(locks, act)(lease)
    assert len(sent) == trips


def test_under_gevent_a_lease_is_renewed_while_the_work_waits(start: Started, build: Build, valkey: Valkey) -> None:
    """The renewal is a greenlet that gets its turn. Its mutant, work that never renews, is the test below."""
    process = start("under_gevent", valkey.url, "0.5", "3")
    assert line(process) == "held"
    locks = build(CountingFences())
    until = time.monotonic() + 2
    while time.monotonic() < until:
        assert locks.acquire("long", ttl=TTL) is None
        time.sleep(0.05)  # between two tries
    assert line(process) == "kept"


def test_without_renewal_somebody_else_gets_the_lock(build: Build) -> None:
    locks = build(CountingFences())
    assert locks.acquire("long", ttl=timedelta(seconds=0.5)) is not None
    assert locks.acquire("long", ttl=TTL, wait=timedelta(seconds=2)) is not None


def test_the_key_holds_the_owners_secret_and_ends_with_the_lease(build: Build, raw: Any) -> None:
    lease = build(CountingFences()).acquire("report", ttl=TTL)
    assert lease is not None
    assert raw.keys() == [b"bharat:lock:report"]
    assert raw.get("bharat:lock:report") == lease.owner.encode()
    eventually(lambda: raw.keys() == [], within=PATIENCE, what="the key ends with the lease")
