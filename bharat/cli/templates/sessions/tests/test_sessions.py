"""The sessions keep every promise of their contract."""

from __future__ import annotations

import json
from dataclasses import asdict

import pytest
from bharat.testing.platform import SmallPlatform
from bharat.testing.sessions import Dump, SessionsSuite
from bharat.testing.suite import OnShiftedClock

from bharat.cli.templates.sessions import NewPluginOptions
from bharat.cli.templates.sessions.sessions import NewPluginSessions


class TestNewPlugin(OnShiftedClock, SessionsSuite):
    @pytest.fixture
    def sessions(self, platform: SmallPlatform) -> NewPluginSessions:
        return NewPluginSessions(NewPluginOptions(), platform)

    @pytest.fixture
    def dump(self, sessions: NewPluginSessions) -> Dump:
        def everything() -> bytes:
            with sessions._rows() as rows:
                return json.dumps([[key, asdict(row)] for key, row in rows.items()], default=str).encode()

        return everything
