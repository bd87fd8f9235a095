"""Building the index from the database: beside live changes, after a kill, for another model."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import pytest

from bharat.contracts.errors import BharatError
from bharat.contracts.vectors import Embedding, EmbeddingMismatch, IndexMissing, Place, Point, embedding_of
from bharat.data.clock import OffsetClock
from bharat.search import rebuild as rebuilding
from bharat.search.rebuild import Rebuild, index_for
from bharat.search.state import known_index
from bharat.testing.suite import eventually
from bharat.web.health import REMEMBERED
from tests.fixtures.application import Caller
from tests.fixtures.qdrant import QdrantFacade
from tests.search.conftest import SOON, Desk, indexed


def fill(desk: Desk, count: int, by: Caller | None = None, name: str = "Darcel Schlecht") -> list[UUID]:
    made: list[UUID] = []
    for begin in range(0, count, 200):
        bulk = {"create": [{"name": f"{name} {number}"} for number in range(begin, min(begin + 200, count))]}
        made += [UUID(one["id"]) for one in (by or desk.admin).post("/api/v1/contacts/bulk", bulk).json["created"]]
    return made


def points_of(desk: Desk) -> dict[Place, list[float]]:
    """Every point of the organisation with its vector, told by the application's own distances from a few texts."""
    app, embedding = desk.app, embedding_of(desk.app.embeddings)
    found: dict[Place, list[float]] = {place: [] for place in desk.indexed()}
    from bharat.contracts.vectors import Scope

    for vector in app.embeddings.embed(["Darcel", "Schlecht 7", "x"]):
        hits = app.vectors.query(
            embedding, desk.organisation_id, vector, scopes=[Scope("contact"), Scope("company")], limit=5000
        )
        for hit in hits:
            found[Place(desk.organisation_id, hit.type, hit.id)].append(round(hit.score, 4))
    return found


def test_what_was_there_before_the_index_is_in_it_afterwards(desk: Desk) -> None:
    made = fill(desk, 450)
    other = Desk(desk.site, "globex")
    other.contact("Vicki Laflamme")
    desk.admin.delete(f"/api/v1/contacts/{made[0]}")
    assert desk.search("darcel")["degraded"] == "index_incomplete"
    done = Rebuild(desk.app).all()
    assert (done.organisations, done.records, done.removed, done.resumed) == (2, 450, 0, False)
    assert {place.id for place in desk.indexed()} == set(made[1:])
    assert other.titles("Vicky Laflame") == ["Vicki Laflamme"]
    assert desk.search("darcel")["degraded"] is None


def test_a_second_rebuild_removes_what_is_no_more(desk: Desk) -> None:
    fill(desk, 10)
    Rebuild(desk.app).all()
    before = points_of(desk)
    embedding = embedding_of(desk.app.embeddings)
    (vector,) = desk.app.embeddings.embed(["a ghost"])
    nobodys = uuid4()
    ghosts = [
        Point(desk.organisation_id, "contact", uuid4(), vector),
        Point(desk.organisation_id, "a_type_that_is_no_more", uuid4(), vector),
        Point(nobodys, "contact", uuid4(), vector),
    ]
    desk.app.vectors.upsert(embedding, ghosts)
    done = Rebuild(desk.app).all()
    assert done.removed == 3
    assert points_of(desk) == before
    assert indexed(desk.app, nobodys) == set()


def test_one_organisation_is_rebuilt_alone(desk: Desk) -> None:
    fill(desk, 5)
    other = Desk(desk.site, "globex")
    other.contact("Vicki Laflamme")
    done = Rebuild(desk.app).only(desk.organisation_id)
    assert (done.organisations, done.records) == (1, 5)
    assert desk.search("darcel")["degraded"] is None
    assert other.search("vicki")["degraded"] == "index_incomplete"
    Rebuild(desk.app).only(other.organisation_id)
    assert other.search("vicki")["degraded"] is None
    assert len(desk.indexed()) == 5


