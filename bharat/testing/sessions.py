"""The conformance suite of the capability `sessions`."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any, ClassVar
from uuid import UUID, uuid4

import pytest

from bharat.contracts.sessions import (
    NewSession,
    Session,
    SessionGone,
    Sessions,
    SessionsUnavailable,
    handle_of,
    token_hash,
)
from bharat.testing.suite import CutOff, LetPass, Suite, needs_cut_off, not_given, together

Dump = Callable[[], bytes]
HOUR = timedelta(hours=1)

VALUES: list[Any] = [
    None,
    True,
    0,
    -(2**53) + 1,
    1.5,
    "",
    "ü 🗂 \u2028 \" ' \\ \n",
    [],
    {},
    {"deep": [{"er": [None, 1, "x"]}]},
    "x" * 10_000,
]

FIELDS = [
    "plain",
    "with.dot",
    "with:colon",
    "$[0]",
    "$.path",
    "with 'single' and \"double\" quotes",
    "back\\slash",
    "ümlaut 🗂",
    "with space",
    "*",
    "0",
    "user_id",
    "expires_at",
]

STRANGE_TOKENS = [
    pytest.param(token, id=name)
    for name, token in {
        "empty": "",
        "short": "x",
        "long": "x" * 100_000,
        "NUL": "\x00",
        "lone surrogate": "\ud800",
        "unicode": "ü🗂",
        "wildcard": "*",
        "quote": "' OR 1=1 --",
        "line break": "a\r\nb",
    }.items()
]


class SessionsSuite(Suite):
    """Everything that `bharat.contracts.sessions` promises. Override `sessions` and `dump`; `let_pass` where the clock can be
    shifted; `cut_off` for a backend that can go away. `rounds` is how often each race is run."""

    rounds: ClassVar[int] = 20

    @pytest.fixture
    def sessions(self) -> Sessions:
        raise not_given("sessions", "SessionsSuite")

    @pytest.fixture
    def dump(self) -> Dump:
        """A function that returns everything the backend holds at rest: every key and value, every row, every file."""
        raise not_given("dump", "SessionsSuite")

    @pytest.fixture
    def organisation(self) -> UUID:
        return uuid4()

    @pytest.fixture
    def user(self) -> UUID:
        return uuid4()

    @pytest.fixture
    def new(self, organisation: UUID, user: UUID) -> NewSession:
        return NewSession(organisation, user, epoch=7, idle=HOUR, absolute=24 * HOUR)

    @staticmethod
    def login(organisation: UUID, user: UUID, **more: Any) -> NewSession:
        return NewSession(organisation, user, **{"epoch": 0, "idle": HOUR, "absolute": 24 * HOUR, **more})

    @staticmethod
    def live(sessions: Sessions, token: str) -> Session:
        session = sessions.load(token)
        assert session is not None, "the session should be live"
        return session

    # A login.

    def test_a_token_loads_its_session(self, sessions: Sessions, organisation: UUID, user: UUID) -> None:
        token, created = sessions.create(
            self.login(
                organisation, user, epoch=7, address="2001:db8::1", user_agent="Browser/1 (ü)", data={"a": 1, "b": [2]}
            )
        )
        for session in (created, self.live(sessions, token)):
            assert (session.organisation_id, session.user_id, session.epoch) == (organisation, user, 7)
            assert (session.address, session.user_agent) == ("2001:db8::1", "Browser/1 (ü)")
            assert dict(session.data) == {"a": 1, "b": [2]}
            assert session.handle == handle_of(token)
            assert session.created_at.utcoffset() == session.expires_at.utcoffset() == timedelta(0)

    def test_what_a_login_leaves_out_is_empty(self, sessions: Sessions, new: NewSession) -> None:
        token, _ = sessions.create(new)
        session = self.live(sessions, token)
        assert (session.address, session.user_agent, dict(session.data)) == (None, None, {})

    def test_a_token_has_256_bits_and_no_two_are_alike(self, sessions: Sessions, new: NewSession) -> None:
        tokens = [sessions.create(new)[0] for _ in range(20)]
        assert len(set(tokens)) == 20
        # 256 bits need 43 characters of base64 or 64 of hex.
        assert min(len(token) for token in tokens) >= 43

    @pytest.mark.parametrize("token", STRANGE_TOKENS)
    def test_a_token_that_is_none_loads_nothing(self, sessions: Sessions, new: NewSession, token: str) -> None:
        sessions.create(new)
        assert sessions.load(token) is None
        sessions.delete(token)
        with pytest.raises(SessionGone):
            sessions.set(token, "a", 1)
        with pytest.raises(SessionGone):
            sessions.rotate(token)

    def test_neither_hash_nor_handle_logs_in(self, sessions: Sessions, new: NewSession) -> None:
        token, session = sessions.create(new)
        assert sessions.load(token_hash(token)) is None
        assert sessions.load(session.handle) is None
        assert sessions.load(token[:-1]) is None
        assert sessions.load(token + "x") is None

    # Only a hash is kept.

    def test_no_token_is_kept(self, sessions: Sessions, new: NewSession, dump: Dump) -> None:
        tokens: list[str] = []

        def check() -> None:
            held = dump()
            ids = (str(new.user_id).encode(), new.user_id.hex.encode(), new.user_id.bytes)
            assert any(written in held for written in ids), "`dump` does not show what the store holds"
            for token in tokens:
                assert token.encode() not in held, "a session token lies in the store"

        tokens.append(sessions.create(new)[0])
        check()
        sessions.load(tokens[0])
        sessions.set(tokens[0], "a", 1)
        check()
        tokens.append(sessions.rotate(tokens[0]))
        check()
        tokens.append(sessions.create(new)[0])
        sessions.delete(tokens[2])
        check()

    def test_no_token_is_told(self, sessions: Sessions, new: NewSession) -> None:
        token, created = sessions.create(new)
        session = self.live(sessions, token)
        sessions.delete(token)
        with pytest.raises(SessionGone) as gone:
            sessions.set(token, "a", 1)
        for told in (repr(created), repr(session), repr(sessions), str(gone.value), repr(gone.value)):
            assert token not in told

    # Expiry.

    def test_expiry_is_the_earlier_of_idle_and_absolute(
        self, sessions: Sessions, organisation: UUID, user: UUID
    ) -> None:
        for idle, absolute in ((HOUR, 5 * HOUR), (5 * HOUR, HOUR)):
            _, session = sessions.create(self.login(organisation, user, idle=idle, absolute=absolute))
            assert abs(session.expires_at - session.created_at - HOUR) < timedelta(seconds=5)

    def test_an_idle_session_expires(
        self, sessions: Sessions, organisation: UUID, user: UUID, let_pass: LetPass
    ) -> None:
        token, session = sessions.create(self.login(organisation, user, idle=self.moment))
        let_pass(self.moment * 1.2)
        # `list` does not extend the expiry, so it can be polled.
        self.eventually(lambda: not sessions.list(organisation, user), "an idle session expires")
        assert sessions.load(token) is None
        with pytest.raises(SessionGone):
            sessions.set(token, "a", 1)
        with pytest.raises(SessionGone):
            sessions.unset(token, "a")
        with pytest.raises(SessionGone):
            sessions.rotate(token)
        assert not sessions.revoke(organisation, user, session.handle)
        assert sessions.load(token) is None

    def test_use_keeps_a_session_alive(
        self, sessions: Sessions, organisation: UUID, user: UUID, let_pass: LetPass
    ) -> None:
        token, created = sessions.create(self.login(organisation, user, idle=2 * self.moment))
        for _ in range(2):
            let_pass(self.moment * 1.3)
            assert sessions.load(token) is not None, "a session in use expired"
        assert self.live(sessions, token).expires_at > created.expires_at
        assert self.live(sessions, token).seen_at > created.seen_at
        let_pass(self.moment * 2.5)
        assert sessions.load(token) is None

    def test_no_use_lets_a_session_outlive_its_absolute_expiry(
        self, sessions: Sessions, organisation: UUID, user: UUID, let_pass: LetPass
    ) -> None:
        token, created = sessions.create(self.login(organisation, user, idle=2 * self.moment, absolute=3 * self.moment))
        for _ in range(2):
            let_pass(self.moment * 1.3)
            session = self.live(sessions, token)
            sessions.set(token, "a", 1)
            assert session.expires_at <= created.created_at + 3 * self.moment + timedelta(milliseconds=50)
        let_pass(self.moment)
        self.eventually(lambda: sessions.load(token) is None, "a session ends at its absolute expiry")

    def test_a_list_and_a_change_do_not_count_a_dead_session(
        self, sessions: Sessions, organisation: UUID, user: UUID, let_pass: LetPass
    ) -> None:
        sessions.create(self.login(organisation, user, idle=self.moment))
        kept, _ = sessions.create(self.login(organisation, user))
        let_pass(self.moment * 1.5)
        assert [session.handle for session in sessions.list(organisation, user)] == [handle_of(kept)]
        assert sessions.revoke_all(organisation, user) == 1

    def test_nothing_is_left_of_an_expired_session(
        self, sessions: Sessions, organisation: UUID, user: UUID, let_pass: LetPass, dump: Dump
    ) -> None:
        sessions.create(self.login(organisation, user, idle=self.moment, user_agent="the-one-that-expires"))
        token, _ = sessions.create(self.login(organisation, user, user_agent="the-one-that-lives"))
        assert b"the-one-that-expires" in dump()
        let_pass(self.moment * 1.5)

        def swept() -> bool:
            assert sessions.sweep() >= 0
            return b"the-one-that-expires" not in dump()

        self.eventually(swept, "an expired session leaves the store")
        assert sessions.sweep() == 0
        assert b"the-one-that-lives" in dump()
        assert sessions.load(token) is not None

    # Fields.

    @pytest.mark.parametrize("value", VALUES, ids=lambda value: repr(value)[:20])
    def test_a_field_holds_any_json_value(self, sessions: Sessions, new: NewSession, value: Any) -> None:
        token, _ = sessions.create(new)
        sessions.set(token, "a", value)
        data = self.live(sessions, token).data
        assert dict(data) == {"a": value}
        assert type(data["a"]) is type(value)

    @pytest.mark.parametrize("name", FIELDS)
    def test_a_field_may_have_any_name(self, sessions: Sessions, new: NewSession, name: str) -> None:
        token, _ = sessions.create(new)
        sessions.set(token, "other", 0)
        sessions.set(token, name, 1)
        session = self.live(sessions, token)
        assert dict(session.data) == {"other": 0, name: 1}
        assert (session.user_id, session.epoch) == (new.user_id, new.epoch)
        sessions.unset(token, name)
        assert dict(self.live(sessions, token).data) == {"other": 0}

    def test_a_field_can_be_replaced_and_removed(self, sessions: Sessions, new: NewSession) -> None:
        token, _ = sessions.create(new)
        sessions.set(token, "a", {"long": "value"})
        sessions.set(token, "a", 2)
        assert dict(self.live(sessions, token).data) == {"a": 2}
        sessions.unset(token, "a")
        sessions.unset(token, "a")
        assert dict(self.live(sessions, token).data) == {}

    def test_fields_belong_to_one_session(self, sessions: Sessions, new: NewSession) -> None:
        first, _ = sessions.create(new)
        second, _ = sessions.create(new)
        sessions.set(first, "a", 1)
        assert dict(self.live(sessions, second).data) == {}

    def test_concurrent_changes_of_different_fields_are_all_kept(self, sessions: Sessions, new: NewSession) -> None:
        token, _ = sessions.create(new)
        for number in range(0, 20, 2):
            sessions.set(token, f"old-{number}", number)

        def act(number: int) -> None:
            sessions.set(token, f"new-{number}", number)
            if number % 2 == 0:
                sessions.unset(token, f"old-{number}")
            sessions.load(token)

        together(20, act)
        assert dict(self.live(sessions, token).data) == {f"new-{number}": number for number in range(20)}

    # Rotation.

    def test_rotation_gives_a_new_token_and_kills_the_old(self, sessions: Sessions, new: NewSession) -> None:
        old, _ = sessions.create(new)
        token = sessions.rotate(old)
        assert token != old
        assert len(token) >= 43
        assert sessions.load(old) is None
        with pytest.raises(SessionGone):
            sessions.set(old, "a", 1)
        with pytest.raises(SessionGone):
            sessions.rotate(old)
        sessions.delete(old)
        assert self.live(sessions, token).handle == handle_of(token)

    def test_rotation_keeps_the_session(self, sessions: Sessions, organisation: UUID, user: UUID) -> None:
        old, _ = sessions.create(
            self.login(organisation, user, epoch=3, address="192.0.2.1", user_agent="B", data={"a": 1})
        )
        (before,) = sessions.list(organisation, user)
        token = sessions.rotate(old)
        (after,) = sessions.list(organisation, user)
        assert after.handle == handle_of(token)
        for field in ("organisation_id", "user_id", "epoch", "created_at", "expires_at", "address", "user_agent"):
            assert getattr(after, field) == getattr(before, field), field
        assert dict(after.data) == {"a": 1}

    def test_rotation_can_move_a_session_to_another_epoch(
        self, sessions: Sessions, organisation: UUID, user: UUID
    ) -> None:
        old, _ = sessions.create(self.login(organisation, user, epoch=3, data={"a": 1}))
        (before,) = sessions.list(organisation, user)
        sessions.rotate(old, epoch=4)
        (after,) = sessions.list(organisation, user)
        assert (after.epoch, dict(after.data)) == (4, {"a": 1})
        assert (after.created_at, after.expires_at) == (before.created_at, before.expires_at)

    def test_rotation_does_not_lengthen_a_session(
        self, sessions: Sessions, organisation: UUID, user: UUID, let_pass: LetPass
    ) -> None:
        token, _ = sessions.create(self.login(organisation, user, idle=5 * self.moment, absolute=2 * self.moment))
        let_pass(self.moment * 1.3)
        token = sessions.rotate(token)
        let_pass(self.moment)
        self.eventually(lambda: sessions.load(token) is None, "a rotated session ends at its absolute expiry")

    def test_of_concurrent_rotations_one_succeeds(
        self, sessions: Sessions, organisation: UUID, user: UUID, new: NewSession
    ) -> None:
        for _ in range(self.rounds):
            token, _ = sessions.create(new)

            def act(number: int, token: str = token) -> str | None:
                try:
                    return sessions.rotate(token)
                except SessionGone:
                    return None

            won = [rotated for rotated in together(5, act) if rotated]
            assert len(won) == 1
            assert [session.handle for session in sessions.list(organisation, user)] == [handle_of(won[0])]
            sessions.delete(won[0])

    # The end of a session.

    def test_a_deleted_session_is_gone(
        self, sessions: Sessions, organisation: UUID, user: UUID, new: NewSession
    ) -> None:
        token, _ = sessions.create(new)
        sessions.delete(token)
        sessions.delete(token)
        assert sessions.load(token) is None
        assert list(sessions.list(organisation, user)) == []

    def test_no_change_brings_a_deleted_session_back(
        self, sessions: Sessions, organisation: UUID, user: UUID, new: NewSession
    ) -> None:
        token, _ = sessions.create(new)
        sessions.set(token, "a", 1)
        sessions.delete(token)
        with pytest.raises(SessionGone):
            sessions.set(token, "a", 2)
        with pytest.raises(SessionGone):
            sessions.unset(token, "a")
        with pytest.raises(SessionGone):
            sessions.rotate(token)
        assert sessions.load(token) is None
        assert list(sessions.list(organisation, user)) == []

    def test_no_request_in_flight_brings_a_deleted_session_back(
        self, sessions: Sessions, organisation: UUID, user: UUID, new: NewSession
    ) -> None:
        for _ in range(self.rounds):
            token, _ = sessions.create(new)
            ended = threading.Event()

            def act(number: int, token: str = token, ended: threading.Event = ended) -> None:
                if number == 0:
                    sessions.delete(token)
                    ended.set()
                    return
                with suppress(SessionGone):
                    while not ended.is_set():
                        sessions.load(token)
                        sessions.set(token, f"field-{number}", number)
                        sessions.unset(token, f"field-{number}")
                sessions.load(token)

            together(5, act)
            assert sessions.load(token) is None
            assert list(sessions.list(organisation, user)) == []

    def test_no_rotation_in_flight_escapes_the_revocation_of_all(
        self, sessions: Sessions, organisation: UUID, user: UUID, new: NewSession
    ) -> None:
        for _ in range(self.rounds):
            tokens = [sessions.create(new)[0] for _ in range(3)]

            def act(number: int, tokens: list[str] = tokens) -> str | None:
                if number == 3:
                    sessions.revoke_all(organisation, user)
                    return None
                try:
                    return sessions.rotate(tokens[number])
                except SessionGone:
                    return None

            rotated = [token for token in together(4, act) if token]
            assert [session.handle for session in sessions.list(organisation, user)] == []
            assert [token for token in rotated if sessions.load(token)] == []

    # By user.

    def test_a_list_holds_the_user_s_sessions_newest_first(
        self, sessions: Sessions, organisation: UUID, user: UUID, let_pass: LetPass
    ) -> None:
        handles: list[str] = []
        for number in range(3):
            _, session = sessions.create(self.login(organisation, user, user_agent=f"browser {number}"))
            handles.insert(0, session.handle)
            let_pass(timedelta(milliseconds=20))
        listed = sessions.list(organisation, user)
        assert [session.handle for session in listed] == handles
        assert [session.user_agent for session in listed] == ["browser 2", "browser 1", "browser 0"]

    def test_users_and_organisations_do_not_see_each_other(self, sessions: Sessions) -> None:
        organisations, users = (uuid4(), uuid4()), (uuid4(), uuid4())
        made = {(o, u): sessions.create(self.login(o, u))[1].handle for o in organisations for u in users}
        for (organisation, user), handle in made.items():
            assert [session.handle for session in sessions.list(organisation, user)] == [handle]
        assert list(sessions.list(uuid4(), users[0])) == []
        assert list(sessions.list(organisations[0], uuid4())) == []

    def test_a_session_is_revoked_by_its_handle(
        self, sessions: Sessions, organisation: UUID, user: UUID, new: NewSession
    ) -> None:
        token, session = sessions.create(new)
        kept, _ = sessions.create(new)
        assert sessions.revoke(organisation, user, session.handle) is True
        assert sessions.revoke(organisation, user, session.handle) is False
        assert sessions.load(token) is None
        with pytest.raises(SessionGone):
            sessions.set(token, "a", 1)
        assert sessions.load(kept) is not None

    def test_nobody_revokes_another_s_session(self, sessions: Sessions, organisation: UUID, user: UUID) -> None:
        token, session = sessions.create(self.login(organisation, user))
        assert sessions.revoke(organisation, uuid4(), session.handle) is False
        assert sessions.revoke(uuid4(), user, session.handle) is False
        assert sessions.revoke(organisation, user, "no such handle") is False
        assert sessions.revoke(organisation, user, "") is False
        assert sessions.load(token) is not None

    def test_all_are_revoked_but_the_one_kept(
        self, sessions: Sessions, organisation: UUID, user: UUID, new: NewSession
    ) -> None:
        tokens = [sessions.create(new)[0] for _ in range(4)]
        assert sessions.revoke_all(organisation, user, keep=handle_of(tokens[2])) == 3
        assert [sessions.load(token) is not None for token in tokens] == [False, False, True, False]
        assert sessions.revoke_all(organisation, user) == 1
        assert sessions.revoke_all(organisation, user) == 0
        assert list(sessions.list(organisation, user)) == []

    def test_revoking_all_is_for_one_user_of_one_organisation(
        self, sessions: Sessions, organisation: UUID, user: UUID
    ) -> None:
        sessions.create(self.login(organisation, user))
        colleague, _ = sessions.create(self.login(organisation, uuid4()))
        elsewhere, _ = sessions.create(self.login(uuid4(), user))
        assert sessions.revoke_all(organisation, user) == 1
        assert sessions.load(colleague) is not None
        assert sessions.load(elsewhere) is not None

    # Going away.

    def test_a_store_that_does_not_answer_is_an_error_never_a_logout(
        self, sessions: Sessions, organisation: UUID, user: UUID, new: NewSession, cut_off: CutOff | None
    ) -> None:
        token, session = sessions.create(new)
        needs_cut_off(cut_off)()
        calls: list[Callable[[], object]] = [
            lambda: sessions.load(token),
            lambda: sessions.create(new),
            lambda: sessions.set(token, "a", 1),
            lambda: sessions.unset(token, "a"),
            lambda: sessions.rotate(token),
            lambda: sessions.delete(token),
            lambda: sessions.list(organisation, user),
            lambda: sessions.revoke(organisation, user, session.handle),
            lambda: sessions.revoke_all(organisation, user),
            lambda: sessions.sweep(),
        ]
        for call in calls:
            with pytest.raises(SessionsUnavailable) as unavailable:
                call()
            assert token not in str(unavailable.value)

    def test_closing_twice_is_once(self, sessions: Sessions) -> None:
        sessions.close()
        sessions.close()

    def test_closing_fails_for_no_backend(self, sessions: Sessions, cut_off: CutOff | None) -> None:
        needs_cut_off(cut_off)()
        sessions.close()
