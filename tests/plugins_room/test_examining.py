"""Health checks run beside one another, each within the limit, and what hangs is not begun twice."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import timedelta

import pytest

from bharat.contracts.check import Finding, Status
from bharat.contracts.errors import BharatError
from bharat.plugins import examining
from bharat.plugins.examining import Examination, Examined, Examiner

FINE = Finding(Status.OK, "fine")
SHORT = timedelta(seconds=0.5)


@pytest.fixture
def hang() -> Iterator[threading.Event]:
    """Set, it lets what hangs go on."""
    event = threading.Event()
    yield event
    event.set()


def run_beside_a_hanging_one(hang: threading.Event) -> tuple[list[Examined], float]:
    def hanging() -> Iterator[Finding]:
        yield FINE
        hang.wait(20)

    begun = time.monotonic()
    found = Examiner(SHORT).run([Examination("stuck", hanging), Examination("other", lambda: [FINE])])
    return found, time.monotonic() - begun


def test_one_that_hangs_is_a_failure_and_holds_up_no_other(hang: threading.Event) -> None:
    (stuck, other), took = run_beside_a_hanging_one(hang)
    assert took < 5
    assert other == Examined("other", (FINE,))
    assert stuck.findings[0] == FINE
    assert (stuck.worst.status, stuck.worst.detail) == (Status.FAILED, "nothing more within 0.5 s")


def test_run_one_after_the_other_it_would_hold_up_the_others(
    hang: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The mutant: `_begin` runs the examination itself instead of `thread.start()`."""
    monkeypatch.setattr(threading.Thread, "start", lambda thread: thread.run())
    monkeypatch.setattr(hang, "wait", lambda timeout: time.sleep(6))
    _, took = run_beside_a_hanging_one(hang)
    assert took >= 5


def begun_of_three(hang: threading.Event) -> int:
    begun = 0

    def hanging() -> Iterator[Finding]:
        nonlocal begun
        begun += 1
        hang.wait(20)
        yield FINE

    examiner = Examiner(timedelta(milliseconds=50))
    for _ in range(3):
        (stuck,) = examiner.run([Examination("stuck", hanging)])
        assert stuck.worst.detail == "no answer within 0.05 s"
    return begun


def test_one_that_hangs_takes_one_thread_however_often_it_is_asked_for(hang: threading.Event) -> None:
    assert begun_of_three(hang) == 1


def test_begun_anew_it_would_take_a_thread_each_time(hang: threading.Event, monkeypatch: pytest.MonkeyPatch) -> None:
    """The mutant: `_begin` doesn't ask whether the one before `is_alive()`."""
    monkeypatch.setattr(threading.Thread, "is_alive", lambda thread: False)
    assert begun_of_three(hang) == 3


def test_what_it_raises_is_a_failure_with_the_text_of_errors_meant_for_people_alone() -> None:
    def told() -> Iterator[Finding]:
        raise BharatError("the tape is full")
        yield

    def untold() -> Iterator[Finding]:
        yield FINE
        raise ZeroDivisionError("hunter2")

    first, second = Examiner(timedelta(seconds=20)).run([Examination("a", told), Examination("b", untold)])
    assert (first.worst.status, first.worst.detail) == (Status.FAILED, "the tape is full")
    assert second.findings[0] == FINE
    assert (second.worst.status, second.worst.detail) == (Status.FAILED, "the check failed: ZeroDivisionError")


def test_nothing_found_is_as_good_as_ok() -> None:
    assert Examined("a", ()).worst.status is Status.OK


def test_the_worst_is_the_first_of_the_most_severe() -> None:
    found = [FINE, Finding(Status.FAILED, "one"), Finding(Status.FAILED, "two"), Finding(Status.DEGRADED, "three")]
    assert Examined("a", tuple(found)).worst.detail == "one"
    assert list(examining.SEVERITY) == list(Status)