def test_live_changes_beside_a_rebuild_are_kept(desk: Desk) -> None:
    made = fill(desk, 600)
    began, go_on = threading.Event(), threading.Event()

    def hold(_: object) -> None:
        began.set()
        go_on.wait(20)

    running = threading.Thread(target=lambda: Rebuild(desk.app, told=hold).all())
    with desk.working():
        running.start()
        assert began.wait(20)
        desk.admin.patch(f"/api/v1/contacts/{made[0]}", {"name": "Vicki Laflamme"})
        desk.admin.patch(f"/api/v1/contacts/{made[-1]}", {"name": "Donn Cantrell"})
        desk.admin.delete(f"/api/v1/contacts/{made[1]}")
        desk.admin.delete(f"/api/v1/contacts/{made[-2]}")
        new = desk.contact("Kary Hendrixson")
        go_on.set()
        running.join(60)
        eventually(
            lambda: desk.titles("Vicky Laflame") == ["Vicki Laflamme"] and desk.titles("Karry Hendrickson") != [],
            within=SOON,
            what="live changes are in the index",
        )
        eventually(
            lambda: {place.id for place in desk.indexed()} == {*made, UUID(new["id"])} - {made[1], made[-2]},
            within=SOON,
            what="the index holds what the database does",
        )
    assert desk.titles("Don Cantrel") == ["Donn Cantrell"]


# Another model, a lost index.


class Renamed:
    """The same vectors under another name, as a newer model's."""

    enabled, threshold = True, 0.3

    def __init__(self, desk: Desk) -> None:
        self._embeddings = desk.app.embeddings
        self.name, self.dimension = "ngrams-of-tomorrow", desk.app.embeddings.dimension
        self.embed = desk.app.embeddings.embed

    def close(self) -> None:
        return None


def test_an_index_of_another_embedding_is_made_anew(
    desk: Desk, clock: OffsetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(desk, 5)
    other = Desk(desk.site, "globex")
    other.contact("Vicki Laflamme")
    Rebuild(desk.app).all()
    monkeypatch.setattr(desk.app, "embeddings", Renamed(desk))
    assert desk.search("darcel")["degraded"] == "embedding_mismatch"
    assert desk.titles("darcel", limit="1") == ["Darcel Schlecht 0"]
    assert desk.health() == "degraded"
    with pytest.raises(EmbeddingMismatch, match="bharat reindex"):
        Rebuild(desk.app).only(desk.organisation_id)
    done = Rebuild(desk.app).all()
    assert (done.records, done.resumed) == (6, False)
    assert desk.app.vectors.held() == Embedding("ngrams-of-tomorrow", 384)
    assert desk.search("Darsel Schlect")["degraded"] is None
    assert other.titles("Vicky Laflame") == ["Vicki Laflamme"]
    clock.offset += timedelta(seconds=REMEMBERED)
    assert desk.health() == "ok"


def test_a_lost_index_is_built_again(desk: Desk, qdrant: QdrantFacade) -> None:
    fill(desk, 5)
    Rebuild(desk.app).all()
    qdrant.empty()
    with pytest.raises(IndexMissing):
        Rebuild(desk.app).only(desk.organisation_id)
    assert Rebuild(desk.app).all().records == 5
    assert len(desk.indexed()) == 5
    assert desk.search("darcel")["degraded"] is None


def test_an_index_that_this_database_knows_nothing_of_is_not_taken(desk: Desk) -> None:
    """Another installation with the same prefix has its records in it: only an operator may drop them."""
    desk.app.vectors.recreate(embedding_of(desk.app.embeddings))
    theirs = uuid4()
    (vector,) = desk.app.embeddings.embed(["theirs"])
    desk.app.vectors.upsert(embedding_of(desk.app.embeddings), [Point(theirs, "contact", uuid4(), vector)])
    desk.contact("Darcel Schlecht")
    with desk.working():
        eventually(lambda: desk.search("darcel")["degraded"] is not None, within=SOON, what="search says so")
        import time

        time.sleep(1)
    assert len(indexed(desk.app, theirs)) == 1
    with pytest.raises(IndexMissing):
        Rebuild(desk.app).only(desk.organisation_id)


def test_without_an_index_there_is_nothing_to_build(open_site: Callable[..., Any]) -> None:
    with pytest.raises(BharatError, match=r"vectors\.provider"):
        Rebuild(open_site("crm", BHARAT_VECTORS__PROVIDER="off").app)


# Killed.

PROGRAM = """
import os, signal, sys
from bharat.app import build, load_plugins
from bharat.config import load
from bharat.search.rebuild import Rebuild, index_for
from bharat.search.state import known_index

after = int(sys.argv[1])

def told(progress):
    print(progress.records, flush=True)
    if progress.records >= after:
        os.kill(os.getpid(), signal.SIGKILL)

with build(load(None, os.environ)) as app:
    Rebuild(app, told=told).all()
"""


def environment(desk: Desk, with_qdrant: Mapping[str, str]) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"], "BHARAT_SECRET_KEY": "of all processes " * 4,
        "DATABASE_URL": desk.app.config.database.url.reveal(), **desk.beside, **with_qdrant,
    }  # fmt: skip


