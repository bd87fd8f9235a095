"""Logging out here, there and everywhere: what was ended stays so, whatever the store of sessions remembers."""

from __future__ import annotations

from collections.abc import Callable

import falcon.testing
import pytest
import sqlalchemy as sa

from bharat.accounts import ending, logins
from bharat.accounts.authentication import Authenticator
from bharat.accounts.service import Accounts
from bharat.accounts.users import raise_epoch
from bharat.contracts.errors import Unavailable
from bharat.contracts.principal import SYSTEM, Principal
from bharat.contracts.sessions import Session, Sessions, SessionsUnavailable, handle_of
from tests.accounts.site import NEW_PASSWORD, PASSWORD, Browser, Site

AGENT = "agent@acme.example"


def test_a_logout_clears_away_a_session_that_had_ended(site: Site) -> None:
    """What a raised epoch has ended still lies in the store, and the cookie in the browser."""
    browser = site.browser("agent@acme.example")
    token = browser.token
    assert token is not None
    with site.app.database.write(site.acme, SYSTEM) as unit:
        raise_epoch(unit, site.users["agent"])
    assert site.app.sessions.load(token) is not None
    assert browser.get("/me").status_code == 401
    assert browser.post("/logout").status_code == 204
    assert site.app.sessions.load(token) is None
    assert browser.token is None
    assert "user.logged_out" not in site.actions()


def test_a_logout_ends_the_session_and_can_be_repeated(site: Site) -> None:
    browser = site.browser(AGENT)
    copy = site.browser()
    copy.token = browser.token
    assert browser.post("/logout").status_code == 204
    assert browser.token is None
    assert copy.get("/me").status_code == 401
    assert copy.post("/logout").status_code == 204
    assert site.actions().count("user.logged_out") == 1


def test_one_lists_ones_sessions_and_ends_one_or_the_others(site: Site) -> None:
    first, second, third = (site.browser(AGENT) for _ in range(3))
    site.browser("viewer@acme.example")
    listed = first.get("/me/sessions").json["items"]
    assert len(listed) == 3
    assert [item["current"] for item in listed] == [False, False, True]
    assert str(first.token) not in str(listed)
    assert first.delete(f"/me/sessions/{listed[0]['handle']}").status_code == 204
    assert third.get("/me").status_code == 401
    assert second.get("/me").status_code == 200
    old = first.token
    assert first.delete("/me/sessions").json == {"ended": 1}
    assert first.token not in (None, old)
    assert second.get("/me").status_code == 401
    assert first.get("/me").status_code == 200


def the_same(site: Site, browser: Browser) -> Browser:
    """Another browser with the same cookie."""
    other = site.browser()
    other.token = browser.token
    return other


Act = Callable[[Browser, Browser], falcon.testing.Result]


def log_out(here: Browser, there: Browser) -> falcon.testing.Result:
    return there.post("/logout")


def end_from_the_list(here: Browser, there: Browser) -> falcon.testing.Result:
    return here.delete(f"/me/sessions/{handle_of(str(there.token))}")


def log_in_again(here: Browser, there: Browser) -> falcon.testing.Result:
    return there.log_in(AGENT)


ENDINGS: dict[str, Act] = {
    "a logout": log_out,
    "ending it from the list": end_from_the_list,
    "a login in its place": log_in_again,
}


