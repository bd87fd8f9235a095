"""The index follows the records: soon, in the end always, and by few jobs."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from bharat.contracts.principal import SYSTEM
from bharat.contracts.vectors import Embedding, EmbeddingsUnavailable, Point, VectorsUnavailable
from bharat.search import indexer, upkeep
from bharat.search.indexer import Indexer
from bharat.search.tables import search_index, search_positions
from bharat.testing.suite import eventually
from bharat.work.followers import published_since
from bharat.work.relay import Relay
from bharat.work.tables import events, jobs
from tests.fixtures.application import OpenSite
from tests.fixtures.qdrant import QdrantFacade
from tests.search.conftest import SOON, Desk, OpenAnother

IN_TIME = timedelta(seconds=2)
"""How soon a record that was just made is found, by any instance."""


def ids(desk: Desk) -> set[UUID]:
    return {place.id for place in desk.indexed()}


def index_jobs(desk: Desk) -> list[sa.Row[Any]]:
    return list(
        desk.app.database.read(None).rows(sa.select(jobs).where(jobs.c.kind == "search.index").order_by(jobs.c.id))
    )


def test_a_misspelt_contact_is_found_by_another_instance_in_time(
    desk: Desk, open_another: OpenAnother, with_qdrant: Mapping[str, str]
) -> None:
    other = open_another(desk.site, **with_qdrant)
    desk.contact("Vicki Laflamme")
    with desk.working():
        eventually(lambda: desk.titles("vicky laflame") != [], within=SOON, what="the first contact is found")
        desk.contact("Darcel Schlecht")
        made = time.monotonic()
        found: list[str] = []
        while not found and time.monotonic() - made < SOON.total_seconds():
            answer = other.client.simulate_get(
                "/api/v1/search", params={"q": "Darsel Schlect"}, headers={"Authorization": f"Bearer {desk.admin.key}"}
            )
            found = [hit["title"] for hit in answer.json["items"]]
        took = time.monotonic() - made
    assert found == ["Darcel Schlecht"]
    assert took < IN_TIME.total_seconds(), f"it took {took:.1f} s"


def test_changed_deleted_and_restored_records_are_followed(desk: Desk) -> None:
    made = desk.contact("Darcel Schlecht")
    path = f"/api/v1/contacts/{made['id']}"
    desk.work()
    assert desk.admin.patch(path, {"name": "Vicki Laflamme"}).status_code == 200
    desk.work()
    assert (desk.titles("Darsel Schlect"), desk.titles("Vicky Laflame")) == ([], ["Vicki Laflamme"])
    assert desk.admin.delete(path).status_code == 204
    desk.work()
    assert ids(desk) == set()
    assert desk.admin.post(f"{path}/restore").status_code == 200
    desk.work()
    assert ids(desk) == {UUID(made["id"])}
    assert desk.titles("Vicky Laflame") == ["Vicki Laflamme"]


def test_an_import_takes_few_jobs(desk: Desk) -> None:
    desk.contact("The First")
    desk.work()
    before = len(index_jobs(desk))
    for _ in range(5):
        bulk = {"create": [{"name": f"Darcel Schlecht {number}"} for number in range(200)]}
        assert desk.admin.post("/api/v1/contacts/bulk", bulk).status_code == 200
    desk.work()
    assert len(ids(desk)) == 1001
    assert len(index_jobs(desk)) - before <= 5, "a job for each of the requests at most"


def test_without_vectors_nothing_is_enqueued_or_stored(open_site: OpenSite) -> None:
    desk = Desk(open_site("crm", BHARAT_VECTORS__PROVIDER="off"))
    desk.contact("Darcel Schlecht")
    desk.work()
    reader = desk.app.database.read(desk.organisation_id)
    assert index_jobs(desk) == []
    assert reader.rows(sa.select(search_positions)) == []
    assert desk.app.database.read(None).rows(sa.select(search_index)) == []


# While the index or the model is away.


def test_what_is_created_while_the_index_is_away_is_found_after_its_return(desk: Desk, qdrant: QdrantFacade) -> None:
    desk.contact("Vicki Laflamme")
    with desk.working():
        eventually(lambda: desk.titles("vicky laflame") != [], within=SOON, what="the first contact is found")
        qdrant.stop()
        for name in ("Darcel Schlecht", "Donn Cantrell"):
            desk.contact(name)
        found = desk.search("darcel")
        assert [hit["title"] for hit in found["items"]] == ["Darcel Schlecht"]
        assert found["degraded"] == "vectors_unavailable"
        assert desk.search("Darsel Schlect") == {"items": [], "degraded": "vectors_unavailable"}
        eventually(lambda: any(job.attempt > 1 for job in index_jobs(desk)), within=SOON, what="the job tries again")
        assert desk.health() == "degraded"
        qdrant.start()
        eventually(
            lambda: (
                desk.titles("Darsel Schlect") == ["Darcel Schlecht"] and desk.titles("Don Cantrel") == ["Donn Cantrell"]
            ),
            within=timedelta(seconds=40),
            what="what was created meanwhile is found",
        )
        assert desk.search("darcel")["degraded"] is None
    assert sum(job.finished_at is None for job in index_jobs(desk)) == 0
    assert {job.state for job in index_jobs(desk)} == {"done"}


def test_search_says_so_when_the_model_is_away(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.contact("Darcel Schlecht")
    desk.work()

    def away(*_: object, **__: object) -> Sequence[Sequence[float]]:
        raise EmbeddingsUnavailable("the model does not answer")

    monkeypatch.setattr(desk.app.embeddings, "embed", away)
    assert desk.search("darcel") == {**desk.search("darcel"), "degraded": "embeddings_unavailable"}
    assert desk.titles("darcel") == ["Darcel Schlecht"]


def test_search_says_so_until_everything_is_in_the_index(desk: Desk) -> None:
    desk.contact("Darcel Schlecht")
    assert desk.search("darcel")["degraded"] == "index_incomplete"
    desk.work()
    assert desk.search("darcel")["degraded"] is None


def test_search_says_so_when_the_index_is_lost(desk: Desk, qdrant: QdrantFacade) -> None:
    desk.contact("Darcel Schlecht")
    desk.work()
    qdrant.empty()
    assert desk.search("darcel")["degraded"] == "index_missing"
    assert desk.titles("darcel") == ["Darcel Schlecht"]


def test_events_that_were_forgotten_are_made_up_for(desk: Desk) -> None:
    desk.contact("Vicki Laflamme")
    desk.work()
    made = desk.contact("Darcel Schlecht")
    # Published and pruned while no job ran, as after a month without the index.
    Relay(desk.app.database).publish()
    with desk.app.database.write(desk.organisation_id, SYSTEM) as unit:
        unit.execute(events.delete())
    desk.contact("Donn Cantrell")
    desk.work()
    assert UUID(made["id"]) in ids(desk)
    assert len(ids(desk)) == 3


# Several at once on one record.


class Slow:
    """Holds up the first embedding of a text, until it is told to go on."""

    def __init__(self, desk: Desk, text: str) -> None:
        self.reached, self.go_on = threading.Event(), threading.Event()
        self._embed, self._text = desk.app.embeddings.embed, text

    def embed(self, texts: Sequence[str], **more: Any) -> Sequence[Sequence[float]]:
        found = self._embed(texts, **more)
        if self._text in texts and not self.reached.is_set():
            self.reached.set()
            assert self.go_on.wait(30)
        return found


def concurrent_changes_end_with_the_newest_text(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that read the first text writes it after another has written the second."""
    made = desk.contact("Darcel Schlecht")
    desk.work()
    slow = Slow(desk, "Darcel Schlecht")
    monkeypatch.setattr(desk.app.embeddings, "embed", slow.embed)
    embedding = Embedding(desk.app.embeddings.name, desk.app.embeddings.dimension)
    records, id = desk.app.records.records("contact"), UUID(made["id"])
    late = threading.Thread(target=lambda: Indexer(desk.app, embedding).put_right(desk.organisation_id, records, [id]))
    late.start()
    assert slow.reached.wait(30)
    desk.admin.patch(f"/api/v1/contacts/{made['id']}", {"name": "Vicki Laflamme"})
    Indexer(desk.app, embedding).put_right(desk.organisation_id, records, [id])
    slow.go_on.set()
    late.join(30)
    assert desk.titles("Vicky Laflame") == ["Vicki Laflamme"]


