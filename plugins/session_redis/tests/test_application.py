"""The whole application on sessions in Redis: what its users see when Redis stops, is full or is restored; each with its mutant."""

from __future__ import annotations

import contextlib
import threading
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
from bharat.contracts.sessions import Session, SessionsUnavailable, token_hash
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


def test_a_logout_during_a_request_is_final_when_the_request_is_over(
    site: Site, raw: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The request has loaded its session; then the user logs out; then it is answered. What would bring the session back is
    shown by the mutants in test_faults.py: here nothing is left that could."""
    here, there = site.browser(USER), site.browser()
    there.token = here.token
    loaded, logged_out = threading.Event(), threading.Event()
    of_session = Authenticator.of_session

    def slowly(self: Authenticator, session: Session) -> Principal | None:
        if not loaded.is_set():
            loaded.set()
            logged_out.wait(10)
        return of_session(self, session)

    monkeypatch.setattr(Authenticator, "of_session", slowly)
    answers: list[falcon.testing.Result] = []
    request = threading.Thread(target=lambda: answers.append(there.get("/me")))
    request.start()
    assert loaded.wait(10)
    assert here.post("/logout").status_code == 204
    logged_out.set()
    request.join(10)
    assert [answer.status_code for answer in answers] == [200]
    assert there.get("/me").status_code == 401
    assert raw.keys("bharat:session*") == []


# Redis is restored from a snapshot of before a revocation.


def change_password(site: Site, here: Browser) -> falcon.testing.Result:
    return here.call("PUT", "/me/password", {"current_password": PASSWORD, "new_password": NEW_PASSWORD})


def log_out_everywhere_else(site: Site, here: Browser) -> falcon.testing.Result:
    return here.delete("/me/sessions")


def as_administrator(body: dict[str, Any]) -> Callable[[Site, Browser], falcon.testing.Result]:
    def change(site: Site, here: Browser) -> falcon.testing.Result:
        admin = site.browser(ADMIN)
        user = admin.get(f"/users/{site.users['agent']}").json
        return admin.patch(f"/users/{user['id']}", body, user["version"])

    return change


REVOCATIONS: dict[str, Callable[[Site, Browser], falcon.testing.Result]] = {
    "a changed password": change_password,
    "logging out everywhere else": log_out_everywhere_else,
    "another role": as_administrator({"role": "viewer"}),
    "deactivation": as_administrator({"active": False}),
}


def answers_after_a_restore(site: Site, raw: Any, valkey: Valkey, revocation: str) -> tuple[int, int]:
    """What a revoked session is answered, and one that was not revoked, when Redis has been killed and has loaded a snapshot
    from before the revocation."""
    here, there, untouched = site.browser(USER), site.browser(USER), site.browser(OTHER)
    raw.save()
    snapshot = valkey.folder / "data" / "dump.rdb"
    saved = snapshot.read_bytes()
    assert REVOCATIONS[revocation](site, here).status_code in (200, 204)
    assert there.get("/me").status_code == 401
    valkey.kill()
    snapshot.write_bytes(saved)
    valkey.start()
    assert there.token is not None
    assert site.app.sessions.load(there.token) is not None, "the snapshot did not bring the session back"
    return there.get("/me").status_code, untouched.get("/me").status_code


@pytest.mark.parametrize("revocation", REVOCATIONS)
def test_a_restored_snapshot_revives_no_revoked_session(site: Site, raw: Any, valkey: Valkey, revocation: str) -> None:
    """Protected by the comparison of epochs in `Authenticator`, and by what raises them."""
    assert answers_after_a_restore(site, raw, valkey, revocation) == (401, 200)


@pytest.mark.parametrize("revocation", ["a changed password", "logging out everywhere else", "another role"])
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


def answers_while_away(site: Site, browser: Browser, paths: list[str]) -> set[tuple[int, str]]:
    """Status and media type of every answer to somebody who is logged in."""
    token = browser.token
    answers = [browser.get(path) for path in paths]
    answers += [
        browser.post("/logout"),
        browser.call("PUT", "/me/password", {"current_password": PASSWORD, "new_password": NEW_PASSWORD}),
        browser.delete("/me/sessions"),
        site.browser().log_in(OTHER),
    ]
    assert browser.token == token, "a browser was told to forget its session"
    return {(answer.status_code, answer.headers["Content-Type"]) for answer in answers}


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
    assert answers_while_away(site, browser, paths) == {(503, PROBLEM)}
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
