"""`redis`: what sessions, leases and the cache in Redis cost beside the bare driver, `redis-py`, on the same server.

One thread asks for one thing at a time. Rounds go through ours and the rival's in turn, the one that begins changing each time, and
a ratio is the median of the rounds' ratios of the time that passed: so what the machine does meanwhile meets both.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from statistics import median, quantiles
from uuid import uuid4

import psycopg
import redis

from benchmarks.dataset import database_server, prepared
from benchmarks.report import Goal, say, table
from bharat.contracts.sessions import NewSession, token_hash
from bharat.data import BharatDatabase
from bharat.data.engine import EngineOptions
from bharat.data.fences import DatabaseFences
from bharat_cache_redis import RedisCacheOptions
from bharat_cache_redis.cache import RedisCache
from bharat_local_servers import Valkey
from bharat_locks_redis import RedisLockOptions
from bharat_locks_redis.locks import RedisLocks
from bharat_session_redis import RedisSessionOptions
from bharat_session_redis.sessions import RedisSessions

AGENT = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36"
)
TTL = timedelta(seconds=30)
MICRO = 1e6

Act = Callable[[], object]


@dataclass(frozen=True)
class Pair:
    """Ours and a rival that does the same, and how many times as long ours may take; without a goal it is there to be looked at."""

    name: str
    ours: Act
    rival_name: str
    rival: Act
    most: float | None = None


def run(requests: int, rounds: int, folder: Path) -> list[Goal]:
    with database_server("postgresql") as database, Valkey() as valkey, ExitStack() as stack:
        assert database is not None
        dataset = prepared(database, 100, folder)
        plain = stack.enter_context(redis.Redis.from_url(valkey.url))
        driver = stack.enter_context(psycopg.connect(dataset.url, autocommit=True))
        owner = stack.enter_context(psycopg.connect(dataset.owner_url, autocommit=True))
        pairs = [
            stack.enter_context(_session(valkey, plain)),
            stack.enter_context(_cache(valkey, plain)),
            *stack.enter_context(_leases(valkey, plain, dataset.url, driver, owner)),
        ]
        return _report(pairs, [_measure(pair, requests, rounds) for pair in pairs])


@contextmanager
def _session(valkey: Valkey, plain: redis.Redis) -> Iterator[Pair]:
    """A login as a browser of today does it, loaded; against its fields and a new expiry, as stores of sessions ask for them."""
    sessions = RedisSessions(RedisSessionOptions(url=valkey.url))
    day = timedelta(days=1)
    new = NewSession(uuid4(), uuid4(), 1, day / 2, 30 * day, address="203.0.113.77", user_agent=AGENT)
    token, _ = sessions.create(new)
    plain.copy(f"bharat:session:{token_hash(token)}", "rival:session")

    def fields_and_expiry() -> object:
        pipeline = plain.pipeline(transaction=False)
        pipeline.hgetall("rival:session")
        pipeline.expire("rival:session", day / 2)
        return pipeline.execute()

    yield Pair("load a session", lambda: sessions.load(token), "pipeline: HGETALL, EXPIRE", fields_and_expiry, 1.3)
    sessions.close()


@contextmanager
def _cache(valkey: Valkey, plain: redis.Redis) -> Iterator[Pair]:
    cache = RedisCache(RedisCacheOptions(url=valkey.url))
    cache.set("report", bytes(1000), ttl=timedelta(hours=1))
    key = "bharat:cache:value:report"
    assert plain.get(key) == cache.get("report")
    yield Pair("get from the cache", lambda: cache.get("report"), "get", lambda: plain.get(key), 1.2)
    cache.close()


@contextmanager
def _leases(
    valkey: Valkey, plain: redis.Redis, url: str, driver: psycopg.Connection, owner: psycopg.Connection
) -> Iterator[list[Pair]]:
    """A lease taken and given back; against a lock of the driver and one round trip to the database."""
    database = BharatDatabase(EngineOptions(url))
    locks = RedisLocks(RedisLockOptions(url=valkey.url), DatabaseFences(database))
    lock = plain.lock("rival:lock", timeout=TTL.total_seconds())
    owner.execute("CREATE TABLE rival (id integer PRIMARY KEY, token bigint NOT NULL)")
    owner.execute("INSERT INTO rival VALUES (1, 1)")

    def lease() -> None:
        held = locks.acquire("report", ttl=TTL)
        assert held is not None
        assert locks.release(held)

    def locked(ask: Act) -> Act:
        def act() -> None:
            assert lock.acquire(blocking=False)
            ask()
            lock.release()

        return act

    def look() -> object:
        return driver.execute("SELECT 1").fetchone()

    def draw() -> object:
        return owner.execute("UPDATE rival SET token = token + 1 WHERE id = 1 RETURNING token").fetchone()

    yield [
        Pair("take and release a lease", lease, "Lock, and SELECT 1", locked(look), 1.3),
        Pair("take and release a lease", lease, "Lock, and a token that is committed", locked(draw)),
    ]
    locks.close()
    database.close()


@dataclass(frozen=True)
class Figures:
    """Microseconds a call: what passed, and what this process worked of it, a round each."""

    ours: list[float]
    rival: list[float]
    our_cpu: list[float]
    rival_cpu: list[float]


def _measure(pair: Pair, requests: int, rounds: int) -> Figures:
    figures = Figures([], [], [], [])
    sides = [(pair.ours, figures.ours, figures.our_cpu), (pair.rival, figures.rival, figures.rival_cpu)]
    for number in range(-1, rounds):
        for act, wall, cpu in sides if number % 2 else reversed(sides):
            began, worked = time.perf_counter(), time.process_time()
            for _ in range(requests):
                act()
            passed, work = time.perf_counter() - began, time.process_time() - worked
            # The round before the first warms caches and is not counted.
            if number >= 0:
                wall.append(passed / requests * MICRO)
                cpu.append(work / requests * MICRO)
    return figures


def _report(pairs: list[Pair], measured: list[Figures]) -> list[Goal]:
    goals, lines = [], []
    for pair, figures in zip(pairs, measured, strict=True):
        ratios = [ours / rival for ours, rival in zip(figures.ours, figures.rival, strict=True)]
        low, _, high = quantiles(ratios, n=4) if len(ratios) > 1 else ratios * 3
        lines.append(
            (
                pair.name,
                f"{median(figures.ours):.0f}",
                f"{median(figures.our_cpu):.0f}",
                pair.rival_name,
                f"{median(figures.rival):.0f}",
                f"{median(figures.rival_cpu):.0f}",
                f"{median(ratios):.2f}",
                f"{low:.2f} to {high:.2f}",
                "" if pair.most is None else f"<= {pair.most:g}",
            )
        )
        if pair.most is not None:
            goals.append(Goal(f"{pair.name}, against {pair.rival_name}", median(ratios), pair.most, at_least=False))
    say(f"\nRedis, microseconds a call; redis-py {redis.__version__}")
    table(
        ("bharat", "µs", "of it CPU", "redis-py", "µs", "of it CPU", "bharat is x times", "half of the rounds", "goal"),
        lines,
    )
    return goals
