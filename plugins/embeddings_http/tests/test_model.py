"""What goes over the wire, and what is done about a server that fails."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from bharat.contracts.vectors import EmbeddingsUnavailable
from bharat_embeddings_http.model import HttpModel

if TYPE_CHECKING:
    from plugins.embeddings_http.tests.conftest import ModelServer

BuildModel = Callable[..., HttpModel]
KEY = "sk-a-key-that-nobody-is-to-read"
BUSY: dict[str, Any] = {"status": 503}


def test_texts_are_sent_as_openai_takes_them(build_model: BuildModel, model_server: ModelServer) -> None:
    build_model().embed(["one", "two"])
    (asked,) = model_server.requests()
    assert asked["path"] == "/v1/embeddings"
    assert asked["headers"]["Authorization"] == f"Bearer {KEY}"
    assert asked["body"] == {"model": "letter-pairs", "input": ["one", "two"], "encoding_format": "float"}


def test_texts_are_sent_in_batches(build_model: BuildModel, model_server: ModelServer) -> None:
    assert len(build_model(batch=4).embed([f"text {number}" for number in range(10)])) == 10
    assert [len(asked["body"]["input"]) for asked in model_server.requests()] == [4, 4, 2]


def test_a_model_that_tells_them_apart_gets_its_prefixes(build_model: BuildModel, model_server: ModelServer) -> None:
    model = build_model(document_prefix="passage: ", query_prefix="query: ")
    model.embed(["a"])
    model.embed(["a"], purpose="query")
    assert [asked["body"]["input"] for asked in model_server.requests()] == [["passage: a"], ["query: a"]]
    assert model.name != build_model().name
    assert model.name != build_model(document_prefix="passage: ").name


def test_a_model_that_shortens_its_vectors_is_asked_to(build_model: BuildModel, model_server: ModelServer) -> None:
    (vector,) = build_model(dimension=32, ask_dimension=True).embed(["a text"])
    (asked,) = model_server.requests()
    assert (asked["body"]["dimensions"], len(vector)) == (32, 32)
    assert math.hypot(*vector) == pytest.approx(1)


def test_no_more_of_a_text_is_sent_than_allowed(build_model: BuildModel, model_server: ModelServer) -> None:
    build_model(max_characters=10).embed(["x" * 50, "a\0b", "\ud800", "  "])
    (asked,) = model_server.requests()
    assert asked["body"]["input"] == ["x" * 10, "a b", "?", "-"]


def test_a_text_that_the_model_does_not_take_keeps_no_other_out(
    build_model: BuildModel, model_server: ModelServer
) -> None:
    """Protected by `except Refused` in `HttpModel.embed`: without it the whole batch fails, and fails each time."""
    model_server.read_at_most(100)
    model = build_model()
    long = "abcdefgh" * 50
    vectors = model.embed(["first", long, "last"])
    assert vectors == model.embed(["first", long[:100], "last"])


def test_a_server_that_refuses_everything_is_not_asked_for_each_text(
    build_model: BuildModel, model_server: ModelServer
) -> None:
    model_server.read_at_most(0)
    with pytest.raises(EmbeddingsUnavailable, match="400"):
        build_model().embed([f"text {number}" for number in range(30)])
    assert len(model_server.requests()) == 2


@pytest.mark.parametrize("fault", [{"status": 429}, {"status": 503}, {"status": 502}, {"drop": True}], ids=str)
def test_a_passing_fault_is_waited_out(
    build_model: BuildModel, model_server: ModelServer, fault: dict[str, Any]
) -> None:
    model_server.fail(fault, fault)
    assert len(build_model(timeout=10.0).embed(["x"])) == 1
    assert len(model_server.requests()) == 3


def test_it_comes_back_when_it_is_asked_to(build_model: BuildModel, model_server: ModelServer) -> None:
    model_server.fail({"status": 429, "headers": {"Retry-After": "1"}})
    began = time.monotonic()
    build_model(timeout=10.0).embed(["x"])
    assert time.monotonic() - began >= 1


@pytest.mark.parametrize(
    "fault",
    [
        {"status": 429, "headers": {"Retry-After": "3600"}},
        {"delay": 5},
        {"trickle": 5},
    ],
    ids=["come back in an hour", "no answer", "an answer without end"],
)
def test_no_answer_is_waited_for_longer_than_allowed(
    build_model: BuildModel, model_server: ModelServer, fault: dict[str, Any]
) -> None:
    model_server.fail(fault)
    began = time.monotonic()
    with pytest.raises(EmbeddingsUnavailable):
        build_model(timeout=0.5).embed(["x"])
    assert time.monotonic() - began < 3


def test_what_a_search_looks_for_is_waited_for_less_long(build_model: BuildModel, model_server: ModelServer) -> None:
    model_server.fail({"delay": 3})
    model = build_model(timeout=20.0, query_timeout=0.3)
    began = time.monotonic()
    with pytest.raises(EmbeddingsUnavailable):
        model.embed(["x"], purpose="query")
    assert time.monotonic() - began < 2


def test_a_server_that_did_not_answer_is_left_alone_for_a_while(
    build_model: BuildModel, model_server: ModelServer
) -> None:
    model = build_model(timeout=0.3, rest=30.0)
    model_server.fail(*[BUSY] * 100)
    for _ in range(2):
        with pytest.raises(EmbeddingsUnavailable):
            model.embed(["x"])
        assert model.resting
    model_server.fail()
    model_server.requests()
    with pytest.raises(EmbeddingsUnavailable, match="a moment ago"):
        model.embed(["x"])
    assert model_server.requests() == []


@pytest.mark.parametrize("status", [401, 403, 404, 301, 307])
def test_what_no_try_will_help_is_told_at_once(build_model: BuildModel, model_server: ModelServer, status: int) -> None:
    model_server.fail({"status": status, "headers": {"Location": f"{model_server.url}/elsewhere"}})
    with pytest.raises(EmbeddingsUnavailable, match=str(status)):
        build_model().embed(["a secret text"])
    assert [asked["path"] for asked in model_server.requests()] == ["/v1/embeddings"]


@pytest.mark.parametrize("status", [400, 413, 422])
def test_what_may_be_said_of_a_text_is_told_when_it_is_said_of_any(
    build_model: BuildModel, model_server: ModelServer, status: int
) -> None:
    model_server.fail({"status": status}, {"status": status})
    with pytest.raises(EmbeddingsUnavailable, match=str(status)):
        build_model().embed(["a secret text"])
    assert [asked["body"]["input"] for asked in model_server.requests()] == [["a secret text"], ["-"]]


def test_neither_the_key_nor_the_texts_are_told(
    build_model: BuildModel, model_server: ModelServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    wrong = build_model(api_key="sk-wrong-key")
    told = []
    for model, fault in ((wrong, {}), (build_model(), {"status": 422}), (build_model(timeout=0.2), {"status": 503}), (build_model(timeout=0.2), {"drop": True})):  # fmt: skip
        model_server.fail(*[fault] * 20 if fault else [])
        with pytest.raises(EmbeddingsUnavailable) as error:
            model.embed(["a secret text"])
        told.append(str(error.value))
    for word in (KEY, "sk-wrong-key", "secret text"):
        assert word not in "".join(told)
        assert word not in caplog.text


@pytest.mark.parametrize(
    "body",
    [
        "no json", "{}", '{"data": []}', '{"data": [{"index": 0, "embedding": [1, 2]}]}',
        '{"data": [{"index": 1, "embedding": []}]}', '{"data": [{"index": 0, "embedding": "AAAA"}]}',
        f'{{"data": [{{"index": 0, "embedding": {[0] * 96}}}]}}', f'{{"data": [{{"index": 0, "embedding": {[1e308] * 96}}}]}}',
    ],
)  # fmt: skip
def test_an_answer_that_is_no_embedding_is_refused(
    build_model: BuildModel, model_server: ModelServer, body: str
) -> None:
    model_server.fail({"status": 200, "body": body})
    with pytest.raises(EmbeddingsUnavailable):
        build_model().embed(["x"])


def test_another_dimension_is_told_with_both(build_model: BuildModel) -> None:
    with pytest.raises(EmbeddingsUnavailable, match=r"96 numbers, and embeddings\.http\.dimension is 100"):
        build_model(dimension=100).embed(["x"])
