"""A POST that is sent again has its effect once."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import pytest
import sqlalchemy as sa
from falcon import testing

from bharat.contracts.principal import Role
from bharat.contracts.route import Request, Response, Stream
from bharat.data.beginning import begin
from bharat.data.clock import OffsetClock
from bharat.records.writer import Writer
from bharat.web import dispatch, openapi
from bharat.web.dispatch import Endpoint
from bharat.web.idempotency import Idempotency, Remembered
from bharat.web.openapi import document
from tests.fixtures.application import PUBLIC_URL, Caller, Site
from tests.web.test_dispatch import mounted, plain_route

VISITS = "/api/v1/site_visits"
BODY = {"subject": "Survey", "planned_on": "2026-03-01"}


def send(caller: Caller, key: str, body: object = BODY) -> tuple[int, str | None, bytes]:
    answer = caller.post(VISITS, body, headers={"Idempotency-Key": key})
    return answer.status_code, answer.headers.get("Idempotency-Replayed"), answer.content


def stored(caller: Caller) -> int:
    count = caller.get(f"{VISITS}/totals").json["count"]
    assert isinstance(count, int)
    return count


def test_a_repeat_gets_the_first_answer_and_makes_nothing(admin: Caller) -> None:
    first = admin.post(VISITS, BODY, headers={"Idempotency-Key": "a1"})
    again = admin.post(VISITS, BODY, headers={"Idempotency-Key": "a1"})
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.content == first.content
    assert again.headers["Idempotency-Replayed"] == "true"
    assert {name: again.headers[name] for name in ("Location", "ETag")} == {
        name: first.headers[name] for name in ("Location", "ETag")
    }
    assert stored(admin) == 1


def test_the_same_key_with_another_body_is_refused(admin: Caller) -> None:
    send(admin, "a1")
    answer = admin.post(VISITS, {**BODY, "subject": "Other"}, headers={"Idempotency-Key": "a1"})
    assert answer.status_code == 422
    assert answer.json["type"].endswith("#idempotency-key-reused")
    assert stored(admin) == 1


def fifty_parallel(admin: Caller) -> None:
    """Fifty at once with one key make one record and get one answer."""
    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(lambda _: send(admin, "same"), range(50)))
    assert {status for status, _, _ in answers} <= {201, 409}
    made = [(replayed, content) for status, replayed, content in answers if status == 201]
    assert len({content for _, content in made}) == 1
    assert [replayed for replayed, _ in made].count(None) == 1
    assert stored(admin) == 1


def test_fifty_parallel_posts_with_one_key_make_one_record(admin: Caller) -> None:
    """The protected line: `request.unit.append(idempotency_keys, …)` in `Idempotency.keep`."""
    fifty_parallel(admin)


def test_without_the_stored_answer_they_make_many(admin: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    """The mutant of the test above: `Idempotency.keep` stores nothing."""
    monkeypatch.setattr(Idempotency, "keep", lambda _, request, *__: request.finish())
    with pytest.raises(AssertionError):
        fifty_parallel(admin)
    assert stored(admin) > 1


def sent_while_the_first_runs(admin: Caller) -> tuple[testing.Result, testing.Result]:
    """The answers to the first request with a key, held inside its handler, and to another that came meanwhile."""
    create, inside, leave = Writer.create, threading.Event(), threading.Event()

    def held(self: Writer, *arguments: Any, **more: Any) -> Any:
        if not inside.is_set():
            inside.set()
            assert leave.wait(30)
        return create(self, *arguments, **more)

    with pytest.MonkeyPatch.context() as patch, ThreadPoolExecutor(1) as pool:
        patch.setattr(Writer, "create", held)
        first = pool.submit(admin.post, VISITS, BODY, headers={"Idempotency-Key": "same"})
        try:
            assert inside.wait(30)
            second = admin.post(VISITS, BODY, headers={"Idempotency-Key": "same"})
        finally:
            leave.set()
        return first.result(30), second


@pytest.mark.parametrize("dialect", ["postgresql"])
def test_a_repeat_of_a_request_that_still_runs_is_told_so_at_once(admin: Caller) -> None:
    """The protected line: `if not found.free` in `Idempotency.begin`."""
    first, second = sent_while_the_first_runs(admin)
    assert (first.status_code, second.status_code) == (201, 409)
    assert second.headers["Retry-After"] == "1"
    assert stored(admin) == 1


@pytest.mark.parametrize("dialect", ["postgresql"])
def test_without_asking_whether_the_key_is_free_the_repeat_overtakes_the_first(
    admin: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The mutant of the test above: the key is found free, as where there is one writer at a time."""
    original, unlocked = Idempotency.begin, Idempotency(cast(Any, SimpleNamespace(dialect="sqlite")))
    monkeypatch.setattr(Idempotency, "begin", lambda _, *arguments: original(unlocked, *arguments))
    first, second = sent_while_the_first_runs(admin)
    assert (first.status_code, second.status_code) == (409, 201)
    assert stored(admin) == 1


