"""Texts as counts of three letters in a row, each at a place that its hash tells."""

from __future__ import annotations

import math
import zlib
from collections.abc import Sequence

from bharat.contracts.vectors import Purpose

from bharat.cli.templates.embeddings import NewPluginOptions

_MOST = 2000
"""Characters of a text that count."""


class NewPluginEmbeddings:
    """See `bharat.contracts.vectors.Embeddings`."""

    enabled = True
    threshold = 0.3

    def __init__(self, options: NewPluginOptions) -> None:
        self.dimension = options.dimension
        # Another way to count is another name: an index holds vectors of one.
        self.name = f"new_plugin-1-{options.dimension}"

    def embed(self, texts: Sequence[str], *, purpose: Purpose = "document") -> Sequence[Sequence[float]]:
        return [self._one(text) for text in texts]

    def close(self) -> None:
        """It holds nothing."""

    def _one(self, text: str) -> list[float]:
        counts = [0.0] * self.dimension
        for word in text[:_MOST].casefold().split() or [""]:
            framed = f" {word} "
            for start in range(max(1, len(framed) - 2)):
                letters = framed[start : start + 3].encode("utf-8", "surrogatepass")
                counts[zlib.crc32(letters) % self.dimension] += 1
        length = math.hypot(*counts)
        return [count / length for count in counts]
