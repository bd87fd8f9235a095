"""The whole application on sessions in Redis: what its users see when Redis stops, is full or is restored; each with its mutant."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import falcon.testing
import pytest
import sqlalchemy as sa

from bharat.accounts.authentication import Authenticator
from bharat.accounts.tables import users
from bharat.contracts.principal import Principal
from bharat.contracts.sessions import Session, SessionsUnavailable, handle_of, new_token, token_hash
from bharat.testing.suite import eventually
from bharat_local_servers import Valkey
from bharat_session_redis.sessions import RedisSessions
from plugins.session_redis.tests.filling import filled
from tests.accounts.site import NEW_PASSWORD, PASSWORD, Browser, Site
from tests.fixtures.application import OpenSite

pytestmark = pytest.mark.parametrize("dialect", ["postgresql"])
USER, ADMIN, OTHER = "agent@acme.example", "admin@acme.example", "viewer@acme.example"
RECOVERY = timedelta(seconds=10)


@pytest.fixture(scope="module")
def valkey_settings() -> dict[str, Any]:
    """In memory: what it holds after a start is what a snapshot brings."""
    return {}


@pytest.fixture
def site(open_site: OpenSite, valkey: Valkey) -> Site:
    settings = {
        "PROVIDER": "redis",
        "REDIS__URL": valkey.url,
        "REDIS__READ_TIMEOUT": "0.5",
        "REDIS__CONNECT_TIMEOUT": "0.5",
    }
    opened = open_site("session_redis", **{f"BHARAT_SESSIONS__{name}": value for name, value in settings.items()})
    assert isinstance(opened.app.sessions, RedisSessions)
    return Site(opened.app)


# A logout meets a request in flight.


Rotation = Callable[[RedisSessions, str, int | None, Callable[[], None]], str]
rotate = RedisSessions.rotate


def after_a_logout(sessions: RedisSessions, token: str, epoch: int | None, log_out: Callable[[], None]) -> str:
    log_out()
    return rotate(sessions, token, epoch=epoch)


def in_two_steps(raw: Any) -> Rotation:
    """Mutant: the session is read, and what was read is written under the new token."""

    def rotation(sessions: RedisSessions, token: str, epoch: int | None, log_out: Callable[[], None]) -> str:
        found = raw.hgetall(f"bharat:session:{token_hash(token)}")
        log_out()
        fresh = new_token()
        raw.hset(f"bharat:session:{token_hash(fresh)}", mapping={**found, b"epoch": str(epoch)})
        raw.zadd(f"bharat:sessions:{found[b'user'].decode()}", {token_hash(fresh): 2e18})
        return fresh

    return rotation


def answers_of_a_request_that_meets_a_logout(
    site: Site, monkeypatch: pytest.MonkeyPatch, rotation: Rotation
) -> tuple[int, int]:
    """A request was let in and moves its session to a new token; meanwhile the user logs out. What the request is answered, and what
    its browser is afterwards."""
    here, there = site.browser(USER), site.browser()
    there.token = here.token

    def log_out() -> None:
        assert here.post("/logout").status_code == 204

    def rotated(self: RedisSessions, token: str, *, epoch: int | None = None) -> str:
        return rotation(self, token, epoch, log_out)

    monkeypatch.setattr(RedisSessions, "rotate", rotated)
    return there.delete("/me/sessions").status_code, there.get("/me").status_code


def test_a_logout_during_a_request_that_renews_the_session_is_final(
    site: Site, raw: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Protected twice: by `if not session then return 0 end` in `scripts.ROTATE`, which is one step, and by `~was_ended(…)` in
    `end_other_sessions`, where the new token becomes good."""
    assert answers_of_a_request_that_meets_a_logout(site, monkeypatch, after_a_logout) == (401, 401)
    assert raw.keys("bharat:session*") == []


