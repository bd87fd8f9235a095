"""The application with two integrations of a plugin of the tests' own: one signed by Standard Webhooks, one by GitHub's scheme."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from tests.fixtures.application import OpenSite
from tests.fixtures.distributions import Distributions, distributions
from tests.integrations.desk import CODE, Desk

__all__ = ["distributions"]

OpenDesk = Callable[..., Desk]
WITHIN = timedelta(seconds=30)


@pytest.fixture
def open_desk(open_site: OpenSite, distributions: Distributions) -> OpenDesk:
    """`open_desk(BHARAT_SECRET_KEY=…)`: an application with two organisations and their administrators."""
    distributions.add("desk", CODE)

    def opener(**environ: str) -> Desk:
        return Desk(open_site("desk", **environ))

    return opener


@pytest.fixture
def desk(open_desk: OpenDesk) -> Desk:
    return open_desk()
