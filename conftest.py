"""Fixtures that every test may use, those of plugins and libraries too."""

from __future__ import annotations

import gc

import pytest

pytest_plugins = [
    "bharat.testing.plugin",
    "bharat_local_servers.pytest_fixtures",
    "tests.fixtures.databases",
    "tests.fixtures.homes",
    "tests.fixtures.passwords",
    "tests.fixtures.turns",
    "tests.fixtures.application",
    "tests.fixtures.signals",
]


def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """After each file, what is still alive is kept out of later collections: in a run of thousands of tests they take seconds else."""
    if nextitem is None or nextitem.path != item.path:
        gc.collect()
        gc.freeze()
