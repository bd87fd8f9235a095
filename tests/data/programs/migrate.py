"""Migrates the core and the shop as the owner, and prints what it did."""

import sys

from bharat.data.engine import EngineOptions
from bharat.data.migrations import Migrator
from tests.data.shop import SHOP
from tests.fixtures.schema import core_schema

schema = core_schema()
schema.add(SHOP)
sys.stdin.readline()
migrator = Migrator(schema, EngineOptions(sys.argv[1]))
sys.stdout.write(" ".join(f"{step.plugin}:{step.revision}" for step in migrator.upgrade()))
migrator.close()
