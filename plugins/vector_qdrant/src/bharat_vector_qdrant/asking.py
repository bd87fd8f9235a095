"""Asking a server that may be away: how often, for how long, and what is said of it."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import TypeVar

import httpx
from qdrant_client.common.client_exceptions import ResourceExhaustedResponse
from qdrant_client.http.exceptions import ResponseHandlingException, UnexpectedResponse

from bharat.contracts.vectors import VectorsUnavailable

ResultT = TypeVar("ResultT")

_PAUSES = (0.1, 0.3)
"""Seconds before the second and the third try, at most (full jitter: Brooker 2015)."""
_PASSING = frozenset({429, 500, 502, 503, 504})


class Missing(Exception):
    """There is no such collection."""


class Asking:
    """Every request can be repeated: it writes or deletes whole points. One that took too long is not; it was given its time.

    A server that did not answer is not asked again for `rest` seconds, so that while it hangs it costs one request its time-out and not
    all of them."""

    def __init__(self, rest: float) -> None:
        self._rest = rest
        self._resting_until = 0.0

    def __call__(self, ask: Callable[[], ResultT]) -> ResultT:
        """What `ask` returns. Raises `VectorsUnavailable`, or `Missing` where the server has no such collection."""
        if time.monotonic() < self._resting_until:
            raise VectorsUnavailable("Qdrant did not answer a moment ago and is not asked again yet.")
        for pause in (*_PAUSES, None):
            try:
                return ask()
            except UnexpectedResponse as error:
                if error.status_code == 404:
                    raise Missing from None
                if pause is None or error.status_code not in _PASSING:
                    self._give_up(error.status_code in _PASSING)
                    raise VectorsUnavailable(_told(error.status_code)) from error
            except ResourceExhaustedResponse as error:
                if pause is None:
                    self._give_up(True)
                    raise VectorsUnavailable(_told(429)) from error
            except ResponseHandlingException as error:
                if pause is None or isinstance(error.source, httpx.TimeoutException):
                    self._give_up(True)
                    raise VectorsUnavailable(f"Qdrant does not answer ({type(error.source).__name__}).") from error
            time.sleep(pause * random.random())
        raise AssertionError("unreachable")

    def _give_up(self, is_away: bool) -> None:
        if is_away:
            self._resting_until = time.monotonic() + self._rest


def _told(status: int | None) -> str:
    if status in (401, 403):
        return f"Qdrant refuses the key ({status}): see vectors.qdrant.api_key."
    return f"Qdrant answers {status}."
