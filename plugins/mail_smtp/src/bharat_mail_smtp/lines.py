"""Reading a server's reply with a deadline for all of it: a time-out for each piece would let a server that sends a byte now and
then hold us for ever."""

from __future__ import annotations

import socket
import time

LONGEST_REPLY = 64 * 1024
"""Bytes. RFC 5321, 4.5.3.1.5 has 512 for a line; a greeting of ours has some dozens of them at most."""


class Lines:
    """The incoming side of a connection, in the place of `socket.makefile` in `smtplib.SMTP`."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._buffer = b""
        self._left = 0
        self.until = 0.0

    def expect(self, seconds: float) -> None:
        """A reply is to be read now, whole within this time."""
        self.until = time.monotonic() + seconds
        self._left = LONGEST_REPLY

    @property
    def waiting(self) -> bool:
        """Whether something was received that nobody has read."""
        return bool(self._buffer)

    def readline(self, limit: int) -> bytes:
        """One line, at most `limit` bytes; empty at the end. Raises `OSError` at the deadline and for a reply without end."""
        while b"\n" not in self._buffer and len(self._buffer) < limit:
            received = self._receive()
            if not received:
                break
            self._buffer += received
        end = self._buffer.find(b"\n") + 1 or len(self._buffer)
        line, self._buffer = self._buffer[: min(end, limit)], self._buffer[min(end, limit) :]
        self._left -= len(line)
        if self._left < 0:
            raise OSError("a reply without end")
        return line

    def close(self) -> None:
        self._buffer = b""

    def _receive(self) -> bytes:
        left = self.until - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        self._socket.settimeout(left)
        return self._socket.recv(4096)
