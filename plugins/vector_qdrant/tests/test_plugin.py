"""The plugin as the platform sees it, and what the suite does not ask of a Qdrant."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec
import pytest

from bharat.contracts.check import Status
from bharat.contracts.vectors import Embedding, Point, Scope, VectorsUnavailable
from bharat.testing.platform import SmallPlatform
from bharat.testing.vectors import EMBEDDING, axis
from bharat_vector_qdrant import EmbeddedOptions, QdrantOptions, bharat_vectors
from bharat_vector_qdrant.embedded import EmbeddedVectors
from bharat_vector_qdrant.health import examine
from bharat_vector_qdrant.server import QdrantVectors
from tests.fixtures.qdrant import QdrantFacade, memory_folder

BuildServer = Callable[..., QdrantVectors]


@pytest.fixture
def folder() -> Iterator[Path]:
    with memory_folder() as found:
        yield found


def test_it_offers_a_server_that_nodes_share_and_an_engine_that_one_has(platform: SmallPlatform) -> None:
    server, embedded = bharat_vectors()
    assert (server.name, server.shared, embedded.name, embedded.shared) == ("qdrant", True, "qdrant_embedded", False)
    built = [
        server.build(QdrantOptions(url="http://127.0.0.1:1"), platform),
        embedded.build(EmbeddedOptions(), platform),
    ]
    assert [type(each) for each in built] == [QdrantVectors, EmbeddedVectors]
    assert list(platform.home.iterdir()) == [], "nothing is made before the first use"
    for each in built:
        each.close()


def test_no_driver_is_imported_before_a_provider_is_built() -> None:
    code = "import sys, bharat_vector_qdrant; sys.exit(any(name in sys.modules for name in ('qdrant_client', 'qdrant_edge', 'httpx')))"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_the_engine_does_not_need_the_client() -> None:
    code = "import sys, bharat_vector_qdrant.embedded; sys.exit('qdrant_client' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_every_option_is_described() -> None:
    for options in (QdrantOptions, EmbeddedOptions):
        for field in msgspec.structs.fields(options):
            assert "description=" in str(field.type), field.name


@pytest.mark.parametrize(
    "wrong",
    [
        {"url": "qdrant.example.com:6333"}, {"url": "https://user:secret@qdrant.example.com"}, {"url": "https://h?api_key=1"},
        {"prefix": ""}, {"prefix": "a-b"}, {"prefix": "A"}, {"timeout": 0}, {"timeout": 0.5}, {"write_timeout": 0}, {"batch": 0},
        {"pool_size": 0}, {"rest": 0},
    ],
    ids=str,
)  # fmt: skip
def test_a_value_that_can_t_be_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"url": "https://qdrant.example.com:6333", **wrong}, QdrantOptions)


# The server.


def test_installations_with_other_prefixes_do_not_meet(build_server: BuildServer) -> None:
    one, other = build_server(prefix="one"), build_server(prefix="one_more")
    one.recreate(EMBEDDING)
    other.recreate(EMBEDDING)
    place = Point(uuid4(), "contact", uuid4(), axis(0))
    one.upsert(EMBEDDING, [place])
    assert other.scan(EMBEDDING, None) == ([], None)
    other.recreate(Embedding("another", 8))
    assert one.held() == EMBEDDING
    assert len(one.scan(EMBEDDING, None)[0]) == 1


def test_an_address_that_answers_404_is_told_as_one_that_does_not_serve_us(
    build_server: BuildServer, qdrant: QdrantFacade
) -> None:
    """A proxy says so while what is behind it moves."""
    elsewhere = build_server(url=f"{qdrant.url}/elsewhere")
    acts: list[Callable[[], object]] = [
        elsewhere.held,
        lambda: elsewhere.recreate(EMBEDDING),
        lambda: elsewhere.query(EMBEDDING, uuid4(), axis(0), scopes=[Scope("contact")], limit=1),
        lambda: elsewhere.scan(EMBEDDING, None),
    ]
    for act in acts:
        with pytest.raises(VectorsUnavailable, match=r"404.*vectors\.qdrant\.url"):
            act()


def test_a_wrong_key_is_told_and_never_shown(build_server: BuildServer) -> None:
    with pytest.raises(VectorsUnavailable, match=r"401.*vectors\.qdrant\.api_key") as told:
        build_server(api_key="a-wrong-key").held()
    assert "a-wrong-key" not in str(told.value)


def test_a_server_that_hangs_costs_one_caller_its_time(build_server: BuildServer, qdrant: QdrantFacade) -> None:
    vectors = build_server(timeout=1, rest=30.0)
    vectors.recreate(EMBEDDING)
    qdrant.pause()
    try:
        took = []
        for _ in range(3):
            began = time.monotonic()
            with pytest.raises(VectorsUnavailable):
                vectors.held()
            took.append(time.monotonic() - began)
    finally:
        qdrant.resume()
    assert took[0] < 5
    assert max(took[1:]) < 0.2


def test_a_server_that_comes_back_is_asked_again(build_server: BuildServer, qdrant: QdrantFacade) -> None:
    vectors = build_server(rest=0.1)
    vectors.recreate(EMBEDDING)
    qdrant.restart()
    assert vectors.held() == EMBEDDING


# The engine in one process.

OTHER_PROCESS = """
import sys
from pathlib import Path
from bharat.contracts.vectors import Point, VectorsUnavailable
from bharat.testing.vectors import EMBEDDING, axis
from bharat_vector_qdrant.embedded import EmbeddedVectors
from uuid import uuid4

