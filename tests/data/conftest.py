"""The data room is tested with a small plugin's tables beside the core's."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple
from uuid import UUID

import pytest

from bharat.contracts.principal import SYSTEM
from bharat.data import BharatDatabase
from bharat.data.schema import Schema
from tests.data.shop import SHOP, stock
from tests.fixtures.schema import core_schema
from tests.fixtures.servers import Migrated


class Pair(NamedTuple):
    """Two organisations with like data. Whatever belongs to one holds its name somewhere."""

    acme: UUID
    globex: UUID
    acme_customer: UUID
    globex_customer: UUID


@pytest.fixture(scope="session")
def shop_schema() -> Schema:
    schema = core_schema()
    schema.add(SHOP)
    return schema


@pytest.fixture
def migrated_core(migrated: Callable[[Schema], Migrated], shop_schema: Schema) -> Migrated:
    """With the shop: the fixture `database` opens this."""
    return migrated(shop_schema)


@pytest.fixture
def pair(database: BharatDatabase, organisation_id: UUID, other_organisation_id: UUID) -> Pair:
    with database.write(organisation_id, SYSTEM) as unit:
        acme = stock(unit, "acme")
    with database.write(other_organisation_id, SYSTEM) as unit:
        globex = stock(unit, "globex")
    return Pair(organisation_id, other_organisation_id, acme, globex)
