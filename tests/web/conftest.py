"""A site with one record type, and its people."""

from __future__ import annotations

from typing import Any

import pytest

from bharat.contracts.principal import Role
from tests.fixtures.application import Caller, OpenSite, Site
from tests.fixtures.distributions import distributions

__all__ = ["distributions"]

VISITS = "/api/v1/site_visits"


def visit(subject: str = "Survey", **more: Any) -> dict[str, Any]:
    return {"subject": subject, "planned_on": "2026-03-01", **more}


@pytest.fixture
def shop(open_site: OpenSite) -> Site:
    return open_site("sample")


@pytest.fixture
def admin(shop: Site) -> Caller:
    return shop.user(shop.organisation("acme"), Role.ADMIN)
