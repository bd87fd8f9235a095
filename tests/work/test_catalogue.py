"""Declarations of background work that can't run are refused when the worker is built."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from bharat.contracts.errors import PluginError
from bharat.contracts.work import CatchUp, CronEntry, JobSpec, Subscriber
from bharat.work.catalogue import Catalogue
from tests.work.small import spec


def cron(**changes: Any) -> CronEntry:
    given: dict[str, Any] = {"name": "test.entry", "schedule": "0 * * * *", "job": "test.job", **changes}
    return CronEntry(catch_up=CatchUp.SKIP, **given)


def subscriber(name: str = "test.index", *patterns: str) -> Subscriber:
    return Subscriber(name=name, patterns=patterns or ("*",), handle=lambda job, event: None)


def test_subscribers_have_a_kind_of_job_and_their_queue() -> None:
    found = Catalogue.of([spec()], [Subscriber(name="test.index", patterns=("*",), handle=print, queue="slow")])
    assert sorted(found.jobs) == ["on:test.index", "test.job"]
    assert found.queues == ("default", "slow")


@pytest.mark.parametrize(
    ("jobs", "subscribers", "entries", "message"),
    [
        ([spec(), spec()], [], [], "two jobs are of the kind 'test.job'"),
        ([spec(kind="Test Job")], [], [], "'Test Job' is misnamed"),
        ([spec(queue="a queue")], [], [], "has the queue 'a queue'"),
        ([spec(max_attempts=0)], [], [], "at least one attempt"),
        ([spec(time_limit=timedelta(0))], [], [], "some time"),
        ([], [subscriber(), subscriber()], [], "two jobs are of the kind 'on:test.index'"),
        ([], [subscriber("test.index", "Deal *")], [], "write 'deal.*'"),
        ([spec()], [], [cron(name="Test Entry")], "'Test Entry' is misnamed"),
        ([spec()], [], [cron(payload={"price": Decimal(1)})], "'test.entry': its payload is not JSON"),
        ([spec()], [], [cron(payload={"name": "\0"})], "'test.entry': its payload holds a NUL"),
        ([spec()], [], [cron(schedule="hourly")], "'test.entry': 'hourly' is not a schedule"),
        ([spec()], [], [cron(timezone="Berlin")], "'test.entry': 'Berlin' is not a time zone"),
    ],
)
def test_what_cant_run_is_refused(
    jobs: Sequence[JobSpec], subscribers: Sequence[Subscriber], entries: Sequence[CronEntry], message: str
) -> None:
    with pytest.raises(PluginError, match=message.replace("*", r"\*")):
        Catalogue.of(jobs, subscribers, entries)
