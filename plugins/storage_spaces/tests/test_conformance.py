"""The suite of the capability. The S3 lives by a clock of its own, so time really passes."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from bharat.contracts.storage import Storage
from bharat.testing.storage import StorageSuite
from bharat.testing.suite import CutOff
from bharat_local_servers import RadosGateway
from bharat_storage_spaces.storage import SpacesStorage


class TestSpaces(StorageSuite):
    @pytest.fixture
    def storage(self, build: Callable[..., SpacesStorage]) -> Storage:
        return build()

    @pytest.fixture(params=["stopped", "stalled"])
    def cut_off(self, request: pytest.FixtureRequest, gateway: RadosGateway) -> Iterator[CutOff]:
        yield gateway.stop if request.param == "stopped" else gateway.pause
        gateway.resume()
