"""Forgotten passwords: the mail, its link, and what it tells to whom."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa

from bharat.accounts import users as accounts_users
from bharat.accounts.passwords import Passwords
from bharat.accounts.tables import password_resets
from bharat.accounts.users import change_user, find_user, set_login
from bharat.contracts.limits import LimitsUnavailable
from bharat.contracts.principal import SYSTEM
from bharat.data.clock import OffsetClock
from bharat.work.tables import jobs
from tests.accounts.site import NEW_PASSWORD, PASSWORD, Browser, Site

AGENT = "agent@acme.example"


def ask(site: Site, address: str) -> int:
    return site.browser().post("/password-resets", {"email": address}).status_code


def confirm(browser: Browser, token: str, password: str = NEW_PASSWORD) -> int:
    return browser.post("/password-resets/confirm", {"token": token, "password": password}).status_code


def test_the_mailed_link_sets_a_new_password_once_and_ends_all_sessions(site: Site) -> None:
    browser = site.browser(AGENT)
    assert ask(site, AGENT) == 204
    site.work()
    token = site.token_mailed_to(AGENT)
    assert confirm(site.browser(), token) == 204
    assert browser.get("/me").status_code == 401
    assert site.browser().log_in(AGENT).status_code == 401
    assert site.browser().log_in(AGENT, NEW_PASSWORD).status_code == 200
    assert confirm(site.browser(), token, PASSWORD) == 422
    assert "user.password_reset" in site.actions()


def test_a_reset_lifts_the_lock_that_failed_logins_caused(site: Site) -> None:
    for _ in range(10):
        site.browser().log_in(AGENT, "wrong")
    locked = site.browser().log_in(AGENT)
    assert (locked.status_code, locked.json["detail"]) == (429, "Too many attempts. Try again in 15 minutes.")
    ask(site, AGENT)
    site.work()
    assert confirm(site.browser(), site.token_mailed_to(AGENT)) == 204
    assert site.browser().log_in(AGENT, NEW_PASSWORD).status_code == 200


def test_a_reset_holds_when_the_lock_can_t_be_lifted(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    ask(site, AGENT)
    site.work()

    def away(key: str) -> None:
        raise LimitsUnavailable("away")

    with monkeypatch.context() as patched:
        patched.setattr(site.app.limits, "reset", away)
        assert confirm(site.browser(), site.token_mailed_to(AGENT)) == 204
    assert site.browser().log_in(AGENT, NEW_PASSWORD).status_code == 200


def test_asking_for_an_unknown_address_answers_and_does_the_same(site: Site) -> None:
    counted = sa.select(sa.func.count()).select_from(jobs).where(jobs.c.kind == "accounts.reset_request")
    answers = []
    for address in (AGENT, "nobody@acme.example"):
        before = site.app.database.read(None).scalar(counted)
        answers.append(site.browser().post("/password-resets", {"email": address}))
        assert site.app.database.read(None).scalar(counted) == before + 1
    assert answers[0].status_code == answers[1].status_code == 204
    assert answers[0].content == answers[1].content
    site.work()
    assert len(site.mails(AGENT)) == 1
    assert site.mails("nobody@acme.example") == []


def test_neither_rows_nor_jobs_hold_the_token(site: Site) -> None:
    ask(site, AGENT)
    site.work()
    token = site.token_mailed_to(AGENT)
    reader = site.app.database.read(site.acme)
    kept = repr(reader.rows(sa.select(password_resets))) + repr(reader.rows(sa.select(jobs)))
    assert token not in kept
    assert token[22:] not in kept


def test_a_link_ends_after_an_hour(site: Site, clock: OffsetClock) -> None:
    ask(site, AGENT)
    site.work()
    token = site.token_mailed_to(AGENT)
    clock.offset += timedelta(minutes=61)
    assert confirm(site.browser(), token) == 422


def test_a_reset_makes_other_links_worthless(site: Site) -> None:
    for _ in range(2):
        ask(site, AGENT)
    site.work()
    first, second = (text.split("#token=")[1].split()[0] for text in site.mails(AGENT))
    assert first != second
    assert confirm(site.browser(), first) == 204
    assert confirm(site.browser(), second) == 422


def test_a_weak_password_does_not_use_up_the_link(site: Site) -> None:
    ask(site, AGENT)
    site.work()
    token = site.token_mailed_to(AGENT)
    assert confirm(site.browser(), token, "short") == 422
    assert confirm(site.browser(), token) == 204


@pytest.mark.parametrize("token", ["x", "A" * 64, "é" * 64])
def test_what_is_no_token_is_refused(site: Site, token: str) -> None:
    assert confirm(site.browser(), token) == 422


def test_a_mailbox_is_not_flooded(site: Site) -> None:
    answers = [ask(site, AGENT) for _ in range(6)]
    assert answers == [204] * 5 + [429]


def test_a_deactivated_user_gets_no_mail(site: Site) -> None:
    admin = site.browser("admin@acme.example")
    admin.patch(f"/users/{site.users['agent']}", {"active": False}, 2)
    ask(site, AGENT)
    site.work()
    assert site.mails(AGENT) == []


def test_a_changed_password_ends_the_link(site: Site) -> None:
    """Who read the mailbox and is locked out by a new password must not choose the next one."""
    browser = site.browser(AGENT)
    ask(site, AGENT)
    site.work()
    body = {"current_password": PASSWORD, "new_password": NEW_PASSWORD}
    assert browser.call("PUT", "/me/password", body).status_code == 204
    assert confirm(site.browser(), site.token_mailed_to(AGENT), "the thief has this one") == 422


def test_a_login_that_moves_ends_the_link_in_the_old_mailbox(site: Site) -> None:
    ask(site, AGENT)
    site.work()
    with site.app.database.write(site.acme, SYSTEM) as unit:
        set_login(unit, site.users["agent"], "new@acme.example", site.app.accounts.passwords.hash(NEW_PASSWORD))
    assert confirm(site.browser(), site.token_mailed_to(AGENT), "the thief has this one") == 422


def test_a_deactivation_ends_the_link_for_good(site: Site) -> None:
    admin, path = site.browser("admin@acme.example"), f"/users/{site.users['agent']}"
    ask(site, AGENT)
    site.work()
    assert admin.patch(path, {"active": False}, 2).status_code == 200
    assert admin.patch(path, {"active": True}, 3).status_code == 200
    assert confirm(site.browser(), site.token_mailed_to(AGENT)) == 422


def test_a_deactivation_while_the_link_is_used_wins(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Protected by `_end_proofs` in `change_user`."""
    assert deactivated_while_confirming(site, monkeypatch) == 422


def test_without_the_end_of_links_a_reset_overtakes_a_deactivation(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Mutant: `_end_proofs` in `change_user` is left out; the test above would find 204."""
    monkeypatch.setattr(accounts_users, "_end_proofs", lambda *_: None)
    assert deactivated_while_confirming(site, monkeypatch) == 204


def deactivated_while_confirming(site: Site, monkeypatch: pytest.MonkeyPatch) -> int:
    ask(site, AGENT)
    site.work()
    token = site.token_mailed_to(AGENT)
    hashed = Passwords.hash

    def slow(self: Passwords, password: str) -> str:
        with site.app.database.write(site.acme, SYSTEM) as unit:
            change_user(unit, find_user(unit, site.users["agent"], lock="change"), {"active": False})
        return hashed(self, password)

    monkeypatch.setattr(Passwords, "hash", slow)
    return confirm(site.browser(), token)
