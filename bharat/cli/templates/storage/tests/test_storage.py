"""The storage keeps every promise of its contract."""

from __future__ import annotations

import os

import pytest
from bharat.contracts.storage import Storage
from bharat.testing.platform import SmallPlatform
from bharat.testing.storage import StorageSuite
from bharat.testing.suite import CutOff, OnShiftedClock

from bharat.cli.templates.storage import NewPluginOptions
from bharat.cli.templates.storage.storage import NewPluginStorage


class TestNewPlugin(OnShiftedClock, StorageSuite):
    @pytest.fixture
    def storage(self, platform: SmallPlatform) -> Storage:
        return NewPluginStorage(NewPluginOptions(), platform)

    @pytest.fixture
    def cut_off(self, platform: SmallPlatform) -> CutOff:
        return lambda: os.rename(platform.home, platform.home.with_name("gone"))


def test_only_its_owner_may_read_the_file(platform: SmallPlatform) -> None:
    NewPluginStorage(NewPluginOptions(file="deep/files.db"), platform)
    assert (platform.home / "deep" / "files.db").stat().st_mode & 0o077 == 0
