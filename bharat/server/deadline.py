"""`server.request_timeout`: a request that takes longer is interrupted where it waits."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import gevent

from bharat.web.deadline import DeadlinePassed

STEP = 8192
"""The bytes of a body that have to arrive within the time: the server waits for as many as it was asked for."""

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
        environ["wsgi.input"] = _Body(environ["wsgi.input"], timer)
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

    __slots__ = ("_source", "_timer")

    def __init__(self, source: Any, timer: _Timer) -> None:
        self._source = source
        self._timer = timer

    def read(self, size: int | None = None) -> bytes:
        wanted = -1 if size is None or size < 0 else size
        pieces: list[bytes] = []
        while wanted:
            piece = self._got(self._source.read(STEP if wanted < 0 else min(STEP, wanted)))
            if not piece:
                break
            pieces.append(piece)
            wanted -= len(piece) if wanted > 0 else 0
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def readline(self, *size: int) -> bytes:
        return self._got(self._source.readline(*size))

    def readlines(self, *hint: int) -> list[bytes]:
        return list(self)

    def __iter__(self) -> Iterator[bytes]:
        while line := self.readline():
            yield line

    def _got(self, piece: bytes) -> bytes:
        if piece:
            self._timer.begin_again()
        return piece
