"""One ranked answer from several lists: exact matches first, the others by reciprocal rank fusion (Cormack et al. 2009).

A list adds 1 / (60 + rank) to each of its hits, so that what two lists have is before what one has, and no score of one kind has to be
compared with one of another. The lists hold only what the caller may read: a rank tells nothing of what it may not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal
from uuid import UUID

Matched = Literal["exact", "prefix", "words", "similar"]

_DAMPING = 60
"""The constant of the paper: a first place does not outweigh two second ones."""


@dataclass(slots=True)
class Hit:
    """A record that was found, and how."""

    type: str
    id: UUID
    title: str
    matched: list[Matched] = field(default_factory=list)

    @property
    def key(self) -> tuple[str, UUID]:
        return self.type, self.id


def fused(lists: Sequence[Sequence[Hit]], limit: int) -> list[Hit]:
    """The `limit` best of several lists, each best first and without repetition."""
    scores: dict[tuple[str, UUID], float] = {}
    hits: dict[tuple[str, UUID], Hit] = {}
    for ranked in lists:
        for rank, hit in enumerate(ranked, 1):
            scores[hit.key] = scores.get(hit.key, 0.0) + 1 / (_DAMPING + rank)
            known = hits.setdefault(hit.key, hit)
            known.matched += [each for each in hit.matched if each not in known.matched]
    order = sorted(hits.values(), key=lambda hit: ("exact" not in hit.matched, -scores[hit.key]))
    return order[:limit]
