"""The pytest plugin: `pytest_plugins = ["bharat.testing.plugin"]` in the conftest gives these fixtures."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bharat.testing.platform import CountingFences, ShiftableClock, SmallPlatform

if TYPE_CHECKING:
    from bharat.testing.databases import MigratedFiles
    from bharat.testing.site import OpenSite, Site


@pytest.fixture
def clock() -> ShiftableClock:
    """The platform's clock; `clock.advance(timedelta)` lets time pass at once."""
    return ShiftableClock()


@pytest.fixture
def fences() -> CountingFences:
    """The platform's issuer of fencing tokens."""
    return CountingFences()


@pytest.fixture
def platform(tmp_path: Path, clock: ShiftableClock, fences: CountingFences) -> SmallPlatform:
    """A platform without a database, its home a folder of this test's own."""
    home = tmp_path / "home"
    home.mkdir()
    return SmallPlatform(home, clock=clock, fences=fences)


@pytest.fixture(scope="session")
def migrated_files(tmp_path_factory: pytest.TempPathFactory) -> MigratedFiles:
    """Migrated SQLite files for the whole run."""
    from bharat.testing.databases import MigratedFiles

    return MigratedFiles(tmp_path_factory.mktemp("sqlite"))


@pytest.fixture
def open_site(migrated_files: MigratedFiles, tmp_path: Path, clock: ShiftableClock) -> Iterator[OpenSite]:
    """`open_site("warranties")`: the application with these installed plugins enabled, migrated, on a SQLite file of this test's
    own. Keywords are variables: `open_site("tape", BHARAT_CACHE__PROVIDER="tape")`."""
    # The whole application is loaded only for tests that want one.
    from bharat.testing.site import Site, assembled

    with ExitStack() as stack:

        def opener(*plugins: str, **environ: str) -> Site:
            settings = {"BHARAT_PLUGINS": ",".join(plugins), "BHARAT_HOME": str(tmp_path / "home"), **environ}
            app = assembled(settings, clock, lambda schema: migrated_files.copy(schema, tmp_path).url)
            stack.callback(app.close)
            return Site(app)

        yield opener
