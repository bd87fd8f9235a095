"""The conformance suite of the capability `embeddings`."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import pytest

from bharat.contracts.vectors import Embeddings, EmbeddingsUnavailable, Purpose
from bharat.testing.suite import CutOff, Suite, needs_cut_off, not_given, together

BuildEmbeddings = Callable[[], Embeddings]
CLOSE = 1e-3
"""How much numbers of the same text may differ: a model that computes in batches rounds differently in each."""

NAMES = ["Darcel Schlecht", "Vicki Laflamme", "Kary Hendrixson", "Cassey Cress", "Donn Cantrell"]
ODD = [
    pytest.param(text, id=title)
    for title, text in {
        "empty": "",
        "spaces": " \n\t ",
        "punctuation": "…!?",
        "one letter": "x",
        "emoji": "🗂🗂",
        "devanagari": "नमस्ते दुनिया",
        "chinese": "株式会社 報告",
        "accents": "Grüße aus Łódź",
        "nul": "a\x00b",
        "long": "word " * 20_000,
        "long word": "x" * 50_000,
    }.items()
]


class EmbeddingsSuite(Suite):
    """Everything that `bharat.contracts.vectors` promises of embeddings. Override `build_embeddings`; `cut_off` for a model that can
    go away. `a_name_and_nearly_that_name` may be overridden for a model of whole sentences."""

    @pytest.fixture
    def build_embeddings(self) -> BuildEmbeddings:
        """A function that builds the provider as one more process does."""
        raise not_given("build_embeddings", "EmbeddingsSuite")

    @pytest.fixture
    def embeddings(self, build_embeddings: BuildEmbeddings) -> Embeddings:
        return build_embeddings()

    @pytest.fixture
    def a_name_and_nearly_that_name(self) -> tuple[str, str, str]:
        """A text, another that means nearly the same, and one that does not."""
        return "Darcel Schlecht", "Darcel Schlect", "Vicki Laflamme"

    def test_it_is_enabled_and_named(self, embeddings: Embeddings) -> None:
        assert embeddings.enabled is True
        assert 0 < len(embeddings.name) <= 120
        assert embeddings.dimension > 0
        assert -1 <= embeddings.threshold < 1

    def test_each_text_has_a_vector_in_order(self, embeddings: Embeddings) -> None:
        together_embedded = embeddings.embed(NAMES)
        assert len(together_embedded) == len(NAMES)
        for name, vector in zip(NAMES, together_embedded, strict=True):
            (alone,) = embeddings.embed([name])
            assert _same(vector, alone), name

    def test_a_vector_has_the_dimension_and_unit_length(self, embeddings: Embeddings) -> None:
        for vector in embeddings.embed(NAMES):
            _check(embeddings, vector)

    def test_nothing_makes_nothing(self, embeddings: Embeddings) -> None:
        assert list(embeddings.embed([])) == []

    @pytest.mark.parametrize("text", ODD)
    def test_any_text_has_a_vector(self, embeddings: Embeddings, text: str) -> None:
        found = embeddings.embed([text, "a plain one"])
        assert len(found) == 2
        for vector in found:
            _check(embeddings, vector)

    def test_many_texts_are_embedded_at_once(self, embeddings: Embeddings) -> None:
        texts = [f"{NAMES[number % 5]} {number}" for number in range(700)]
        found = embeddings.embed(texts)
        assert len(found) == 700
        for number in (0, 99, 511, 699):
            (alone,) = embeddings.embed([texts[number]])
            assert _same(found[number], alone), texts[number]

    @pytest.mark.parametrize("purpose", ["document", "query"])
    def test_the_same_text_has_the_same_vector_on_every_node(
        self, build_embeddings: BuildEmbeddings, purpose: Purpose
    ) -> None:
        one, other = build_embeddings(), build_embeddings()
        assert (one.name, one.dimension) == (other.name, other.dimension)
        for first, second in zip(one.embed(NAMES, purpose=purpose), other.embed(NAMES, purpose=purpose), strict=True):
            assert _same(first, second)

    def test_what_means_nearly_the_same_is_nearer_than_what_does_not(
        self, embeddings: Embeddings, a_name_and_nearly_that_name: tuple[str, str, str]
    ) -> None:
        text, nearly, other = a_name_and_nearly_that_name
        (asked,) = embeddings.embed([nearly], purpose="query")
        found = embeddings.embed([text, other])
        assert _cosine(asked, found[0]) > _cosine(asked, found[1])
        assert _cosine(asked, found[0]) >= embeddings.threshold

    def test_texts_embedded_at_once_do_not_mix(self, embeddings: Embeddings) -> None:
        expected = embeddings.embed(NAMES)
        found = together(5, lambda number: embeddings.embed([NAMES[number]] * 3))
        for number, vectors in enumerate(found):
            assert all(_same(vector, expected[number]) for vector in vectors)

    def test_closing_twice_is_once(self, embeddings: Embeddings) -> None:
        embeddings.embed(["x"])
        embeddings.close()
        embeddings.close()

    def test_a_model_that_does_not_answer_is_said_to_be_unavailable(
        self, embeddings: Embeddings, cut_off: CutOff | None
    ) -> None:
        cut = needs_cut_off(cut_off)
        embeddings.embed(["x"])
        cut()
        with pytest.raises(EmbeddingsUnavailable) as told:
            embeddings.embed(["a text that nobody else is to read"])
        assert "nobody else is to read" not in str(told.value)


def _check(embeddings: Embeddings, vector: Sequence[float]) -> None:
    assert len(vector) == embeddings.dimension
    assert math.hypot(*vector) == pytest.approx(1, abs=CLOSE)


def _same(one: Sequence[float], other: Sequence[float]) -> bool:
    return all(abs(a - b) < CLOSE for a, b in zip(one, other, strict=True))


def _cosine(one: Sequence[float], other: Sequence[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))