def killed(desk: Desk, with_qdrant: Mapping[str, str], *, after: int) -> None:
    """A rebuild in a process of its own, killed with its batch written and noted."""
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(after)], env=environment(desk, with_qdrant), capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert run.returncode == -signal.SIGKILL, run.stderr


def a_rebuild_that_was_killed_goes_on_and_ends_as_a_fresh_one(desk: Desk, with_qdrant: Mapping[str, str]) -> None:
    made = fill(desk, 1100)
    other = Desk(desk.site, "globex")
    fill(other, 3)
    killed(desk, with_qdrant, after=400)
    assert desk.search("darcel")["degraded"] == "index_incomplete"
    # Nobody tells of these: they change while no worker runs, one before and one behind the place where it stopped.
    desk.admin.delete(f"/api/v1/contacts/{made[0]}")
    desk.admin.patch(f"/api/v1/contacts/{made[-1]}", {"name": "Vicki Laflamme"})
    resumed = Rebuild(desk.app).all()
    assert resumed.resumed
    assert resumed.records == 1103 - 400, "it went on where it had stopped"
    after_a_kill = {**points_of(desk), **points_of(other)}
    desk.work()
    fresh = Rebuild(desk.app).all(anew=True)
    assert (fresh.resumed, fresh.records) == (False, 1102)
    assert after_a_kill == {**points_of(desk), **points_of(other)}


def test_a_rebuild_that_was_killed_goes_on_and_ends_as_a_fresh_one(desk: Desk, with_qdrant: Mapping[str, str]) -> None:
    a_rebuild_that_was_killed_goes_on_and_ends_as_a_fresh_one(desk, with_qdrant)


