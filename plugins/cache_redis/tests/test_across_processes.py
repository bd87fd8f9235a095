"""What several processes that share a Redis see of each other's computations, and what is left in it; each fault with its mutant."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from bharat.testing.suite import eventually, together
from bharat_cache_redis import scripts
from bharat_cache_redis.cache import RedisCache
from bharat_cache_redis.limits import RedisLimits
from bharat_local_servers import Valkey

BuildCache = Callable[..., RedisCache]
BuildLimits = Callable[[], RedisLimits]
HOUR = timedelta(hours=1)
PROCESSES = 8
PATIENCE = timedelta(seconds=20)


def without(monkeypatch: pytest.MonkeyPatch, script: str, line: str, instead: str) -> None:
    text: str = getattr(scripts, script)
    assert line in text, f"the line that protects is no longer in {script}"
    monkeypatch.setattr(scripts, script, text.replace(line, instead))


def stampede(build: BuildCache) -> int:
    """How often a value is computed that as many instances as there are processes want at one moment."""
    caches = [build() for _ in range(PROCESSES)]
    computed = []

    def compute() -> bytes:
        computed.append(threading.get_ident())
        time.sleep(0.3)
        return b"dear"

    values = together(PROCESSES, lambda number: caches[number].get_or_compute("report", compute, ttl=HOUR))
    assert values == [b"dear"] * PROCESSES
    return len(computed)


def test_processes_that_miss_together_compute_once(build_cache: BuildCache) -> None:
    """Protected by `NX` in `scripts.BEGIN`."""
    assert stampede(build_cache) == 1


def test_mutant_whose_mark_keeps_nobody_out_computes_as_often_as_it_is_asked(
    build_cache: BuildCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, "BEGIN", "ARGV[1], 'NX', 'PX'", "ARGV[1], 'PX'")
    assert stampede(build_cache) > 1


def delete_during_a_computation(build: BuildCache) -> bytes | None:
    """What is kept of a computation during which another process deletes the key, since its source has changed."""
    one, another = build(), build()
    begun = threading.Event()
    go_on = threading.Event()

    def compute() -> bytes:
        begun.set()
        go_on.wait(10)
        return b"old"

    thread = threading.Thread(target=lambda: one.get_or_compute("report", compute, ttl=HOUR))
    thread.start()
    begun.wait(10)
    another.delete("report")
    go_on.set()
    thread.join()
    return another.get("report")


def test_what_was_deleted_during_its_computation_stays_deleted(build_cache: BuildCache) -> None:
    """Protected by the comparison of the mark in `scripts.FINISH`."""
    assert delete_during_a_computation(build_cache) is None


def test_mutant_that_asks_for_no_mark_keeps_what_is_out_of_date(
    build_cache: BuildCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, "FINISH", "if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end", "")
    assert delete_during_a_computation(build_cache) == b"old"


def test_who_dies_while_it_computes_does_not_keep_the_others_waiting(build_cache: BuildCache, raw: Any) -> None:
    cache = build_cache(compute_timeout=0.5)
    raw.set("bharat:cache:computing:report", "of a process that is dead", px=500)
    assert cache.get_or_compute("report", lambda: b"mine", ttl=HOUR) == b"mine"
    assert build_cache().get("report") in (b"mine", None)  # it may have given up waiting before the mark was gone


def test_a_computation_that_fails_lets_another_process_try_at_once(build_cache: BuildCache, raw: Any) -> None:
    def fail() -> bytes:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        build_cache().get_or_compute("report", fail, ttl=HOUR)
    assert raw.keys() == []
    assert build_cache().get_or_compute("report", lambda: b"x", ttl=HOUR) == b"x"


def asked_in_vain(build: BuildCache, valkey: Valkey, caplog: pytest.LogCaptureFixture) -> int:
    """How often a Redis that does not answer is asked by ten calls."""
    cache = build(rest=30)
    valkey.pause()
    try:
        for number in range(10):
            assert cache.get_or_compute(f"report{number}", lambda: b"x", ttl=HOUR) == b"x"
    finally:
        valkey.resume()
    return len([record for record in caplog.records if "does without Redis" in record.message])


def test_a_redis_that_does_not_answer_costs_one_request_a_time_out_and_not_all(
    build_cache: BuildCache, valkey: Valkey, caplog: pytest.LogCaptureFixture
) -> None:
    """Protected by `_resting_until` in `RedisCache._asked`."""
    assert asked_in_vain(build_cache, valkey, caplog) == 1


def test_mutant_that_never_rests_asks_again_and_again(
    build_cache: BuildCache, valkey: Valkey, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        RedisCache, "_resting_until", property(lambda self: 0.0, lambda self, value: None), raising=False
    )
    assert asked_in_vain(build_cache, valkey, caplog) > 10


def test_redis_is_used_again_when_it_is_back(build_cache: BuildCache, valkey: Valkey) -> None:
    cache = build_cache(rest=0.2)
    valkey.stop()
    cache.set("a", b"x", ttl=HOUR)
    assert cache.get("a") is None
    valkey.start()

    def kept() -> bool:
        cache.set("a", b"x", ttl=HOUR)
        return cache.get("a") == b"x"

    eventually(kept, within=timedelta(seconds=10), what="a value is kept again")


def test_a_full_cache_evicts_and_fails_nobody(build_cache: BuildCache, raw: Any) -> None:
    raw.config_set("maxmemory", 20_000_000)
    raw.config_set("maxmemory-policy", "allkeys-lru")
    try:
        cache = build_cache()
        for number in range(60):
            cache.set(f"large{number}", bytes(1_000_000), ttl=HOUR)
        assert cache.get("large59") == bytes(1_000_000)
        assert cache.get("large0") is None
    finally:
        raw.config_set("maxmemory", 0)
        raw.config_set("maxmemory-policy", "noeviction")


def test_a_full_redis_that_evicts_nothing_is_a_cache_that_keeps_nothing(build_cache: BuildCache, raw: Any) -> None:
    raw.config_set("maxmemory", 1)
    try:
        cache = build_cache()
        cache.set("a", b"x", ttl=HOUR)
        assert cache.get_or_compute("a", lambda: b"y", ttl=HOUR) == b"y"
    finally:
        raw.config_set("maxmemory", 0)


def test_a_prefix_is_taken_as_it_is_written(build_cache: BuildCache, raw: Any) -> None:
    raw.set("xy:cache:value:a", "theirs")
    odd = build_cache(prefix="[x]*?\\:")
    odd.set("a", b"ours", ttl=HOUR)
    plain = build_cache(prefix="x*")
    plain.set("a", b"ours", ttl=HOUR)
    plain.clear()
    assert plain.get("a") is None
    assert odd.get("a") == b"ours"
    odd.clear()
    assert odd.get("a") is None
    assert raw.get("xy:cache:value:a") == b"theirs"


def test_clear_reaches_every_entry_of_many(build_cache: BuildCache, raw: Any) -> None:
    cache = build_cache()
    for number in range(3000):
        raw.set(f"bharat:cache:value:{number}", "x")
    cache.clear()
    assert raw.keys() == []


def counted_after_give_back(build: BuildLimits, raw: Any) -> int:
    """What is left of a window, in ms, whose only hit was given back and that is hit again."""
    limits = build()
    limits.hit("login", limit=3, window=timedelta(minutes=1))
    raw.pexpire("bharat:limit:hits:login", 30_000)
    limits.give_back("login")
    limits.hit("login", limit=3, window=timedelta(minutes=1))
    return int(raw.pttl("bharat:limit:hits:login"))


def test_a_hit_after_a_give_back_does_not_begin_the_window_anew(build_limits: BuildLimits, raw: Any) -> None:
    """Protected by `if redis.call('PTTL', …) < 0` in `scripts.HIT`."""
    assert counted_after_give_back(build_limits, raw) <= 30_000


def test_mutant_that_goes_by_the_first_hit_begins_the_window_anew(
    build_limits: BuildLimits, raw: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, "HIT", "if redis.call('PTTL', KEYS[1]) < 0 then", "if hits == 1 then")
    assert counted_after_give_back(build_limits, raw) > 30_000


def test_nothing_is_left_of_what_is_over(build_limits: BuildLimits, raw: Any) -> None:
    limits = build_limits()
    limits.hit("a", limit=1, window=timedelta(milliseconds=200))
    limits.take("b", capacity=2, per_second=10)
    assert len(raw.keys()) == 2
    eventually(lambda: raw.keys() == [], within=PATIENCE, what="Redis drops ended windows and full buckets")


def test_the_budget_is_one_for_all_nodes(build_limits: BuildLimits) -> None:
    nodes = [build_limits() for _ in range(PROCESSES)]
    verdicts = together(PROCESSES * 5, lambda n: nodes[n % PROCESSES].hit("login", limit=10, window=HOUR).allowed)
    assert verdicts.count(True) == 10
    verdicts = together(
        PROCESSES * 5, lambda n: nodes[n % PROCESSES].take("api", capacity=10, per_second=0.001).allowed
    )
    assert verdicts.count(True) == 10
