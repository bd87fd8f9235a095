"""Unfinished uploads are forgotten a day later, by the clock and the worker of the whole application."""

from __future__ import annotations

import os
from datetime import timedelta

import pytest

from bharat.testing.platform import ShiftableClock
from bharat.testing.storage import MEBI, keys, stuck_upload
from bharat.work.clock import CronClock
from bharat.work.worker import Runner
from tests.fixtures.application import Site


def work(site: Site, cron: CronClock) -> None:
    """Enqueue what is due and run it."""
    cron.look()
    Runner(site.app, site.app.catalogue.jobs).run_due(site.app.catalogue.queues)


@pytest.mark.parametrize("dialect", ["sqlite"])
def test_what_an_interrupted_upload_left_is_swept_once_it_is_a_day_old(site: Site, clock: ShiftableClock) -> None:
    app = site.app
    cron = CronClock(app.database, app.catalogue)
    work(site, cron)
    clock.advance(timedelta(days=1))
    app.storage.put("kept", [b"x"])
    uploads = app.home / "files" / ".uploads"
    with stuck_upload(app.storage, "left", b"x" * MEBI):
        work(site, cron)
        assert len(os.listdir(uploads)) == 1, "it may still go on"
        clock.advance(timedelta(days=1))
        work(site, cron)
        assert os.listdir(uploads) == []
    assert keys(app.storage.list()) == ["kept"]
