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


@pytest.fixture
def site(database_options: EngineOptions, tmp_path: Path, clock: OffsetClock) -> Iterator[Site]:
    """Two organisations with their users, in the real application."""
    config = load(None, {"BHARAT_HOME": str(tmp_path / "home"), "DATABASE_URL": database_options.url})
    with build(config, clock=clock) as app:
        yield Site(app)
