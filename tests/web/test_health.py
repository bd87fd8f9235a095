"""`/api/health`: what anybody is told of the parts, and that asking often costs little."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from bharat.contracts.check import Finding, Status
from bharat.contracts.errors import Unavailable
from bharat.data.clock import OffsetClock
from bharat.plugins.examining import Examination
from bharat.web import health
from bharat.web.health import REMEMBERED, HealthWatch
from tests.fixtures.application import OpenSite, Site
from tests.fixtures.distributions import Distributions

VAULT = """
from typing import Any
from collections.abc import Sequence
import msgspec
from bharat import hookimpl
from bharat.contracts.check import Check, Finding, Status
from bharat.contracts.provider import NoOptions, Provider
from bharat.local.memory import MemoryCache
from bharat.local.options import MemoryOptions
def examine(cache, platform):
    FOUND
@hookimpl
def bharat_cache():
    return [Provider("vault", MemoryOptions, MemoryCache, shared=False, summary="", check=examine)]
@hookimpl
def bharat_checks():
    return [Check(name="vault.own", run=lambda app: OWN)]
"""
SECRET = "redis.internal:6379 hunter2"
FAILED = f"return [Finding(Status.FAILED, {SECRET!r}, {SECRET!r}, 'eviction')]"
RAISED = f"raise RuntimeError({SECRET!r})"
TOLD = f"from bharat.contracts.errors import BharatError; raise BharatError({SECRET!r})"


@pytest.fixture
def opened(distributions: Distributions, open_site: OpenSite) -> Callable[..., Site]:
    def open_with(found: str, own: str = "Finding(Status.OK, 'fine')", provider: str = "vault") -> Site:
        distributions.add("vault", VAULT.replace("FOUND", found).replace("OWN", own))
        return open_site("vault", BHARAT_CACHE__PROVIDER=provider, BHARAT_SERVER__PUBLIC_URL="http://localhost")

    return open_with


def parts(site: Site) -> dict[str, Any]:
    return {part["name"]: part for part in site.client.simulate_get("/api/health").json["checks"]}


@pytest.mark.parametrize("dialect", ["sqlite"])
def test_a_chosen_provider_is_named_by_its_capability(opened: Callable[..., Site]) -> None:
    site = opened("return []")
    answer = site.client.simulate_get("/api/health")
    assert (answer.status_code, answer.json["status"]) == (200, "ok")
    assert list(parts(site)) == ["database", "storage", "cache", "mail", "search", "vault.own"]


@pytest.mark.parametrize("dialect", ["sqlite"])
def test_a_provider_that_is_not_chosen_is_not_looked_at(opened: Callable[..., Site]) -> None:
    site = opened(FAILED, provider="memory")
    assert "cache" not in parts(site)


@pytest.mark.parametrize("dialect", ["sqlite"])
@pytest.mark.parametrize("found", [FAILED, RAISED, TOLD])
def test_of_a_provider_nothing_but_its_state_is_told(opened: Callable[..., Site], found: str) -> None:
    site = opened(found)
    answer = site.client.simulate_get("/api/health")
    assert (answer.status_code, answer.json["status"]) == (503, "failed")
    assert parts(site)["cache"]["status"] == "failed"
    assert "hunter2" not in answer.text
    assert "eviction" not in answer.text


@pytest.mark.parametrize("dialect", ["sqlite"])
def test_what_a_check_raises_is_told_by_its_kind_alone(opened: Callable[..., Site]) -> None:
    site = opened("return []", own=f"exec({TOLD!r})")
    answer = site.client.simulate_get("/api/health")
    assert parts(site)["vault.own"]["detail"] == "the check failed: BharatError"
    assert "hunter2" not in answer.text


def test_a_database_that_is_away_is_told(site: Site, clock: OffsetClock, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise Unavailable("postgresql://hunter2")

    assert parts(site)["database"]["status"] == "ok"
    monkeypatch.setattr(type(site.app.database), "run_read", refuse)
    clock.offset += timedelta(seconds=REMEMBERED)
    answer = site.client.simulate_get("/api/health")
    assert answer.status_code == 503
    assert parts(site)["database"]["detail"] == "the database does not answer"
    assert "hunter2" not in answer.text


def looks_after(asked: int, clock: OffsetClock) -> int:
    """How often a part is looked at when it is asked for so often at once."""
    looked = 0

    def look() -> Iterator[Finding]:
        nonlocal looked
        looked += 1
        yield Finding(Status.OK, "fine")

    watch = HealthWatch([Examination("part", look)], clock)
    for _ in range(asked):
        watch.look()
    return looked


def test_asking_often_looks_once(clock: OffsetClock) -> None:
    assert looks_after(100, clock) == 1


def test_without_remembering_asking_often_would_look_often(clock: OffsetClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """The mutant: `REMEMBERED` is nothing."""
    monkeypatch.setattr(health, "REMEMBERED", 0.0)
    assert looks_after(100, clock) == 100


def test_later_it_looks_again(clock: OffsetClock) -> None:
    states = iter([Status.FAILED, Status.OK])
    watch = HealthWatch([Examination("part", lambda: [Finding(next(states), "")])], clock)
    assert watch.look()[0].worst.status is Status.FAILED
    clock.offset += timedelta(seconds=REMEMBERED)
    assert watch.look()[0].worst.status is Status.OK