def test_concurrent_changes_end_with_the_newest_text(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    concurrent_changes_end_with_the_newest_text(desk, monkeypatch)


@pytest.mark.parametrize("dialect", ["sqlite"])
def test_the_mutant_that_does_not_look_again_is_caught(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Removes `ids = [id for id in ids if now.get(id) != written.get(id)]` from `bharat.search.indexer.Indexer._put`."""

    def once(self: Indexer, reader: Any, organisation_id: UUID, records: Any, ids: Sequence[UUID]) -> None:
        self._write(reader, organisation_id, records.resource, ids)

    monkeypatch.setattr(Indexer, "_put", once)
    with pytest.raises(AssertionError):
        concurrent_changes_end_with_the_newest_text(desk, monkeypatch)


def a_deletion_is_not_undone_by_an_older_text(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    made = desk.contact("Darcel Schlecht")
    desk.work()
    slow = Slow(desk, "Darcel Schlecht")
    monkeypatch.setattr(desk.app.embeddings, "embed", slow.embed)
    embedding = Embedding(desk.app.embeddings.name, desk.app.embeddings.dimension)
    records, id = desk.app.records.records("contact"), UUID(made["id"])
    late = threading.Thread(target=lambda: Indexer(desk.app, embedding).put_right(desk.organisation_id, records, [id]))
    late.start()
    assert slow.reached.wait(30)
    desk.admin.delete(f"/api/v1/contacts/{made['id']}")
    Indexer(desk.app, embedding).put_right(desk.organisation_id, records, [id])
    slow.go_on.set()
    late.join(30)
    assert ids(desk) == set()


def test_a_deletion_is_not_undone_by_an_older_text(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    a_deletion_is_not_undone_by_an_older_text(desk, monkeypatch)


def an_event_published_while_the_job_ends_is_followed(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The event comes after the job has read the last page, and before it is finished."""
    desk.contact("Vicki Laflamme")
    desk.work()
    read, made = published_since, threading.Event()

    def then_one_more(*arguments: Any) -> Any:
        page = read(*arguments)
        if not made.is_set():
            made.set()
            desk.contact("Darcel Schlecht")
            # The relay of another worker publishes it now.
            Relay(desk.app.database, (), upkeep.followers(desk.app, desk.app.records)).publish()
        return page

    monkeypatch.setattr(upkeep, "published_since", then_one_more)
    desk.contact("Donn Cantrell")
    desk.work()
    assert made.is_set()
    assert len(ids(desk)) == 3


def test_an_event_published_while_the_job_ends_is_followed(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    an_event_published_while_the_job_ends_is_followed(desk, monkeypatch)


@pytest.mark.parametrize("dialect", ["sqlite"])
def test_the_mutant_that_ends_without_looking_is_caught(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Removes `if caught_up(unit, at.number)` from `bharat.search.upkeep._follow`: the job ends after the page that it read."""
    monkeypatch.setattr(upkeep, "caught_up", lambda unit, number: True)
    with pytest.raises(AssertionError):
        an_event_published_while_the_job_ends_is_followed(desk, monkeypatch)


def nothing_is_lost_when_a_write_fails(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The index fails in the middle of a page; the job tries again."""
    desk.contact("The First")
    desk.work()
    upsert, failed = desk.app.vectors.upsert, threading.Event()

    def failing(embedding: Embedding, points: Sequence[Point]) -> None:
        if len(points) > 50 and not failed.is_set():
            failed.set()
            raise VectorsUnavailable("the index does not answer")
        upsert(embedding, points)

    monkeypatch.setattr(desk.app.vectors, "upsert", failing)
    desk.admin.post("/api/v1/contacts/bulk", {"create": [{"name": f"Anna {number}"} for number in range(100)]})
    desk.work()
    assert failed.is_set()
    assert len(ids(desk)) == 101


def test_nothing_is_lost_when_a_write_fails(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    nothing_is_lost_when_a_write_fails(desk, monkeypatch)


@pytest.mark.parametrize("dialect", ["sqlite"])
def test_the_mutant_that_goes_on_after_a_failure_is_caught(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Removes the way of `VectorsUnavailable` out of `bharat.search.indexer.Indexer._put`: the position moves on over what failed."""
    put: Callable[..., None] = indexer.Indexer._put

    def silent(*arguments: Any) -> None:
        try:
            put(*arguments)
        except VectorsUnavailable:
            return

    monkeypatch.setattr(indexer.Indexer, "_put", silent)
    with pytest.raises(AssertionError):
        nothing_is_lost_when_a_write_fails(desk, monkeypatch)
