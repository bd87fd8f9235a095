"""Servers that fail, at each step; every fault with its mutant, which takes the protection away and shows the mail lost, sent twice, or
held for ever."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from bharat.contracts.errors import BharatError
from bharat.contracts.mail import MailRefused, MailUnavailable, Message
from bharat.testing.suite import together
from bharat_local_servers import SmtpSink
from bharat_mail_smtp import replies, session
from bharat_mail_smtp.lines import Lines
from bharat_mail_smtp.mail import SmtpMail
from bharat_mail_smtp.pool import Loan, Pool
from bharat_mail_smtp.replies import ConnectionLost
from bharat_mail_smtp.session import Letter, Session
from tests.fixtures.scripted_smtp import HANG_UP, ScriptedServer, in_drops, late

Build = Callable[..., SmtpMail]
Outcome = type[BharatError] | None
MESSAGE = Message("a@b.example", "crm@bharat.example", "ann@example.com", "Hello", "Hello Ann.")


def plain(build: Build, server: ScriptedServer, **options: Any) -> SmtpMail:
    return build(server.port, **{"tls": "none", "host": "127.0.0.1", **options})


def outcome(mail: SmtpMail, message: Message = MESSAGE) -> Outcome:
    """What `send` says: `None` when the mail was taken."""
    try:
        mail.send(message)
    except BharatError as error:
        return MailUnavailable if isinstance(error, MailUnavailable) else type(error)
    return None


# Connections that end.


def after_a_restart(build: Build, sink: SmtpSink, login: dict[str, str]) -> list[Outcome]:
    """Five mails, with the server killed while the connection of the first lies idle."""
    mail = build(sink.port, **login)
    outcomes = [outcome(mail)]
    sink.kill()
    sink.start()
    return outcomes + [outcome(mail) for _ in range(4)]


def test_an_idle_connection_that_the_server_ended_is_replaced(
    build: Build, sink: SmtpSink, login: dict[str, str]
) -> None:
    """Protected by the second try in `SmtpMail._begin`."""
    assert after_a_restart(build, sink, login) == [None] * 5
    assert len(sink.mails()) == 5


def begin_once(self: SmtpMail, loan: Loan, letter: Letter) -> None:
    loan.session.begin(letter)


def test_mutant_without_the_second_try_fails_on_a_connection_that_the_server_ended(
    build: Build, sink: SmtpSink, login: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SmtpMail, "_begin", begin_once)
    assert after_a_restart(build, sink, login) == [None, MailUnavailable, None, None, None]


@pytest.mark.parametrize("answer", [HANG_UP, "421 4.4.2 idle for too long"])
def test_a_connection_ended_before_a_mail_was_begun_costs_nothing(build: Build, answer: str) -> None:
    with ScriptedServer({"MAIL": ["250 fine", answer]}) as server:
        mail = plain(build, server)
        assert [outcome(mail), outcome(mail)] == [None, None]
        assert (server.connections, len(server.taken)) == (2, 2)


def test_a_new_connection_that_ends_is_not_tried_again(build: Build) -> None:
    with ScriptedServer({"MAIL": [HANG_UP] * 5}) as server:
        assert outcome(plain(build, server)) is MailUnavailable
        assert server.connections == 1


STEPS = ["connect", "EHLO", "AUTH", "MAIL", "RCPT", "DATA", "dot"]


@pytest.mark.parametrize("step", STEPS)
def test_a_server_that_hangs_up_at_a_step_is_unavailable_and_serves_the_next_mail(build: Build, step: str) -> None:
    with ScriptedServer({step: [HANG_UP]}) as server:
        mail = plain(build, server, user="u", password="p")
        assert outcome(mail) is MailUnavailable
        assert len(server.taken) == (1 if step == "dot" else 0)
        assert outcome(mail) is None


def taken_when_the_answer_is_lost(build: Build) -> int:
    """How often one `send` hands the mail over, on a connection that was used before, when the server takes it and hangs up."""
    with ScriptedServer({"dot": ["250 taken", HANG_UP]}) as server:
        mail = plain(build, server)
        mail.send(MESSAGE)
        outcome(mail)
        return len(server.taken) - 1


def test_a_mail_whose_answer_is_lost_is_never_sent_twice(build: Build) -> None:
    """Nobody knows whether it was taken. Protected by `SmtpMail.send`, which tries again only what `_begin` does."""
    assert taken_when_the_answer_is_lost(build) == 1


def test_mutant_that_tries_the_whole_mail_again_sends_it_twice(build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    def whole(self: SmtpMail, loan: Loan, letter: Letter) -> None:
        try:
            loan.session.begin(letter)
            loan.session.transmit(letter)
        except ConnectionLost:
            self._pool.renew(loan)
            loan.session.begin(letter)
            loan.session.transmit(letter)

    def send(self: SmtpMail, message: Message) -> None:
        from bharat.contracts.mime import compose

        with self._pool.loan() as loan:
            whole(self, loan, Letter.of(compose(message, self._clock)))

    monkeypatch.setattr(SmtpMail, "send", send)
    assert taken_when_the_answer_is_lost(build) == 2


def test_it_says_that_the_mail_may_have_been_taken(build: Build) -> None:
    with (
        ScriptedServer({"dot": [HANG_UP]}) as server,
        pytest.raises(MailUnavailable, match=r"is lost .*, waiting until the mail was taken; it may have been"),
    ):
        plain(build, server).send(MESSAGE)


# Servers that are slow.


def unanswered(build: Build, step: str, seconds: float) -> tuple[Outcome, float]:
    """What is said, and after how long, when an answer comes after `seconds` and is waited for half a second."""
    line = {"connect": "220 hello", "AUTH": "235 welcome", "DATA": "354 go on"}.get(step, "250 fine")
    timeouts = {"connect_timeout": 0.5, "read_timeout": 0.5, "accept_timeout": 0.5}
    with ScriptedServer({step: [late(seconds, line)]}) as server:
        mail = plain(build, server, user="u", password="p", **timeouts)
        since = time.monotonic()
        return outcome(mail), time.monotonic() - since


@pytest.mark.parametrize("step", STEPS)
def test_a_server_that_does_not_answer_in_time_is_given_up(build: Build, step: str) -> None:
    """Protected by the time-out of `Lines._receive`."""
    said, after = unanswered(build, step, 3)
    assert said is MailUnavailable
    assert after < 2


def patient(self: Lines) -> bytes:
    self._socket.settimeout(None)
    return self._socket.recv(4096)


def test_mutant_without_a_time_out_waits_as_long_as_the_server_likes(
    build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Lines, "_receive", patient)
    said, after = unanswered(build, "MAIL", 2)
    assert said is None
    assert after >= 2


def answered_in_drops(build: Build) -> Outcome:
    with ScriptedServer({"MAIL": [in_drops("250 fine, and more of it", 0.1)]}) as server:
        return outcome(plain(build, server, read_timeout=0.5))


def test_a_server_that_answers_a_byte_at_a_time_is_given_up(build: Build) -> None:
    """Protected by the deadline of `Lines.expect`, which is one for the whole reply."""
    assert answered_in_drops(build) is MailUnavailable


def test_mutant_with_a_time_out_for_each_byte_waits_for_them_all(build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    def receive(self: Lines) -> bytes:
        self._socket.settimeout(0.5)
        return self._socket.recv(4096)

    monkeypatch.setattr(Lines, "_receive", receive)
    assert answered_in_drops(build) is None


def endless(talk: Any) -> None:
    with_more = b"250-and more\r\n" * 1000
    for _ in range(100):
        talk.socket.sendall(with_more)
    talk.say("250 done")


def test_a_reply_without_end_is_given_up(build: Build) -> None:
    """Protected by `_left` in `Lines.readline`."""
    with ScriptedServer({"EHLO": [endless]}) as server:
        assert outcome(plain(build, server, read_timeout=20)) is MailUnavailable


def test_mutant_without_a_bound_keeps_all_of_it(build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bharat_mail_smtp.lines.LONGEST_REPLY", 1 << 40)
    with ScriptedServer({"EHLO": [endless]}) as server:
        assert outcome(plain(build, server, read_timeout=20)) is None


def test_a_mail_that_takes_long_to_be_taken_is_waited_for(build: Build) -> None:
    with ScriptedServer({"dot": [late(1, "250 taken")]}) as server:
        assert outcome(plain(build, server, read_timeout=0.5, accept_timeout=5)) is None


# What the server says.


@pytest.mark.parametrize(
    ("step", "line", "said"),
    [
        ("connect", "421 too busy", MailUnavailable),
        ("connect", "554 no mail from 192.0.2.1", MailUnavailable),
        ("EHLO", "502 unknown", MailUnavailable),
        ("AUTH", "535 5.7.8 wrong password", MailUnavailable),
        ("AUTH", "454 4.7.0 later", MailUnavailable),
        ("MAIL", "421 closing", MailUnavailable),
        ("MAIL", "450 4.7.1 slow down", MailUnavailable),
        ("MAIL", "530 5.7.0 log in first", MailUnavailable),
        ("MAIL", "521 takes no mail", MailUnavailable),
        ("MAIL", "550 5.1.8 such a sender", MailRefused),
        ("MAIL", "552 5.3.4 too large", MailRefused),
        ("RCPT", "421 closing", MailUnavailable),
        ("RCPT", "450 4.2.1 greylisted", MailUnavailable),
        ("RCPT", "452 4.2.2 mailbox full", MailUnavailable),
        ("RCPT", "550 5.1.1 no such user", MailRefused),
        ("RCPT", "550 5.7.8 authentication", MailUnavailable),
        ("RCPT", "552 5.2.2 mailbox full", MailRefused),
        ("RCPT", "553 5.1.3 no address", MailRefused),
        ("DATA", "451 4.3.0 disk full", MailUnavailable),
        ("DATA", "554 5.5.1 no", MailRefused),
        ("dot", "421 closing", MailUnavailable),
        ("dot", "451 4.7.0 later", MailUnavailable),
        ("dot", "550 5.7.1 spam", MailRefused),
        ("dot", "999 what", MailUnavailable),
        ("MAIL", "no number", MailUnavailable),
    ],
)
def test_what_a_reply_means(build: Build, step: str, line: str, said: Outcome) -> None:
    with ScriptedServer({step: [line]}) as server:
        mail = plain(build, server, user="u", password="p")
        assert outcome(mail) is said
        assert outcome(mail) is None, "the next mail goes"


def test_mutant_that_goes_by_the_first_digit_gives_a_mail_up_for_a_wrong_login(
    build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Takes `NOT_THE_MAIL` away."""
    monkeypatch.setattr(replies, "NOT_THE_MAIL", frozenset())
    with ScriptedServer({"MAIL": ["530 log in first"]}) as server:
        assert outcome(plain(build, server)) is MailRefused


