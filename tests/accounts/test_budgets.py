"""Whose failed attempts lock out whom."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pytest

from bharat.accounts import budgets as room
from bharat.accounts.budgets import Budgets
from bharat.accounts.policy import Policy
from bharat.contracts.errors import TooManyRequests, Unavailable
from bharat.data.clock import OffsetClock
from bharat.testing.platform import SmallPlatform
from tests.accounts.site import NEW_PASSWORD, PASSWORD, Site
from tests.testing.away import RemoteLimits

AGENT = "agent@acme.example"
HERE, THERE = "192.0.2.1", "198.51.100.1"
USER = UUID(int=1)


@pytest.fixture
def limits(platform: SmallPlatform) -> RemoteLimits:
    return RemoteLimits(platform)


@pytest.fixture
def budgets(limits: RemoteLimits) -> Budgets:
    return Budgets(limits, Policy())


def attempts(budgets: Budgets, email: str, *addresses: str) -> int:
    """How many are allowed, of one from each address."""
    allowed = 0
    for address in addresses:
        try:
            budgets.login(email, address)
        except TooManyRequests:
            continue
        allowed += 1
    return allowed


def lock_out(budgets: Budgets) -> int:
    """Attempts that the agent has after somebody elsewhere has used up what an account is given there."""
    assert attempts(budgets, AGENT, *[HERE] * 60) == 10
    return attempts(budgets, AGENT, THERE)


def test_who_guesses_locks_the_own_network_out_and_nobody_else(budgets: Budgets) -> None:
    """Protected by the network in `_one_of`'s key."""
    assert lock_out(budgets) == 1


def test_mutant_that_counts_an_account_from_everywhere_as_one_lets_anybody_lock_out(
    budgets: Budgets, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Budgets, "_one_of", lambda self, email, network: f"login:from:{email}")
    assert lock_out(budgets) == 0


def test_an_account_can_t_be_guessed_at_from_ever_more_networks(budgets: Budgets) -> None:
    networks = [f"192.0.{number}.1" for number in range(30) for _ in range(10)]
    assert attempts(budgets, AGENT, *networks) == 100
    assert attempts(budgets, "viewer@acme.example", HERE) == 1


def test_a_network_can_t_try_ever_more_accounts(budgets: Budgets) -> None:
    assert sum(attempts(budgets, f"user{number}@acme.example", HERE) for number in range(150)) == 100
    assert attempts(budgets, AGENT, THERE) == 1


def logged_in(budgets: Budgets) -> int:
    """How many of 150 right logins of an office pass."""
    passed = 0
    for number in range(150):
        email = f"user{number}@acme.example"
        passed += attempts(budgets, email, HERE)
        budgets.login_succeeded(email, HERE)
    return passed


def test_who_logs_in_does_not_use_up_what_the_network_has(budgets: Budgets) -> None:
    """Protected by `give_back` in `login_succeeded`."""
    assert logged_in(budgets) == 150


def test_mutant_that_gives_nothing_back_locks_an_office_out(budgets: Budgets, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RemoteLimits, "give_back", lambda self, key: None)
    assert logged_in(budgets) == 100


def test_a_success_gives_back_itself_and_not_the_failures_before_it(budgets: Budgets) -> None:
    for _ in range(11):
        for number in range(9):
            attempts(budgets, f"other{number}@acme.example", HERE)
        budgets.login(AGENT, HERE)
        budgets.login_succeeded(AGENT, HERE)
    assert sum(attempts(budgets, f"more{number}@acme.example", HERE) for number in range(20)) == 1


def test_a_password_that_was_set_lifts_the_locks_of_every_network(budgets: Budgets, clock: OffsetClock) -> None:
    for _ in range(3):
        assert attempts(budgets, AGENT, *[HERE] * 11, *[THERE] * 11) == 20
        budgets.password_set(AGENT)
    assert attempts(budgets, AGENT, *[HERE] * 11) == 10
    clock.offset += room.LIFTED + timedelta(seconds=1)
    assert attempts(budgets, AGENT, *[HERE] * 11) == 10


def test_ones_own_password_is_counted_apart_from_logins(budgets: Budgets) -> None:
    lock_out(budgets)
    for _ in range(10):
        budgets.password(USER)
    with pytest.raises(TooManyRequests):
        budgets.password(USER)
    budgets.password(UUID(int=2))
    budgets.password_proven(USER)
    budgets.password(USER)
    assert attempts(budgets, AGENT, THERE) == 1


def test_without_the_store_nothing_is_allowed(budgets: Budgets, limits: RemoteLimits) -> None:
    limits.answers = False
    calls: list[Callable[[], None]] = [
        lambda: budgets.login(AGENT, HERE),
        lambda: budgets.login_succeeded(AGENT, HERE),
        lambda: budgets.password(USER),
        lambda: budgets.password_proven(USER),
    ]
    for counts in calls:
        with pytest.raises(Unavailable):
            counts()
    budgets.password_set(AGENT)


def test_a_stranger_s_attempts_keep_nobody_from_logging_in_or_changing_the_password(site: Site) -> None:
    here = site.browser(AGENT)
    for _ in range(12):
        body = {"email": AGENT, "password": "wrong"}
        last = site.client.simulate_post("/api/v1/login", json=body, remote_addr="192.0.2.66")
    assert last.status_code == 429
    assert site.browser().log_in(AGENT).status_code == 200
    changed = here.call("PUT", "/me/password", {"current_password": PASSWORD, "new_password": NEW_PASSWORD})
    assert changed.status_code == 204


def test_ones_own_password_can_t_be_guessed_within_a_stolen_session(site: Site) -> None:
    browser = site.browser(AGENT)
    body = {"current_password": "guess", "new_password": NEW_PASSWORD}
    answers = [browser.call("PUT", "/me/password", body).status_code for _ in range(11)]
    assert answers == [422] * 10 + [429]
    assert site.browser().log_in(AGENT).status_code == 200
