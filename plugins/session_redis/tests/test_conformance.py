"""The suite of the capability. Redis lives by a clock of its own, so time really passes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bharat.contracts.sessions import Sessions
from bharat.testing.sessions import Dump, SessionsSuite
from bharat.testing.suite import CutOff
from bharat_local_servers import Valkey


class TestRedisSessions(SessionsSuite):
    @pytest.fixture
    def sessions(self, redis_sessions: Sessions) -> Sessions:
        return redis_sessions

    @pytest.fixture
    def dump(self, held: Dump) -> Dump:
        return held

    @pytest.fixture(params=["stopped", "stalled"])
    def cut_off(self, request: pytest.FixtureRequest, valkey: Valkey) -> Iterator[CutOff]:
        yield valkey.stop if request.param == "stopped" else valkey.pause
        valkey.resume()