def test_mutant_that_asks_nobody_what_the_reply_was_about_gives_a_mail_up_for_a_server_that_takes_none(
    build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Takes `connection_failure` away."""
    monkeypatch.setattr(session, "connection_failure", replies.mail_failure)
    with ScriptedServer({"connect": ["554 no mail from 192.0.2.1"]}) as server:
        assert outcome(plain(build, server)) is MailRefused


def test_a_server_that_wants_an_unknown_kind_of_login_is_unavailable(build: Build) -> None:
    with (
        ScriptedServer(offers=["AUTH GSSAPI"]) as server,
        pytest.raises(MailUnavailable, match="asks for a login of a kind that isn't known"),
    ):
        plain(build, server, user="u", password="p").send(MESSAGE)


@pytest.mark.parametrize(
    ("step", "line", "text"),
    [
        ("RCPT", "550 5.1.1 no such user", r"refuses the recipient ann@example\.com: 550 5\.1\.1 no such user"),
        ("MAIL", "550 no", r"refuses the sender crm@bharat\.example: 550 no"),
        ("AUTH", "535 secret p", r"refuses the login with 535: correct mail\.smtp\.user and mail\.smtp\.password$"),
        ("MAIL", "451 \x1b[31mred\x07", r"451 \[31mred$"),
    ],
)
def test_an_error_says_what_was_refused_and_why(build: Build, step: str, line: str, text: str) -> None:
    with ScriptedServer({step: [line]}) as server, pytest.raises(BharatError, match=text):
        plain(build, server, user="u", password="p").send(MESSAGE)


def after_a_refusal(build: Build, sink: SmtpSink, login: dict[str, str]) -> tuple[list[Outcome], int]:
    """The outcomes of three mails of which the first has a recipient that the server refuses; and the connections used."""
    mail = build(sink.port, **login)
    # aiosmtpd takes no address as long as this.
    bad = replace(MESSAGE, recipient=f"{'x' * 600}@example.com")
    outcomes = [outcome(mail, each) for each in (MESSAGE, bad, MESSAGE)]
    return outcomes, len({received.connection for received in sink.mails()})


def test_a_connection_goes_on_after_a_refused_recipient(build: Build, sink: SmtpSink, login: dict[str, str]) -> None:
    """Protected by `reset` in `Pool._give_back`."""
    assert after_a_refusal(build, sink, login) == ([None, MailRefused, None], 1)


def test_mutant_that_takes_no_mail_back_can_begin_no_other(
    build: Build, sink: SmtpSink, login: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Session, "reset", lambda self: None)
    assert after_a_refusal(build, sink, login)[0] == [None, MailRefused, MailRefused]


# The pool.


def connections_for_fifty(build: Build, sink: SmtpSink, login: dict[str, str], **options: Any) -> int:
    mail = build(sink.port, **login, **options)
    for number in range(50):
        mail.send(replace(MESSAGE, message_id=f"{number}@b.example"))
    received = sink.mails()
    assert len(received) == 50
    return len({each.connection for each in received})


def test_fifty_mails_go_over_one_connection(build: Build, sink: SmtpSink, login: dict[str, str]) -> None:
    """Protected by `_idle` in `Pool._give_back`."""
    assert connections_for_fifty(build, sink, login) == 1


def test_mutant_that_keeps_no_connection_opens_one_for_each(
    build: Build, sink: SmtpSink, login: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Pool, "_give_back", lambda self, session, after=None: session.quit())
    assert connections_for_fifty(build, sink, login) == 50


def test_a_connection_ends_after_as_many_mails_as_configured(
    build: Build, sink: SmtpSink, login: dict[str, str]
) -> None:
    assert connections_for_fifty(build, sink, login, max_messages=20) == 3


def most_connections(build: Build) -> int:
    """How many connections ten senders at once have open, with three allowed."""
    with ScriptedServer({"MAIL": [late(0.1)] * 10}) as server:
        mail = plain(build, server, max_connections=3, pool_timeout=20)
        together(10, lambda number: mail.send(MESSAGE))
        assert len(server.taken) == 10
        return server.connections


def test_no_more_connections_are_opened_than_configured(build: Build) -> None:
    """Protected by the semaphore `Pool._free`."""
    assert most_connections(build) <= 3


def test_mutant_without_a_bound_opens_one_for_each_sender(build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    class Unbounded:
        def __init__(self, _: int) -> None: ...
        def acquire(self, timeout: float) -> bool:
            return True

        def release(self) -> None: ...

    monkeypatch.setattr("bharat_mail_smtp.pool.threading.BoundedSemaphore", Unbounded)
    assert most_connections(build) == 10


def test_who_gets_no_connection_in_time_is_told_which_option_bounds_them(build: Build) -> None:
    with ScriptedServer({"MAIL": [late(1)]}) as server:
        mail = plain(build, server, max_connections=1, pool_timeout=0.2, read_timeout=5)
        outcomes = together(2, lambda _: outcome(mail))
        assert sorted(outcomes, key=str) == [MailUnavailable, None]
        assert outcome(mail) is None


def test_a_connection_that_was_idle_for_too_long_is_not_used_again(build: Build) -> None:
    with ScriptedServer() as server:
        mail = plain(build, server, idle_timeout=0.1)
        mail.send(MESSAGE)
        time.sleep(0.3)
        mail.send(MESSAGE)
        assert server.connections == 2
        assert server.verbs(1)[-1] == "QUIT"


def test_close_takes_leave_and_a_late_mail_still_goes(build: Build) -> None:
    with ScriptedServer() as server:
        mail = plain(build, server)
        mail.send(MESSAGE)
        mail.close()
        mail.close()
        mail.send(MESSAGE)
        mail.probe()
        for number in (1, 2, 3):
            deadline = time.monotonic() + 5
            while server.open[number] and time.monotonic() < deadline:
                time.sleep(0.01)
        assert [server.verbs(number)[-1] for number in (1, 2, 3)] == ["QUIT"] * 3


class Cancelled(BaseException):
    """As `gevent.Timeout` and `GreenletExit` are."""


def after_a_cancelled_mail(build: Build, monkeypatch: pytest.MonkeyPatch) -> tuple[Outcome, int]:
    """A mail is cancelled while the server's answer is on its way; what is said of the next one, which the server refuses."""
    with ScriptedServer({"RCPT": ["250 fine", "550 no such user"]}) as server:
        mail = plain(build, server)
        real = Session.transmit

        def cancelled(self: Session, letter: Letter) -> None:
            monkeypatch.setattr(Session, "transmit", real)
            self._smtp.putcmd("NOOP")  # its answer will lie there, unread
            raise Cancelled

        monkeypatch.setattr(Session, "transmit", cancelled)
        with pytest.raises(Cancelled):
            mail.send(MESSAGE)
        server.script["RCPT"] = ["550 no such user"]
        return outcome(mail), server.connections


def test_a_connection_whose_use_was_cancelled_is_not_used_again(build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    """Protected by `drop` in `Pool.loan`."""
    assert after_a_cancelled_mail(build, monkeypatch) == (MailRefused, 2)


def test_mutant_that_keeps_it_takes_another_mails_answers_for_its_own(
    build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    def keep(self: Session) -> None:
        for pool in pools:
            pool._idle.append((self, time.monotonic()))

    pools: list[Pool] = []
    real = Pool.__init__

    def remember(self: Pool, *arguments: Any, **options: Any) -> None:
        real(self, *arguments, **options)
        pools.append(self)

    monkeypatch.setattr(Pool, "__init__", remember)
    monkeypatch.setattr(Session, "drop", keep)
    said, connections = after_a_cancelled_mail(build, monkeypatch)
    assert (said, connections) != (MailRefused, 2)
