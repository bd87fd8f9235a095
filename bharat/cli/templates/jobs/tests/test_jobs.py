"""The wake-ups keep every promise of their contract."""

from __future__ import annotations

import pytest
from bharat.contracts.jobs import Jobs
from bharat.testing.jobs import JobsSuite
from bharat.testing.platform import SmallPlatform
from bharat.testing.suite import OnShiftedClock

from bharat.cli.templates.jobs import NewPluginOptions
from bharat.cli.templates.jobs.jobs import NewPluginJobs


class TestNewPlugin(OnShiftedClock, JobsSuite):
    @pytest.fixture
    def jobs(self, platform: SmallPlatform) -> Jobs:
        return NewPluginJobs(NewPluginOptions(), platform)
