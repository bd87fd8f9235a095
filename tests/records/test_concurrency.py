"""Writers that meet."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from typing import Any

import pytest

from bharat.contracts.errors import Conflict, PreconditionFailed, Unavailable
from bharat.records.queries import Queries
from bharat.records.writer import Writer
from tests.records.conftest import Actions, Answer, Api
from tests.records.sample import People


def together(count: int, run: Callable[[int], None]) -> None:
    failed: list[BaseException] = []

    def one(number: int) -> None:
        try:
            run(number)
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=one, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    if failed:
        raise failed[0]


def count_to_100(api: Api, people: People) -> int:
    """100 writers, who all have read it first, each add one to the score, by what they read, until it is applied; the score in
    the end."""
    deal = api(people.agent, "POST", "/deals", {"name": "A", "score": 0}).json
    path = f"/deals/{deal['id']}"
    all_read = threading.Barrier(100, timeout=120)

    def read() -> Answer:
        while (found := api(people.agent, "GET", path)).status == 503:
            pass
        return found

    def add_one(_: int) -> None:
        found = read()
        all_read.wait()
        while True:
            body = {"score": found.json["score"] + 1}
            answer = api(people.agent, "PATCH", path, body, match=found.etag)
            if answer.status == 200:
                return
            assert answer.status in (412, 503), answer.text
            found = read()

    together(100, add_one)
    return int(api(people.agent, "GET", path).json["score"])


def test_100_writers_who_retry_end_at_100(api: Api, people: People) -> None:
    """The protected line: `versions = asked_versions(request)` in `Endpoints.update`."""
    assert count_to_100(api, people) == 100


def test_without_the_versions_that_they_name_they_undo_each_other(
    api: Api, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The mutant of the test above: any version will do."""
    monkeypatch.setattr("bharat.records.routes.asked_versions", lambda request: None)
    assert count_to_100(api, people) < 100


def racing_update(do: Actions) -> None:
    """Two changes based on one version, the second begun before the first committed."""
    deal = do.create("deal", name="A", score=0)
    writer, admin = do.kit.records("deal").writer, do.people.admin
    read_both = threading.Barrier(2, timeout=10)
    one = Queries.one

    def slowed(self: Queries, *args: Any, **more: Any) -> Any:
        found = one(self, *args, **more)
        read_both.wait()
        return found

    outcomes: list[str] = []

    def change(number: int) -> None:
        try:
            with do.database.write(do.people.organisation_id, admin.actor) as unit:
                writer.update(unit, admin, deal["id"], {"score": number + 1}, 1)
            outcomes.append("applied")
        except PreconditionFailed:
            outcomes.append("refused")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Queries, "one", slowed)
        together(2, change)
    assert sorted(outcomes) == ["applied", "refused"]


@pytest.mark.parametrize("dialect", ["postgresql"])
def test_of_two_changes_of_one_version_one_is_refused(do: Actions) -> None:
    """The protected line: `table.c.version == sa.bindparam("VERSION", type_=sa.Integer)` in `Writer.__init__`."""
    racing_update(do)


@pytest.mark.parametrize("dialect", ["postgresql"])
def test_without_comparing_versions_in_the_update_both_are_applied(do: Actions) -> None:
    """The mutant of the test above: the UPDATE names the record alone."""
    writer: Any = do.kit.records("deal").writer
    statement = writer._resource.table.update()
    writer._update = statement.where(writer._update.whereclause.clauses[0])
    with pytest.raises(AssertionError):
        racing_update(do)


def bulks_in_opposite_orders(api: Api, people: People) -> list[int]:
    """Two bulk requests change the same two deals, each the other way round, and each waits with one of them for the other."""
    deals = [api(people.agent, "POST", "/deals", {"name": name}).json for name in "AB"]
    both_changed_one = threading.Barrier(2)
    waited: set[int] = set()
    update = Writer.update

    def slowed(self: Writer, *args: Any, **more: Any) -> Any:
        record = update(self, *args, **more)
        if threading.get_ident() not in waited:
            waited.add(threading.get_ident())
            # The other one comes here too, unless it is held up before its first change.
            with contextlib.suppress(threading.BrokenBarrierError):
                both_changed_one.wait(1)
        return record

    statuses: list[int] = []

    def change(number: int) -> None:
        items = [{"id": deal["id"], "version": 1, "changes": {"score": number}} for deal in deals]
        answer = api(people.agent, "POST", "/deals/bulk", {"update": items if number else items[::-1]})
        statuses.append(answer.status)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Writer, "update", slowed)
        together(2, change)
    return sorted(statuses)


@pytest.mark.parametrize("dialect", ["postgresql"])
def test_bulks_that_meet_wait_for_one_another(api: Api, people: People) -> None:
    assert bulks_in_opposite_orders(api, people) == [200, 409]


@pytest.mark.parametrize("dialect", ["postgresql"])
def test_without_an_order_one_is_given_up(api: Api, people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    """Mutant of `self._queries.hold(unit, principal, ids)` in `Bulk.run`."""
    monkeypatch.setattr(Queries, "hold", lambda *_: None)
    assert 503 in bulks_in_opposite_orders(api, people)


def reference_meets_delete(do: Actions) -> bool:
    """A deal is written while its company is being deleted; whether a live deal ends up with a deleted company."""
    company = do.create("company", name="Acme")
    admin, looked_up = do.people.admin, threading.Event()
    deals, companies = do.kit.records("deal").writer, do.kit.records("company").writer
    lookups: Any = deals._lookups
    find = lookups.find
    outcomes: list[str] = []

    def found_then_wait(*args: Any, **more: Any) -> Any:
        result = find(*args, **more)
        looked_up.set()
        # Long enough for the delete to run if nothing holds it up; it normally waits for this writer to commit.
        deleter.join(1)
        return result

    def delete() -> None:
        looked_up.wait(10)
        try:
            with do.database.write(do.people.organisation_id, admin.actor) as unit:
                companies.delete(unit, admin, company["id"], None)
            outcomes.append("deleted")
        except (Conflict, Unavailable):
            outcomes.append("kept")

    deleter = threading.Thread(target=delete)
    deleter.start()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(lookups), "find", lambda self, *args, **more: found_then_wait(*args, **more))
        with do.database.write(do.people.organisation_id, admin.actor) as unit:
            deals.create(unit, admin, {"name": "A", "company": str(company["id"])})
    deleter.join(10)
    return outcomes == ["deleted"]


@pytest.mark.parametrize("dialect", ["postgresql"])
def test_a_target_is_not_deleted_while_a_reference_to_it_is_written(do: Actions) -> None:
    """The protected line: `with_for_update(read=True, key_share=True)` in `Lookups._exists`."""
    assert not reference_meets_delete(do)


@pytest.mark.parametrize("dialect", ["postgresql"])
def test_without_the_lock_on_the_target_it_is(do: Actions, monkeypatch: pytest.MonkeyPatch) -> None:
    """The mutant of the test above: nothing is locked."""
    import sqlalchemy as sa

    monkeypatch.setattr(sa.Select, "with_for_update", lambda self, **options: self)
    assert reference_meets_delete(do)


def test_of_many_who_take_one_unique_value_one_gets_it(do: Actions) -> None:
    outcomes: list[str] = []

    def take(_: int) -> None:
        try:
            do.create("company", name="Acme")
            outcomes.append("made")
        except (Conflict, Unavailable) as problem:
            outcomes.append(type(problem).__name__)

    together(8, take)
    assert outcomes.count("made") == 1
