"""The whole application with a plugin enabled, on a new database of its own."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from bharat.app import Bharat, build, load_plugins, migrator
from bharat.config import load
from tests.fixtures.distributions import distributions

__all__ = ["distributions"]

Start = Callable[..., Bharat]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """`start("crm", BHARAT_STORAGE__PROVIDER="cabinet")`: a running application with these plugins and variables."""
    with ExitStack() as stack:

        def call(*plugins: str, **environ: str) -> Bharat:
            home = tmp_path / "home"
            config = load(None, {"BHARAT_HOME": str(home), "BHARAT_PLUGINS": ",".join(plugins), **environ})
            loaded = load_plugins(config)
            with contextlib.closing(migrator(config, loaded)) as tool:
                tool.upgrade()
            return stack.enter_context(build(config, plugins=loaded))

        yield call