def store_goes_down(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """The store loads sessions, and no longer answers who wants to end one."""

    def down(self: Sessions, *_: object, **__: object) -> None:
        raise SessionsUnavailable("down")

    for name in ("delete", "revoke", "revoke_all"):
        monkeypatch.setattr(type(site.app.sessions), name, down)


def ask_nobody(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Mutant: nothing asks whether a session was ended by itself."""
    for module in ("authentication", "ending", "logins"):
        monkeypatch.setattr(f"bharat.accounts.{module}.was_ended", lambda handle: sa.false())
    asking, app = site.app.accounts.authenticator, site.app
    monkeypatch.setattr(asking, "_by_user", Authenticator(app.database, app.sessions)._by_user)


def answer_after(site: Site, monkeypatch: pytest.MonkeyPatch, ending: str) -> int:
    """What a session is answered that was ended in this way, when its store has it still."""
    here, there = site.browser(AGENT), site.browser(AGENT)
    ended = the_same(site, there)
    store_goes_down(site, monkeypatch)
    assert ENDINGS[ending](here, there).status_code in (200, 204)
    assert here.get("/me").status_code == 200
    assert site.app.sessions.load(str(ended.token)) is not None
    return ended.get("/me").status_code


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_session_that_is_ended_stays_so_whatever_the_store_remembers(
    site: Site, monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    """Protected by `_end` in `bharat.accounts.ending`, and by `~was_ended(…)` in `Authenticator._by_user`."""
    assert answer_after(site, monkeypatch, ending) == 401


@pytest.mark.parametrize("ending", ENDINGS)
def test_mutant_that_asks_nobody_leaves_it_to_the_store(
    site: Site, monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    ask_nobody(site, monkeypatch)
    assert answer_after(site, monkeypatch, ending) == 200


def test_a_session_that_was_ended_is_neither_listed_nor_ended_again_though_the_store_has_it(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = site.browser(AGENT), site.browser(AGENT)
    store_goes_down(site, monkeypatch)
    handle = handle_of(str(there.token))
    assert here.delete(f"/me/sessions/{handle}").status_code == 204
    assert [item["current"] for item in here.get("/me/sessions").json["items"]] == [True]
    assert here.delete(f"/me/sessions/{handle}").status_code == 404
    assert here.delete("/me/sessions").json == {"ended": 0}
    assert site.actions().count("user.session_ended") == 1


def test_a_logout_that_the_database_can_t_remember_ends_nothing_and_says_so(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a store restored later would revive what its user saw end."""

    def down(*_: object, **__: object) -> None:
        raise Unavailable("the database does not answer")

    browser = site.browser(AGENT)
    with monkeypatch.context() as patched:
        patched.setattr(type(site.app.database), "write", down)
        assert browser.post("/logout").status_code == 503
    assert browser.token is not None
    assert browser.get("/me").status_code == 200


def end_others(browser: Browser) -> falcon.testing.Result:
    return browser.delete("/me/sessions")


def change_own_password(browser: Browser) -> falcon.testing.Result:
    return browser.call("PUT", "/me/password", {"current_password": PASSWORD, "new_password": NEW_PASSWORD})


RENEWALS = {"ending the others": end_others, "a new password": change_own_password}


def renewed_while_logged_out(site: Site, monkeypatch: pytest.MonkeyPatch, renewal: str) -> tuple[int, int]:
    """A request renews a session; when it has been let in, a logout ends that session, and the store does not hear of it. What the
    request is answered, and what its browser is afterwards."""
    here = site.browser(AGENT)
    there = the_same(site, here)
    meanwhile = [lambda: here.post("/logout")]
    of_session = Authenticator.of_session

    def slowly(self: Authenticator, session: Session) -> Principal | None:
        principal = of_session(self, session)
        if meanwhile:
            assert meanwhile.pop()().status_code == 204
        return principal

    store_goes_down(site, monkeypatch)
    monkeypatch.setattr(Authenticator, "of_session", slowly)
    return RENEWALS[renewal](there).status_code, there.get("/me").status_code


@pytest.mark.parametrize("renewal", RENEWALS)
def test_a_session_that_was_ended_is_not_renewed_by_a_request_in_flight(
    site: Site, monkeypatch: pytest.MonkeyPatch, renewal: str
) -> None:
    """Protected by `~was_ended(principal.session)` where the epoch is raised, in `end_other_sessions` and `change_password`."""
    assert renewed_while_logged_out(site, monkeypatch, renewal) == (409, 401)
    assert site.browser().log_in(AGENT).status_code == 200


@pytest.mark.parametrize("renewal", RENEWALS)
def test_mutant_that_renews_what_was_ended(site: Site, monkeypatch: pytest.MonkeyPatch, renewal: str) -> None:
    for module in (ending, logins):
        monkeypatch.setattr(module, "was_ended", lambda handle: sa.false())
    assert renewed_while_logged_out(site, monkeypatch, renewal)[1] == 200


def live_in_a_restored_store(site: Site, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether somebody is still logged in elsewhere after "log out everywhere else", when the store has lost that."""
    here, there = site.browser(AGENT), site.browser(AGENT)
    monkeypatch.setattr(type(site.app.sessions), "revoke_all", lambda self, *arguments, **more: 0)
    assert here.delete("/me/sessions").json == {"ended": 1}
    assert here.get("/me").status_code == 200
    return there.get("/me").status_code == 200


def test_who_logs_out_everywhere_else_does_so_whatever_the_store_remembers(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Protected: `epoch=epoch + 1` in the change of the user in `ending.end_other_sessions`."""
    assert not live_in_a_restored_store(site, monkeypatch)


def test_mutant_that_raises_no_epoch_leaves_it_to_the_store(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def end_others(accounts: Accounts, principal: Principal, token: str) -> tuple[str, int]:
        sessions = accounts.app.sessions
        others = sessions.list(principal.organisation_id, principal.user_id)[1:]
        sessions.revoke_all(principal.organisation_id, principal.user_id, keep=principal.session)
        return token, len(others)

    monkeypatch.setattr("bharat.accounts.routes.me.end_other_sessions", end_others)
    assert live_in_a_restored_store(site, monkeypatch)


def test_one_who_logs_out_everywhere_else_while_the_login_is_changed_is_told_so(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = site.browser(AGENT)
    rotate = type(site.app.sessions).rotate

    def meanwhile(self: Sessions, token: str, *, epoch: int | None = None) -> str:
        with site.app.database.write(site.acme, SYSTEM) as unit:
            raise_epoch(unit, site.users["agent"])
        return rotate(self, token, epoch=epoch)

    monkeypatch.setattr(type(site.app.sessions), "rotate", meanwhile)
    assert here.delete("/me/sessions").status_code == 409


def test_nobody_ends_another_users_session(site: Site) -> None:
    agent, viewer = site.browser(AGENT), site.browser("viewer@acme.example")
    handle = agent.get("/me/sessions").json["items"][0]["handle"]
    assert viewer.delete(f"/me/sessions/{handle}").status_code == 404
    assert agent.get("/me").status_code == 200