def test_mutant_that_rotates_in_two_steps_comes_as_far_as_the_database(
    site: Site, raw: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The test above would find 409: Redis had the session again, and the database, which remembers the logout, did not take it."""
    assert answers_of_a_request_that_meets_a_logout(site, monkeypatch, in_two_steps(raw)) == (409, 401)


def test_mutant_that_does_not_ask_the_database_either_brings_the_session_back(
    site: Site, raw: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bharat.accounts.ending.was_ended", lambda handle: sa.false())
    assert answers_of_a_request_that_meets_a_logout(site, monkeypatch, in_two_steps(raw)) == (200, 200)


# Redis is restored from a snapshot of before a revocation.


Revocation = Callable[[Site, Browser, Browser], falcon.testing.Result]
"""Ends the second browser's session; the first is another of the same user."""


def change_password(site: Site, here: Browser, there: Browser) -> falcon.testing.Result:
    return here.call("PUT", "/me/password", {"current_password": PASSWORD, "new_password": NEW_PASSWORD})


def log_out_everywhere_else(site: Site, here: Browser, there: Browser) -> falcon.testing.Result:
    return here.delete("/me/sessions")


def as_administrator(body: dict[str, Any]) -> Revocation:
    def change(site: Site, here: Browser, there: Browser) -> falcon.testing.Result:
        admin = site.browser(ADMIN)
        user = admin.get(f"/users/{site.users['agent']}").json
        return admin.patch(f"/users/{user['id']}", body, user["version"])

    return change


def log_out(site: Site, here: Browser, there: Browser) -> falcon.testing.Result:
    return there.post("/logout")


def end_from_the_list(site: Site, here: Browser, there: Browser) -> falcon.testing.Result:
    return here.delete(f"/me/sessions/{handle_of(str(there.token))}")


def log_in_again(site: Site, here: Browser, there: Browser) -> falcon.testing.Result:
    return there.log_in(USER)


BY_EPOCH: dict[str, Revocation] = {
    "a changed password": change_password,
    "logging out everywhere else": log_out_everywhere_else,
    "another role": as_administrator({"role": "viewer"}),
}
BY_ITSELF: dict[str, Revocation] = {
    "a logout": log_out,
    "ending it from the list": end_from_the_list,
    "a login in its place": log_in_again,
}
REVOCATIONS: dict[str, Revocation] = {**BY_EPOCH, **BY_ITSELF, "deactivation": as_administrator({"active": False})}


def answers_after_a_restore(site: Site, raw: Any, valkey: Valkey, revocation: str) -> tuple[int, int]:
    """What a revoked session is answered, and one that was not revoked, when Redis has been killed and has loaded a snapshot
    from before the revocation."""
    here, there, untouched = site.browser(USER), site.browser(USER), site.browser(OTHER)
    revoked = site.browser()
    revoked.token = there.token
    raw.save()
    snapshot = valkey.folder / "data" / "dump.rdb"
    saved = snapshot.read_bytes()
    assert REVOCATIONS[revocation](site, here, there).status_code in (200, 204)
    assert revoked.get("/me").status_code == 401
    valkey.kill()
    snapshot.write_bytes(saved)
    valkey.start()
    assert revoked.token is not None
    assert site.app.sessions.load(revoked.token) is not None, "the snapshot did not bring the session back"
    return revoked.get("/me").status_code, untouched.get("/me").status_code


@pytest.mark.parametrize("revocation", REVOCATIONS)
def test_a_restored_snapshot_revives_no_revoked_session(site: Site, raw: Any, valkey: Valkey, revocation: str) -> None:
    """Protected by the conditions of `Authenticator._by_user`: `users.c.epoch ==` and what raises it, `users.c.active`, and
    `~was_ended(…)`, of what `ending._end` remembers."""
    assert answers_after_a_restore(site, raw, valkey, revocation) == (401, 200)


@pytest.mark.parametrize("revocation", BY_ITSELF)
def test_mutant_that_asks_for_no_single_end_lets_the_ended_session_in(
    site: Site, raw: Any, valkey: Valkey, revocation: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without `~was_ended(…)` in `Authenticator._by_user`."""
    monkeypatch.setattr("bharat.accounts.authentication.was_ended", lambda handle: sa.false())
    unasked = Authenticator(site.app.database, site.app.sessions)
    monkeypatch.setattr(site.app.accounts.authenticator, "_by_user", unasked._by_user)
    assert answers_after_a_restore(site, raw, valkey, revocation) == (200, 200)


@pytest.mark.parametrize("revocation", BY_EPOCH)
def test_mutant_that_compares_no_epochs_lets_the_revoked_session_in(
    site: Site, raw: Any, valkey: Valkey, revocation: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    of_session = Authenticator.of_session
    database = site.app.database

    def of_any_epoch(self: Authenticator, session: Session) -> Principal | None:
        epoch = database.read(session.organisation_id).scalar(
            sa.select(users.c.epoch).where(users.c.id == session.user_id)
        )
        return of_session(self, replace(session, epoch=epoch) if killed else session)

    killed: list[bool] = []
    kill = valkey.kill

    def noted() -> None:
        kill()
        killed.append(True)

    monkeypatch.setattr(valkey, "kill", noted)
    monkeypatch.setattr(Authenticator, "of_session", of_any_epoch)
    assert answers_after_a_restore(site, raw, valkey, revocation) == (200, 200)


# Redis stops.


@pytest.fixture(params=["stopped", "stalled"])
def away(request: pytest.FixtureRequest, valkey: Valkey) -> Iterator[Callable[[], None]]:
    yield valkey.stop if request.param == "stopped" else valkey.pause
    valkey.resume()


def routes_that_ask_for_a_login(site: Site) -> list[str]:
    """Every route that is read without naming a record, and needs somebody to be logged in."""
    paths = site.client.simulate_get("/openapi.json").json["paths"]
    return [
        path.removeprefix("/api/v1")
        for path, methods in paths.items()
        if path.startswith("/api/v1/") and "{" not in path and methods.get("get", {}).get("security")
    ]


def answers_while_away(site: Site, browser: Browser, paths: list[str]) -> set[tuple[int, str | None]]:
    """Status and media type of every answer to somebody who is logged in."""
    answers = [browser.get(path) for path in paths]
    answers += [
        browser.post("/logout"),
        browser.call("PUT", "/me/password", {"current_password": PASSWORD, "new_password": NEW_PASSWORD}),
        browser.delete("/me/sessions"),
        site.browser().log_in(OTHER),
    ]
    return {(answer.status_code, answer.headers.get("Content-Type")) for answer in answers}


PROBLEM = "application/problem+json"


def test_without_redis_every_route_says_so_and_nobody_is_logged_out(
    site: Site, valkey: Valkey, raw: Any, away: Callable[[], None]
) -> None:
    """Protected by `SessionsUnavailable`, which `Authenticator.session` makes a 503."""
    browser = site.browser(USER)
    paths = routes_that_ask_for_a_login(site)
    assert {"/me", "/users", "/teams"} <= set(paths)
    raw.save()
    away()
    token = browser.token
    assert answers_while_away(site, browser, paths) == {(503, PROBLEM)}
    assert browser.token == token, "a browser was told to forget its session"
    assert site.client.simulate_get("/livez").status_code == 200
    valkey.resume()
    valkey.start()
    eventually(lambda: browser.get("/me").status_code == 200, within=RECOVERY, what="Redis is back, and so is the user")


def test_mutant_that_takes_a_lost_store_for_a_logout_says_401(
    site: Site, valkey: Valkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`RedisSessions.load` gives `None` where it raised `SessionsUnavailable`."""
    browser = site.browser(USER)
    load = RedisSessions.load

    def forgetful(self: RedisSessions, token: str) -> Session | None:
        try:
            return load(self, token)
        except SessionsUnavailable:
            return None

    monkeypatch.setattr(RedisSessions, "load", forgetful)
    valkey.stop()
    assert (401, PROBLEM) in answers_while_away(site, browser, ["/me", "/users"])


def test_mutant_that_remembers_sessions_itself_lets_people_in(
    site: Site, valkey: Valkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bypass: `RedisSessions.load` gives what it gave before."""
    remembered: dict[str, Session | None] = {}
    load = RedisSessions.load

    def remembering(self: RedisSessions, token: str) -> Session | None:
        with contextlib.suppress(SessionsUnavailable):
            remembered[token] = load(self, token)
        return remembered[token]

    monkeypatch.setattr(RedisSessions, "load", remembering)
    browser = site.browser(USER)
    assert browser.get("/me").status_code == 200
    valkey.stop()
    assert 200 in {status for status, _ in answers_while_away(site, browser, ["/me", "/users"])}


# Redis is full.


def test_a_full_redis_keeps_everybody_logged_in_and_every_job_running(site: Site, raw: Any) -> None:
    """Its mutants, a policy that evicts and a load that insists on its note, are in test_full.py."""
    user, admin, leaving = site.browser(USER), site.browser(ADMIN), site.browser(OTHER)
    for browser in (user, admin):
        assert browser.token is not None
        raw.hincrby(f"bharat:session:{token_hash(browser.token)}", "seen", -3600_000_000)
    assert len(filled(site.app.sessions, raw, "noeviction")) > 300
    raw.config_set("maxmemory", 1)  # whatever somebody gives back makes no room
    assert user.get("/me").status_code == 200
    refused = site.browser().log_in(USER)
    assert (refused.status_code, refused.headers["Content-Type"]) == (503, PROBLEM)
    assert admin.post("/invitations", {"email": "new@acme.example", "role": "agent"}).status_code == 201
    site.work()
    assert len(site.mails("new@acme.example")) == 1
    assert leaving.post("/logout").status_code == 204
    assert leaving.get("/me").status_code == 401

    raw.config_set("maxmemory", 0)
    assert site.browser(USER).get("/me").status_code == 200
    assert user.get("/me").status_code == 200


def test_mutant_whose_redis_evicts_logs_people_out(site: Site, raw: Any) -> None:
    browsers = [site.browser(USER) for _ in range(5)]
    assert all(browser.get("/me").status_code == 200 for browser in browsers)
    filled(site.app.sessions, raw, "allkeys-lru")
    assert 401 in {browser.get("/me").status_code for browser in browsers}
