"""When schedules tick, above all where clocks change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import islice

import pytest

from bharat.work.schedule import Schedule

BERLIN = (
    "Europe/Berlin"  # 2026: forward on 29 March 01:00Z (02:00 to 03:00), back on 25 October 01:00Z (03:00 to 02:00)
)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def ticks(schedule: str, zone: str, start: str, end: str) -> list[str]:
    found = Schedule(schedule, zone).between(at(start), at(end), 1000)
    return [tick.isoformat(timespec="minutes").removesuffix("+00:00") for tick in found]


def test_a_schedule_is_read_in_its_zone() -> None:
    assert ticks("0 9 * * MON-FRI", "Asia/Kolkata", "2026-11-20T00:00", "2026-11-24T00:00") == [
        "2026-11-20T03:30",
        "2026-11-23T03:30",
    ]


def test_a_fixed_time_keeps_to_the_wall_clock_over_a_change() -> None:
    assert ticks("0 9 * * *", BERLIN, "2026-03-28T00:00", "2026-03-30T00:00") == [
        "2026-03-28T08:00",
        "2026-03-29T07:00",
    ]


def test_a_fixed_time_in_the_skipped_hour_ticks_once_after_the_gap() -> None:
    assert ticks("30 2 * * *", BERLIN, "2026-03-28T00:00", "2026-03-31T00:00") == [
        "2026-03-28T01:30",
        "2026-03-29T01:00",
        "2026-03-30T00:30",
    ]


def test_several_fixed_times_in_the_skipped_hour_tick_once_together() -> None:
    assert ticks("0,20,40 2 * * *", BERLIN, "2026-03-29T00:00", "2026-03-29T12:00") == ["2026-03-29T01:00"]


def test_a_fixed_time_in_the_doubled_hour_ticks_once_at_its_first_coming() -> None:
    assert ticks("30 2 * * *", BERLIN, "2026-10-24T00:30", "2026-10-27T00:00") == [
        "2026-10-25T00:30",
        "2026-10-26T01:30",
    ]


def test_a_look_during_the_second_coming_does_not_tick_again() -> None:
    assert ticks("45 2 * * *", BERLIN, "2026-10-25T01:10", "2026-10-26T01:00") == []


def test_an_interval_passes_over_the_skipped_hour_as_time_does() -> None:
    assert ticks("*/30 * * * *", BERLIN, "2026-03-29T00:00", "2026-03-29T02:00") == [
        "2026-03-29T00:30",
        "2026-03-29T01:00",
        "2026-03-29T01:30",
        "2026-03-29T02:00",
    ]


def test_an_interval_ticks_in_both_of_the_doubled_hours() -> None:
    assert ticks("0 * * * *", BERLIN, "2026-10-24T23:30", "2026-10-25T03:00") == [
        "2026-10-25T00:00",
        "2026-10-25T01:00",
        "2026-10-25T02:00",
        "2026-10-25T03:00",
    ]


def test_an_interval_within_the_skipped_hour_does_not_tick_that_day() -> None:
    assert ticks("*/30 2 * * *", BERLIN, "2026-03-28T12:00", "2026-03-30T00:15") == ["2026-03-30T00:00"]


def test_a_day_that_begins_in_a_gap_has_its_midnight_after_it() -> None:
    """Cairo, 24 April 2026: midnight is 01:00."""
    assert ticks("0 0 * * *", "Africa/Cairo", "2026-04-23T00:00", "2026-04-24T23:00") == [
        "2026-04-23T22:00",
        "2026-04-24T21:00",
    ]


@pytest.mark.parametrize("schedule", ["*/7 * * * *", "13 * * * *", "30 2 * * *", "0,30 1-3 * * SUN", "5 0 1 * *"])
@pytest.mark.parametrize("zone", ["UTC", BERLIN, "Australia/Lord_Howe", "America/Sao_Paulo", "Africa/Cairo"])
def test_ticks_ascend_and_do_not_depend_on_where_one_begins(schedule: str, zone: str) -> None:
    start = at("2026-03-27T00:00")
    found = Schedule(schedule, zone)
    straight = list(islice(found.after(start), 300))
    assert straight == sorted(set(straight))
    stepwise, last = [], start
    for _ in straight:
        last = next(found.after(last))
        stepwise.append(last)
    assert stepwise == straight


def test_of_many_ticks_the_latest_are_found_without_walking_all() -> None:
    found = Schedule("* * * * *", BERLIN).between(at("1990-01-01T00:00"), at("2026-10-25T12:00"), 3)
    assert found == [at("2026-10-25T12:00") - timedelta(minutes=back) for back in (2, 1, 0)]


@pytest.mark.parametrize(
    ("schedule", "zone", "message"),
    [
        ("* * * *", "UTC", "write five fields"),
        ("0 * * * * *", "UTC", "write five fields"),
        ("61 * * * *", "UTC", "Bad minute"),
        ("x * * * *", "UTC", "Bad minute"),
        ("0 0 31 2 *", "UTC", "is not a schedule"),
        ("0 0 * * *", "Mars/Olympus", "is not a time zone"),
        ("0 0 * * *", "../etc/passwd", "is not a time zone"),
        ("0 0 * * *", "", "is not a time zone"),
    ],
)
def test_what_cant_be_read_is_refused(schedule: str, zone: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Schedule(schedule, zone)
