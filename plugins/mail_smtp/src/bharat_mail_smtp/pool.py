"""The connections of a process: a bounded number, kept for the next mail, replaced when the server has closed them."""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from bharat.contracts.mail import MailUnavailable
from bharat_mail_smtp.replies import ConnectionLost
from bharat_mail_smtp.session import Session


@dataclass(slots=True)
class Loan:
    """A connection for the use of one caller. `reused` says that it lay idle before: the server may have closed it meanwhile."""

    session: Session
    reused: bool


class Pool:
    """`size` connections at most; for a free one `wait` seconds at most. An idle one is used again for `idle` seconds, and `messages`
    mails in all. What has been idle too long is closed when the next mail is sent.

    Safe to share between threads and greenlets. A child of a fork begins with none: a connection has one user."""

    def __init__(
        self, connect: Callable[[], Session], *, size: int, wait: float, idle: float, messages: int, server: str
    ) -> None:
        self._connect = connect
        self._size = size
        self._wait = wait
        self._keep = idle
        self._messages = messages
        self._server = server
        self._closed = False
        self._forget()
        _pools.add(self)

    @contextmanager
    def loan(self) -> Iterator[Loan]:
        """A connection. It goes back when the block ends with its `session.clean`, or can be made so; any error of another kind, a
        cancelled greenlet's too, closes it. Raises `MailUnavailable`."""
        if not self._free.acquire(timeout=self._wait):
            raise MailUnavailable(
                f"all connections to {self._server} are busy (mail.smtp.max_connections = {self._size})"
            )
        free = self._free
        loan: Loan | None = None
        try:
            idle = self._take_idle()
            loan = Loan(idle or self._connect(), reused=idle is not None)
            yield loan
        except Exception as error:
            if loan is not None:
                self._give_back(loan.session, after=error)
            raise
        except BaseException:
            if loan is not None:
                loan.session.drop()
            raise
        else:
            self._give_back(loan.session)
        finally:
            free.release()

    def renew(self, loan: Loan) -> None:
        """Replace a connection that turned out to be closed. The other idle ones are as old, and go too."""
        loan.session.drop()
        self._drain(Session.drop)
        loan.session, loan.reused = self._connect(), False

    def close(self) -> None:
        """Take leave on every idle connection. Those in use end with their use."""
        self._closed = True
        self._drain(Session.quit)

    def _take_idle(self) -> Session | None:
        """The one that was used last; what has been idle for too long is closed."""
        with suppress(IndexError):
            while self._idle:
                session, since = self._idle.pop()
                if time.monotonic() - since <= self._keep:
                    return session
                session.quit()
        return None

    def _give_back(self, session: Session, *, after: Exception | None = None) -> None:
        if isinstance(after, ConnectionLost):
            session.drop()
            return
        if not session.clean:
            try:
                session.reset()
            except (
                Exception
            ):  # whatever it is, the connection is of no more use; what became of the mail is told already
                session.drop()
                return
        if self._closed or self._keep == 0 or session.messages >= self._messages:
            session.quit()
        else:
            self._idle.append((session, time.monotonic()))

    def _drain(self, end: Callable[[Session], None]) -> None:
        with suppress(IndexError):
            while True:
                end(self._idle.pop()[0])

    def _forget(self) -> None:
        self._free = threading.BoundedSemaphore(self._size)
        self._idle: deque[tuple[Session, float]] = deque()

    def _after_fork(self) -> None:
        idle = list(self._idle)
        self._forget()
        for session, _ in idle:
            session.drop()  # our copy of it: the parent's goes on


_pools: weakref.WeakSet[Pool] = weakref.WeakSet()


def _begin_anew() -> None:
    for pool in list(_pools):
        pool._after_fork()


os.register_at_fork(after_in_child=_begin_anew)
