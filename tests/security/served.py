"""The routes that an application serves, with their owners."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

import bharat.app
from bharat.contracts.route import Route
from bharat.plugins.items import Owned
from tests.fixtures.application import Site


def routes_of(site: Site) -> dict[str, Owned[Route]]:
    """All of them by operation id, the platform's own too: those that the application checks as it mounts them."""
    found: list[Owned[Route]] = []

    def check(routes: Sequence[Owned[Route]]) -> None:
        found.extend(routes)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bharat.app, "check_routes", check)
        site.app.wsgi()
    return {owned.item.operation_id: owned for owned in found}
