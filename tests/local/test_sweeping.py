"""Unfinished uploads are forgotten a day later, by the clock and the worker of the whole application."""

from __future__ import annotations

import os
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from bharat.contracts.principal import SYSTEM
from bharat.contracts.sessions import NewSession
from bharat.contracts.work import JobSpec
from bharat.data import BharatDatabase, new_id, sweeping
from bharat.testing.files import MEBI, keys, stuck_upload
from bharat.testing.platform import ShiftableClock
from bharat.web.idempotency import idempotency_keys
from bharat.work.clock import CronClock
from bharat.work.worker import Runner
from tests.fixtures.application import Site
from tests.work.small import add, state_of


def work(site: Site, cron: CronClock) -> None:
    """Enqueue what is due and run it."""
    cron.look()
    Runner(site.app, site.app.catalogue.jobs).run_due(site.app.catalogue.queues)


@pytest.mark.parametrize("dialect", ["sqlite"])
def test_a_sweep_that_an_earlier_version_enqueued_is_run(site: Site) -> None:
    job_id = add(site.app.database, JobSpec(kind="local.sweep_uploads", run=lambda job: None))
    Runner(site.app, site.app.catalogue.jobs).run_due(site.app.catalogue.queues)
    assert state_of(site.app.database, job_id) == "done"


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


def test_what_has_ended_goes_a_little_at_a_time(
    site: Site, clock: ShiftableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sessions, budgets and remembered answers, each in several units: the one writer of SQLite is free in between."""
    app, database = site.app, site.app.database
    organisation_id = site.organisation("acme")
    for number in range(5):
        app.limits.hit(f"probe:{number}", limit=1, window=timedelta(minutes=1))
        app.limits.take(f"probe:{number}", capacity=1, per_second=1)
        app.sessions.create(
            NewSession(organisation_id, new_id(), epoch=1, idle=timedelta(minutes=1), absolute=timedelta(minutes=1))
        )
    key = {"fingerprint": b"x" * 32, "expires_at": clock.now(), "status": 204, "headers": {}, "body": b""}
    with database.write(organisation_id, SYSTEM) as unit:
        for number in range(5):
            unit.append(idempotency_keys, {"user_id": new_id(), "key": str(number), **key})
    clock.advance(timedelta(hours=1))
    monkeypatch.setattr(sweeping, "BATCH", 2)
    units: list[object] = []
    write = BharatDatabase.write

    def noting(*more: Any, **named: Any) -> Any:
        units.append(more)
        return write(*more, **named)

    monkeypatch.setattr(BharatDatabase, "write", noting)
    assert (app.limits.sweep(), len(units)) == (10, 6)
    assert (app.sessions.sweep(), len(units)) == (5, 9)
    assert (sweeping.sweep(database, None, idempotency_keys, sa.true()), len(units)) == (5, 12)