@pytest.mark.parametrize("dialect", ["sqlite"])
def test_the_mutant_that_forgets_its_place_is_caught(
    desk: Desk, with_qdrant: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Removes `begin_run` from the condition in `bharat.search.rebuild.Rebuild.all`: each is a run of its own."""
    known = known_index

    def finished(database: Any) -> Any:
        from dataclasses import replace

        found = known(database)
        return found and replace(found, finished_at=desk.app.clock.now())

    monkeypatch.setattr(rebuilding, "known_index", finished)
    with pytest.raises(AssertionError):
        a_rebuild_that_was_killed_goes_on_and_ends_as_a_fresh_one(desk, with_qdrant)


@pytest.mark.parametrize("dialect", ["sqlite"])
def test_the_mutant_that_removes_nothing_is_caught(
    desk: Desk, with_qdrant: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Removes `self._remove_unknown(None)` from `bharat.search.rebuild.Rebuild.all`: what was deleted before the place where a
    killed one stopped stays in the index."""
    monkeypatch.setattr(Rebuild, "_remove_unknown", lambda *_: None)
    with pytest.raises(AssertionError):
        a_rebuild_that_was_killed_goes_on_and_ends_as_a_fresh_one(desk, with_qdrant)


@pytest.mark.parametrize("dialect", ["sqlite"])
def test_one_that_was_killed_while_the_index_was_made_begins_anew(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(desk, 5)
    Rebuild(desk.app).all()
    monkeypatch.setattr(desk.app, "embeddings", Renamed(desk))

    class Killed(BaseException):
        pass

    def dies(_: Embedding) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(desk.app.vectors, "recreate", dies)
        with pytest.raises(Killed):
            Rebuild(desk.app).all()
    assert desk.search("darcel")["degraded"] == "embedding_mismatch"
    assert Rebuild(desk.app).all().records == 5
    assert desk.search("Darsel Schlect")["degraded"] is None


def an_index_that_is_being_made_is_made_by_one(
    desk: Desk, qdrant: QdrantFacade, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between dropping the old index and making the new one, a follower asks for its index."""
    fill(desk, 5)
    Rebuild(desk.app).all()
    monkeypatch.setattr(desk.app, "embeddings", Renamed(desk))
    embedding = embedding_of(desk.app.embeddings)
    recreate, makers = desk.app.vectors.recreate, set[str]()
    followers: list[threading.Thread] = []

    def slowly(wanted: Embedding) -> None:
        makers.add(threading.current_thread().name)
        if not followers:
            qdrant.empty()
            followers.append(threading.Thread(target=lambda: index_for(desk.app, embedding), name="follower"))
            followers[0].start()
            followers[0].join(2)
        recreate(wanted)

    monkeypatch.setattr(desk.app.vectors, "recreate", slowly)
    assert Rebuild(desk.app).all().records == 5
    followers[0].join(30)
    assert makers == {threading.current_thread().name}
    assert desk.search("Darsel Schlect")["degraded"] is None


@pytest.mark.parametrize("dialect", ["sqlite"])
def test_an_index_that_is_being_made_is_made_by_one(
    desk: Desk, qdrant: QdrantFacade, monkeypatch: pytest.MonkeyPatch
) -> None:
    an_index_that_is_being_made_is_made_by_one(desk, qdrant, monkeypatch)


@pytest.mark.parametrize("dialect", ["sqlite"])
def test_the_mutant_that_makes_it_without_the_lock_is_caught(
    desk: Desk, qdrant: QdrantFacade, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Removes `with holding(...)` from `bharat.search.rebuild.Rebuild._begun`: the follower makes the index meanwhile."""
    monkeypatch.setattr(rebuilding, "holding", lambda *_, **__: nullcontext())
    with pytest.raises(AssertionError):
        an_index_that_is_being_made_is_made_by_one(desk, qdrant, monkeypatch)


@pytest.mark.parametrize("dialect", ["sqlite"])
def test_an_organisation_that_is_no_more_leaves_nothing(desk: Desk) -> None:
    fill(desk, 3)
    other = Desk(desk.site, "globex")
    fill(other, 3)
    Rebuild(desk.app).all()
    owner = desk.site.owner
    assert owner is not None
    import sqlalchemy as sa

    from bharat.data.engine import create_engine

    engine = create_engine(owner)
    with engine.begin() as connection:
        for table in reversed(desk.app.schema.metadata.sorted_tables):
            if "organisation_id" in table.c:
                connection.execute(sa.delete(table).where(table.c.organisation_id == other.organisation_id))
        organisations = desk.app.schema.metadata.tables["organisations"]
        connection.execute(sa.delete(organisations).where(organisations.c.id == other.organisation_id))
    engine.dispose()
    assert Rebuild(desk.app).all().removed == 3
    assert indexed(desk.app, other.organisation_id) == set()
    assert len(desk.indexed()) == 3


def test_a_rebuild_in_slices_comes_to_its_end(desk: Desk) -> None:
    """As a job does it, which leaves others a turn."""
    fill(desk, 500)
    index = rebuilding.index_for(desk.app, embedding_of(desk.app.embeddings))
    slices, run = 0, uuid4()
    ended = False
    while not ended:
        one_batch = iter([False, True])
        slices += 1
        ended = Rebuild(desk.app, enough=partial(next, one_batch)).organisation(desk.organisation_id, index, run)
    assert slices == 3
    assert len(desk.indexed()) == 500


def test_the_command_builds_the_index(desk: Desk, with_qdrant: Mapping[str, str]) -> None:
    fill(desk, 5)

    def bharat(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "bharat", *arguments], env=environment(desk, with_qdrant), capture_output=True, text=True, timeout=120,
            check=False,
        )  # fmt: skip

    done = bharat("reindex", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["records"], told["organisations"], told["removed"], told["resumed"]) == (5, 1, 0, False)
    assert told["embedding"] == {"name": "ngrams-1", "dimension": 384}
    one = bharat("reindex", "--organisation", "acme")
    assert one.returncode == 0, one.stderr
    assert one.stdout.startswith("5 records of 1 organisation are indexed by ngrams-1, 0 that are no more were removed")
    assert bharat("reindex", "--organisation", "nobody").returncode == 1
    assert bharat("reindex", "--organisation", "acme", "--anew").returncode == 2
