"""The storage provider `cabinet` keeps every promise of its contract."""

from __future__ import annotations

import os

import pytest
from bharat_sample.cabinet import CabinetStorage
from bharat_sample.options import CabinetOptions

from bharat.contracts.storage import Storage
from bharat.testing.platform import SmallPlatform
from bharat.testing.storage import StorageSuite
from bharat.testing.suite import CutOff, OnShiftedClock


class TestTheCabinet(OnShiftedClock, StorageSuite):
    @pytest.fixture
    def storage(self, platform: SmallPlatform) -> Storage:
        return CabinetStorage(CabinetOptions(), platform)

    @pytest.fixture
    def cut_off(self, platform: SmallPlatform) -> CutOff:
        return lambda: os.rename(platform.home, platform.home.with_name("gone"))


def test_only_its_owner_may_read_the_file(platform: SmallPlatform) -> None:
    CabinetStorage(CabinetOptions(file="deep/files.db"), platform)
    assert (platform.home / "deep" / "files.db").stat().st_mode & 0o077 == 0
