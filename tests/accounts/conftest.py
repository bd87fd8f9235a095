"""The whole application on each of the databases."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bharat.app import build
from bharat.config import load
from bharat.data.clock import OffsetClock
from bharat.data.engine import EngineOptions
from tests.accounts.site import Site
from tests.fixtures.homes import Homes


@pytest.fixture
def site(database_options: EngineOptions, homes: Homes, tmp_path: Path, clock: OffsetClock) -> Iterator[Site]:
    """Two organisations with their users, in the real application."""
    config = load(None, homes.settings((), tmp_path, {}) | {"DATABASE_URL": database_options.url})
    with build(config, clock=clock) as app:
        yield Site(app, homes.mails)
