"""Above the rooms with SQL each test runs on one database, half of them on either; where it is asked for, on both."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter

import pytest

from tests.packaging.distributions import ROOT

ABOVE, BELOW = "tests/accounts/test_users.py", "tests/records/test_lists.py"


def collected(*arguments: str) -> Counter[tuple[str, str]]:
    """The tests that a run would have, each by its name without the database, and the database."""
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", *arguments]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=120).stdout
    found: Counter[tuple[str, str]] = Counter()
    for line in listed.splitlines():
        for database in ("sqlite", "postgresql"):
            if database in line.partition("[")[2]:
                found[line.replace(database, "", 1), database] += 1
    return found


@pytest.mark.parametrize("file", [ABOVE, BELOW])
def test_both_means_both(file: str) -> None:
    both = collected("--databases", "both", file)
    names = {name for name, _ in both}
    assert len(names) > 5
    assert set(both) == {(name, database) for name in names for database in ("sqlite", "postgresql")}


def test_above_each_test_runs_once_and_half_of_them_on_either() -> None:
    in_turn, both = collected(ABOVE), collected("--databases", "both", ABOVE)
    names = Counter(name for name, _ in in_turn)
    assert set(names) == {name for name, _ in both}, "a test runs on neither"
    assert set(names.values()) == {1}
    shares = Counter(database for _, database in in_turn)
    assert min(shares.values()) > len(names) / 4


def test_below_each_test_runs_on_both() -> None:
    assert collected(BELOW) == collected("--databases", "both", BELOW)


def test_who_asks_for_one_database_gets_it() -> None:
    everything = collected("--databases", "both", ABOVE)
    assert collected(ABOVE, "-k", "postgresql") == Counter({one: 1 for one in everything if one[1] == "postgresql"})
