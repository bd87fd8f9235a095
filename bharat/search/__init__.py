"""Search over all record types: by words from the database, by nearness from the vector index, in one ranked answer.

A built-in plugin too: it adds the route, and the job that keeps the index up to date.
"""

from __future__ import annotations

from collections.abc import Sequence

from bharat.contracts.check import Check
from bharat.contracts.route import Route
from bharat.contracts.work import JobSpec
from bharat.hookspecs import hookimpl
from bharat.search.health import SEARCH
from bharat.search.routes import ROUTES
from bharat.search.upkeep import INDEX, followers

__all__ = ["followers"]


@hookimpl
def bharat_routes() -> Sequence[Route]:
    return ROUTES


@hookimpl
def bharat_jobs() -> Sequence[JobSpec]:
    return [INDEX]


@hookimpl
def bharat_checks() -> Sequence[Check]:
    return [SEARCH]