def test_of_two_requests_that_both_found_the_key_free_one_is_kept(
    admin: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when the first ends between the snapshot and the lock of the second's question. The protected line is the one that
    turns the violated key into a 409; without it the second answers 500."""
    if admin.site.app.database.dialect == "sqlite":
        return  # one writer at a time: the second asks only when the first has ended
    send(admin, "same")
    monkeypatch.setattr(Idempotency, "begin", lambda *_: None)
    assert send(admin, "same")[:2] == (409, None)
    assert stored(admin) == 1
    monkeypatch.setattr("bharat.web.idempotency._kept_meanwhile", lambda _: None)
    assert send(admin, "same")[0] == 500
    assert stored(admin) == 1


def test_a_refused_request_leaves_its_key_free(admin: Caller) -> None:
    assert send(admin, "a1", {"subject": ""})[0] == 422
    assert send(admin, "a1")[0] == 201


def test_keys_of_two_users_do_not_meet(shop: Site, admin: Caller) -> None:
    colleague = shop.user(admin.organisation_id, Role.ADMIN, name="second")
    stranger = shop.user(shop.organisation("globex"), Role.ADMIN)
    answers = [send(caller, "same") for caller in (admin, colleague, stranger)]
    assert [(status, replayed) for status, replayed, _ in answers] == [(201, None)] * 3


def test_after_a_day_a_key_is_new_again(admin: Caller, clock: OffsetClock) -> None:
    send(admin, "a1")
    clock.offset += timedelta(hours=25)
    assert send(admin, "a1")[:2] == (201, None)
    assert stored(admin) == 2


def a_node_whose_clock_is_behind_remembers_for_a_day(admin: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as behind:
        now = OffsetClock.now
        behind.setattr(OffsetClock, "now", lambda clock: now(clock) - timedelta(hours=25))
        first = send(admin, "a1")
    assert send(admin, "a1") == (201, "true", first[2])


@pytest.mark.parametrize("dialect", ["postgresql"])
def test_a_node_whose_clock_is_behind_remembers_for_a_day(admin: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    """Protected: `Idempotency` reckons with `request.unit.at`, the database's clock. On SQLite the node's is the database's."""
    a_node_whose_clock_is_behind_remembers_for_a_day(admin, monkeypatch)


@pytest.mark.parametrize("dialect", ["postgresql"])
def test_mutant_that_reckons_with_the_nodes_clock_forgets_at_once(
    admin: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    def by_the_node(connection: sa.Connection, *more: Any) -> datetime:
        begin(connection, *more)
        return OffsetClock().now()

    monkeypatch.setattr("bharat.data.database.begin", by_the_node)
    with pytest.raises(AssertionError):
        a_node_whose_clock_is_behind_remembers_for_a_day(admin, monkeypatch)


@pytest.mark.parametrize("key", ["", "x" * 256, "with space"])
def test_a_key_that_is_none_is_malformed(admin: Caller, key: str) -> None:
    assert send(admin, key)[0] == 400


def a_repeat_of_plain_text_is_plain_text(admin: Caller) -> None:
    def answer(request: Request) -> Response:
        return Response(b"a,b", content_type="text/csv", status=201)

    mounted(admin.site, plain_route(answer, returns=str))
    answers = [admin.post("/probe", headers={"Idempotency-Key": "k1"}) for _ in range(2)]
    assert [each.headers.get("Idempotency-Replayed") for each in answers] == [None, "true"]
    assert [(each.status_code, each.headers["Content-Type"], each.content) for each in answers] == [
        (201, "text/csv", b"a,b")
    ] * 2


def test_a_repeat_has_the_content_type_of_the_first_answer(admin: Caller) -> None:
    """Protected: `Endpoint._kept` keeps the content type."""
    a_repeat_of_plain_text_is_plain_text(admin)


def test_mutant_that_forgets_the_content_type_repeats_nothing(admin: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = Endpoint._kept

    def forgetful(endpoint: Endpoint, answer: Response) -> Remembered:
        return msgspec.structs.replace(kept(endpoint, answer), content_type=None)

    monkeypatch.setattr(Endpoint, "_kept", forgetful)
    with pytest.raises((AssertionError, KeyError)):
        a_repeat_of_plain_text_is_plain_text(admin)


def a_streamed_answer_is_made_anew(admin: Caller) -> None:
    route = plain_route(lambda request: Response(chunks=iter([b"a", b"b"])), returns=Stream(("text/plain",)))
    mounted(admin.site, route)
    answers = [admin.post("/probe", headers={"Idempotency-Key": "k1"}) for _ in range(2)]
    assert [(each.headers.get("Idempotency-Replayed"), each.content) for each in answers] == [(None, b"ab")] * 2
    assert "Idempotency-Key" not in str(document([route], version="1", public_url=PUBLIC_URL)["paths"])


def test_a_streamed_answer_is_not_remembered(admin: Caller) -> None:
    """Protected: `takes_key` says no for a route that returns a `Stream`."""
    a_streamed_answer_is_made_anew(admin)


def test_mutant_that_takes_a_key_for_a_streamed_answer_promises_what_it_can_t_keep(
    admin: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (dispatch, openapi):
        monkeypatch.setattr(module, "takes_key", lambda route: route.method == "POST")
    with pytest.raises(AssertionError):
        a_streamed_answer_is_made_anew(admin)


def test_an_answer_is_not_repeated_to_somebody_who_lost_a_role(admin: Caller) -> None:
    """The protected line takes the role, teams and scopes into the fingerprint."""
    manager = admin.site.user(admin.organisation_id, Role.MANAGER)
    assert send(manager, "a1")[0] == 201
    assert admin.patch(f"/api/v1/users/{manager.user_id}", {"role": "agent"}).status_code == 200
    assert send(manager, "a1")[:2] == (422, None)
