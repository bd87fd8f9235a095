"""`Ngrams`: an embedding without a model. Words that share letters are near, so that misspelt and partial names are found.

A text is the sum of its words, and a word of its character n-grams, each hashed to a place and a sign in the vector (the hashing trick,
Weinberger et al. 2009). The word's edges count as characters, so that a common beginning weighs more than a common middle.

Vectors are the same in every process. What decides them is in `NAME`: whoever changes anything here gives it another version.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterable, Sequence
from functools import lru_cache
from zlib import crc32

from bharat.contracts.vectors import Purpose

NAME = "ngrams-1"
DIMENSION = 384
THRESHOLD = 0.3

_GRAMS = (2, 3)
"""Lengths of n-grams. Measured on names with one and two errors: without pairs of letters short words are lost, longer n-grams add
nothing."""
_EDGES = "\x02", "\x03"
_MAX_CHARACTERS = 4000
"""Of a text; the rest would weigh next to nothing."""
_MAX_WORD = 64
_MARKS = re.compile("[\u0300-\u036f]")
"""Accents of Latin, Greek and Cyrillic letters. The signs of other scripts tell words apart."""

Features = tuple[tuple[int, float], ...]


class Ngrams:
    """See `bharat.contracts.vectors.Embeddings`."""

    enabled = True
    name = NAME
    dimension = DIMENSION
    threshold = THRESHOLD

    def embed(self, texts: Sequence[str], *, purpose: Purpose = "document") -> Sequence[Sequence[float]]:
        return [vector_of(text) for text in texts]

    def close(self) -> None:
        return None


def vector_of(text: str) -> list[float]:
    """The text's vector, of unit length. A text without any letter or digit has one too, that of nothing."""
    sums = [0.0] * DIMENSION
    for word in words_of(text):
        for place, weight in _features(word):
            sums[place] += weight
    length = _length(sums)
    if length < 1e-9:
        sums[0] = length = 1.0
    return [value / length for value in sums]


def words_of(text: str) -> list[str]:
    """The words, folded: case, accents and forms of the same letter don't count, punctuation separates."""
    folded = unicodedata.normalize("NFKD", text[:_MAX_CHARACTERS]).casefold()
    return [word for part in _MARKS.sub("", folded).split() for word in _split(part)]


@lru_cache(maxsize=20_000)
def _split(part: str) -> tuple[str, ...]:
    # Not `\w`, which leaves out the vowel signs of Indic scripts.
    kept = "".join(each if unicodedata.category(each)[0] in "LNM" else " " for each in part)
    return tuple(word[:_MAX_WORD] for word in kept.split())


@lru_cache(maxsize=20_000)
def _features(word: str) -> Features:
    """Where the word's n-grams lie, and how much they weigh. Every word weighs about the same, however long."""
    begin, end = _EDGES
    marked = f"{begin}{word}{end}"
    found: dict[int, float] = {}
    for size in _GRAMS:
        for at in range(len(marked) - size + 1):
            hashed = crc32(marked[at : at + size].encode())
            place = hashed % DIMENSION
            found[place] = found.get(place, 0.0) + (1.0 if hashed & 0x8000_0000 else -1.0)
    length = _length(found.values()) or 1.0
    # The square root keeps a long word, which tells more, above a short one.
    scale = math.sqrt(len(word)) / length
    return tuple((place, weight * scale) for place, weight in sorted(found.items()))


def _length(values: Iterable[float]) -> float:
    # Exact sums, rounded once: the last digit does not hang on the version of Python.
    return math.sqrt(math.fsum(value * value for value in values))
