"""The embedding without a model: its suite, and whether it finds real names that are misspelt or cut short."""

from __future__ import annotations

import csv
import hashlib
import random
import subprocess
import sys
from collections.abc import Callable, Sequence
from typing import ClassVar

import pytest

from bharat.local import ngrams
from bharat.local.ngrams import DIMENSION, THRESHOLD, Ngrams, vector_of, words_of
from bharat.testing.embeddings import BuildEmbeddings, EmbeddingsSuite
from tests.packaging.distributions import ROOT

DATA = ROOT / "tests" / "data" / "crm-sales-opportunities"
COLUMNS = {"accounts.csv": ("account",), "sales_teams.csv": ("sales_agent", "manager"), "products.csv": ("product",)}


class TestNgrams(EmbeddingsSuite):
    embeddings_type: ClassVar[type[Ngrams]] = Ngrams

    @pytest.fixture
    def build_embeddings(self) -> BuildEmbeddings:
        return self.embeddings_type


def names() -> list[str]:
    found: set[str] = set()
    for file, columns in COLUMNS.items():
        with (DATA / file).open(encoding="utf-8") as lines:
            found |= {row[column] for row in csv.DictReader(lines) for column in columns}
    return sorted(found)


def cosine(one: Sequence[float], other: Sequence[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))


def misspelt(name: str, rng: random.Random) -> str:
    """With one letter lost, doubled, replaced or exchanged with the next; never the first."""
    at = rng.randrange(1, len(name) - 1)
    match rng.randrange(4):
        case 0:
            return name[:at] + name[at + 1 :]
        case 1:
            return name[:at] + name[at] + name[at:]
        case 2:
            return name[:at] + rng.choice("abcdefghijklmnopqrstuvwxyz") + name[at + 1 :]
        case _:
            return name[:at] + name[at + 1] + name[at] + name[at + 2 :]


def share_found(changed: Callable[[str, random.Random], str], first: int) -> float:
    """How many of the names, changed, are among the `first` nearest and above the threshold."""
    rng, known = random.Random(1), names()
    vectors = {name: vector_of(name) for name in known}
    hits = 0
    for name in known:
        asked = vector_of(changed(name, rng))
        near = sorted(known, key=lambda other: -cosine(asked, vectors[other]))[:first]
        hits += name in near and cosine(asked, vectors[name]) >= THRESHOLD
    return hits / len(known)


def test_a_misspelt_name_is_nearest() -> None:
    assert share_found(misspelt, 1) >= 0.98


def test_a_name_with_two_errors_is_among_the_nearest() -> None:
    assert share_found(lambda name, rng: misspelt(misspelt(name, rng), rng), 3) >= 0.9


def test_half_of_a_name_finds_it() -> None:
    assert share_found(lambda name, _: name[: max(4, len(name) // 2)], 3) >= 0.95


def test_a_misspelt_last_name_finds_the_whole_name() -> None:
    def last(name: str, rng: random.Random) -> str:
        word = name.split()[-1]
        return misspelt(word if len(word) > 4 else name, rng)

    assert share_found(last, 3) >= 0.85


def test_what_looks_like_no_name_finds_hardly_any() -> None:
    rng, vectors = random.Random(1), [vector_of(name) for name in names()]
    noise = ["".join(rng.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(rng.randrange(5, 12))) for _ in range(200)]
    found = sum(any(cosine(vector_of(word), vector) >= THRESHOLD for vector in vectors) for word in noise)
    assert found <= 20, f"{found} of 200 meaningless words find a name"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("GRÜSSE", "grusse"), ("Straße", "STRASSE"), ("José  Ñandú", "jose nandu"), ("Acme, Inc.", "acme inc"),
        ("Zoë-Marie", "zoe marie"), ("ﬁnance", "finance"), ("Łódź", "łódz"),
    ],
)  # fmt: skip
def test_case_accents_and_punctuation_do_not_count(one: str, other: str) -> None:
    assert words_of(one) == words_of(other)
    assert vector_of(one) == vector_of(other)


def test_the_signs_of_other_scripts_do_count() -> None:
    assert vector_of("कल") != vector_of("काला")
    assert words_of("नमस्ते दुनिया") == ["नमस्ते", "दुनिया"]


def test_the_vectors_of_this_version_never_change() -> None:
    """An index of `ngrams-1` made by any release is understood by any other: who changes them gives them another name."""
    assert (ngrams.NAME, DIMENSION) == ("ngrams-1", 384)
    texts = ["Darcel Schlecht", "Grüße aus Łódź", "", "नमस्ते", "a" * 100, "株式会社"]
    told = ",".join(f"{value:.9f}" for text in texts for value in vector_of(text))
    assert (
        hashlib.sha256(told.encode()).hexdigest() == "393a4c3c91c8c0c5e064dfc7b5ede2494314bd9e0d7fbeaf93267c4b5908dc83"
    )


def test_the_vectors_are_the_same_in_another_process() -> None:
    code = "from bharat.local.ngrams import vector_of; print(repr(vector_of('Darcel Schlecht')))"
    told = {
        subprocess.run(
            [sys.executable, "-c", code], env={"PYTHONHASHSEED": seed}, cwd=ROOT, check=True, capture_output=True, text=True, timeout=60
        ).stdout.strip()
        for seed in ("1", "2")
    }  # fmt: skip
    assert told == {repr(vector_of("Darcel Schlecht"))}
