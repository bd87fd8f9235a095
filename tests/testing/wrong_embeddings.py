"""Wrong embeddings, each with its suite; `test_suites_bite.py` runs them. `TestRight` is what they derive from."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import ClassVar

import pytest

from bharat.contracts.vectors import EmbeddingsUnavailable, Purpose
from bharat.testing.embeddings import BuildEmbeddings, EmbeddingsSuite
from bharat.testing.suite import CutOff
from tests.testing.right_vectors import LetterPairs


class TestRight(EmbeddingsSuite):
    backend: ClassVar[type[LetterPairs]] = LetterPairs

    @pytest.fixture
    def built(self) -> list[LetterPairs]:
        return []

    @pytest.fixture
    def build_embeddings(self, built: list[LetterPairs]) -> BuildEmbeddings:
        def build() -> LetterPairs:
            built.append(self.backend())
            return built[-1]

        return build

    @pytest.fixture
    def cut_off(self, built: list[LetterPairs]) -> CutOff:
        def fall_silent() -> None:
            for one in built:
                one.answers = False

        return fall_silent


class TestDoesNotNormalise(TestRight):
    class backend(LetterPairs):  # noqa: N801
        def vector(self, text: str) -> list[float]:
            return [3 * value for value in super().vector(text)]


class TestLosesTheOrder(TestRight):
    class backend(LetterPairs):  # noqa: N801
        def embed(self, texts: Sequence[str], *, purpose: Purpose = "document") -> Sequence[Sequence[float]]:
            return super().embed(sorted(texts), purpose=purpose)


class TestIsAnotherInEachProcess(TestRight):
    """As Python's own `hash` of a text is."""

    class backend(LetterPairs):  # noqa: N801
        _numbers: ClassVar[Iterator[int]] = itertools.count(1)

        def __init__(self) -> None:
            super().__init__()
            self._turn = next(self._numbers)

        def vector(self, text: str) -> list[float]:
            vector = super().vector(text)
            by = self._turn % self.dimension
            return vector[by:] + vector[:by]


class TestLeavesOutWhatIsEmpty(TestRight):
    class backend(LetterPairs):  # noqa: N801
        def embed(self, texts: Sequence[str], *, purpose: Purpose = "document") -> Sequence[Sequence[float]]:
            return super().embed([text for text in texts if text.strip()], purpose=purpose)


class TestEmbedsTheFirstHundred(TestRight):
    class backend(LetterPairs):  # noqa: N801
        def embed(self, texts: Sequence[str], *, purpose: Purpose = "document") -> Sequence[Sequence[float]]:
            found = list(super().embed(texts[:100], purpose=purpose))
            return found + found[:1] * (len(texts) - 100)


class TestTellsTheTexts(TestRight):
    class backend(LetterPairs):  # noqa: N801
        def embed(self, texts: Sequence[str], *, purpose: Purpose = "document") -> Sequence[Sequence[float]]:
            if not self.answers:
                raise EmbeddingsUnavailable(f"could not embed {texts}")
            return super().embed(texts, purpose=purpose)
