"""The locks keep every promise of their contract."""

from __future__ import annotations

import pytest
from bharat.contracts.locks import Locks
from bharat.testing.locks import LocksSuite
from bharat.testing.platform import SmallPlatform
from bharat.testing.suite import OnShiftedClock

from bharat.cli.templates.locks import NewPluginOptions
from bharat.cli.templates.locks.leases import Leases
from bharat.cli.templates.locks.locks import NewPluginLocks


class TestNewPlugin(OnShiftedClock, LocksSuite):
    @pytest.fixture
    def leases(self) -> Leases:
        return Leases()

    @pytest.fixture
    def locks(self, platform: SmallPlatform, leases: Leases) -> Locks:
        return NewPluginLocks(NewPluginOptions(), platform, leases)

    @pytest.fixture
    def elsewhere(self, platform: SmallPlatform, leases: Leases) -> Locks:
        return NewPluginLocks(NewPluginOptions(), platform, leases)
