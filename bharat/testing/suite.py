"""What all conformance suites share: time that passes, a backend that can be cut off, threads that start together."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import ClassVar, TypeVar

import pytest

from bharat.testing.platform import ShiftableClock

ResultT = TypeVar("ResultT")
LetPass = Callable[[timedelta], None]
CutOff = Callable[[], None]


def really_wait(duration: timedelta) -> None:
    """Let `duration` pass by waiting for it: for backends that live by a clock of their own."""
    time.sleep(duration.total_seconds())


def eventually(condition: Callable[[], bool], *, within: timedelta, what: str) -> None:
    """Poll `condition` until it holds; fail with `what` when it does not within the deadline."""
    deadline = time.monotonic() + within.total_seconds()
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"not within {within}: {what}")
        time.sleep(0.01)


def together(count: int, act: Callable[[int], ResultT]) -> list[ResultT]:
    """Call `act(0)` … `act(count - 1)` in as many threads that start at one moment; the results in order.

    The first exception is raised here, after all threads have ended."""
    start = threading.Barrier(count)
    results: dict[int, ResultT] = {}
    errors: list[BaseException] = []

    def run(number: int) -> None:
        try:
            start.wait()
            results[number] = act(number)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(number,), daemon=True) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return [results[number] for number in range(count)]


class Suite:
    """Base of every suite.

    `moment` is the unit in which tests let things expire: short enough to wait for, long enough that a slow machine
    does not pass it by accident. `patience` is how long a condition that must come true is polled."""

    moment: ClassVar[timedelta] = timedelta(seconds=1)
    patience: ClassVar[timedelta] = timedelta(seconds=10)

    @pytest.fixture(autouse=True)
    def has_its_fixtures(self, request: pytest.FixtureRequest) -> None:
        """Said here, because pytest itself would only list the fixtures that there are."""
        if not request.config.pluginmanager.has_plugin("bharat.testing.plugin"):
            pytest.fail(
                'a suite needs Bharat\'s fixtures: put `pytest_plugins = ["bharat.testing.plugin"]` into the topmost conftest.py',
                pytrace=False,
            )

    @pytest.fixture
    def let_pass(self) -> LetPass:
        """Lets time pass for the backend. By default it really waits; override it where the clock can be shifted."""
        return really_wait

    @pytest.fixture
    def cut_off(self) -> CutOff | None:
        """A function after which the backend no longer answers, for the rest of the test. `None`, the default, is right
        only for a backend inside this process: the tests of what a lost backend does are then skipped."""
        return None

    def eventually(self, condition: Callable[[], bool], what: str) -> None:
        eventually(condition, within=self.patience, what=what)


class OnShiftedClock:
    """Mix-in, placed before the suite, for a backend that lives by `Platform.clock`: time passes by shifting it."""

    moment: ClassVar[timedelta] = timedelta(minutes=10)

    @pytest.fixture
    def let_pass(self, clock: ShiftableClock) -> LetPass:
        return clock.advance


def needs_cut_off(cut_off: CutOff | None) -> CutOff:
    """The function, or a skip that says why."""
    if cut_off is None:
        pytest.skip("this backend lives in the process: it can't be cut off (fixture `cut_off`)")
    return cut_off


def not_given(fixture: str, suite: str) -> NotImplementedError:
    """What a suite raises for a fixture that its author must override."""
    return NotImplementedError(f"override the fixture `{fixture}` in your subclass of {suite}")
