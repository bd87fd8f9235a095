"""Reading an answer: one vector for each text, in their order, each of unit length."""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec

from bharat.contracts.vectors import EmbeddingsUnavailable


class Item(msgspec.Struct, frozen=True):
    embedding: list[float]
    index: int


class Answer(msgspec.Struct, frozen=True):
    """What of OpenAI's answer is needed."""

    data: list[Item]


_DECODER = msgspec.json.Decoder(Answer)


def vectors_in(raw: bytes, count: int, dimension: int) -> Sequence[Sequence[float]]:
    """Raises `EmbeddingsUnavailable` for an answer that is not one vector of `dimension` for each of `count` texts."""
    try:
        items = _DECODER.decode(raw).data
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise EmbeddingsUnavailable("The embedding server answers something else than embeddings.") from None
    # A server may answer in another order than it was asked.
    by_index = {item.index: item.embedding for item in items}
    if len(items) != count or by_index.keys() != set(range(count)):
        raise EmbeddingsUnavailable(f"The embedding server answers {len(items)} vectors to {count} texts.")
    return [_normalised(by_index[number], dimension) for number in range(count)]


def _normalised(vector: list[float], dimension: int) -> Sequence[float]:
    if len(vector) != dimension:
        raise EmbeddingsUnavailable(
            f"The model's vectors have {len(vector)} numbers, and embeddings.http.dimension is {dimension}."
        )
    length = math.hypot(*vector)
    if not (math.isfinite(length) and length > 0):
        raise EmbeddingsUnavailable("The model's vector has no direction.")
    return vector if abs(length - 1) < 1e-6 else [value / length for value in vector]