vectors = EmbeddedVectors(Path(sys.argv[1]))
assert vectors.held() == EMBEDDING
for call in (lambda: vectors.upsert(EMBEDDING, [Point(uuid4(), "contact", uuid4(), axis(0))]), lambda: vectors.recreate(EMBEDDING)):
    try:
        call()
    except VectorsUnavailable as error:
        print(error)
    else:
        sys.exit("it was let in")
"""


def in_another_process(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", OTHER_PROCESS, str(folder)], capture_output=True, text=True, timeout=60, check=False
    )


def a_second_process_is_told_and_touches_nothing(folder: Path) -> None:
    first = EmbeddedVectors(folder)
    try:
        first.recreate(EMBEDDING)
        first.upsert(EMBEDDING, [Point(uuid4(), "contact", uuid4(), axis(0))])
        refused = in_another_process(folder)
        assert refused.returncode == 0, refused.stderr
        assert refused.stdout.count("used by another process") == 2
        assert len(first.scan(EMBEDDING, None)[0]) == 1
    finally:
        first.close()


def test_a_second_process_is_told_and_touches_nothing(folder: Path) -> None:
    a_second_process_is_told_and_touches_nothing(folder)


def test_the_mutant_without_the_lock_is_caught(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Removes `fcntl.flock` from `bharat_vector_qdrant.embedded.EmbeddedVectors._take_lock`."""
    monkeypatch.setattr(EmbeddedVectors, "_take_lock", lambda self: None)
    with pytest.raises(AssertionError):
        a_second_process_is_told_and_touches_nothing(folder)


def test_the_next_process_has_it_when_the_first_is_done(folder: Path) -> None:
    first = EmbeddedVectors(folder)
    first.recreate(EMBEDDING)
    first.close()
    assert in_another_process(folder).stderr.strip() == "it was let in"


KILLED = """
import os, signal, sys
from pathlib import Path
from uuid import uuid4
from bharat.contracts.vectors import Embedding, Point
from bharat.testing.vectors import EMBEDDING, axis
from bharat_vector_qdrant.embedded import EmbeddedVectors

vectors = EmbeddedVectors(Path(sys.argv[1]))
vectors.recreate(EMBEDDING)
vectors.upsert(EMBEDDING, [Point(uuid4(), "contact", uuid4(), axis(0)) for _ in range(700)])
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_was_written_outlives_a_kill(folder: Path) -> None:
    subprocess.run([sys.executable, "-c", KILLED, str(folder)], timeout=60, check=False)
    vectors = EmbeddedVectors(folder)
    assert len(vectors.scan(EMBEDDING, None)[0]) == 700
    vectors.close()


def test_an_index_that_can_t_be_read_is_told(folder: Path) -> None:
    (folder / "index.json").write_text("no json")
    with pytest.raises(VectorsUnavailable, match="can't be read"):
        EmbeddedVectors(folder).held()


# The check.


def test_the_health_check_tells_of_a_server_that_is_away(build_server: BuildServer, qdrant: QdrantFacade) -> None:
    vectors = build_server()
    assert examine(vectors).status is Status.OK
    qdrant.stop()
    assert examine(vectors).status is Status.DEGRADED
