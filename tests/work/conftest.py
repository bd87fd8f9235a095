"""The small application on each of the databases."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bharat.contracts.work import JobSpec
from bharat.data import BharatDatabase
from bharat.work.worker import Runner
from tests.work.small import SmallApplication

RunnerOf = Callable[..., Runner]


@pytest.fixture
def app(database: BharatDatabase) -> SmallApplication:
    return SmallApplication(database)


@pytest.fixture
def runner_of(app: SmallApplication) -> RunnerOf:
    """Makes a runner of these job kinds."""

    def make(*specs: JobSpec, **options: object) -> Runner:
        return Runner(app.application, {one.kind: one for one in specs}, **options)  # type: ignore[arg-type]

    return make
