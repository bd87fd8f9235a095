"""The conformance suite of the capability `locks`."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from datetime import timedelta
from typing import ClassVar
from uuid import uuid4

import pytest

from bharat.contracts.locks import Lease, LeaseLost, LeaseUncertain, Locks
from bharat.testing.platform import CountingFences
from bharat.testing.suite import CutOff, LetPass, Suite, needs_cut_off, not_given, together

MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)


class LocksSuite(Suite):
    """Everything that `bharat.contracts.locks` promises. Override `locks` and `elsewhere`, both built on a platform whose
    issuer is the fixture `fences`; `let_pass` where the clock can be shifted; `cut_off` for a backend that can go away.

    `contenders` is how many threads fight for one lock."""

    contenders: ClassVar[int] = 20

    @pytest.fixture
    def fences(self) -> CountingFences:
        """The issuer of fencing tokens, in place of the core's on the database."""
        return CountingFences()

    @pytest.fixture
    def locks(self) -> Locks:
        raise not_given("locks", "LocksSuite")

    @pytest.fixture
    def elsewhere(self) -> Locks:
        """A second instance on the same backend and the same issuer, as another process builds it."""
        raise not_given("elsewhere", "LocksSuite")

    @pytest.fixture
    def name(self) -> str:
        return f"suite:{uuid4()}"

    @staticmethod
    def taken(locks: Locks, name: str, ttl: timedelta = MINUTE, wait: timedelta = timedelta(0)) -> Lease:
        lease = locks.acquire(name, ttl=ttl, wait=wait)
        assert lease is not None, f"the free lock {name} was not given"
        return lease

    # Holding.

    def test_a_free_lock_is_given(self, locks: Locks, name: str) -> None:
        lease = self.taken(locks, name)
        assert (lease.name, lease.ttl) == (name, MINUTE)

    def test_a_held_lock_is_not_given(self, locks: Locks, elsewhere: Locks, name: str) -> None:
        self.taken(locks, name)
        assert elsewhere.acquire(name, ttl=MINUTE) is None

    def test_a_lock_is_not_re_entrant(self, locks: Locks, name: str) -> None:
        self.taken(locks, name)
        assert locks.acquire(name, ttl=MINUTE) is None

    def test_locks_of_different_names_don_t_meet(self, locks: Locks, elsewhere: Locks, name: str) -> None:
        self.taken(locks, name)
        for other in (name + "x", name[:-1], name.upper(), "a" * 200, "a", "a.b_c:d/e-f"):
            assert elsewhere.release(self.taken(elsewhere, other))

    def test_every_owner_is_a_new_secret(self, locks: Locks, name: str) -> None:
        owners = set()
        for _ in range(10):
            lease = self.taken(locks, name)
            owners.add(lease.owner)
            assert len(lease.owner) >= 16
            locks.release(lease)
        assert len(owners) == 10

    @pytest.mark.parametrize(
        "bad", ["", " ", "a b", "a\n", ".a", ":a", "a" * 201, "ü", "a\x00", "a\\b", "a*", "a'b", "{a}"]
    )
    def test_a_bad_name_is_a_value_error(self, locks: Locks, bad: str) -> None:
        with pytest.raises(ValueError):
            locks.acquire(bad, ttl=MINUTE)

    @pytest.mark.parametrize(
        "ttl", [timedelta(0), timedelta(milliseconds=99), timedelta(days=1, microseconds=1), -MINUTE]
    )
    def test_a_bad_ttl_is_a_value_error(self, locks: Locks, name: str, ttl: timedelta) -> None:
        with pytest.raises(ValueError):
            locks.acquire(name, ttl=ttl)
        assert locks.acquire(name, ttl=MINUTE) is not None

    @pytest.mark.parametrize("ttl", [timedelta(milliseconds=100), timedelta(days=1)])
    def test_the_shortest_and_the_longest_lease_are_given(self, locks: Locks, name: str, ttl: timedelta) -> None:
        assert self.taken(locks, name, ttl).ttl == ttl

    def test_of_many_who_ask_at_once_one_gets_the_lock(self, locks: Locks, elsewhere: Locks, name: str) -> None:
        leases = together(self.contenders, lambda number: (locks, elsewhere)[number % 2].acquire(name, ttl=MINUTE))
        assert len([lease for lease in leases if lease]) == 1

    def test_holders_take_turns(self, locks: Locks, elsewhere: Locks, name: str) -> None:
        inside = 0
        most = 0
        turns = 0

        def act(number: int) -> None:
            nonlocal inside, most, turns
            mine = (locks, elsewhere)[number % 2]
            lease = self.taken(mine, name, wait=MINUTE)
            inside += 1
            most = max(most, inside)
            read = turns
            time.sleep(0.001)  # between reading and writing others get a turn
            turns = read + 1
            inside -= 1
            assert mine.release(lease)

        together(self.contenders, act)
        assert (most, turns) == (1, self.contenders)

    # Giving back.

    def test_a_released_lock_is_free(self, locks: Locks, elsewhere: Locks, name: str) -> None:
        assert locks.release(self.taken(locks, name)) is True
        self.taken(elsewhere, name)

    def test_a_lock_is_released_once(self, locks: Locks, name: str) -> None:
        lease = self.taken(locks, name)
        locks.release(lease)
        assert locks.release(lease) is False

    def test_a_lease_can_be_given_back_elsewhere(self, locks: Locks, elsewhere: Locks, name: str) -> None:
        assert elsewhere.release(self.taken(locks, name)) is True
        self.taken(locks, name)

    def test_nobody_but_the_owner_releases(self, locks: Locks, elsewhere: Locks, name: str) -> None:
        lease = self.taken(locks, name)
        assert elsewhere.release(replace(lease, owner="x" * len(lease.owner))) is False
        assert elsewhere.acquire(name, ttl=MINUTE) is None
        assert locks.release(lease) is True

    def test_a_stale_release_does_not_free_the_new_holder_s_lock(
        self, locks: Locks, elsewhere: Locks, name: str
    ) -> None:
        stale = self.taken(locks, name)
        locks.release(stale)
        lease = self.taken(elsewhere, name)
        assert locks.release(stale) is False
        assert locks.acquire(name, ttl=MINUTE) is None
        assert elsewhere.release(lease) is True

    # Expiry.

    def test_an_expired_lease_hands_the_lock_over(
        self, locks: Locks, elsewhere: Locks, name: str, let_pass: LetPass
    ) -> None:
        self.taken(locks, name, self.moment)
        assert elsewhere.acquire(name, ttl=MINUTE) is None
        let_pass(self.moment)
        self.eventually(lambda: elsewhere.acquire(name, ttl=MINUTE) is not None, "an expired lease frees the lock")

    def test_a_lease_lasts_its_ttl(self, locks: Locks, elsewhere: Locks, name: str, let_pass: LetPass) -> None:
        self.taken(locks, name, 3 * self.moment)
        let_pass(2 * self.moment)
        assert elsewhere.acquire(name, ttl=MINUTE) is None

    def test_an_expired_lease_can_t_be_released_from_its_new_holder(
        self, locks: Locks, elsewhere: Locks, name: str, let_pass: LetPass
    ) -> None:
        stale = self.taken(locks, name, self.moment)
        let_pass(self.moment * 1.2)
        lease = self.taken(elsewhere, name, 10 * self.moment, wait=self.patience)
        assert locks.release(stale) is False
        assert locks.acquire(name, ttl=MINUTE) is None
        assert elsewhere.release(lease) is True

    def test_an_expired_lease_is_lost(self, locks: Locks, name: str, let_pass: LetPass) -> None:
        lease = self.taken(locks, name, self.moment)
        let_pass(self.moment * 1.5)
        with pytest.raises(LeaseLost):
            locks.renew(lease)
        assert locks.release(lease) is False

    # Renewal.

    def test_renewal_gives_a_full_ttl_from_now(
        self, locks: Locks, elsewhere: Locks, name: str, let_pass: LetPass
    ) -> None:
        lease = self.taken(locks, name, 2 * self.moment)
        for _ in range(2):
            let_pass(self.moment * 1.3)
            locks.renew(lease)
            assert elsewhere.acquire(name, ttl=MINUTE) is None
        let_pass(self.moment * 1.3)
        assert elsewhere.acquire(name, ttl=MINUTE) is None, "a renewed lease did not last its TTL"
        let_pass(self.moment)
        self.eventually(lambda: elsewhere.acquire(name, ttl=MINUTE) is not None, "a renewed lease expires")

    def test_a_released_lease_can_t_be_renewed(self, locks: Locks, elsewhere: Locks, name: str) -> None:
        lease = self.taken(locks, name)
        locks.release(lease)
        with pytest.raises(LeaseLost):
            locks.renew(lease)
        self.taken(elsewhere, name)

    def test_a_lease_that_another_took_over_can_t_be_renewed(
        self, locks: Locks, elsewhere: Locks, name: str, let_pass: LetPass
    ) -> None:
        stale = self.taken(locks, name, self.moment)
        let_pass(self.moment * 1.2)
        lease = self.taken(elsewhere, name, 10 * self.moment, wait=self.patience)
        with pytest.raises(LeaseLost):
            locks.renew(stale)
        elsewhere.renew(lease)

    def test_nobody_but_the_owner_renews(self, locks: Locks, name: str) -> None:
        lease = self.taken(locks, name)
        with pytest.raises(LeaseLost):
            locks.renew(replace(lease, owner="x" * len(lease.owner)))
        locks.renew(lease)

    # Fences.

    def test_the_fence_comes_from_the_platform(self, locks: Locks, name: str, fences: CountingFences) -> None:
        fences.issued[name] = [41]
        assert self.taken(locks, name).fence == 42
        assert fences.issued[name] == [41, 42]

    def test_fences_rise_with_every_acquisition(
        self, locks: Locks, elsewhere: Locks, name: str, let_pass: LetPass
    ) -> None:
        tokens = []
        for turn in range(6):
            mine = (locks, elsewhere)[turn % 2]
            lease = self.taken(mine, name, self.moment, wait=self.patience)
            tokens.append(lease.fence)
            if turn % 3 == 2:
                let_pass(self.moment * 1.2)
            else:
                mine.release(lease)
        assert tokens == sorted(set(tokens))

    def test_fences_rise_in_the_order_of_holding(self, locks: Locks, elsewhere: Locks, name: str) -> None:
        seen: list[int] = []

        def act(number: int) -> None:
            mine = (locks, elsewhere)[number % 2]
            lease = self.taken(mine, name, wait=MINUTE)
            seen.append(lease.fence)
            mine.release(lease)

        together(self.contenders, act)
        assert seen == sorted(set(seen)), "a later holder has a lower fence"

    def test_a_renewal_keeps_the_fence(self, locks: Locks, name: str, fences: CountingFences) -> None:
        lease = self.taken(locks, name)
        locks.renew(lease)
        assert fences.issued[name] == [lease.fence]

    def test_without_a_fence_there_is_no_lock(
        self, locks: Locks, elsewhere: Locks, name: str, fences: CountingFences
    ) -> None:
        fences.answers = False
        assert locks.acquire(name, ttl=MINUTE) is None
        fences.answers = True
        self.taken(elsewhere, name, wait=timedelta(seconds=5))

    # Waiting.

    def test_waiting_is_bounded(self, locks: Locks, elsewhere: Locks, name: str) -> None:
        self.taken(locks, name)
        begun = time.monotonic()
        assert elsewhere.acquire(name, ttl=MINUTE, wait=SECOND / 2) is None
        assert 0.4 < time.monotonic() - begun < 5

    def test_without_a_wait_the_answer_comes_at_once(self, locks: Locks, elsewhere: Locks, name: str) -> None:
        self.taken(locks, name)
        begun = time.monotonic()
        for _ in range(5):
            assert elsewhere.acquire(name, ttl=MINUTE) is None
        assert time.monotonic() - begun < 5

    def test_a_free_lock_is_given_without_waiting(self, locks: Locks, name: str) -> None:
        begun = time.monotonic()
        self.taken(locks, name, wait=10 * MINUTE)
        assert time.monotonic() - begun < 5

    def test_who_waits_is_woken_by_the_release(self, locks: Locks, elsewhere: Locks, name: str) -> None:
        lease = self.taken(locks, name)
        got = self._waiting(elsewhere, name)
        assert got == []
        locks.release(lease)
        self.eventually(lambda: got != [], "a waiting acquire gets the released lock")
        assert got[0] is not None

    def test_who_waits_gets_an_expired_lock(self, locks: Locks, elsewhere: Locks, name: str, let_pass: LetPass) -> None:
        self.taken(locks, name, self.moment)
        got = self._waiting(elsewhere, name)
        let_pass(self.moment)
        self.eventually(lambda: got != [], "a waiting acquire gets the expired lock")
        assert got[0] is not None

    def _waiting(self, locks: Locks, name: str) -> list[Lease | None]:
        """What somebody gets who waits, for longer than a clock that jumps to the end of a lease takes him."""
        wait_for = max(MINUTE, 10 * self.moment)
        got: list[Lease | None] = []
        begun = threading.Event()

        def wait() -> None:
            begun.set()
            got.append(locks.acquire(name, ttl=MINUTE, wait=wait_for))

        threading.Thread(target=wait, daemon=True).start()
        begun.wait()
        return got

    # Going away.

    def test_a_backend_that_does_not_answer_gives_no_lock(
        self, locks: Locks, name: str, cut_off: CutOff | None
    ) -> None:
        lease = self.taken(locks, name)
        needs_cut_off(cut_off)()
        assert locks.acquire(f"{name}:other", ttl=MINUTE) is None
        with pytest.raises(LeaseUncertain):
            locks.renew(lease)

    def test_a_release_that_is_not_answered_is_none(self, locks: Locks, name: str, cut_off: CutOff | None) -> None:
        lease = self.taken(locks, name)
        needs_cut_off(cut_off)()
        assert locks.release(lease) is False

    def test_closing_twice_is_once(self, locks: Locks) -> None:
        locks.close()
        locks.close()

    def test_closing_fails_for_no_backend(self, locks: Locks, cut_off: CutOff | None) -> None:
        needs_cut_off(cut_off)()
        locks.close()
