"""The conformance suite of the capability `limits`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from uuid import uuid4

import pytest

from bharat.contracts.limits import Limits, LimitsUnavailable
from bharat.testing.suite import CutOff, LetPass, Suite, needs_cut_off, not_given, together

HOUR = timedelta(hours=1)
NOTHING = timedelta(0)
SLOW = 0.001
"""Tokens per second of a bucket that must not refill while a test runs."""

BAD_KEYS = ["", " ", "a b", "a\n", "\x00", "ü", "x" * 251, "\x7f"]


class LimitsSuite(Suite):
    """Everything that `bharat.contracts.limits` promises. Override `limits`; `let_pass` where the clock can be shifted;
    `cut_off` for a backend that can go away."""

    @pytest.fixture
    def limits(self) -> Limits:
        raise not_given("limits", "LimitsSuite")

    @pytest.fixture
    def key(self) -> str:
        return f"suite:{uuid4()}"

    # Counters.

    def test_the_last_allowed_hit_is_the_limit_th(self, limits: Limits, key: str) -> None:
        verdicts = [limits.hit(key, limit=3, window=HOUR) for _ in range(5)]
        assert [verdict.allowed for verdict in verdicts] == [True, True, True, False, False]
        assert [verdict.remaining for verdict in verdicts] == [2, 1, 0, 0, 0]
        assert [verdict.retry_after for verdict in verdicts[:3]] == [NOTHING] * 3

    def test_a_refused_hit_says_when_to_come_back(self, limits: Limits, key: str, let_pass: LetPass) -> None:
        limits.hit(key, limit=1, window=3 * self.moment)
        let_pass(self.moment)
        refused = limits.hit(key, limit=1, window=3 * self.moment)
        assert NOTHING < refused.retry_after <= 2 * self.moment
        let_pass(refused.retry_after)
        self.eventually(lambda: limits.hit(key, limit=1, window=HOUR).allowed, "a hit is allowed after `retry_after`")

    def test_a_window_ends(self, limits: Limits, key: str, let_pass: LetPass) -> None:
        for _ in range(3):
            limits.hit(key, limit=2, window=self.moment)
        let_pass(self.moment)
        self.eventually(lambda: limits.peek(key, limit=2).allowed, "the window ends")
        verdicts = [limits.hit(key, limit=2, window=HOUR).allowed for _ in range(3)]
        assert verdicts == [True, True, False]

    def test_a_window_begins_with_the_first_hit_and_no_other(self, limits: Limits, key: str, let_pass: LetPass) -> None:
        limits.hit(key, limit=2, window=2 * self.moment)
        let_pass(self.moment * 1.2)
        assert limits.hit(key, limit=2, window=2 * self.moment).allowed
        assert not limits.hit(key, limit=2, window=2 * self.moment).allowed
        let_pass(self.moment)
        self.eventually(
            lambda: limits.peek(key, limit=2).remaining == 2,
            "neither the second nor a refused hit lengthens the window",
        )

    def test_a_window_lasts(self, limits: Limits, key: str, let_pass: LetPass) -> None:
        limits.hit(key, limit=1, window=3 * self.moment)
        let_pass(2 * self.moment)
        assert not limits.hit(key, limit=1, window=3 * self.moment).allowed

    def test_counting_is_exact_under_concurrency(self, limits: Limits, key: str) -> None:
        verdicts = together(50, lambda number: limits.hit(key, limit=20, window=HOUR))
        allowed = [verdict for verdict in verdicts if verdict.allowed]
        assert len(allowed) == 20
        assert sorted(verdict.remaining for verdict in allowed) == list(range(20))

    def test_a_peek_does_not_count(self, limits: Limits, key: str) -> None:
        for _ in range(5):
            assert limits.peek(key, limit=2) == limits.peek(key, limit=2)
        assert (limits.peek(key, limit=2).allowed, limits.peek(key, limit=2).remaining) == (True, 2)
        limits.hit(key, limit=2, window=HOUR)
        assert (limits.peek(key, limit=2).allowed, limits.peek(key, limit=2).remaining) == (True, 1)
        limits.hit(key, limit=2, window=HOUR)
        peeked = limits.peek(key, limit=2)
        assert (peeked.allowed, peeked.remaining) == (False, 0)
        assert NOTHING < peeked.retry_after <= HOUR

    def test_keys_count_apart(self, limits: Limits, key: str) -> None:
        limits.hit(key, limit=1, window=HOUR)
        for other in (key + "x", key[:-1], key.upper(), "!" + key, key + "*", key + "%"):
            assert limits.hit(other, limit=1, window=HOUR).allowed, other
        assert not limits.hit(key, limit=1, window=HOUR).allowed

    def test_a_hit_that_is_given_back_was_not_counted(self, limits: Limits, key: str) -> None:
        limits.give_back(key)
        assert limits.hit(key, limit=2, window=HOUR).remaining == 1
        for _ in range(3):
            limits.give_back(key)
        limits.hit(key + "x", limit=2, window=HOUR)
        limits.give_back(key)
        assert [limits.hit(key, limit=2, window=HOUR).allowed for _ in range(3)] == [True, True, False]
        limits.give_back(key)
        assert limits.hit(key, limit=2, window=HOUR).allowed
        assert not limits.hit(key, limit=2, window=HOUR).allowed
        assert limits.peek(key + "x", limit=2).remaining == 1

    def test_a_hit_that_is_given_back_leaves_the_window(self, limits: Limits, key: str, let_pass: LetPass) -> None:
        limits.hit(key, limit=1, window=2 * self.moment)
        let_pass(1.2 * self.moment)
        limits.give_back(key)
        assert limits.hit(key, limit=1, window=HOUR).allowed
        let_pass(self.moment)
        self.eventually(lambda: limits.peek(key, limit=1).allowed, "the window ends when it would have")
        limits.give_back(key)
        assert limits.peek(key, limit=1).remaining == 1

    def test_what_is_given_back_at_once_is_given_back_once_each(self, limits: Limits, key: str) -> None:
        for _ in range(20):
            limits.hit(key, limit=20, window=HOUR)
        together(10, lambda _: limits.give_back(key))
        assert limits.peek(key, limit=20).remaining == 10

    def test_a_reset_counter_begins_anew(self, limits: Limits, key: str) -> None:
        limits.hit(key, limit=1, window=HOUR)
        limits.hit(key + "x", limit=1, window=HOUR)
        limits.reset(key)
        limits.reset(key)
        assert limits.hit(key, limit=1, window=HOUR).allowed
        assert not limits.hit(key + "x", limit=1, window=HOUR).allowed

    # Buckets.

    def test_a_new_bucket_is_full(self, limits: Limits, key: str) -> None:
        verdicts = [limits.take(key, capacity=3, per_second=SLOW) for _ in range(4)]
        assert [verdict.allowed for verdict in verdicts] == [True, True, True, False]
        assert [verdict.remaining for verdict in verdicts] == [2, 1, 0, 0]
        assert [verdict.retry_after for verdict in verdicts[:3]] == [NOTHING] * 3
        assert timedelta(seconds=900) < verdicts[3].retry_after <= timedelta(seconds=1001)

    def test_a_take_is_all_or_nothing(self, limits: Limits, key: str) -> None:
        assert limits.take(key, capacity=10, per_second=SLOW, amount=7).remaining == 3
        refused = limits.take(key, capacity=10, per_second=SLOW, amount=4)
        assert (refused.allowed, refused.remaining) == (False, 3)
        assert limits.take(key, capacity=10, per_second=SLOW, amount=3).allowed
        assert not limits.take(key, capacity=10, per_second=SLOW).allowed

    def test_a_bucket_refills_with_time(self, limits: Limits, key: str, let_pass: LetPass) -> None:
        rate = 2 / self.moment.total_seconds()
        assert limits.take(key, capacity=10, per_second=rate, amount=10).allowed
        refused = limits.take(key, capacity=10, per_second=rate, amount=4)
        assert not refused.allowed
        assert timedelta(0) < refused.retry_after <= 2 * self.moment + timedelta(milliseconds=50)
        let_pass(refused.retry_after)
        self.eventually(
            lambda: limits.take(key, capacity=10, per_second=rate, amount=4).allowed,
            "a take is allowed after `retry_after`",
        )
        assert not limits.take(key, capacity=10, per_second=rate, amount=4).allowed

    def test_a_bucket_never_holds_more_than_its_capacity(self, limits: Limits, key: str, let_pass: LetPass) -> None:
        rate = 5 / self.moment.total_seconds()
        limits.take(key, capacity=5, per_second=rate, amount=1)
        let_pass(3 * self.moment)
        full = limits.take(key, capacity=5, per_second=rate, amount=5)
        assert (full.allowed, full.remaining) == (True, 0)
        assert not limits.take(key, capacity=5, per_second=rate, amount=5).allowed

    def test_taking_is_exact_under_concurrency(self, limits: Limits, key: str) -> None:
        verdicts = together(50, lambda number: limits.take(key, capacity=40, per_second=SLOW, amount=2))
        assert len([verdict for verdict in verdicts if verdict.allowed]) == 20

    def test_more_than_a_bucket_holds_is_a_value_error(self, limits: Limits, key: str) -> None:
        with pytest.raises(ValueError):
            limits.take(key, capacity=3, per_second=SLOW, amount=4)
        assert limits.take(key, capacity=3, per_second=SLOW, amount=3).allowed

    def test_buckets_are_apart(self, limits: Limits, key: str) -> None:
        limits.take(key, capacity=1, per_second=SLOW)
        assert limits.take(key + "x", capacity=1, per_second=SLOW).allowed
        assert not limits.take(key, capacity=1, per_second=SLOW).allowed

    def test_a_reset_bucket_is_full(self, limits: Limits, key: str) -> None:
        limits.take(key, capacity=5, per_second=SLOW, amount=5)
        limits.reset(key)
        assert limits.take(key, capacity=5, per_second=SLOW, amount=5).allowed

    # Both.

    @pytest.mark.parametrize("bad", BAD_KEYS)
    def test_a_bad_key_is_a_value_error(self, limits: Limits, bad: str) -> None:
        calls: list[Callable[[], object]] = [
            lambda: limits.hit(bad, limit=1, window=HOUR),
            lambda: limits.peek(bad, limit=1),
            lambda: limits.take(bad, capacity=1, per_second=SLOW),
            lambda: limits.reset(bad),
        ]
        for call in calls:
            with pytest.raises(ValueError):
                call()

    @pytest.mark.parametrize("none", [0, -1])
    def test_what_allows_nothing_is_a_value_error(self, limits: Limits, key: str, none: int) -> None:
        calls: list[Callable[[], object]] = [
            lambda: limits.hit(key, limit=none, window=HOUR),
            lambda: limits.hit(key, limit=1, window=none * HOUR),
            lambda: limits.peek(key, limit=none),
            lambda: limits.take(key, capacity=none, per_second=SLOW),
            lambda: limits.take(key, capacity=1, per_second=none),
            lambda: limits.take(key, capacity=1, per_second=SLOW, amount=none),
        ]
        for call in calls:
            with pytest.raises(ValueError):
                call()
        assert limits.hit(key, limit=1, window=HOUR).allowed, "what was refused is not counted"

    @pytest.mark.parametrize("odd", ["x" * 250, "!", "~", "a'b\"c", "{a}", "a\\b", "login:192.0.2.1:a@example.com"])
    def test_every_printable_key_counts(self, limits: Limits, odd: str) -> None:
        limits.reset(odd)
        assert [limits.hit(odd, limit=1, window=HOUR).allowed for _ in range(2)] == [True, False]
        limits.reset(odd)

    def test_a_sweep_leaves_what_still_counts(self, limits: Limits, key: str, let_pass: LetPass) -> None:
        limits.hit(key, limit=1, window=HOUR * 10)
        limits.take(key + ":bucket", capacity=1, per_second=0.000_01)
        limits.hit(key + ":short", limit=1, window=self.moment)
        let_pass(self.moment * 1.5)
        assert limits.sweep() >= 0
        assert limits.sweep() == 0
        assert not limits.hit(key, limit=1, window=HOUR * 10).allowed
        assert not limits.take(key + ":bucket", capacity=1, per_second=0.000_01).allowed
        assert limits.hit(key + ":short", limit=1, window=HOUR).allowed

    def test_a_store_that_does_not_answer_is_said_to_be_unavailable(
        self, limits: Limits, key: str, cut_off: CutOff | None
    ) -> None:
        needs_cut_off(cut_off)()
        calls: list[Callable[[], object]] = [
            lambda: limits.hit(key, limit=1, window=HOUR),
            lambda: limits.peek(key, limit=1),
            lambda: limits.take(key, capacity=1, per_second=SLOW),
            lambda: limits.give_back(key),
            lambda: limits.reset(key),
            lambda: limits.sweep(),
        ]
        for call in calls:
            with pytest.raises(LimitsUnavailable):
                call()

    def test_closing_twice_is_once(self, limits: Limits) -> None:
        limits.close()
        limits.close()

    def test_closing_fails_for_no_backend(self, limits: Limits, cut_off: CutOff | None) -> None:
        needs_cut_off(cut_off)()
        limits.close()
