"""The conformance suite of the capability `cache`."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from datetime import timedelta
from uuid import uuid4

import pytest

from bharat.contracts.cache import Cache
from bharat.testing.suite import CutOff, LetPass, Suite, needs_cut_off, not_given, together

HOUR = timedelta(hours=1)
Neighbour = Callable[[], bool]

BAD_KEYS = ["", " ", "a b", "a\n", "\x00", "ü", "x" * 251, "\x7f"]
VALUES = [b"", b"\x00", bytes(range(256)), b"\r\n", b"\xff" * 100_000, b'{"a": "\xc3\xbc"}', b"None", b"0"]

CHANGES: Mapping[str, Callable[[Cache, str], None]] = {
    "set": lambda cache, key: cache.set(key, b"new", ttl=HOUR),
    "delete": lambda cache, key: cache.delete(key),
    "clear": lambda cache, key: cache.clear(),
}


class Broken(Exception):
    """Raised by a computation."""


class MadeToStop(BaseException):
    """Ends whom it is raised in, as the server's deadline does."""


class CacheSuite(Suite):
    """Everything that `bharat.contracts.cache` promises. Override `cache`; `let_pass` where the clock can be shifted;
    `cut_off` for a backend that can go away; `neighbour` for one that others may share; `other` for one that several processes share."""

    @pytest.fixture
    def cache(self) -> Cache:
        raise not_given("cache", "CacheSuite")

    @pytest.fixture
    def neighbour(self) -> Neighbour | None:
        """Has put an entry that is not Bharat's into the same backend, and tells whether it is still there."""
        return None

    @pytest.fixture
    def other(self) -> Cache | None:
        """The cache as another process has it: built anew, on what `cache` keeps its entries in."""
        return None

    @pytest.fixture
    def key(self) -> str:
        return f"suite:{uuid4()}"

    @pytest.mark.parametrize("value", VALUES, ids=lambda value: repr(value)[:20])
    def test_a_value_comes_back_byte_for_byte(self, cache: Cache, key: str, value: bytes) -> None:
        cache.set(key, value, ttl=HOUR)
        found = cache.get(key)
        assert found == value
        assert type(found) is bytes

    def test_what_was_never_set_is_a_miss(self, cache: Cache, key: str) -> None:
        assert cache.get(key) is None

    def test_a_value_can_be_replaced(self, cache: Cache, key: str) -> None:
        cache.set(key, b"old", ttl=HOUR)
        cache.set(key, b"new", ttl=HOUR)
        assert cache.get(key) == b"new"

    def test_a_deleted_value_is_a_miss(self, cache: Cache, key: str) -> None:
        cache.set(key, b"x", ttl=HOUR)
        cache.set(key + "x", b"y", ttl=HOUR)
        cache.delete(key)
        cache.delete(key)
        assert cache.get(key) is None
        assert cache.get(key + "x") == b"y"

    def test_keys_are_apart(self, cache: Cache, key: str) -> None:
        cache.set(key, b"x", ttl=HOUR)
        for other in (key + "x", key[:-1], key.upper(), "!" + key, "*", key + "*"):
            assert cache.get(other) is None, other

    @pytest.mark.parametrize("bad", BAD_KEYS)
    def test_a_bad_key_is_a_value_error(self, cache: Cache, bad: str) -> None:
        calls: list[Callable[[], object]] = [
            lambda: cache.get(bad),
            lambda: cache.set(bad, b"x", ttl=HOUR),
            lambda: cache.delete(bad),
            lambda: cache.get_or_compute(bad, lambda: b"x", ttl=HOUR),
        ]
        for call in calls:
            with pytest.raises(ValueError):
                call()

    @pytest.mark.parametrize("odd", ["x" * 250, "!", "~", "a'b\"c", "{a}", "a\\b", "a:b/c*d?e[f]"])
    def test_every_printable_key_holds_a_value(self, cache: Cache, odd: str) -> None:
        cache.set(odd, odd.encode(), ttl=HOUR)
        assert cache.get(odd) == odd.encode()

    def test_the_shortest_ttl_is_a_millisecond(self, cache: Cache, key: str) -> None:
        cache.set(key, b"x", ttl=timedelta(milliseconds=1))

    # Time to live.

    def test_a_value_does_not_outlive_its_ttl(self, cache: Cache, key: str, let_pass: LetPass) -> None:
        cache.set(key, b"x", ttl=self.moment)
        cache.set(key + "x", b"y", ttl=10 * self.moment)
        let_pass(self.moment)
        self.eventually(lambda: cache.get(key) is None, "a value expires")
        assert cache.get(key + "x") == b"y"

    def test_reading_does_not_lengthen_a_life(self, cache: Cache, key: str, let_pass: LetPass) -> None:
        cache.set(key, b"x", ttl=2 * self.moment)
        let_pass(self.moment * 1.5)
        cache.get(key)
        cache.get_or_compute(key, lambda: b"other", ttl=10 * self.moment)
        let_pass(self.moment)
        self.eventually(lambda: cache.get(key) is None, "a value that was read expires")

    def test_a_replaced_value_has_the_new_ttl(self, cache: Cache, key: str, let_pass: LetPass) -> None:
        cache.set(key, b"x", ttl=self.moment)
        cache.set(key, b"y", ttl=10 * self.moment)
        let_pass(self.moment * 1.5)
        assert cache.get(key) == b"y"

    def test_a_computed_value_does_not_outlive_its_ttl(self, cache: Cache, key: str, let_pass: LetPass) -> None:
        cache.get_or_compute(key, lambda: b"x", ttl=self.moment)
        let_pass(self.moment)
        self.eventually(lambda: cache.get(key) is None, "a computed value expires")
        assert cache.get_or_compute(key, lambda: b"y", ttl=HOUR) == b"y"

    # Computing.

    def test_an_absent_value_is_computed_and_kept(self, cache: Cache, key: str) -> None:
        assert cache.get_or_compute(key, lambda: b"first", ttl=HOUR) == b"first"
        assert cache.get_or_compute(key, lambda: b"second", ttl=HOUR) == b"first"
        assert cache.get(key) == b"first"

    def test_an_empty_value_is_a_value(self, cache: Cache, key: str) -> None:
        cache.set(key, b"", ttl=HOUR)
        assert cache.get_or_compute(key, lambda: b"computed", ttl=HOUR) == b""

    def test_a_stampede_computes_once(self, cache: Cache, key: str) -> None:
        computed: list[int] = []
        arrived = threading.Semaphore(0)
        enough = threading.Event()

        def act(number: int) -> bytes:
            if number == 20:
                # Lets the computation end only when the others have had time to miss.
                for _ in range(20):
                    arrived.acquire()
                threading.Event().wait(0.1)
                enough.set()
                return b"computed"

            def compute() -> bytes:
                computed.append(number)
                enough.wait(30)
                return b"computed"

            arrived.release()
            return cache.get_or_compute(key, compute, ttl=HOUR)

        assert together(21, act) == [b"computed"] * 21
        assert len(computed) == 1, f"{len(computed)} callers computed the same value at once"

    def test_computations_of_different_keys_don_t_wait_for_each_other(self, cache: Cache, key: str) -> None:
        meeting = threading.Barrier(2)

        def act(number: int) -> bytes:
            def compute() -> bytes:
                meeting.wait(20)
                return b"met"

            return cache.get_or_compute(f"{key}:{number}", compute, ttl=HOUR)

        assert together(2, act) == [b"met", b"met"]

    def test_a_failed_computation_reaches_every_caller_and_keeps_nothing(self, cache: Cache, key: str) -> None:
        computed: list[int] = []

        def act(number: int) -> bool:
            def compute() -> bytes:
                computed.append(number)
                threading.Event().wait(0.2)
                raise Broken(str(number))

            try:
                cache.get_or_compute(key, compute, ttl=HOUR)
            except Broken:
                return True
            return False

        assert together(10, act) == [True] * 10
        assert cache.get(key) is None
        assert cache.get_or_compute(key, lambda: b"now", ttl=HOUR) == b"now"

    def test_a_caller_that_is_made_to_stop_stops_no_other(self, cache: Cache, key: str) -> None:
        computing, others = threading.Event(), threading.Semaphore(0)

        def act(number: int) -> bytes:
            def stop() -> bytes:
                computing.set()
                for _ in range(5):
                    others.acquire()
                threading.Event().wait(0.1)
                raise MadeToStop

            if number == 0:
                with pytest.raises(MadeToStop):
                    cache.get_or_compute(key, stop, ttl=HOUR)
                return b"computed"
            computing.wait(30)
            others.release()
            return cache.get_or_compute(key, lambda: b"computed", ttl=HOUR)

        assert together(6, act) == [b"computed"] * 6
        assert cache.get(key) == b"computed"

    @pytest.mark.parametrize("change", CHANGES)
    def test_what_is_changed_while_it_is_computed_stays_so(self, cache: Cache, key: str, change: str) -> None:
        begun, changed = threading.Event(), threading.Event()

        def act(number: int) -> bytes:
            def compute() -> bytes:
                begun.set()
                changed.wait(30)
                return b"old"

            if number == 0:
                return cache.get_or_compute(key, compute, ttl=HOUR)
            begun.wait(30)
            CHANGES[change](cache, key)
            changed.set()
            return b""

        assert together(2, act)[0] == b"old", "who waited for the computation has its value"
        assert cache.get(key) == (b"new" if change == "set" else None)
        assert cache.get_or_compute(key, lambda: b"new", ttl=HOUR) == b"new"

    @pytest.mark.parametrize("change", ["delete", "clear"])
    def test_who_asks_after_a_change_does_not_wait_for_what_was_begun_before(
        self, cache: Cache, key: str, change: str
    ) -> None:
        begun, asked = threading.Event(), threading.Event()

        def act(number: int) -> bytes:
            def compute() -> bytes:
                begun.set()
                asked.wait(self.patience.total_seconds())
                return b"old"

            if number == 0:
                return cache.get_or_compute(key, compute, ttl=HOUR)
            begun.wait(30)
            try:
                CHANGES[change](cache, key)
                return cache.get_or_compute(key, lambda: b"new", ttl=HOUR)
            finally:
                asked.set()

        assert together(2, act) == [b"old", b"new"]
        assert cache.get(key) == b"new"

    # Several processes.

    def test_another_process_finds_what_is_kept(self, cache: Cache, key: str, other: Cache | None) -> None:
        other = _needs(other)
        cache.set(key, b"x", ttl=HOUR)
        assert cache.get_or_compute(key + "x", lambda: b"y", ttl=HOUR) == b"y"
        assert (other.get(key), other.get(key + "x")) == (b"x", b"y")
        other.delete(key)
        assert cache.get(key) is None
        other.clear()
        assert cache.get(key + "x") is None

    @pytest.mark.parametrize("change", CHANGES)
    def test_what_another_process_changes_while_it_is_computed_stays_so(
        self, cache: Cache, key: str, other: Cache | None, change: str
    ) -> None:
        other = _needs(other)

        def compute() -> bytes:
            CHANGES[change](other, key)
            return b"old"

        assert cache.get_or_compute(key, compute, ttl=HOUR) == b"old"
        assert cache.get(key) == (b"new" if change == "set" else None)

    def test_closing_takes_nothing_from_another_process(self, cache: Cache, key: str, other: Cache | None) -> None:
        other = _needs(other)
        cache.set(key, b"x", ttl=HOUR)
        cache.close()
        assert other.get(key) == b"x"

    # Clearing.

    def test_clear_drops_everything(self, cache: Cache, key: str) -> None:
        for number in range(100):
            cache.set(f"{key}:{number}", b"x", ttl=HOUR)
        cache.clear()
        assert [cache.get(f"{key}:{number}") for number in range(100)] == [None] * 100
        cache.set(key, b"again", ttl=HOUR)
        assert cache.get(key) == b"again"

    def test_clear_leaves_what_is_not_ours(self, cache: Cache, key: str, neighbour: Neighbour | None) -> None:
        if neighbour is None:
            pytest.skip("nobody else can share this backend (fixture `neighbour`)")
        cache.set(key, b"x", ttl=HOUR)
        assert neighbour()
        cache.clear()
        assert cache.get(key) is None
        assert neighbour()

    # Going away.

    def test_a_cache_that_does_not_answer_is_a_miss(self, cache: Cache, key: str, cut_off: CutOff | None) -> None:
        cache.set(key, b"x", ttl=HOUR)
        needs_cut_off(cut_off)()
        assert cache.get(key) is None
        cache.set(key, b"y", ttl=HOUR)
        cache.delete(key)
        cache.clear()
        assert cache.get_or_compute(key, lambda: b"computed", ttl=HOUR) == b"computed"

        def fail() -> bytes:
            raise Broken

        with pytest.raises(Broken):
            cache.get_or_compute(key, fail, ttl=HOUR)

    def test_closing_twice_is_once(self, cache: Cache) -> None:
        cache.close()
        cache.close()

    def test_closing_fails_for_no_backend(self, cache: Cache, cut_off: CutOff | None) -> None:
        needs_cut_off(cut_off)()
        cache.close()


def _needs(other: Cache | None) -> Cache:
    if other is None:
        pytest.skip("each process has a cache of its own (fixture `other`)")
    return other
