"""Fixtures that every test may use, those of plugins and libraries too."""

from __future__ import annotations

pytest_plugins = [
    "bharat.testing.plugin",
    "bharat_local_servers.pytest_fixtures",
    "tests.fixtures.databases",
    "tests.fixtures.homes",
    "tests.fixtures.application",
    "tests.fixtures.signals",
]
