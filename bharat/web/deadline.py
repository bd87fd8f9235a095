"""A request that takes too long is given up, and its caller told so."""

from __future__ import annotations

from collections.abc import Callable

from bharat.contracts.errors import Unavailable

Responder = Callable[..., None]


class DeadlinePassed(BaseException):
    """Raised by the server inside a request whose time is up. No `Exception`: what a handler or a driver catches for itself
    must not swallow it, and SQLAlchemy gives up a connection whose statement it cut off."""


def in_time(respond: Responder) -> Responder:
    """The responder, answering 503 when its time is up. Its unit of work has been rolled back by then."""

    def responder(*arguments: object, **path: object) -> None:
        try:
            respond(*arguments, **path)
        except DeadlinePassed as passed:
            raise Unavailable(
                "The request took too long and was given up. Nothing of it was kept, unless it was just being stored: "
                "when you repeat it, use the same Idempotency-Key."
            ) from passed

    return responder
