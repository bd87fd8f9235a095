"""What the product does, whatever two providers meet: the same steps with each combination, on both databases.

The whole suites of each kind of state run against each provider by itself; here is shown that none leans on another."""

from __future__ import annotations

import re
from datetime import timedelta
from hashlib import sha256
from itertools import combinations, product

import pytest

from bharat.contracts.holding import holding
from bharat.contracts.locks import LeaseLost
from bharat.contracts.principal import SYSTEM
from bharat.testing.suite import eventually
from tests.accounts.site import NEW_PASSWORD, PASSWORD, Browser
from tests.fixtures.links import fetched
from tests.pairs.conftest import Pair
from tests.pairs.providers import CHOICES, COMBINATIONS, Combination, covering, mode_of

ADMIN, AGENT = "admin@acme.example", "agent@acme.example"
CONTENT = bytes(range(256)) * 30_000
"""Larger than a part of the S3."""


def test_every_two_homes_meet_in_some_combination() -> None:
    for one, other in combinations(CHOICES, 2):
        met = {(each[one], each[other]) for each in covering(CHOICES)}
        assert met == {*product(CHOICES[one], CHOICES[other])}


def test_both_modes_are_among_them() -> None:
    assert [mode_of(each) for each in COMBINATIONS] == ["single"] * 6 + ["cluster"]


def test_what_was_combined_is_what_runs(pair: Pair, combined: Combination) -> None:
    homes = {kind: type(getattr(pair.site.app, kind)).__name__ for kind in combined if kind != "database"}
    second = {kind for kind, home in combined.items() if home == CHOICES[kind][1] and kind != "database"}
    assert {kind for kind, name in homes.items() if name.startswith(("Redis", "Spaces", "Qdrant", "Smtp"))} == second
    assert pair.site.app.database.dialect == combined["database"]
    assert pair.site.app.config.mode == mode_of(combined)


def test_logging_in_and_out(pair: Pair) -> None:
    browser = pair.site.browser(AGENT)
    stolen = Browser(pair.site.client, browser.token)
    assert browser.get("/me").json["email"] == AGENT
    assert len(browser.get("/me/sessions").json["items"]) == 1
    assert browser.post("/logout").status_code < 300
    assert stolen.get("/me").status_code == 401


def test_guessing_a_password_is_budgeted(pair: Pair) -> None:
    answers = [pair.site.browser().log_in(AGENT, "not the password").status_code for _ in range(12)]
    assert answers[0] == 401
    assert answers[-1] == 429
    assert pair.site.browser(ADMIN).get("/me").status_code == 200


def test_a_mailed_invitation_becomes_a_login(pair: Pair) -> None:
    admin = pair.site.browser(ADMIN)
    assert admin.post("/invitations", {"email": "new@acme.example", "role": "agent"}).status_code == 201
    pair.opened.work()
    (text,) = pair.site.mails("new@acme.example")
    token = re.search(r"#token=(\S+)", text)
    assert token is not None
    accepted = {"token": token[1], "name": "Newcomer", "password": NEW_PASSWORD}
    assert pair.site.browser().post("/invitations/accept", accepted).status_code < 300
    assert pair.site.browser().log_in("new@acme.example", NEW_PASSWORD).status_code == 200
    assert pair.site.browser().log_in("new@acme.example", PASSWORD).status_code == 401


def test_records_keep_their_promises(pair: Pair) -> None:
    browser = pair.site.browser(AGENT)
    made = [browser.post("/contacts", {"name": "Vicki Laflamme"}, Idempotency_Key="one") for _ in range(2)]
    assert [answer.status_code for answer in made] == [201, 201]
    assert made[0].json == made[1].json
    path = f"/contacts/{made[0].json['id']}"
    assert browser.patch(path, {"job_title": "Buyer"}, version=1).json["version"] == 2
    assert browser.patch(path, {"job_title": "Director"}, version=1).status_code == 412
    assert browser.get("/contacts?q=laflamme").json["items"][0]["job_title"] == "Buyer"
    assert [one["action"] for one in browser.get(f"{path}/history").json["items"]] == [
        "contact.updated",
        "contact.created",
    ]


def test_files_go_up_and_down_and_away(pair: Pair) -> None:
    app, browser = pair.site.app, pair.site.browser(AGENT)
    contact = browser.post("/contacts", {"name": "Vicki Laflamme"}).json["id"]
    files = f"/api/v1/contacts/{contact}/files"
    headers = {"Cookie": f"bharat_session={browser.token}", "Content-Type": "application/pdf"}
    added = pair.site.client.simulate_post(files, params={"name": "a.pdf"}, body=CONTENT, headers=headers)
    assert (added.status_code, added.json["sha256"]) == (201, sha256(CONTENT).hexdigest())
    ranged = pair.site.client.simulate_get(
        f"{files}/{added.json['id']}/content", headers={**headers, "Range": "bytes=7000000-"}
    )
    assert (ranged.status_code, ranged.content) == (206, CONTENT[7000000:])
    begun = browser.post(f"/contacts/{contact}/files/uploads", {"name": "b.bin", "size": 3}).json
    assert fetched(pair.site.client, begun["url"], begun["method"], b"abc", begun["headers"]).status < 300
    one = f"/contacts/{contact}/files/{begun['file']['id']}"
    assert browser.post(f"{one}/complete").status_code == 202
    pair.opened.work()
    assert browser.get(one).json["state"] == "ready"
    assert fetched(pair.site.client, browser.get(f"{one}/link").json["url"]).body == b"abc"
    for file in (added.json["id"], begun["file"]["id"]):
        assert browser.delete(f"/contacts/{contact}/files/{file}").status_code == 204
    pair.opened.work()
    assert list(app.storage.list()) == []


def test_a_misspelt_name_is_found(pair: Pair) -> None:
    browser = pair.site.browser(AGENT)
    contact = browser.post("/contacts", {"name": "Marcel Schlecht"}).json["id"]

    def found() -> bool:
        pair.opened.work()
        answer = browser.get("/search?q=marzel%20shlecht").json
        return contact in [hit["id"] for hit in answer["items"]]

    eventually(found, within=timedelta(seconds=20), what="the contact is found by a misspelt name")
    assert pair.site.browser("viewer@acme.example").get("/search?q=marcel").json["items"] != []
    assert pair.site.browser("admin@globex.example").get("/search?q=marcel").json["items"] == []


def test_only_the_newest_holder_of_a_lock_writes(pair: Pair) -> None:
    app = pair.site.app
    first = app.locks.acquire("nightly", ttl=timedelta(minutes=1))
    assert first is not None
    assert app.locks.acquire("nightly", ttl=timedelta(minutes=1)) is None
    assert app.locks.release(first)
    with holding(app.locks, "nightly", ttl=timedelta(minutes=1)) as held:
        assert held.lease.fence > first.fence
        with app.database.write(pair.site.acme, SYSTEM) as unit:
            app.fences.guard(unit, held.lease)
        with pytest.raises(LeaseLost), app.database.write(pair.site.acme, SYSTEM) as unit:
            app.fences.guard(unit, first)


def test_what_is_cached_is_computed_once(pair: Pair) -> None:
    cache, computed = pair.site.app.cache, []

    def compute() -> bytes:
        computed.append(1)
        return b"value"

    found = [cache.get_or_compute("pairs:key", compute, ttl=timedelta(minutes=1)) for _ in range(3)]
    assert (found, len(computed)) == ([b"value"] * 3, 1)
    cache.clear()
    assert cache.get("pairs:key") is None
    assert pair.site.browser(AGENT).get("/me").status_code == 200, "clearing a cache logs nobody out"
