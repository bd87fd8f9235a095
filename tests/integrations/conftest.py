"""The application with two integrations of a plugin of the tests' own: one signed by Standard Webhooks, one by GitHub's scheme."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from tests.fixtures.application import OpenSite
from tests.fixtures.distributions import Distributions, distributions
from tests.fixtures.homes import Homes
from tests.integrations.desk import CODE, Desk

__all__ = ["distributions"]

OpenDesk = Callable[..., Desk]
WITHIN = timedelta(seconds=30)


@pytest.fixture
def open_desk(open_site: OpenSite, homes: Homes, distributions: Distributions, tmp_path: Path) -> OpenDesk:
    """`open_desk(BHARAT_SECRET_KEY=…)`: an application with two organisations and their administrators."""
    distributions.add("desk", CODE)

    def opener(**environ: str) -> Desk:
        site = open_site("desk", **environ)
        return Desk(site, homes.beside(site.app, tmp_path))

    return opener


@pytest.fixture
def desk(open_desk: OpenDesk) -> Desk:
    return open_desk()
