"""A site that all tests of a module share: what they try is refused, and each has an organisation of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from itertools import count

import pytest

from bharat.contracts.principal import Role
from bharat.data.clock import OffsetClock
from tests.fixtures.application import Caller, Site, site_opener
from tests.fixtures.homes import Homes

_numbers = count()


@pytest.fixture(scope="module")
def shared_site(
    request: pytest.FixtureRequest, homes: Homes, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], Site]]:
    """The CRM on SQLite or PostgreSQL, by dialect."""
    with ExitStack() as stack:

        @cache
        def opened(dialect: str) -> Site:
            databases = request.getfixturevalue(f"{dialect}_databases")
            return site_opener(stack, databases, homes, tmp_path_factory.mktemp("site"), OffsetClock())("crm")

        yield opened


@pytest.fixture
def admin(shared_site: Callable[[str], Site], dialect: str) -> Caller:
    """The administrator of a new organisation."""
    site = shared_site(dialect)
    return site.user(site.organisation(f"acme-{next(_numbers)}"), Role.ADMIN)
