"""`server.request_timeout`: a request that takes longer is interrupted where it waits."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from time import monotonic
from typing import Any

import gevent

from bharat.web.deadline import DeadlinePassed

STEP, LONG_STEP = 8192, 256 * 1024
"""The bytes of a body that have to arrive within the time, since the server waits for as many as it was asked for: few of a slow client.
Of one that is quick many, because for each piece the server copies all that it has received beyond it."""
_SHARE = 4
"""A step is at most what arrived in this part of the time until now."""

Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class Deadline:
    """A WSGI application whose calls are interrupted by `DeadlinePassed` after `seconds`.

    The time begins again with each piece of the body that arrives, so that a large upload may take as long as it moves on,
    and it ends when the answer begins: what is streamed out may take as long as its reader does. A greenlet can be
    interrupted only where it waits; a computation, or SQLite, is not."""

    def __init__(self, application: Wsgi, seconds: float) -> None:
        self._application = application
        self._seconds = seconds

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        timer = _Timer(self._seconds)
        environ["wsgi.input"] = _Body(environ["wsgi.input"], timer, self._seconds)
        try:
            return self._application(environ, start_response)
        finally:
            timer.end()


class _Timer:
    __slots__ = ("_running", "_seconds")

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._running: gevent.Timeout | None = None
        self.begin()

    def begin(self) -> None:
        self._running = gevent.Timeout.start_new(self._seconds, DeadlinePassed())

    def begin_again(self) -> None:
        if self._running is not None:  # a generator may read on when the answer has begun
            self._running.close()
            self.begin()

    def end(self) -> None:
        if self._running is not None:
            self._running.close()
            self._running = None


class _Body:
    """The body as the server reads it; each piece puts the deadline off."""

    __slots__ = ("_begun", "_received", "_seconds", "_source", "_timer")

    def __init__(self, source: Any, timer: _Timer, seconds: float) -> None:
        self._source = source
        self._timer = timer
        self._seconds = seconds
        self._received = 0
        self._begun = monotonic()

    def read(self, size: int | None = None) -> bytes:
        wanted = -1 if size is None or size < 0 else size
        pieces: list[bytes] = []
        while wanted:
            step = self._step()
            piece = self._got(self._source.read(step if wanted < 0 else min(step, wanted)))
            if not piece:
                break
            pieces.append(piece)
            wanted -= len(piece) if wanted > 0 else 0
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _step(self) -> int:
        share = self._seconds / _SHARE
        return max(STEP, min(LONG_STEP, int(self._received * share / max(monotonic() - self._begun, share))))

    def readline(self, *size: int) -> bytes:
        return self._got(self._source.readline(*size))

    def readlines(self, *hint: int) -> list[bytes]:
        return list(self)

    def __iter__(self) -> Iterator[bytes]:
        while line := self.readline():
            yield line

    def _got(self, piece: bytes) -> bytes:
        if piece:
            self._received += len(piece)
            self._timer.begin_again()
        return piece
