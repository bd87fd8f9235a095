"""The two homes of each kind of state, and combinations in which every two of them meet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations

CHOICES: Mapping[str, tuple[str, str]] = {
    "database": ("sqlite", "postgresql"),
    "storage": ("folder", "spaces"),
    "sessions": ("database", "redis"),
    "locks": ("database", "redis"),
    "cache": ("memory", "redis"),
    "limits": ("database", "redis"),
    "vectors": ("qdrant_embedded", "qdrant"),
    "mail": ("file", "smtp"),
}
"""What is embedded, and what is a service of its own."""

Combination = Mapping[str, str]


def covering(choices: Mapping[str, tuple[str, str]]) -> Sequence[Combination]:
    """Six combinations: whichever two kinds of state are looked at, each of the four pairs of their homes is in one of them.

    A kind is where three of the rows two to six take its second home; no two kinds have the same three, so each two have rows of
    their own, one in common, and the first row in neither (Kleitman and Spencer 1973, Katona 1973). That is enough for ten kinds."""
    rows = list(combinations(range(1, 6), 3))
    if len(choices) > len(rows):
        raise ValueError(f"six rows are enough for {len(rows)} kinds of state, not for {len(choices)}")
    second = dict(zip(choices, rows, strict=False))
    return [{kind: homes[row in second[kind]] for kind, homes in choices.items()} for row in range(6)]


CLUSTER: Combination = {kind: second for kind, (_, second) in CHOICES.items()}
"""What runs in mode `cluster`; each of the six has an embedded home."""
COMBINATIONS = (*covering(CHOICES), CLUSTER)


def mode_of(combined: Combination) -> str:
    return "cluster" if combined == CLUSTER else "single"
